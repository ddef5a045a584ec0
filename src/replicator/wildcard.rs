//! The wildcards of table mappings.
//!
//! "Wildcards in table mapping": `%` matches zero or more characters, `_` a single character, `[_]` a literal
//! underscore, `[ab]` a set and `[a-d]` a range of characters.

/// A pattern for the name of a schema or a table. Names are compared with their case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Any,
    One,
    Literal(char),
    Set(Vec<(char, char)>),
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
        Self { parts: text.chars().map(Part::Literal).collect() }
    }

    /// Returns whether the name matches.
    pub fn matches(&self, name: &str) -> bool {
        let name: Vec<char> = name.chars().collect();
        fits(&self.parts, &name)
    }
}

fn ranges(set: &[char]) -> Vec<(char, char)> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < set.len() {
        if at + 2 < set.len() && set[at + 1] == '-' {
            found.push((set[at], set[at + 2]));
            at += 3;
        } else {
            found.push((set[at], set[at]));
            at += 1;
        }
    }
    found
}

/// Matches a name. The last `%` is the only point to return to, so the time is at most the product of both lengths.
fn fits(parts: &[Part], name: &[char]) -> bool {
    let (mut at, mut seen, mut back) = (0, 0, None);
    loop {
        let fits_here = match (parts.get(at), name.get(seen)) {
            (None, None) => return true,
            (Some(Part::Any), _) => {
                back = Some((at, seen));
                at += 1;
                continue;
            }
            (Some(Part::One), Some(_)) => true,
            (Some(Part::Set(ranges)), Some(character)) => {
                ranges.iter().any(|(low, high)| (low..=high).contains(&character))
            }
            (Some(Part::Literal(wanted)), Some(character)) => wanted == character,
            _ => false,
        };
        if fits_here {
            (at, seen) = (at + 1, seen + 1);
        } else if let Some((any, from)) = back.filter(|(_, from)| *from < name.len()) {
            back = Some((any, from + 1));
            (at, seen) = (any + 1, from + 1);
        } else {
            return false;
        }
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
