//! Durations as text.

/// Returns a duration for people: `2.4 s`, `38 s`, `2 min 31 s`, `1 h 4 min`.
pub fn duration(seconds: f64) -> String {
    if seconds < 9.95 {
        let text = format!("{:.1}", seconds.max(0.0));
        return format!("{} s", text.strip_suffix(".0").unwrap_or(&text));
    }
    let seconds = whole(seconds);
    match (seconds / 3600, seconds % 3600 / 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, 0) => format!("{minutes} min"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, 0, _) => format!("{hours} h"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

/// Returns an expected duration with its range, if it varies: `8 min 47 s (5 min to 16 min)`.
#[expect(clippy::cast_precision_loss, reason = "durations are far below 2^52 seconds")]
pub fn expectation(seconds: u64, range: Option<[u64; 2]>) -> String {
    let [usual, range] = [
        duration(seconds as f64),
        range
            .map(|[least, most]| format!(" ({} to {})", duration(least as f64), duration(most as f64)))
            .unwrap_or_default(),
    ];
    format!("{usual}{range}")
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a duration is not negative, and a cast of a float saturates"
)]
fn whole(seconds: f64) -> u64 {
    seconds.round().max(0.0) as u64
}

/// Returns the distances of the marks on an axis of this length, in seconds: at most `most` of them, at round times.
pub(crate) fn marks(length: f64, most: u32) -> Vec<f64> {
    const STEPS: [f64; 15] =
        [1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 14_400.0];
    let most = f64::from(most.max(1));
    let step = STEPS.into_iter().find(|step| length / step <= most).unwrap_or_else(|| (length / most).ceil());
    let mut marks = Vec::new();
    let mut at = 0.0;
    while at <= length && marks.len() < 100 {
        marks.push(at);
        at += step;
    }
    marks
}

/// Returns text of at most this many characters. Its end stays: that of an address says more than its beginning.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    let length = text.chars().count();
    if length <= most {
        return text.to_owned();
    }
    std::iter::once('…').chain(text.chars().skip(length + 1 - most)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short() {
        let texts = [0.0, 2.44, 3.0, 38.2, 60.0, 151.0, 3600.0, 3840.0, -1.0].map(duration);
        assert_eq!(texts, ["0 s", "2.4 s", "3 s", "38 s", "1 min", "2 min 31 s", "1 h", "1 h 4 min", "0 s"]);
        assert_eq!(expectation(527, Some([300, 960])), "8 min 47 s (5 min to 16 min)");
    }

    #[test]
    fn the_end_of_a_long_text_stays() {
        assert_eq!([shortened("abc", 3), shortened("abcdef", 3)], ["abc", "…ef"]);
    }

    #[test]
    fn marks_are_at_round_times() {
        assert_eq!(marks(527.0, 6), [0.0, 120.0, 240.0, 360.0, 480.0]);
        assert_eq!(marks(0.0, 6), [0.0]);
        assert!(marks(1e9, 6).len() <= 7);
    }
}
