//! Tests of the slot on a real server.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use tokio_postgres::Client;

use super::server::{connect, database};
use crate::capture::{Batch, CaptureError, Limits, Slot};
use crate::model::{Change, Datum, Lsn, TableName, Value};

struct Source {
    client: Client,
    slot: Slot,
}

impl Source {
    /// Creates a database with a schema and a slot in it.
    async fn new(schema: &str) -> Self {
        let name = database().await;
        let client = connect(&name).await;
        client.batch_execute(schema).await.expect("the schema");
        let slot = Slot::new(format!("slot_{name}"));
        slot.create(&client).await.expect("a slot");
        Self { client, slot }
    }

    async fn run(&self, sql: &str) {
        self.client.batch_execute("RESET search_path").await.expect("a setting");
        self.client.batch_execute(sql).await.expect("the statements");
    }

    async fn read(&self, limits: Limits) -> Batch {
        self.slot.read(&self.client, limits, &|_| true).await.expect("a batch")
    }

    async fn changes(&self) -> Vec<Change> {
        let batch = self.read(Limits::default()).await;
        batch.transactions.into_iter().flat_map(|transaction| transaction.changes).collect()
    }
}

/// Returns columns, types and texts.
fn texts(values: &[Value]) -> Vec<(&str, &str, Option<&str>)> {
    fn parts(value: &Value) -> (&str, &str, Option<&str>) {
        let text = match &value.data {
            Datum::Text(text) => Some(text.as_str()),
            Datum::Null => None,
            Datum::UnchangedToast => panic!("a value that was not sent"),
        };
        (value.column.as_str(), value.type_name.as_str(), text)
    }
    values.iter().map(parts).collect()
}

#[tokio::test]
async fn what_is_not_confirmed_is_read_again_and_what_is_confirmed_is_not() {
    let source = Source::new("CREATE TABLE t (id int PRIMARY KEY)").await;
    for id in 1..=3 {
        source.run(&format!("INSERT INTO t VALUES ({id})")).await;
    }
    let first = source.read(Limits::default()).await;
    assert_eq!(first.transactions.len(), 3);
    assert!(!first.more);
    assert_eq!(source.read(Limits::default()).await, first);
    let second = first.transactions[1].commit_lsn;
    source.slot.advance(&source.client, second).await.expect("the slot advances");
    let rest = source.read(Limits::default()).await;
    assert_eq!(rest.transactions, first.transactions[2..]);
    let state = source.slot.verify(&source.client).await.expect("the slot is fine");
    assert_eq!(state.confirmed, second);
    assert!(state.lag() > 0 && state.retained() >= state.lag());
    // A slot does not move back.
    source.slot.advance(&source.client, first.transactions[0].commit_lsn).await.expect("nothing happens");
    assert_eq!(source.read(Limits::default()).await, rest);
    source.slot.advance(&source.client, first.position().expect("a position")).await.expect("the slot advances");
    assert!(source.read(Limits::default()).await.transactions.is_empty());
}

#[tokio::test]
async fn a_batch_has_a_bound_but_no_transaction_is_divided() {
    let source = Source::new("CREATE TABLE t (id int PRIMARY KEY, v text)").await;
    source.run("INSERT INTO t SELECT n FROM generate_series(1, 500) n").await;
    for id in 501..=520 {
        source.run(&format!("INSERT INTO t VALUES ({id}, repeat('x', 1000))")).await;
    }
    let by_changes = source.read(Limits { changes: 5, bytes: usize::MAX }).await;
    assert!(by_changes.more);
    assert_eq!((by_changes.transactions.len(), by_changes.changes()), (1, 500));
    source.slot.advance(&source.client, by_changes.position().expect("a position")).await.expect("the slot advances");
    let by_bytes = source.read(Limits { changes: 10_000, bytes: 5_000 }).await;
    assert!(by_bytes.more);
    assert_eq!(by_bytes.transactions.len(), 5, "each has a little more than 1,000 bytes");
    // The session is usable although not all rows were read.
    assert_eq!(source.read(Limits::default()).await.transactions.len(), 20);
}

#[tokio::test]
async fn commits_have_their_order_and_time_and_rollbacks_do_not_appear() {
    let source = Source::new("CREATE TABLE t (id int PRIMARY KEY)").await;
    let now = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::int8";
    let before: i64 = source.client.query_one(now, &[]).await.expect("a time").get(0);
    source.run("BEGIN; INSERT INTO t VALUES (1); ROLLBACK; INSERT INTO t VALUES (2); CREATE TABLE empty ()").await;
    let after: i64 = source.client.query_one(now, &[]).await.expect("a time").get(0);
    let batch = source.read(Limits::default()).await;
    let [transaction] = &batch.transactions[..] else { panic!("{batch:?}") };
    assert!((before..=after).contains(&transaction.committed_at), "{before} {transaction:?} {after}");
    assert!(transaction.xid > 0 && transaction.commit_lsn > Lsn(0));
}

#[tokio::test]
async fn values_of_all_kinds_arrive_as_they_are() {
    let source = Source::new(
        "CREATE SCHEMA \"S p\"; CREATE TYPE \"S p\".\"mo]o[d\" AS ENUM ('a''b', '[x]:y'); CREATE DOMAIN d AS bool;
         CREATE TYPE pair AS (a int, b text);
         CREATE TABLE \"S p\".\"T.\"\"x\" (
           \"new-tuple\" int PRIMARY KEY, n numeric, f float8, b bool, bits bit(3), vb varbit, c char(4), v varchar(20),
           t text, a text[], j json, jb jsonb, y bytea, ts timestamptz(3), tz timestamp, i interval,
           u uuid, e \"S p\".\"mo]o[d\",
           ea \"S p\".\"mo]o[d\"[], dd d, p pair, r int4range, ch \"char\", m money, nothing text)",
    )
    .await;
    source
        .run(
            "SET timezone = 'Asia/Kolkata'; SET datestyle = 'German'; SET bytea_output = 'escape';
             INSERT INTO \"S p\".\"T.\"\"x\" VALUES (-1, 'NaN', '-Infinity', false, B'101', B'', 'x', 'it''s',
             E'line\\nbreak \\\\ '' \" [a]:b null (no-tuple-data)', ARRAY['a,b', NULL, '\"'],
             '{\"a\": \"''\"}', '{\"b\":  1}',
             '\\x00ff27', '2026-03-29 02:30:00+01', 'infinity', '1 mon -2 days', '00000000-0000-0000-0000-00000000000a',
             'a''b', ARRAY['[x]:y']::\"S p\".\"mo]o[d\"[], true, (1, 'x'), '[1,5)', 'q', 12.5, NULL)",
        )
        .await;
    let changes = source.changes().await;
    let [Change::Insert { table, new }] = &changes[..] else { panic!("{changes:?}") };
    assert_eq!(*table, TableName::new("S p", "T.\"x"));
    let expected = [
        ("new-tuple", "integer", Some("-1")),
        ("n", "numeric", Some("NaN")),
        ("f", "double precision", Some("-Infinity")),
        ("b", "boolean", Some("false")),
        ("bits", "bit", Some("101")),
        ("vb", "bit varying", Some("")),
        ("c", "character", Some("x   ")),
        ("v", "character varying", Some("it's")),
        ("t", "text", Some("line\nbreak \\ ' \" [a]:b null (no-tuple-data)")),
        ("a", "text[]", Some("{\"a,b\",NULL,\"\\\"\"}")),
        ("j", "json", Some("{\"a\": \"'\"}")),
        ("jb", "jsonb", Some("{\"b\": 1}")),
        ("y", "bytea", Some("\\x00ff27")),
        ("ts", "timestamp with time zone", Some("2026-03-29 01:30:00+00")),
        ("tz", "timestamp without time zone", Some("infinity")),
        ("i", "interval", Some("1 mon -2 days")),
        ("u", "uuid", Some("00000000-0000-0000-0000-00000000000a")),
        ("e", "\"S p\".\"mo]o[d\"", Some("a'b")),
        ("ea", "\"S p\".\"mo]o[d\"[]", Some("{[x]:y}")),
        ("dd", "public.d", Some("t")),
        ("p", "public.pair", Some("(1,x)")),
        ("r", "int4range", Some("[1,5)")),
        ("ch", "\"char\"", Some("q")),
        ("m", "money", Some("$12.50")),
        ("nothing", "text", None),
    ];
    assert_eq!(texts(new), expected);
}

#[tokio::test]
async fn keys_and_large_values_arrive_as_the_replica_identity_says() {
    let source = Source::new(
        "CREATE TABLE keyed (id int PRIMARY KEY, v int, big text);
         ALTER TABLE keyed ALTER big SET STORAGE EXTERNAL;
         CREATE TABLE keyless (id int, v int);
         CREATE TABLE whole (id int, v int); ALTER TABLE whole REPLICA IDENTITY FULL;
         INSERT INTO keyed VALUES (1, 1, repeat('x', 100000)); INSERT INTO keyless VALUES (1, 1);
         INSERT INTO whole VALUES (1, NULL)",
    )
    .await;
    source.slot.advance(&source.client, Lsn(u64::MAX >> 8)).await.expect("the slot skips the first rows");
    source.run("UPDATE keyed SET v = 2; UPDATE keyed SET id = 2; DELETE FROM keyed").await;
    source.run("UPDATE keyless SET v = 2; DELETE FROM keyless; UPDATE whole SET v = 2; DELETE FROM whole").await;
    let changes = source.changes().await;
    let toast = |value: &Value| value.data == Datum::UnchangedToast;
    assert!(matches!(&changes[0], Change::Update { old_key, new, .. } if old_key.is_empty() && toast(&new[2])));
    assert!(matches!(&changes[1], Change::Update { old_key, .. } if texts(old_key) == [("id", "integer", Some("1"))]));
    assert!(matches!(&changes[2], Change::Delete { key, .. } if texts(key) == [("id", "integer", Some("2"))]));
    assert!(matches!(&changes[3], Change::Update { old_key, .. } if old_key.is_empty()));
    assert!(matches!(&changes[4], Change::Delete { key, .. } if key.is_empty()));
    // Old values that are null are left out.
    assert!(matches!(&changes[5], Change::Update { old_key, .. } if texts(old_key) == [("id", "integer", Some("1"))]));
    assert!(matches!(&changes[6], Change::Delete { key, .. } if key.len() == 2));
}

#[tokio::test]
async fn partitions_have_their_own_names_and_truncations_name_several_tables() {
    let source = Source::new(
        "CREATE TABLE p (id int, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
         CREATE TABLE p_2026 PARTITION OF p FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
         CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int REFERENCES a)",
    )
    .await;
    source.run("INSERT INTO p VALUES (1, '2026-05-05'); TRUNCATE a CASCADE").await;
    let changes = source.changes().await;
    let named = |name: &str| TableName::new("public", name);
    assert!(matches!(&changes[0], Change::Insert { table, .. } if *table == named("p_2026")));
    assert_eq!(changes[1], Change::Truncate { tables: vec![named("a"), named("b")] });
}

#[tokio::test]
async fn random_texts_survive_the_way_through_the_server() {
    let source = Source::new("CREATE TABLE \"a b\" (id int PRIMARY KEY, \"x[]: '\" text, y varchar, z text[])").await;
    let mut runner = TestRunner::deterministic();
    let text = || prop_oneof![any::<String>().prop_map(|text| text.replace('\0', "")), "[ '\"\\[\\]:,{}\\\\\n]{0,12}"];
    let mut rows = Vec::new();
    for id in 0..300_i32 {
        let row = (text(), text(), text()).new_tree(&mut runner).expect("texts").current();
        let insert = "INSERT INTO public.\"a b\" VALUES ($1, $2, $3, ARRAY[$4])";
        source.client.execute(insert, &[&id, &row.0, &row.1, &row.2]).await.expect("an insert");
        rows.push(row);
    }
    let changes = source.changes().await;
    assert_eq!(changes.len(), rows.len());
    for ((first, second, third), change) in rows.iter().zip(&changes) {
        let Change::Insert { new, .. } = change else { panic!("{change:?}") };
        let Datum::Text(array) = &new[3].data else { panic!("{change:?}") };
        let element: String =
            source.client.query_one("SELECT ($1::text::text[])[1]", &[array]).await.expect("x").get(0);
        assert_eq!(texts(&new[1..3])[0].2, Some(first.as_str()));
        assert_eq!(texts(&new[1..3])[1].2, Some(second.as_str()));
        assert_eq!(element, *third);
    }
}

#[tokio::test]
async fn a_slot_that_is_missing_or_foreign_or_too_new_is_refused() {
    let source = Source::new("CREATE TABLE t (id int PRIMARY KEY)").await;
    let none = Slot::new("no_such_slot");
    assert!(matches!(none.verify(&source.client).await, Err(CaptureError::Missing { .. })));
    let read = none.read(&source.client, Limits::default(), &|_| true).await;
    assert!(matches!(read, Err(CaptureError::Missing { .. })), "{read:?}");
    none.drop_if_exists(&source.client).await.expect("nothing to drop");
    let elsewhere = connect("postgres").await;
    assert!(matches!(source.slot.verify(&elsewhere).await, Err(CaptureError::Foreign { .. })));
    let old = source.slot.start_at(&source.client, Lsn(1)).await;
    assert!(matches!(old, Err(CaptureError::TooOld { .. })), "{old:?}");
    source.run("INSERT INTO t VALUES (1)").await;
    source.run("INSERT INTO t VALUES (2)").await;
    let first = source.read(Limits::default()).await.transactions[0].commit_lsn;
    source.slot.start_at(&source.client, first).await.expect("a later start is fine");
    assert_eq!(source.read(Limits::default()).await.transactions.len(), 1);
    let again = source.slot.create(&source.client).await.expect_err("the slot exists");
    assert!(!again.is_recoverable(), "{again}");
    source.slot.drop_if_exists(&source.client).await.expect("the slot is dropped");
    assert_eq!(source.slot.state(&source.client).await.expect("a state"), None);
}
