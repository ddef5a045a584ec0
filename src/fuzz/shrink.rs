//! Finds a short input that still fails.

use std::time::{Duration, Instant};

/// How long it searches. Each attempt starts a process, and one that hangs takes its whole time limit.
const TIME: Duration = Duration::from_secs(40);

/// Removes parts of an input, as long as it still fails.
pub(crate) fn shrink(input: &[u8], mut fails: impl FnMut(&[u8]) -> bool) -> Vec<u8> {
    let started = Instant::now();
    let mut short = input.to_vec();
    let mut length = short.len().div_ceil(2);
    while length > 0 {
        let mut at = 0;
        while at < short.len() {
            if started.elapsed() > TIME {
                return short;
            }
            let end = (at + length).min(short.len());
            let without = [&short[..at], &short[end..]].concat();
            if fails(&without) {
                short = without;
            } else {
                at = end;
            }
        }
        length /= 2;
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_matter_is_removed() {
        let short = shrink(b"some text with a [ and later a ] in it", |input| {
            let open = input.iter().position(|byte| *byte == b'[');
            open.is_some_and(|open| input[open..].contains(&b']'))
        });
        assert_eq!(short, b"[]");
    }
}
