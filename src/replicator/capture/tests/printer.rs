//! Prints changes as `test_decoding` does, and generates them.

use std::fmt::Write;

use proptest::prelude::*;

use crate::model::{Change, Datum, TableName, Value};

/// Types that the plugin does not quote.
const BARE: [&str; 7] = ["smallint", "integer", "bigint", "oid", "real", "double precision", "numeric"];

/// Whether the plugin writes a value without quotes: those of some types, which never contain anything else.
fn is_bare(type_name: &str, data: &str) -> bool {
    let is_type = BARE.contains(&type_name) || type_name == "boolean";
    let is_value = !data.is_empty() && data.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    is_type && is_value && !["null", "unchanged-toast-datum"].contains(&data)
}

fn identifier(name: &str) -> String {
    let plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        && name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

fn table(table: &TableName) -> String {
    format!("{}.{}", identifier(&table.schema), identifier(&table.name))
}

fn values(values: &[Value], text: &mut String) {
    for value in values {
        let _ = write!(text, " {}[{}]:", identifier(&value.column), value.type_name);
        match &value.data {
            Datum::Null => text.push_str("null"),
            Datum::UnchangedToast => text.push_str("unchanged-toast-datum"),
            Datum::Text(data) if is_bare(&value.type_name, data) => text.push_str(data),
            Datum::Text(data) if value.type_name.starts_with("bit") && !value.type_name.ends_with(']') => {
                let _ = write!(text, "B'{}'", data.replace('\'', "''"));
            }
            Datum::Text(data) => {
                let _ = write!(text, "'{}'", data.replace('\'', "''"));
            }
        }
    }
}

fn row(new: &[Value], text: &mut String) {
    if new.is_empty() {
        text.push_str(" (no-tuple-data)");
    } else {
        values(new, text);
    }
}

/// Prints a change.
pub fn print(change: &Change) -> String {
    let mut text = "table ".to_owned();
    match change {
        Change::Insert { table: name, new } => {
            let _ = write!(text, "{}: INSERT:", table(name));
            row(new, &mut text);
        }
        Change::Update { table: name, old_key, new } => {
            let _ = write!(text, "{}: UPDATE:", table(name));
            if !old_key.is_empty() {
                text.push_str(" old-key:");
                values(old_key, &mut text);
                text.push_str(" new-tuple:");
            }
            row(new, &mut text);
        }
        Change::Delete { table: name, key } => {
            let _ = write!(text, "{}: DELETE:", table(name));
            row(key, &mut text);
        }
        Change::Truncate { tables } => {
            let names: Vec<_> = tables.iter().map(table).collect();
            let _ = write!(text, "{}: TRUNCATE: (no-flags)", names.join(", "));
        }
    }
    text
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z_][a-z0-9_]{0,8}",
        "[a-zA-Z \\.\"\\[\\]:',é-]{1,8}",
        Just("new-tuple".to_owned()),
        Just("a b\".\"c".to_owned()),
        Just("null".to_owned()),
    ]
}

fn table_name() -> impl Strategy<Value = TableName> {
    (name(), name()).prop_map(|(schema, name)| TableName { schema, name })
}

/// Texts with everything that has a meaning in the format.
fn nasty() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>().prop_map(|text| text.replace('\0', "")),
        "[ '\"\\[\\]:,a\n\\\\-]{0,20}",
        Just("' new-tuple: a[integer]:1".to_owned()),
        Just("' b[text]:'".to_owned()),
        Just("(no-tuple-data)".to_owned()),
        Just("unchanged-toast-datum".to_owned()),
        Just("null".to_owned()),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let quoted = (
        prop_oneof![
            Just("text"),
            Just("character varying"),
            Just("timestamp with time zone"),
            Just("text[]"),
            Just("bit varying[]"),
            Just("\"char\""),
            Just("public.\"we]ird [t\"\"ype\""),
            Just("public.\"a:'b\"[]"),
        ],
        nasty(),
    );
    let bare = (
        prop_oneof![Just("integer"), Just("numeric"), Just("double precision")],
        prop_oneof!["-?[0-9]{1,20}", "-?[0-9]+\\.[0-9]+", Just("NaN".to_owned()), Just("-Infinity".to_owned())],
    );
    let bits = (prop_oneof![Just("bit"), Just("bit varying")], "[01]{0,9}");
    let boolean = (Just("boolean"), prop_oneof![Just("true".to_owned()), Just("false".to_owned())]);
    let typed = prop_oneof![4 => quoted, 1 => bare, 1 => bits, 1 => boolean];
    let data = prop_oneof![8 => Just(0_u8), 1 => Just(1), 1 => Just(2)];
    (name(), typed, data).prop_map(|(column, (type_name, text), data)| {
        let data = match data {
            0 => Datum::Text(text),
            1 => Datum::Null,
            _ => Datum::UnchangedToast,
        };
        Value { column, type_name: type_name.to_owned(), data }
    })
}

/// Generates changes.
pub fn change() -> impl Strategy<Value = Change> {
    let row = || prop::collection::vec(value(), 0..5);
    prop_oneof![
        3 => (table_name(), row()).prop_map(|(table, new)| Change::Insert { table, new }),
        3 => (table_name(), row(), row()).prop_map(|(table, old_key, new)| Change::Update { table, old_key, new }),
        2 => (table_name(), row()).prop_map(|(table, key)| Change::Delete { table, key }),
        1 => prop::collection::vec(table_name(), 1..4).prop_map(|tables| Change::Truncate { tables }),
    ]
}
