//! What happens to values on their way, in the load and in changes.

use crate::apply::Convert;
use crate::catalog;
use crate::model::TableName;
use crate::settings::LobMode;
use crate::tests::server::{Pair, value};
use crate::types::{Conversion, Rules};

/// The load and the changes must do the same to a value: one is done by the server, the other here.
#[tokio::test]
async fn a_changed_value_is_converted_as_a_loaded_one() {
    let pair = Pair::new(
        "CREATE DOMAIN amount AS numeric; CREATE TABLE t (id int PRIMARY KEY, n numeric, v varchar, d amount, \
         z timetz, ts timestamp, tz timestamptz, day date, o oid)",
    )
    .await;
    let cases: &[(&str, &[&str])] = &[
        ("n", &["0.611111104488373", "-0.6111115", "9.9999999", "-999.9999995", "12", "1.5", "NaN", "0.0000004"]),
        ("v", &["short", "ü", "", &"ä".repeat(4001), &"x".repeat(9000)]),
        ("d", &["0.611111104488373"]),
        ("z", &["10:11:12.5+02"]),
        ("ts", &["infinity", "-infinity", "2024-03-31 02:30:00.123456"]),
        ("tz", &["infinity", "2024-10-27 01:30:00+00"]),
        ("day", &["infinity", "2024-02-29"]),
    ];
    let table = catalog::read_table(&pair.on_source, &TableName::new("public", "t")).await.unwrap().unwrap();
    let rules = Rules { lobs: LobMode::Limited(32), exact_numeric: false, varchar_max: 8000 };
    let conversion = Conversion::new(rules, [&table]);
    pair.source("SET timezone = 'UTC'").await;
    for (name, values) in cases {
        let column = table.column(name).unwrap();
        for text in *values {
            pair.source(&format!("TRUNCATE t; INSERT INTO t (id, {name}) VALUES (1, '{text}')")).await;
            let stored = value(&pair.on_source, &format!("SELECT {name} FROM t")).await;
            let loaded = value(&pair.on_source, &format!("SELECT {} FROM t", rules.expression(column))).await;
            let changed = conversion.convert(&table.name, name, &column.type_name, &stored).unwrap();
            let same = format!("SELECT ('{loaded}'::{0} = '{changed}'::{0})", column.type_name);
            let same = if stored.is_empty() { "true".to_owned() } else { value(&pair.on_source, &same).await };
            assert_eq!(same, "true", "{name}: {stored} is loaded as {loaded} and changed to {changed}");
        }
    }
    let is_cut = |text: &str| rules.expression(table.column("v").unwrap()).len() > text.len();
    assert!(is_cut("v"));
    assert_eq!(conversion.convert(&table.name, "v", "character varying", &"ä".repeat(4001)).unwrap().len(), 8000);
}

#[tokio::test]
async fn user_defined_types_become_character_varying() {
    let pair = Pair::new(
        "CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE DOMAIN amount AS numeric(10,2); \
         CREATE TABLE t (id int PRIMARY KEY, m mood, a amount, ms mood[], n numeric, n2 numeric(10,2), v varchar(20), \
         j jsonb, i interval, u uuid, arr int[], r int4range)",
    )
    .await;
    let table = catalog::read_table(&pair.on_source, &TableName::new("public", "t")).await.unwrap().unwrap();
    let rules = Rules { lobs: LobMode::Limited(32), exact_numeric: false, varchar_max: 8000 };
    let types: Vec<String> = table.columns.iter().map(|column| rules.target_type(column)).collect();
    let wanted = [
        "integer",
        "character varying",
        "character varying",
        "character varying",
        "numeric(28,6)",
        "numeric(10,2)",
        "character varying(20)",
        "jsonb",
        "interval",
        "uuid",
        "integer[]",
        "int4range",
    ];
    assert_eq!(types, wanted);
}
