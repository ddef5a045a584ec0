//! The wildcards of the table mappings of DMS.
//!
//! "Wildcards in table mapping": `%` matches zero or more characters, `_` a single character, `[_]` a literal
//! underscore, `[ab]` a set and `[a-d]` a range of characters.

/// A part of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Zero or more characters.
    Any,
    /// One character.
    One,
    /// This character.
    Literal(char),
    /// One character of these ranges.
    Set(Vec<(char, char)>),
}

/// Returns the parts of a pattern that matches one name.
pub fn exactly(name: &str) -> Vec<Part> {
    name.chars().map(Part::Literal).collect()
}

/// Returns the ranges of a set, which is given without its brackets. A single character is a range of its own.
pub fn ranges(set: &[char]) -> Vec<(char, char)> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < set.len() {
        let is_range = set.get(at + 1) == Some(&'-') && at + 2 < set.len();
        found.push((set[at], set[if is_range { at + 2 } else { at }]));
        at += if is_range { 3 } else { 1 };
    }
    found
}

/// Returns whether a name matches. The last `%` is the only point to return to, so the time is at most the product of
/// both lengths.
pub fn fits(parts: &[Part], name: &str) -> bool {
    let name: Vec<char> = name.chars().collect();
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
