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
        while at < characters.len() {
            match characters[at] {
                '%' => parts.push(Part::Any),
                '_' => parts.push(Part::One),
                '[' => match characters[at + 1..].iter().position(|one| *one == ']') {
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
        matches_from(&self.parts, &name)
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

fn matches_from(parts: &[Part], name: &[char]) -> bool {
    let Some((first, rest)) = parts.split_first() else { return name.is_empty() };
    if *first == Part::Any {
        return (0..=name.len()).any(|skipped| matches_from(rest, &name[skipped..]));
    }
    let Some((character, others)) = name.split_first() else { return false };
    let fits = match first {
        Part::Any | Part::One => true,
        Part::Literal(wanted) => wanted == character,
        Part::Set(ranges) => ranges.iter().any(|(low, high)| (low..=high).contains(&character)),
    };
    fits && matches_from(rest, others)
}
