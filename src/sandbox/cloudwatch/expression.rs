//! Metric math ("Using math expressions with CloudWatch metrics"), to the extent that rates and sums require it: `+ - *
//! /`, parentheses, numbers, ids of other queries, and `FILL(id, number)`.

use std::collections::{BTreeMap, BTreeSet};

use crate::registry::{Rejection, refuse};

/// Data points by their time in milliseconds.
pub(super) type Points = BTreeMap<u64, f64>;

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expression {
    Number(f64),
    Id(String),
    Fill(String, f64),
    Negative(Box<Self>),
    Operation(Box<Self>, char, Box<Self>),
}

/// The value of an expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Number(f64),
    Points(Points),
}

/// Maximum nesting depth of parentheses and signs.
const DEPTH: usize = 64;

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

fn syntax_error<T>(why: impl Into<String>) -> Result<T, Rejection> {
    refuse("ValidationError", format!("Error in expression: {}", why.into()))
}

impl Expression {
    /// Parses an expression.
    pub(super) fn read(text: &str) -> Result<Self, Rejection> {
        let mut parser = Parser { rest: text, depth: 0 };
        let expression = parser.sum()?;
        match parser.peek() {
            None => Ok(expression),
            Some(other) => syntax_error(format!("unexpected '{other}' in '{text}'")),
        }
    }

    /// Returns the ids that it refers to.
    pub(super) fn ids(&self) -> BTreeSet<&str> {
        match self {
            Self::Number(_) => BTreeSet::new(),
            Self::Id(id) | Self::Fill(id, _) => [id.as_str()].into(),
            Self::Negative(inner) => inner.ids(),
            Self::Operation(left, _, right) => left.ids().into_iter().chain(right.ids()).collect(),
        }
    }

    /// Returns the value. `of` returns the points of an id; `times` are all times at which a point can exist.
    pub(super) fn value(&self, of: &impl Fn(&str) -> Option<Points>, times: &[u64]) -> Option<Value> {
        Some(match self {
            Self::Number(number) => Value::Number(*number),
            Self::Id(id) => Value::Points(of(id)?),
            Self::Fill(id, number) => {
                let points = of(id)?;
                Value::Points(times.iter().map(|at| (*at, points.get(at).copied().unwrap_or(*number))).collect())
            }
            Self::Negative(inner) => apply(&Value::Number(0.0), '-', &inner.value(of, times)?),
            Self::Operation(left, operator, right) => {
                apply(&left.value(of, times)?, *operator, &right.value(of, times)?)
            }
        })
    }
}

/// A point that is missing on one side is missing in the result, and so is a point whose result is not finite.
fn apply(left: &Value, operator: char, right: &Value) -> Value {
    let compute = |left: f64, right: f64| match operator {
        '+' => left + right,
        '-' => left - right,
        '*' => left * right,
        _ => left / right,
    };
    let finite = |(at, value): (u64, f64)| value.is_finite().then_some((at, value));
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => Value::Number(compute(*left, *right)),
        (Value::Points(points), Value::Number(right)) => {
            Value::Points(points.iter().filter_map(|(at, left)| finite((*at, compute(*left, *right)))).collect())
        }
        (Value::Number(left), Value::Points(points)) => {
            Value::Points(points.iter().filter_map(|(at, right)| finite((*at, compute(*left, *right)))).collect())
        }
        (Value::Points(left), Value::Points(right)) => {
            let both = left.iter().filter_map(|(at, left)| Some((*at, compute(*left, *right.get(at)?))));
            Value::Points(both.filter_map(finite).collect())
        }
    }
}

impl<'a> Parser<'a> {
    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start();
        self.rest.chars().next()
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.rest = &self.rest[wanted.len_utf8()..];
        }
        found
    }

    fn expect(&mut self, wanted: char) -> Result<(), Rejection> {
        if self.take(wanted) { Ok(()) } else { syntax_error(format!("'{wanted}' is missing before '{}'", self.rest)) }
    }

    fn take_while(&mut self, fits: impl Fn(char) -> bool) -> &'a str {
        self.rest = self.rest.trim_start();
        let end = self.rest.find(|letter| !fits(letter)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn sum(&mut self) -> Result<Expression, Rejection> {
        let mut left = self.product()?;
        while let Some(operator @ ('+' | '-')) = self.peek() {
            self.take(operator);
            left = Expression::Operation(Box::new(left), operator, Box::new(self.product()?));
        }
        Ok(left)
    }

    fn product(&mut self) -> Result<Expression, Rejection> {
        let mut left = self.factor()?;
        while let Some(operator @ ('*' | '/')) = self.peek() {
            self.take(operator);
            left = Expression::Operation(Box::new(left), operator, Box::new(self.factor()?));
        }
        Ok(left)
    }

    fn factor(&mut self) -> Result<Expression, Rejection> {
        self.depth += 1;
        if self.depth > DEPTH {
            return syntax_error("it is nested too deeply");
        }
        let found = match self.peek() {
            Some('(') => {
                self.expect('(')?;
                let inner = self.sum()?;
                self.expect(')')?;
                inner
            }
            Some('-') => {
                self.expect('-')?;
                Expression::Negative(Box::new(self.factor()?))
            }
            Some(digit) if digit.is_ascii_digit() || digit == '.' => Expression::Number(self.number()?),
            Some(letter) if letter.is_ascii_lowercase() => Expression::Id(self.id()?),
            Some(letter) if letter.is_ascii_uppercase() => self.function()?,
            Some(other) => return syntax_error(format!("unexpected '{other}'")),
            None => return syntax_error("it ends too early"),
        };
        self.depth -= 1;
        Ok(found)
    }

    fn number(&mut self) -> Result<f64, Rejection> {
        let sign = if self.take('-') { -1.0 } else { 1.0 };
        let word = self.take_while(|letter| letter.is_ascii_digit() || letter == '.');
        match word.parse::<f64>() {
            Ok(number) => Ok(sign * number),
            Err(_) => syntax_error(format!("'{word}' is not a number")),
        }
    }

    fn id(&mut self) -> Result<String, Rejection> {
        let word = self.take_while(|letter| letter.is_ascii_alphanumeric() || letter == '_');
        if is_id(word) { Ok(word.to_owned()) } else { syntax_error(format!("'{word}' is not an id")) }
    }

    fn function(&mut self) -> Result<Expression, Rejection> {
        let name = self.take_while(|letter| letter.is_ascii_alphanumeric() || letter == '_');
        if name != "FILL" {
            return refuse("SandboxUnknownMember", format!("the sandbox does not model {name} in expressions"));
        }
        self.expect('(')?;
        let id = self.id()?;
        self.expect(',')?;
        let number = self.number()?;
        self.expect(')')?;
        Ok(Expression::Fill(id, number))
    }
}

/// "The valid characters are letters, numbers, and underscore. The first character must be a lowercase letter"
/// (MetricDataQuery).
pub(super) fn is_id(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Option<Value> {
        let points = |id: &str| match id {
            "a" => Some(Points::from([(0, 10.0), (60, 20.0), (120, 30.0)])),
            "b" => Some(Points::from([(0, 2.0), (60, 0.0)])),
            _ => None,
        };
        Expression::read(text).unwrap().value(&points, &[0, 60, 120])
    }

    #[test]
    fn operators_have_the_usual_precedence() {
        for (text, number) in [
            ("1 + 2 * 3", 7.0),
            ("(1+2)*3", 9.0),
            ("8 / 2 / 2", 2.0),
            ("1 - 2 - 3", -4.0),
            ("-2 * -3", 6.0),
            ("0.5", 0.5),
        ] {
            assert_eq!(value(text), Some(Value::Number(number)), "{text}");
        }
    }

    #[test]
    fn points_that_are_missing_on_one_side_are_missing() {
        assert_eq!(value("a + b"), Some(Value::Points([(0, 12.0), (60, 20.0)].into())));
        assert_eq!(value("a / b"), Some(Value::Points([(0, 5.0)].into())), "nothing is divided by zero");
        assert_eq!(
            value("100 * FILL(b, 1) / a"),
            Some(Value::Points([(0, 20.0), (60, 0.0), (120, 100.0 / 30.0)].into()))
        );
        assert_eq!(value("c"), None);
    }

    #[test]
    fn an_invalid_expression_is_rejected() {
        for text in [
            "",
            "1 +",
            "(a",
            "a b",
            "A + 1",
            "FILL(a)",
            "FILL(a, b)",
            "a $ b",
            "1..2",
            &"(".repeat(500),
            &"-".repeat(500),
        ] {
            assert!(Expression::read(text).is_err(), "{text}");
        }
        assert_eq!(Expression::read("SUM(METRICS())").unwrap_err().code, "SandboxUnknownMember");
    }
}
