//! Random writes: where DMS is faithful, both sides are equal at the end.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::pair::Setup;
use crate::settings::LobMode;

const TABLES: &str = "
    CREATE TABLE a (id int PRIMARY KEY, v int, big text, y bytea); ALTER TABLE a ALTER big SET STORAGE EXTERNAL;
    CREATE TABLE \"B b\" (k int, l text COLLATE \"C\", v varchar(50), PRIMARY KEY (k)) PARTITION BY HASH (k);
    CREATE TABLE b0 PARTITION OF \"B b\" FOR VALUES WITH (MODULUS 2, REMAINDER 0);
    CREATE TABLE b1 PARTITION OF \"B b\" FOR VALUES WITH (MODULUS 2, REMAINDER 1);
    CREATE TABLE c (id int, v int); ALTER TABLE c REPLICA IDENTITY FULL";

fn statement() -> impl Strategy<Value = String> {
    let id = || 0..12_u8;
    let text = "[a-z'\"\\\\ \n]{0,8}".prop_map(|text| format!("'{}'", text.replace('\'', "''")));
    prop_oneof![
        3 => (id(), any::<i16>(), 0..6000_u16).prop_map(|(id, v, length)| format!(
            "INSERT INTO a VALUES ({id}, {v}, repeat('x', {length}), '\\x{v:08x}') ON CONFLICT DO NOTHING"
        )),
        2 => (id(), any::<i16>()).prop_map(|(id, v)| format!("UPDATE a SET v = {v} WHERE id = {id}")),
        1 => id().prop_map(|id| format!("UPDATE a SET big = NULL WHERE id = {id}")),
        2 => id().prop_map(|id| format!("DELETE FROM a WHERE id = {id}")),
        3 => (id(), text).prop_map(|(id, text)| format!(
            "INSERT INTO \"B b\" VALUES ({id}, {text}, {text}) ON CONFLICT (k) DO UPDATE SET v = {text}, l = NULL"
        )),
        1 => id().prop_map(|id| format!("DELETE FROM \"B b\" WHERE k = {id}")),
        // Equal rows without a key are all affected, so these are unique.
        1 => (id(), any::<i16>()).prop_map(|(id, v)| format!(
            "INSERT INTO c SELECT {id}, {v} WHERE NOT EXISTS (SELECT FROM c WHERE id = {id})"
        )),
        1 => (id(), any::<i16>()).prop_map(|(id, v)| format!("UPDATE c SET v = {v} WHERE id = {id}")),
        1 => id().prop_map(|id| format!("DELETE FROM c WHERE id = {id}")),
    ]
}

#[tokio::test]
async fn both_sides_are_equal_after_random_writes() {
    for (batch, split_size) in [(false, 0), (true, 0), (true, 7)] {
        let tables = &["a(id)", "b0(k)", "b1(k)", "c()"];
        let lobs = LobMode::Limited(32);
        let mut pair = Setup { both: TABLES, tables, batch, split_size, lobs, ..Setup::default() }.build().await;
        let mut runner = TestRunner::deterministic();
        let transactions = prop::collection::vec(prop::collection::vec(statement(), 1..6), 1..20);
        for _ in 0..5 {
            for statements in transactions.new_tree(&mut runner).expect("statements").current() {
                pair.run(&format!("BEGIN; {}; COMMIT", statements.join("; "))).await;
            }
            pair.pump().await.expect("the changes are applied");
        }
        assert!(pair.exceptions().await.is_empty(), "{:?}", pair.exceptions().await);
        pair.source.batch_execute("RESET ALL").await.expect("the settings");
        for table in ["a", "\"B b\"", "c"] {
            let rows = format!("SELECT coalesce(string_agg(t::text, '|' ORDER BY t::text), '') FROM {table} t");
            let (source, target) = (pair.source.query_one(&rows, &[]), pair.target.query_one(&rows, &[]));
            let (source, target) = futures::join!(source, target);
            let [source, target] = [source, target].map(|row| row.expect("a row").get::<_, String>(0));
            assert!(source.len() > 20, "the writes left something in {table}: {source}");
            assert_eq!(source, target, "{table}, batch: {batch}, split: {split_size}");
        }
        assert!(pair.suspended().is_empty() && pair.read().await.is_empty());
        let total = pair.applier.counters().total();
        assert_eq!(total.inserts + total.updates + total.deletes, pair.applier.applied().changes);
    }
}

#[tokio::test]
async fn many_small_transactions_are_applied_in_bounded_batches() {
    let both = "CREATE TABLE t (id int PRIMARY KEY, v text)";
    let mut pair = Setup { both, tables: &["t(id)"], ..Setup::default() }.build().await;
    pair.run("DO $$ BEGIN FOR n IN 1..7000 LOOP INSERT INTO t VALUES (n, 'v'); COMMIT; END LOOP; END $$").await;
    let mut reads = 0;
    while !pair.read().await.is_empty() {
        pair.pump().await.expect("the changes are applied");
        reads += 1;
    }
    // A transaction has three lines, and a read has at most 10,000 of them.
    assert_eq!(reads, 3);
    assert_eq!(pair.rows("SELECT count(*), min(id), max(id) FROM t").await, ["(7000,1,7000)"]);
    assert_eq!(pair.applier.applied().transactions, 7_000);
}
