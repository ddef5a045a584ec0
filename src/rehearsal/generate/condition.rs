//! What a check constraint demands of one value, as far as this program understands it.
//!
//! The definitions come from `pg_get_constraintdef`, so that only PostgreSQL's own way of writing has to be understood.
//! A condition that is not understood is not an error here: if generated rows violate it, the server names the
//! constraint.

use super::tokens::{Token, tokens};

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Less,
    AtMost,
    Equal,
    AtLeast,
    More,
    Not,
}

impl Comparison {
    fn of(token: &Token) -> Option<Self> {
        let Token::Sign(sign) = token else { return None };
        Some(match sign.as_str() {
            "<" => Self::Less,
            "<=" => Self::AtMost,
            "=" => Self::Equal,
            ">=" => Self::AtLeast,
            ">" => Self::More,
            "<>" => Self::Not,
            _ => return None,
        })
    }

    fn mirrored(self) -> Self {
        match self {
            Self::Less => Self::More,
            Self::AtMost => Self::AtLeast,
            Self::AtLeast => Self::AtMost,
            Self::More => Self::Less,
            Self::Equal | Self::Not => self,
        }
    }
}

/// A condition on the value of a column (or of a domain, whose subject is `VALUE`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// The value compared with a literal.
    Compare(String, Comparison, String),
    /// The number of characters or bytes.
    Length(String, Comparison, u64),
    /// One of these values.
    OneOf(String, Vec<String>),
    /// A regular expression.
    Matches(String, String),
    /// A column compared with another one.
    Columns(String, Comparison, String),
}

impl Condition {
    /// Returns the column, or `VALUE`.
    pub(super) fn subject(&self) -> &str {
        match self {
            Self::Compare(subject, ..)
            | Self::Length(subject, ..)
            | Self::OneOf(subject, _)
            | Self::Matches(subject, _)
            | Self::Columns(subject, ..) => subject,
        }
    }
}

/// Returns the conditions of a definition: those terms of its conjunction that are understood.
pub(super) fn conditions(definition: &str) -> Vec<Condition> {
    let text = definition.trim().strip_prefix("CHECK").unwrap_or(definition);
    let text = text.trim_end().trim_end_matches("NOT VALID").trim_end().trim_end_matches("NO INHERIT");
    tokens(text).map(|tokens| conjunction(&tokens)).unwrap_or_default()
}

fn conjunction(tokens: &[Token]) -> Vec<Condition> {
    let tokens = without_parentheses(tokens);
    let parts = split(tokens, "OR");
    if parts.len() > 1 {
        // One branch that holds is enough. A branch that asks for NULL is the worst choice.
        let mut branches = parts.into_iter().rev().map(conjunction);
        return branches.find(|branch| !branch.is_empty()).unwrap_or_default();
    }
    let parts = split(tokens, "AND");
    if parts.len() > 1 {
        return parts.into_iter().flat_map(conjunction).collect();
    }
    term(tokens).into_iter().collect()
}

/// Removes parentheses around the whole expression.
fn without_parentheses(mut tokens: &[Token]) -> &[Token] {
    while let [first, inner @ .., last] = tokens {
        let mut depth = 0;
        let closes_early = inner.iter().any(|token| {
            depth += i32::from(token.is("(")) - i32::from(token.is(")"));
            depth < 0
        });
        if !first.is("(") || !last.is(")") || closes_early {
            break;
        }
        tokens = inner;
    }
    tokens
}

/// Splits at a word outside of parentheses.
fn split<'a>(tokens: &'a [Token], word: &str) -> Vec<&'a [Token]> {
    let mut depth = 0;
    tokens
        .split(|token| {
            depth += i32::from(token.is("(") || token.is("[")) - i32::from(token.is(")") || token.is("]"));
            depth == 0 && token.is_word(word)
        })
        .collect()
}

/// One side of a comparison.
enum Operand {
    Subject(String),
    Length(String),
    Literal(String),
    List(Vec<String>),
}

fn term(tokens: &[Token]) -> Option<Condition> {
    let mut depth = 0;
    let at = tokens.iter().position(|token| {
        depth += i32::from(token.is("(") || token.is("[")) - i32::from(token.is(")") || token.is("]"));
        depth == 0 && (Comparison::of(token).is_some() || token.is("~") || token.is("~*"))
    })?;
    let (left, right) = (operand(&tokens[..at])?, operand(&tokens[at + 1..])?);
    if tokens[at].is("~") || tokens[at].is("~*") {
        return match (left, right) {
            (Operand::Subject(subject), Operand::Literal(pattern)) => Some(Condition::Matches(subject, pattern)),
            _ => None,
        };
    }
    let comparison = Comparison::of(&tokens[at])?;
    match (left, right) {
        (Operand::Subject(subject), Operand::Literal(value)) => Some(Condition::Compare(subject, comparison, value)),
        (Operand::Literal(value), Operand::Subject(subject)) => {
            Some(Condition::Compare(subject, comparison.mirrored(), value))
        }
        (Operand::Length(subject), Operand::Literal(value)) => {
            Some(Condition::Length(subject, comparison, value.parse().ok()?))
        }
        (Operand::Subject(subject), Operand::List(values)) if comparison == Comparison::Equal => {
            Some(Condition::OneOf(subject, values))
        }
        (Operand::Subject(subject), Operand::Subject(other)) => Some(Condition::Columns(subject, comparison, other)),
        _ => None,
    }
}

/// The functions that count characters or bytes.
const LENGTHS: &[&str] = &["length", "char_length", "character_length", "octet_length"];

/// The functions that do not change the generated values, which are in lower case and have no spaces at their ends.
const NEUTRAL: &[&str] = &["btrim", "lower", "trim"];

fn operand(tokens: &[Token]) -> Option<Operand> {
    match without_parentheses(tokens) {
        [Token::Word(word), array @ ..] if word.eq_ignore_ascii_case("any") => list(without_parentheses(array)),
        [Token::Word(name), open, inner @ .., close] if open.is("(") && close.is(")") => {
            let Operand::Subject(subject) = operand(inner)? else { return None };
            let name = name.to_ascii_lowercase();
            if LENGTHS.contains(&name.as_str()) {
                Some(Operand::Length(subject))
            } else {
                NEUTRAL.contains(&name.as_str()).then_some(Operand::Subject(subject))
            }
        }
        [Token::Word(word)] if word.eq_ignore_ascii_case("true") || word.eq_ignore_ascii_case("false") => {
            Some(Operand::Literal(word.to_ascii_lowercase()))
        }
        [Token::Word(name)] => Some(Operand::Subject(name.clone())),
        [Token::Number(value) | Token::Text(value)] => Some(Operand::Literal(value.clone())),
        [minus, Token::Number(value)] if minus.is("-") => Some(Operand::Literal(format!("-{value}"))),
        _ => None,
    }
}

/// Reads `ARRAY[…]`.
fn list(tokens: &[Token]) -> Option<Operand> {
    let [Token::Word(array), open, inner @ .., close] = tokens else { return None };
    if !array.eq_ignore_ascii_case("array") || !open.is("[") || !close.is("]") {
        return None;
    }
    let values = inner.split(|token| token.is(",")).map(|part| match operand(part)? {
        Operand::Literal(value) => Some(value),
        _ => None,
    });
    values.collect::<Option<_>>().map(Operand::List)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(definition: &str) -> Vec<Condition> {
        conditions(definition)
    }

    #[test]
    fn the_usual_checks_are_understood_as_postgresql_writes_them() {
        use Comparison::{AtLeast, AtMost, Less, More, Not};
        let compare = |subject: &str, how, value: &str| Condition::Compare(subject.into(), how, value.into());
        assert_eq!(
            of("CHECK (((VALUE >= (0)::numeric) AND (VALUE < (1000000)::numeric)))"),
            [compare("VALUE", AtLeast, "0"), compare("VALUE", Less, "1000000")]
        );
        assert_eq!(
            of("CHECK ((kind = ANY (ARRAY['a b'::text, 'it''s'::text])))"),
            [Condition::OneOf("kind".into(), vec!["a b".into(), "it's".into()])]
        );
        assert_eq!(
            of("CHECK (((status)::text = ANY ((ARRAY['x'::character varying, 'y'::character varying])::text[])))"),
            [Condition::OneOf("status".into(), vec!["x".into(), "y".into()])]
        );
        assert_eq!(
            of("CHECK ((VALUE ~ '^[A-Z]{3}$'::text))"),
            [Condition::Matches("VALUE".into(), "^[A-Z]{3}$".into())]
        );
        assert_eq!(of("CHECK ((char_length((code)::text) <= 12))"), [Condition::Length("code".into(), AtMost, 12)]);
        assert_eq!(of("CHECK ((temperature > '-40'::integer))"), [compare("temperature", More, "-40")]);
        assert_eq!(of("CHECK ((0 < amount)) NOT VALID"), [compare("amount", More, "0")]);
        assert_eq!(of("CHECK ((btrim(name) <> ''::text))"), [compare("name", Not, "")]);
        assert_eq!(
            of("CHECK ((ends_at > \"starts at\"))"),
            [Condition::Columns("ends_at".into(), More, "starts at".into())]
        );
        assert_eq!(of("CHECK (((a IS NULL) OR (a > 3)))"), [compare("a", More, "3")]);
        assert_eq!(
            of("CHECK ((at >= '2020-01-01 00:00:00'::timestamp without time zone))"),
            [compare("at", AtLeast, "2020-01-01 00:00:00")]
        );
    }

    #[test]
    fn what_is_not_understood_is_left_to_the_server() {
        assert_eq!(of("CHECK (my_check(a, b))"), []);
        assert_eq!(of("CHECK (((a + b) = 100))"), []);
        assert_eq!(of("CHECK ((a ->> 'x'::text) = 'y'::text)"), []);
    }
}
