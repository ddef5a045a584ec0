use serde_json::json;

use super::pair::{Setup, table};
use crate::apply::{ApplyError, Event, LobKind};
use crate::capture::tests::server::connect;
use crate::settings::LobMode;

#[test]
fn the_types_of_large_values_are_those_of_the_documentation() {
    for (type_name, kind) in [
        ("text", Some(LobKind::Nclob)),
        ("jsonb", Some(LobKind::Nclob)),
        ("integer[]", Some(LobKind::Nclob)),
        ("public.hstore", Some(LobKind::Nclob)),
        ("bytea", Some(LobKind::Blob)),
        ("xml", Some(LobKind::Clob)),
        ("character varying", None),
        ("uuid", None),
        ("numeric", None),
    ] {
        assert_eq!(LobKind::of(type_name), kind, "{type_name}");
    }
}

#[test]
fn large_values_are_cut_at_their_own_units() {
    // A kilobyte is 512 double-byte characters, or 256 that need four bytes.
    let text = "é".repeat(513);
    assert_eq!(LobKind::Nclob.truncated(&text, 1).map(|text| text.chars().count()), Some(512));
    assert_eq!(LobKind::Nclob.truncated(&text[2..], 1), None);
    assert_eq!(LobKind::Nclob.truncated(&"😀".repeat(300), 1).map(|text| text.chars().count()), Some(256));
    assert_eq!(LobKind::Clob.truncated(&text, 1).map(str::len), Some(1024));
    let mixed = format!("a{text}");
    assert_eq!(LobKind::Clob.truncated(&mixed, 1).map(str::len), Some(1023));
    let bytes = format!("\\x{}", "00".repeat(1024));
    assert_eq!(LobKind::Blob.truncated(&bytes, 1), None);
    assert_eq!(LobKind::Blob.truncated(&format!("{bytes}ff"), 1), Some(bytes.as_str()));
}

const TABLE: &str = "CREATE TABLE t (id int PRIMARY KEY, v varchar, t text, y bytea);
                     ALTER TABLE t ALTER t SET STORAGE EXTERNAL";
const LARGE: &str =
    "INSERT INTO t VALUES (1, repeat('v', 100000), repeat('t', 100000), decode(repeat('ab', 100000), 'hex'));
                     INSERT INTO t VALUES (2, 'v', 't', 'y')";
const SIZES: &str = "SELECT id, length(v), length(t), length(y) FROM t ORDER BY id";

#[tokio::test]
async fn limited_mode_truncates_and_warns() {
    let mut pair = Setup { both: TABLE, tables: &["t(id)"], ..Setup::default() }.build().await;
    pair.replicate(LARGE).await;
    assert_eq!(pair.rows(SIZES).await, ["(1,100000,16384,32768)", "(2,1,1,1)"]);
    assert!(pair.exceptions().await.is_empty());
    assert_eq!(pair.counters("t").truncated_lobs, 2);
    let warning = |column: &str| Event::LobTruncated { table: table("t"), column: column.to_owned() };
    assert_eq!(pair.events(), [warning("t"), warning("y")]);
    // A large value that does not change is not part of the change.
    pair.replicate("UPDATE t SET v = 'new' WHERE id = 1").await;
    assert_eq!(pair.rows(SIZES).await[0], "(1,3,16384,32768)");
    assert_eq!(pair.counters("t").truncated_lobs, 3, "the stored form of the bytes is small, so it is sent again");
}

#[tokio::test]
async fn a_truncated_document_is_bad_data() {
    let both = "CREATE TABLE t (id int PRIMARY KEY, j jsonb)";
    let mut pair = Setup { both, tables: &["t(id)"], ..Setup::default() }.build().await;
    pair.replicate("INSERT INTO t VALUES (1, to_jsonb(repeat('x', 40000)))").await;
    assert!(pair.rows("SELECT id FROM t").await.is_empty());
    assert!(pair.exceptions().await[0].2.contains("22P02"));
}

#[tokio::test]
async fn full_mode_looks_large_values_up_on_the_source() {
    let setup = Setup { both: TABLE, tables: &["t(id)"], lobs: LobMode::Full { inline: 0 }, ..Setup::default() };
    let mut pair = setup.build().await;
    pair.applier = pair.applier.with_lob_source(connect(&pair.names[0]).await);
    pair.run(LARGE).await;
    // The look-up finds the value of now, not the one of the change.
    pair.replicate("UPDATE t SET t = 'later' WHERE id = 2").await;
    assert_eq!(pair.rows(SIZES).await, ["(1,100000,100000,100000)", "(2,1,5,1)"]);
    pair.run("INSERT INTO t VALUES (3, 'v', 't', 'y')").await;
    pair.replicate("DELETE FROM t WHERE id = 3").await;
    assert_eq!(pair.rows(SIZES).await.len(), 2);
    assert!(pair.exceptions().await.is_empty());
}

#[tokio::test]
async fn full_mode_needs_nullable_columns_and_a_key() {
    let both = "CREATE TABLE n (id int PRIMARY KEY, t text NOT NULL); CREATE TABLE k (id int, t text)";
    let setup = Setup { both, tables: &["n(id)", "k()"], lobs: LobMode::Full { inline: 0 }, ..Setup::default() };
    let mut pair = setup.build().await;
    pair.applier = pair.applier.with_lob_source(connect(&pair.names[0]).await);
    pair.replicate("INSERT INTO n VALUES (1, 'x'); INSERT INTO k VALUES (1, 'x')").await;
    assert!(pair.rows("SELECT * FROM n").await.is_empty());
    assert!(pair.exceptions().await[0].2.contains("23502"));
    assert_eq!(pair.rows("SELECT * FROM k").await, ["(1,)"]);
}

#[tokio::test]
async fn without_support_or_with_update_record_there_are_no_large_values() {
    let update_record = json!({ "ApplyErrorUpdatePolicy": "UPDATE_RECORD" });
    for (lobs, errors) in [(LobMode::None, json!({})), (LobMode::Limited(32), update_record)] {
        let mut pair = Setup { both: TABLE, tables: &["t(id)"], lobs, errors, ..Setup::default() }.build().await;
        pair.replicate(LARGE).await;
        assert_eq!(pair.rows(SIZES).await, ["(1,100000,,)", "(2,1,,)"]);
    }
}

#[tokio::test]
async fn a_text_is_no_usable_key() {
    let both = "CREATE TABLE t (id text PRIMARY KEY, v int)";
    let mut pair = Setup { both, tables: &["t(id)"], ..Setup::default() }.build().await;
    pair.replicate("INSERT INTO t VALUES ('a', 1), ('b', 2)").await;
    pair.replicate("UPDATE t SET v = 9; DELETE FROM t WHERE id = 'b'").await;
    assert_eq!(pair.rows("SELECT * FROM t ORDER BY id").await, ["(a,1)", "(b,2)"]);
    assert_eq!(pair.counters("t").ignored, 3);
}

#[tokio::test]
async fn the_endpoint_can_refuse_truncation() {
    let mut pair = Setup { both: TABLE, tables: &["t(id)"], ..Setup::default() }.build().await;
    pair.applier.options.fail_on_lob_truncation = true;
    pair.run(LARGE).await;
    let error = pair.pump().await.expect_err("the task stops");
    assert!(matches!(&error, ApplyError::LobTruncated { column, .. } if column == "t"), "{error}");
    assert!(pair.rows(SIZES).await.is_empty());
}
