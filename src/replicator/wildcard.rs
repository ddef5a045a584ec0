//! The patterns of table mappings.

use infra_base::wildcard::{Part, exactly, fits, ranges};

/// A pattern for the name of a schema or a table. Names are compared with their case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    parts: Vec<Part>,
}

impl Pattern {
    /// Parses a pattern. A bracket that is not closed is an ordinary character.
    pub fn parse(text: &str) -> Self {
        let characters: Vec<char> = text.chars().collect();
        let mut parts = Vec::new();
        let mut at = 0;
        let last_closing = characters.iter().rposition(|one| *one == ']').unwrap_or_default();
        while at < characters.len() {
            match characters[at] {
                '%' => parts.push(Part::Any),
                '_' => parts.push(Part::One),
                '[' if last_closing > at => match characters[at + 1..].iter().position(|one| *one == ']') {
                    Some(length) if length > 0 => {
                        parts.push(Part::Set(ranges(&characters[at + 1..=at + length])));
                        at += length + 1;
                    }
                    _ => parts.push(Part::Literal('[')),
                },
                other => parts.push(Part::Literal(other)),
            }
            at += 1;
        }
        Self { parts }
    }

    /// Returns a pattern that matches one name.
    pub fn exactly(text: &str) -> Self {
        Self { parts: exactly(text) }
    }

    /// Returns whether the name matches.
    pub fn matches(&self, name: &str) -> bool {
        fits(&self.parts, name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_with_many_wildcards_took_longer_than_the_universe() {
        let name = "a".repeat(63);
        assert!(!Pattern::parse(&format!("{}b", "%a".repeat(30))).matches(&name));
        assert!(Pattern::parse(&"%a".repeat(30)).matches(&name));
        assert!(Pattern::parse(&"%".repeat(10_000)).matches(&name));
    }

    #[test]
    fn many_open_brackets_were_read_again_and_again() {
        let text = "[".repeat(200_000);
        assert!(Pattern::parse(&text).matches(&text));
    }
}
