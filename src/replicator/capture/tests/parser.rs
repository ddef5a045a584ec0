use proptest::prelude::*;

use super::printer;
use crate::capture::{Message, parse};
use crate::model::{Change, Datum, TableName, Value};

fn value(column: &str, type_name: &str, text: &str) -> Value {
    Value { column: column.to_owned(), type_name: type_name.to_owned(), data: Datum::Text(text.to_owned()) }
}

#[test]
fn the_frame_of_a_transaction_is_understood() {
    assert_eq!(parse("BEGIN 735"), Ok(Message::Begin { xid: 735 }));
    let at = 1_767_323_045_123_456;
    assert_eq!(parse("COMMIT 735 (at 2026-01-02 03:04:05.123456+00)"), Ok(Message::Commit { xid: 735, at }));
    // Other sessions have other zones.
    assert_eq!(parse("COMMIT 7 (at 2026-01-02 08:34:05.123456+05:30)"), Ok(Message::Commit { xid: 7, at }));
    assert_eq!(parse("message: transactional: 1 prefix: p, sz: 3 content:BEGIN"), Ok(Message::Emitted));
}

#[test]
fn the_examples_of_the_documentation_are_understood() {
    let line = "table public.data: INSERT: id[integer]:1 data[text]:'1'";
    let table = TableName::new("public", "data");
    let new = vec![value("id", "integer", "1"), value("data", "text", "1")];
    assert_eq!(parse(line), Ok(Message::Change(Change::Insert { table: table.clone(), new })));
    let line =
        "table public.data: UPDATE: old-key: id[integer]:1 new-tuple: id[integer]:2 big[text]:unchanged-toast-datum";
    let toast = Value { column: "big".to_owned(), type_name: "text".to_owned(), data: Datum::UnchangedToast };
    let (old_key, new) = (vec![value("id", "integer", "1")], vec![value("id", "integer", "2"), toast]);
    assert_eq!(parse(line), Ok(Message::Change(Change::Update { table: table.clone(), old_key, new })));
    let line = "table public.data: DELETE: (no-tuple-data)";
    assert_eq!(parse(line), Ok(Message::Change(Change::Delete { table, key: Vec::new() })));
}

#[test]
fn the_flags_of_a_truncation_are_understood() {
    let tables = vec![TableName::new("public", "a"), TableName::new("s p", "b.\"c")];
    for flags in ["(no-flags)", "restart_seqs", "cascade", "restart_seqs cascade"] {
        let line = format!("table public.a, \"s p\".\"b.\"\"c\": TRUNCATE: {flags}");
        assert_eq!(parse(&line), Ok(Message::Change(Change::Truncate { tables: tables.clone() })), "{flags}");
    }
}

#[test]
fn what_the_plugin_does_not_write_is_an_error_without_values() {
    for line in [
        "",
        "BEGIN",
        "BEGIN x",
        "COMMIT 7",
        "COMMIT 7 (at noon)",
        "table a",
        "table a.b: INSERT: secret[text]:'open",
        "table a.b: INSERT: secret[text:'secret'",
        "table a.b: INSERT: secret[text]:",
        "table a.b, a.c: INSERT: secret[text]:'secret'",
        "table a.b: UPDATE: old-key: secret[text]:'secret'",
        "table a.b: DELETE: secret[text]:'secret'x",
        "opening a streamed block for transaction",
    ] {
        let error = parse(line).expect_err(line);
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

proptest! {
    #[test]
    fn what_the_plugin_prints_is_read_back(change in printer::change()) {
        prop_assert_eq!(parse(&printer::print(&change)), Ok(Message::Change(change)));
    }

    #[test]
    fn no_text_makes_the_parser_fail(line in "(table |BEGIN |COMMIT )?.{0,40}") {
        // The result does not matter; that there is one does.
        let _ = parse(&line);
    }
}
