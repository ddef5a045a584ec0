//! Changes of an input as a tree, so that what comes out still has the form of the language.

use fastrand::Rng;
use serde_json::{Map, Number, Value};

use crate::bytes::{change_text, token};
use crate::interesting::{DEPTHS, NUMBERS};
use crate::target::Syntax;

/// Reads the tree of an input; nothing if it has none.
pub(crate) fn read(syntax: Syntax, input: &[u8]) -> Option<Value> {
    let text = std::str::from_utf8(input).ok()?;
    match syntax {
        Syntax::Text => None,
        Syntax::Json => serde_json::from_str(text).ok(),
        Syntax::JsonLines => {
            text.lines().map(|line| serde_json::from_str(line).ok()).collect::<Option<Vec<Value>>>().map(Value::Array)
        }
        Syntax::Toml => toml::from_str::<toml::Table>(text).ok().and_then(|table| serde_json::to_value(table).ok()),
    }
}

/// Writes a tree.
pub(crate) fn write(syntax: Syntax, tree: &Value) -> Vec<u8> {
    match (syntax, tree) {
        (Syntax::JsonLines, Value::Array(lines)) => {
            lines.iter().map(|line| format!("{line}\n")).collect::<String>().into_bytes()
        }
        (Syntax::Toml, Value::Object(table)) => {
            let table: toml::Table =
                table.iter().filter_map(|(key, value)| Some((key.clone(), toml(value)?))).collect();
            toml::to_string(&table).unwrap_or_default().into_bytes()
        }
        _ => tree.to_string().into_bytes(),
    }
}

/// TOML has no null.
fn toml(value: &Value) -> Option<toml::Value> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(flag) => toml::Value::Boolean(*flag),
        Value::Number(number) => match number.as_i64() {
            Some(number) => toml::Value::Integer(number),
            None => toml::Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => toml::Value::String(text.clone()),
        Value::Array(items) => toml::Value::Array(items.iter().filter_map(toml).collect()),
        Value::Object(entries) => {
            toml::Value::Table(entries.iter().filter_map(|(key, value)| Some((key.clone(), toml(value)?))).collect())
        }
    })
}

/// Changes a tree once. `others` are trees that parts are taken from.
pub(crate) fn change(rng: &mut Rng, tree: &mut Value, others: &[Value], tokens: &[&str]) {
    let mut at = rng.usize(0..count(tree));
    let taken = rng.choice(others).and_then(|other| {
        let mut at = rng.usize(0..count(other));
        nth(other, &mut at).cloned()
    });
    let Some(value) = nth_mut(tree, &mut at) else { return };
    match rng.u8(0..10) {
        0 | 1 => *value = scalar(rng, tokens),
        2 => *value = taken.unwrap_or_default(),
        3 => {
            let mut nested = value.take();
            // To write a tree that is much deeper would exhaust the stack of the generator.
            let depth = rng.choice(DEPTHS).copied().unwrap_or_default().min(130);
            for _ in 0..depth {
                nested = match rng.bool() {
                    true => Value::Array(vec![nested]),
                    false => Value::Object(Map::from_iter([("a".to_owned(), nested)])),
                };
            }
            *value = nested;
        }
        _ => match value {
            Value::Object(entries) => change_entries(rng, entries, taken, tokens),
            Value::Array(items) => change_items(rng, items, taken, tokens),
            Value::String(text) => *text = change_text(rng, text, tokens),
            other => *other = scalar(rng, tokens),
        },
    }
}

fn change_entries(rng: &mut Rng, entries: &mut Map<String, Value>, taken: Option<Value>, tokens: &[&str]) {
    let key = rng.choice(entries.keys()).cloned();
    let new_key = |rng: &mut Rng| match &key {
        Some(key) if rng.bool() => change_text(rng, key, tokens),
        _ => token(rng, tokens).to_owned(),
    };
    match (rng.u8(0..4), &key) {
        (0, Some(key)) => drop(entries.shift_remove(key)),
        (1, Some(key)) => {
            let value = entries.shift_remove(key).unwrap_or_default();
            entries.insert(new_key(rng), value);
        }
        (2, _) => drop(entries.insert(new_key(rng), scalar(rng, tokens))),
        _ => drop(entries.insert(new_key(rng), taken.unwrap_or_default())),
    }
}

fn change_items(rng: &mut Rng, items: &mut Vec<Value>, taken: Option<Value>, tokens: &[&str]) {
    let at = rng.usize(0..=items.len());
    let item = items.get(at).cloned();
    match (rng.u8(0..5), item) {
        (0, Some(_)) => drop(items.remove(at)),
        (1, Some(item)) => {
            let times = 1_usize << rng.u8(0..7);
            items.extend(std::iter::repeat_n(item, times));
        }
        (2, Some(_)) => {
            let other = rng.usize(0..items.len());
            items.swap(at, other);
        }
        (3, _) => items.insert(at, scalar(rng, tokens)),
        _ => items.insert(at, taken.unwrap_or_default()),
    }
}

fn scalar(rng: &mut Rng, tokens: &[&str]) -> Value {
    match rng.u8(0..8) {
        0 => Value::Null,
        1 => Value::Bool(rng.bool()),
        2 => Value::Array(Vec::new()),
        3 => Value::Object(Map::new()),
        4 | 5 => {
            let text = rng.choice(NUMBERS).copied().unwrap_or_default();
            let whole = text.parse::<i64>().map(Number::from).or_else(|_| text.parse::<u64>().map(Number::from)).ok();
            whole
                .or_else(|| text.parse().ok().and_then(Number::from_f64))
                .map_or_else(|| Value::String(text.to_owned()), Value::Number)
        }
        _ => Value::String(token(rng, tokens).to_owned()),
    }
}

/// Returns the number of values in a tree, with itself.
fn count(tree: &Value) -> usize {
    1 + match tree {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(entries) => entries.values().map(count).sum(),
        _ => 0,
    }
}

/// Returns the value with this number.
fn nth<'a>(tree: &'a Value, left: &mut usize) -> Option<&'a Value> {
    if *left == 0 {
        return Some(tree);
    }
    *left -= 1;
    match tree {
        Value::Array(items) => items.iter().find_map(|item| nth(item, left)),
        Value::Object(entries) => entries.values().find_map(|value| nth(value, left)),
        _ => None,
    }
}

/// Returns the value with this number, to change it.
fn nth_mut<'a>(tree: &'a mut Value, left: &mut usize) -> Option<&'a mut Value> {
    if *left == 0 {
        return Some(tree);
    }
    *left -= 1;
    match tree {
        Value::Array(items) => items.iter_mut().find_map(|item| nth_mut(item, left)),
        Value::Object(entries) => entries.values_mut().find_map(|value| nth_mut(value, left)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_of_a_tree_has_a_number() {
        let tree = serde_json::json!({ "a": [1, { "b": 2 }], "c": "d" });
        let all: Vec<Value> = (0..count(&tree)).filter_map(|mut at| nth(&tree, &mut at).cloned()).collect();
        assert_eq!(all.len(), 6);
        assert_eq!(all[4], serde_json::json!(2));
        assert_eq!(nth(&tree, &mut 6), None);
        assert_eq!(nth_mut(&mut tree.clone(), &mut 4), Some(&mut serde_json::json!(2)));
    }

    #[test]
    fn a_tree_is_written_as_it_was_read() {
        let toml = b"a = 1\n\n[b]\nc = [\"d\"]\n";
        assert_eq!(write(Syntax::Toml, &read(Syntax::Toml, toml).unwrap()), toml);
        let lines = b"{\"a\":1}\n{\"b\":null}\n";
        assert_eq!(write(Syntax::JsonLines, &read(Syntax::JsonLines, lines).unwrap()), lines);
    }
}
