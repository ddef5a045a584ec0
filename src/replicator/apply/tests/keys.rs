//! Keys, columns and tables.

use super::pair::{Setup, table};
use crate::apply::{Event, Route, TargetCatalog};
use crate::model::Lsn;

#[tokio::test]
async fn updates_and_deletes_without_a_key_are_ignored() {
    let both = "CREATE TABLE t (id int, v int); INSERT INTO t VALUES (1, 1), (2, 2)";
    let mut pair = Setup { both, tables: &["t()"], ..Setup::default() }.build().await;
    pair.replicate("UPDATE t SET v = 9; DELETE FROM t WHERE id = 2; INSERT INTO t VALUES (3, 3)").await;
    assert_eq!(pair.rows("SELECT * FROM t ORDER BY id").await, ["(1,1)", "(2,2)", "(3,3)"]);
    assert!(pair.exceptions().await.is_empty());
    let counters = pair.counters("t");
    assert_eq!((counters.updates, counters.deletes, counters.ignored, counters.applied_inserts), (2, 1, 3, 1));
    assert_eq!(pair.events(), [Event::NoKey { table: table("t") }]);
}

#[tokio::test]
async fn a_full_replica_identity_finds_rows_by_all_columns() {
    let both = "CREATE TABLE t (id int, v int, j json); ALTER TABLE t REPLICA IDENTITY FULL;
                INSERT INTO t VALUES (1, NULL, '{}'), (1, 5, '{}'), (2, 2, NULL)";
    let mut pair = Setup { both, tables: &["t()"], ..Setup::default() }.build().await;
    pair.replicate("UPDATE t SET v = 9 WHERE v IS NULL; DELETE FROM t WHERE id = 2").await;
    assert_eq!(pair.rows("SELECT id, v FROM t ORDER BY v").await, ["(1,5)", "(1,9)"]);
}

#[tokio::test]
async fn an_update_of_the_key_is_ignored_without_an_exception() {
    let both = "CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 1)";
    let mut pair = Setup { both, tables: &["t(id)"], ..Setup::default() }.build().await;
    pair.replicate("UPDATE t SET id = 2, v = 2").await;
    assert_eq!(pair.rows("SELECT * FROM t").await, ["(1,1)"]);
    assert!(pair.exceptions().await.is_empty());
    assert_eq!((pair.counters("t").ignored, pair.counters("t").applied_updates), (1, 0));
}

#[tokio::test]
async fn composite_keys_and_quoted_names_work() {
    let both = "CREATE SCHEMA \"S p\"; CREATE TABLE \"S p\".\"T\"\"x\" (\"a b\" int, \"select\" uuid, v text[],
                PRIMARY KEY (\"a b\", \"select\"))";
    let mut pair = Setup { both, ..Setup::default() }.build().await;
    let name = crate::model::TableName::new("S p", "T\"x");
    let catalog = TargetCatalog::read(&pair.target, vec![Route::same(name, &["a b", "select"])]).await;
    pair.applier.set_catalog(catalog.expect("a catalog"));
    let id = "00000000-0000-0000-0000-00000000000a";
    pair.replicate(&format!(
        "INSERT INTO \"S p\".\"T\"\"x\" VALUES (1, '{id}', '{{a}}'), (2, '{id}', NULL);
         UPDATE \"S p\".\"T\"\"x\" SET v = '{{\"it''s, \\\"q\\\"\"}}' WHERE \"a b\" = 1;
         DELETE FROM \"S p\".\"T\"\"x\" WHERE \"a b\" = 2"
    ))
    .await;
    let rows = pair.rows("SELECT \"a b\", v[1] AS v FROM \"S p\".\"T\"\"x\"").await;
    assert_eq!(rows, ["(1,\"it's, \"\"q\"\"\")"]);
}

#[tokio::test]
async fn values_of_all_types_arrive_unchanged() {
    let both = "CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN positive AS int CHECK (VALUE > 0);
                CREATE TABLE t (id bigint PRIMARY KEY, n numeric, f float8, r real, b bool, bits bit(3), vb varbit,
                  c char(4), v varchar(20), t text, a int[], j json, jb jsonb, y bytea, ts timestamptz, tz timestamp,
                  d date, tm time, i interval, u uuid, e mood, ea mood[], p positive, net inet, rg int4range)";
    let mut pair = Setup { both, tables: &["t(id)"], ..Setup::default() }.build().await;
    let insert = "SET timezone = 'America/New_York'; SET datestyle = 'SQL, DMY'; SET intervalstyle = 'iso_8601';
         INSERT INTO t VALUES (9007199254740993, 'NaN', 'Infinity', 0.1, true, B'101', B'1', 'x', 'it''s',
           E'a\\nb\\\\c',
           '{{1,2},{3,NULL}}', '{\"a\":  1}', '{\"b\":  [1, null]}', '\\x00ff', '2026-11-01 01:30:00-05',
           '2026-03-08 02:30:00.123456', '0044-03-15 BC', '24:00', '-1 year 2 days', gen_random_uuid(), 'ok',
           '{sad,ok}', 5, '10.0.0.1/8', '(1,5]')";
    pair.replicate(insert).await;
    pair.replicate("INSERT INTO t (id) VALUES (2); UPDATE t SET f = 1e-300, i = '1 mon' WHERE id = 2").await;
    assert!(pair.exceptions().await.is_empty(), "{:?}", pair.exceptions().await);
    let all = "SELECT md5(string_agg(t::text, '|' ORDER BY id)) FROM public.t";
    pair.source.batch_execute("RESET ALL").await.expect("the settings");
    let [source, target] = [&pair.source, &pair.target].map(|client| client.query_one(all, &[]));
    let (source, target) = futures::join!(source, target);
    let [source, target] = [source, target].map(|row| row.expect("a row").get::<_, String>(0));
    assert_eq!(source, target);
}

#[tokio::test]
async fn a_column_can_have_another_name_or_be_left_out() {
    let source = "CREATE TABLE t (id int PRIMARY KEY, old int, secret text)";
    let target = "CREATE SCHEMA other; CREATE TABLE other.u (key int PRIMARY KEY, new int)";
    let mut pair = Setup { source, target, ..Setup::default() }.build().await;
    let mut route = Route::same(table("t"), &["id"]);
    route.target = crate::model::TableName::new("other", "u");
    let names = [("id", Some("key")), ("old", Some("new")), ("secret", None)];
    route.columns = names.iter().map(|(from, to)| ((*from).to_owned(), to.map(str::to_owned))).collect();
    pair.applier.set_catalog(TargetCatalog::read(&pair.target, vec![route]).await.expect("a catalog"));
    pair.replicate(
        "INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y'); UPDATE t SET old = 5 WHERE id = 1; DELETE FROM t WHERE id = 2",
    )
    .await;
    assert_eq!(pair.rows("SELECT * FROM other.u").await, ["(1,5)"]);
}

#[tokio::test]
async fn changes_of_a_partition_go_to_the_partition_and_those_before_the_load_nowhere() {
    let both = "CREATE TABLE p (id int, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
                CREATE TABLE p1 PARTITION OF p FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
                CREATE TABLE p2 PARTITION OF p FOR VALUES FROM ('2027-01-01') TO ('2028-01-01')";
    // The second partition is not selected. Its parent is, but no change has the name of the parent.
    let mut pair = Setup { both, tables: &["p(id,day)", "p1(id,day)"], ..Setup::default() }.build().await;
    pair.replicate("INSERT INTO p VALUES (1, '2026-05-05'), (2, '2027-05-05'), (3, '2026-06-06')").await;
    pair.replicate("UPDATE p SET day = '2027-06-06' WHERE id = 3").await;
    assert_eq!(pair.rows("SELECT id FROM p").await, ["(1)"]);
    let mut routes = pair.routes();
    for route in &mut routes {
        route.after = Lsn(u64::MAX);
    }
    pair.applier.set_catalog(TargetCatalog::read(&pair.target, routes).await.expect("a catalog"));
    pair.replicate("INSERT INTO p VALUES (4, '2026-07-07')").await;
    assert_eq!(pair.rows("SELECT id FROM p").await, ["(1)"]);
}

#[tokio::test]
async fn generated_columns_are_refused_by_the_target() {
    let both = "CREATE TABLE t (id int PRIMARY KEY, v int, double int GENERATED ALWAYS AS (v * 2) STORED)";
    let mut pair = Setup { both, tables: &["t(id)"], ..Setup::default() }.build().await;
    pair.replicate("INSERT INTO t VALUES (1, 1)").await;
    assert_eq!(pair.suspended(), ["t"]);
}
