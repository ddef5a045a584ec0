//! Texts that match a simple regular expression: literals, classes, groups without alternatives, and repetitions.

use fastrand::Rng;

/// One position, or several equal ones.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Piece {
    characters: Vec<char>,
    least: usize,
    most: usize,
}

/// A regular expression as a sequence of pieces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Piece>);

/// The largest number of repetitions of `+` and `*`.
const MOST: usize = 8;

impl Pattern {
    /// Parses a regular expression; `None` if it has parts that this program does not generate.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let characters: Vec<char> = text.strip_prefix('^').unwrap_or(text).chars().collect();
        let (pieces, end) = sequence(&characters, 0)?;
        (end == characters.len()).then_some(Self(pieces))
    }

    /// Returns the number of different texts that [`Pattern::nth`] generates.
    pub(super) fn capacity(&self) -> u128 {
        self.0.iter().fold(1u128, |product, piece| {
            let choices = (piece.characters.len() as u128).saturating_pow(u32::try_from(length(piece)).unwrap_or(64));
            product.saturating_mul(choices)
        })
    }

    /// Returns the text with a number. Texts with different numbers are different.
    pub(super) fn nth(&self, number: u64) -> String {
        let mut rest = u128::from(number);
        let mut reversed = String::new();
        for piece in self.0.iter().rev() {
            for _ in 0..length(piece) {
                let choices = piece.characters.len() as u128;
                reversed.push(piece.characters[usize::try_from(rest % choices).unwrap_or_default()]);
                rest /= choices;
            }
        }
        reversed.chars().rev().collect()
    }

    /// Returns a random text.
    pub(super) fn random(&self, rng: &mut Rng) -> String {
        let mut text = String::new();
        for piece in &self.0 {
            for _ in 0..rng.usize(piece.least..=piece.most) {
                text.push(piece.characters[rng.usize(..piece.characters.len())]);
            }
        }
        text
    }
}

/// The number of repetitions in numbered texts: always the same, so that the texts differ.
fn length(piece: &Piece) -> usize {
    piece.most.min(piece.least.max(6))
}

fn sequence(characters: &[char], from: usize) -> Option<(Vec<Piece>, usize)> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut at = from;
    while let Some(&next) = characters.get(at) {
        let (group, end) = match next {
            ')' => return Some((pieces, at)),
            '$' if at + 1 == characters.len() => return Some((pieces, at + 1)),
            '(' => {
                let skip = if characters.get(at + 1..at + 3) == Some(&['?', ':']) { 3 } else { 1 };
                let (group, end) = sequence(characters, at + skip)?;
                (characters.get(end) == Some(&')')).then_some(())?;
                (group, end + 1)
            }
            '[' => {
                let (class, end) = class(characters, at + 1)?;
                (vec![single(class)], end)
            }
            '\\' => (vec![single(escape(*characters.get(at + 1)?)?)], at + 2),
            '.' => (vec![single(('a'..='z').collect())], at + 1),
            '|' | '*' | '+' | '?' | '{' | '^' | '$' => return None,
            other => (vec![single(vec![other])], at + 1),
        };
        let (least, most, end) = repetition(characters, end)?;
        at = end;
        match (group.as_slice(), least, most) {
            (_, 1, 1) => pieces.extend(group),
            ([piece], ..) if piece.least == 1 && piece.most == 1 => {
                pieces.push(Piece { least, most, ..piece.clone() });
            }
            // A group is repeated as often as it must be, which always matches.
            _ => pieces.extend(std::iter::repeat_n(group, least).flatten()),
        }
    }
    Some((pieces, at))
}

fn single(characters: Vec<char>) -> Piece {
    Piece { characters, least: 1, most: 1 }
}

fn repetition(characters: &[char], at: usize) -> Option<(usize, usize, usize)> {
    Some(match characters.get(at) {
        Some('*') => (0, MOST, at + 1),
        Some('+') => (1, MOST, at + 1),
        Some('?') => (0, 1, at + 1),
        Some('{') => {
            let length = characters[at..].iter().position(|other| *other == '}')?;
            let bounds: String = characters[at + 1..at + length].iter().collect();
            let (least, most) = match bounds.split_once(',') {
                None => (bounds.parse().ok()?, bounds.parse().ok()?),
                Some((least, "")) => (least.parse().ok()?, least.parse::<usize>().ok()? + MOST),
                Some((least, most)) => (least.parse().ok()?, most.parse().ok()?),
            };
            (least, most, at + length + 1)
        }
        _ => (1, 1, at),
    })
}

fn escape(character: char) -> Option<Vec<char>> {
    Some(match character {
        'd' => ('0'..='9').collect(),
        'w' => ('a'..='z').chain('A'..='Z').chain('0'..='9').chain(['_']).collect(),
        's' => vec![' '],
        other if !other.is_alphanumeric() => vec![other],
        _ => return None,
    })
}

fn class(characters: &[char], from: usize) -> Option<(Vec<char>, usize)> {
    let excludes = characters.get(from) == Some(&'^');
    let mut members = Vec::new();
    let mut at = from + usize::from(excludes);
    loop {
        match *characters.get(at)? {
            ']' => break,
            '[' if characters.get(at + 1) == Some(&':') => {
                let end = characters[at..].iter().position(|other| *other == ']')? + at;
                let name: String = characters[at + 2..end - 1].iter().collect();
                match name.as_str() {
                    "alpha" => members.extend(('a'..='z').chain('A'..='Z')),
                    "digit" => members.extend('0'..='9'),
                    "alnum" => members.extend(('a'..='z').chain('0'..='9')),
                    "upper" => members.extend('A'..='Z'),
                    "lower" => members.extend('a'..='z'),
                    _ => return None,
                }
                at = end + 1;
            }
            '\\' => {
                members.extend(escape(*characters.get(at + 1)?)?);
                at += 2;
            }
            first => match (characters.get(at + 1), characters.get(at + 2)) {
                (Some('-'), Some(&last)) if last != ']' => {
                    members.extend(first..=last);
                    at += 3;
                }
                _ => {
                    members.push(first);
                    at += 1;
                }
            },
        }
    }
    if excludes {
        members = ('a'..='z').chain('0'..='9').filter(|other| !members.contains(other)).collect();
    }
    members.sort_unstable();
    members.dedup();
    (!members.is_empty()).then_some((members, at + 1))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn numbered_texts_are_different_and_have_the_form() {
        let pattern = Pattern::parse("^[A-Z]{3}$").unwrap();
        assert_eq!(pattern.capacity(), 17_576);
        assert_eq!((pattern.nth(0), pattern.nth(1), pattern.nth(27)), ("AAA".into(), "AAB".into(), "ABB".into()));
        let all: BTreeSet<String> = (0..17_576).map(|number| pattern.nth(number)).collect();
        assert_eq!(all.len(), 17_576);
    }

    #[test]
    fn mail_addresses_and_groups_are_generated() {
        let pattern = Pattern::parse(r"^[a-z0-9._%+-]+@[a-z]{2,5}\.(?:com)$").unwrap();
        let mut rng = Rng::with_seed(3);
        for text in (0..50).map(|_| pattern.random(&mut rng)) {
            let (name, host) = text.split_once('@').unwrap();
            assert!(!name.is_empty() && host.contains(".com") && host.len() >= 6, "{text}");
        }
        assert_eq!(Pattern::parse(r"^\d{2}(-\d{2}){2}$").unwrap().nth(7), "00-00-07");
    }

    #[test]
    fn alternatives_are_refused() {
        assert_eq!(Pattern::parse("^(a|b)$"), None);
        assert_eq!(Pattern::parse("^a(?=b)"), None);
    }
}
