//! The expression that is hashed for a column. Values that mean the same have the same hash on every server.

use super::catalog::Column;
use super::sql::quoted;

/// Types with short values, whose text is the same on every server.
const SHORT: &[&str] = &[
    "int2",
    "int4",
    "int8",
    "oid",
    "bool",
    "date",
    "time",
    "timetz",
    "timestamp",
    "timestamptz",
    "interval",
    "uuid",
    "numeric",
    "money",
    "inet",
    "cidr",
    "macaddr",
    "macaddr8",
    "char",
    "name",
    "pg_lsn",
    "xid",
    "xid8",
    "tid",
];

/// Types whose text contains floating-point numbers.
const GEOMETRIC: &[&str] = &["point", "lseg", "box", "path", "polygon", "line", "circle"];

/// The number of bytes from which a text is hashed on its own. The text of a row is limited to 1 GB, with all its
/// values, which are longer there ("Appendix K. PostgreSQL Limits", PostgreSQL documentation).
const LONG: u32 = 100_000;

/// Returns the expression for a column that both sides have.
pub(super) fn value(source: &Column, target: &Column, encodings: Encodings) -> String {
    let name = quoted(&source.name);
    let kinds = (source.base.as_deref(), target.base.as_deref());
    let both =
        |list: &[&str]| matches!(kinds, (Some(one), Some(other)) if list.contains(&one) && list.contains(&other));
    match kinds {
        (Some("float8"), Some("float8")) => bytes_of_float(&name, "float8"),
        (Some("float4"), Some("float4")) => bytes_of_float(&name, "float4"),
        (Some("_float8"), Some("_float8")) => bytes_of_floats(&name, "float8"),
        (Some("_float4"), Some("_float4")) => bytes_of_floats(&name, "float4"),
        (Some("bytea"), Some("bytea")) => {
            format!("CASE WHEN octet_length({name}) > {LONG} THEN md5({name}) ELSE {name}::text END")
        }
        _ if both(SHORT) => name,
        // The zero of a negative number means zero.
        _ if both(GEOMETRIC) && kinds.0 == kinds.1 => {
            format!("regexp_replace({name}::text, '([[({{<,])-0(?=[])}}>,])', '\\10', 'g')")
        }
        _ if both(&["text", "varchar"]) && encodings == Encodings::Same => {
            format!("CASE WHEN octet_length({name}) > {LONG} THEN md5({name}::text) ELSE {name} END")
        }
        _ if encodings == Encodings::ThisToUtf8 => format!("md5(convert_to({name}::text, 'UTF8'))"),
        _ => format!("md5({name}::text)"),
    }
}

/// The encodings of the two databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encodings {
    /// They are the same.
    Same,
    /// They differ, and this one is UTF-8.
    ThisIsUtf8,
    /// They differ, and texts of this one are converted to UTF-8.
    ThisToUtf8,
}

/// The bytes of a floating-point number, because its text has other digits before PostgreSQL 12. There is one NaN, and
/// one zero: the sign of a NaN depends on the processor, and a copy by text loses it.
fn bytes_of_float(value: &str, kind: &str) -> String {
    format!("{kind}send(CASE WHEN {value} = 'NaN' THEN 'NaN' WHEN {value} = 0 THEN 0 ELSE {value} END)")
}

fn bytes_of_floats(array: &str, kind: &str) -> String {
    let each = bytes_of_float("item.value", kind);
    format!(
        "CASE WHEN {array} IS NOT NULL THEN md5(coalesce(array_dims({array}), '') || ' ' || coalesce((SELECT \
         string_agg(coalesce(encode({each}, 'hex'), 'NULL'), ',' ORDER BY item.at) \
         FROM unnest({array}) WITH ORDINALITY AS item(value, at)), '')) END"
    )
}
