//! Derives inputs from a corpus.

use fastrand::Rng;
use serde_json::Value;

use crate::bytes::{self, LONGEST};
use crate::target::Target;
use crate::tree;

/// The inputs of a target.
pub(crate) struct Generator<'a> {
    target: &'a Target,
    trees: Vec<Value>,
    seed: u64,
}

impl<'a> Generator<'a> {
    pub(crate) fn new(target: &'a Target, seed: u64) -> Self {
        let trees = target.corpus.iter().filter_map(|input| tree::read(target.syntax, input)).collect();
        Self { target, trees, seed }
    }

    /// Returns the input with this number.
    pub(crate) fn input(&self, number: u64) -> Vec<u8> {
        let Target { corpus, tokens, syntax, .. } = self.target;
        // Neighbouring numbers must give unrelated inputs.
        let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31);
        let mut rng = Rng::with_seed(self.seed.wrapping_mul(0xd6e8_feb8_6659_fd93) ^ mixed);
        let rng = &mut rng;
        let mut input = match rng.u8(0..100) {
            0 => (0..rng.usize(0..100)).map(|_| rng.u8(..)).collect(),
            1..=6 => {
                let count = rng.usize(0..30);
                (0..count).flat_map(|_| bytes::token(rng, tokens).bytes()).collect()
            }
            7..=8 => return rng.choice(corpus).cloned().unwrap_or_default(),
            9..=59 if !self.trees.is_empty() => {
                let mut changed = rng.choice(&self.trees).cloned().unwrap_or_default();
                for _ in 0..changes(rng) {
                    tree::change(rng, &mut changed, &self.trees, tokens);
                }
                let mut input = tree::write(*syntax, &changed);
                if rng.u8(0..4) > 0 {
                    input.truncate(LONGEST);
                    return input;
                }
                bytes::change(rng, &mut input, corpus, tokens);
                return input;
            }
            _ => rng.choice(corpus).cloned().unwrap_or_default(),
        };
        for _ in 0..changes(rng) {
            bytes::change(rng, &mut input, corpus, tokens);
        }
        input
    }
}

/// Mostly one change: an input with many is refused for the first of them.
fn changes(rng: &mut Rng) -> usize {
    match rng.u8(0..8) {
        0..=4 => 1,
        5 | 6 => 2,
        _ => rng.usize(3..12),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Syntax;

    #[test]
    fn an_input_follows_from_seed_and_number() {
        let corpus = vec![b"{\"a\":[1,2,3]}".to_vec(), b"{\"b\":{\"c\":\"text\"}}".to_vec()];
        let target = Target { test: "", syntax: Syntax::Json, corpus, tokens: &["a", "b"], run: |_| true };
        let inputs = |seed| {
            let generator = Generator::new(&target, seed);
            (0..500).map(|number| generator.input(number)).collect::<Vec<_>>()
        };
        assert_eq!(inputs(1), inputs(1));
        let (one, two) = (inputs(1), inputs(2));
        assert!(one.iter().zip(&two).filter(|(one, two)| one == two).count() < 100);
        let distinct: std::collections::BTreeSet<_> = one.iter().collect();
        assert!(distinct.len() > 400, "{}", distinct.len());
        let parsed = one.iter().filter(|input| serde_json::from_slice::<Value>(input).is_ok()).count();
        assert!((100..450).contains(&parsed), "{parsed}");
    }
}
