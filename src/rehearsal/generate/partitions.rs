//! Values that belong to an existing partition.

use super::condition::{Comparison, Condition};
use super::tokens::{Token, tokens};
use super::values::Values;

/// Restricts the values of a partition column to the bounds of the partitions. Returns `None` if every value has a
/// partition: there is a default partition, or the rows are distributed by a hash.
pub(super) fn restrict(values: &Values, bounds: &[String]) -> Option<Values> {
    if bounds.iter().any(|bound| bound == "DEFAULT" || bound.contains("modulus")) {
        return None;
    }
    let choices: Vec<Values> = bounds.iter().filter_map(|bound| of_bound(values, &tokens(bound)?)).collect();
    (!choices.is_empty()).then_some(Values::Choice(choices))
}

/// Reads `FOR VALUES IN (…)` and `FOR VALUES FROM (…) TO (…)`.
fn of_bound(values: &Values, tokens: &[Token]) -> Option<Values> {
    let mut restricted = values.clone();
    if tokens.get(2)?.is_word("in") {
        restricted.restrict_all(&[Condition::OneOf(String::new(), literals(&tokens[3..]))]);
        return Some(restricted);
    }
    let to = tokens.iter().position(|token| token.is_word("to"))?;
    let mut conditions = Vec::new();
    for (part, how) in [(&tokens[3..to], Comparison::AtLeast), (&tokens[to + 1..], Comparison::Less)] {
        // Without a literal, the bound is MINVALUE or MAXVALUE.
        if let [value] = literals(part).as_slice() {
            conditions.push(Condition::Compare(String::new(), how, value.clone()));
        }
    }
    restricted.restrict_all(&conditions);
    Some(restricted)
}

fn literals(tokens: &[Token]) -> Vec<String> {
    let mut literals = Vec::new();
    let mut sign = "";
    for token in tokens {
        match token {
            Token::Text(value) | Token::Number(value) => literals.push(format!("{sign}{value}")),
            _ => {}
        }
        sign = if token.is("-") { "-" } else { "" };
    }
    literals
}
