//! What a full load makes of tables.

use serde_json::{Value, json};

use super::server::{Pair, value};
use super::world::{definition, run};
use crate::report::TableState;
use crate::{MigrationType, StopReason};

fn full_load(pair: &Pair, settings: &Value) -> crate::TaskDefinition {
    definition(pair, MigrationType::FullLoad, settings)
}

const CHECKSUM: &str = "SELECT coalesce(md5(string_agg(t::text, '|' ORDER BY id)), '') FROM t";

async fn equal(pair: &Pair, query: &str) -> bool {
    for client in [&pair.on_source, &pair.on_target] {
        client.batch_execute("SET timezone = 'UTC'; SET extra_float_digits = 1").await.unwrap();
    }
    value(&pair.on_source, query).await == value(&pair.on_target, query).await
}

#[tokio::test]
async fn faithful_types_arrive_unchanged_in_bare_tables() {
    let pair = Pair::new(
        "CREATE TABLE parent (id int PRIMARY KEY);
         CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a smallint NOT NULL DEFAULT 7,
             b numeric(12,2),
             c timestamptz DEFAULT now(), d timestamp, e date, f uuid, g boolean, h text, i bytea, j jsonb, k int[],
             l double precision, m real, n interval, o varchar(20) UNIQUE, p char(5), q time, r inet,
             s int GENERATED ALWAYS AS (a * 2) STORED, t_id int REFERENCES parent, CHECK (a > 0));
         CREATE INDEX ON t (a); CREATE SEQUENCE s;
         INSERT INTO t (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r)
         SELECT n, n / 7.0, '2024-10-27 01:30:00+02'::timestamptz + n * interval '1 minute', '2024-03-31 02:30',
             '2024-02-29', gen_random_uuid(), n % 2 = 0, E'tab\\t, newline\\n, backslash \\\\ ä€😀', '\\x00ff5c',
             jsonb_build_object('n', n), ARRAY[n, NULL], n / 3.0, 'NaN', '1 mon 2 days 03:04:05', 'o' || n,
             'ab', '10:11:12.5',
             '10.0.0.1/24' FROM generate_series(1, 100) n;
         INSERT INTO t (a) VALUES (1);",
    )
    .await;
    let (ended, end) = run(full_load(&pair, &json!({}))).await;
    assert_eq!(end.reason, StopReason::FullLoadOnlyFinished, "{end:?}");
    assert!(equal(&pair, CHECKSUM).await, "{:?}", ended.table("t"));
    let table = ended.table("t");
    assert_eq!((table.state, table.full_load_rows), (TableState::Completed, 101));
    assert!(table.load_started.is_some() && table.load_ended.is_some());

    let on_target = async |query: &str| value(&pair.on_target, query).await;
    assert_eq!(on_target("SELECT count(*) FROM pg_attrdef").await, "0", "no defaults and no generated columns");
    assert_eq!(
        on_target(
            "SELECT string_agg(contype::text, '' ORDER BY contype) FROM pg_constraint WHERE contype <> 'n' \
        AND connamespace = 'public'::regnamespace"
        )
        .await,
        "pp"
    );
    assert_eq!(on_target("SELECT count(*) FROM pg_indexes WHERE tablename = 't'").await, "1");
    assert_eq!(on_target("SELECT count(*) FROM pg_class WHERE relkind = 'S'").await, "0");
    assert_eq!(
        on_target("SELECT count(*) FROM pg_attribute WHERE attidentity <> '' AND attrelid = 't'::regclass").await,
        "0"
    );
    assert_eq!(
        on_target("SELECT attnotnull FROM pg_attribute WHERE attrelid = 't'::regclass AND attname = 'a'").await,
        "true"
    );
    assert_eq!(on_target("SELECT count(*) FROM awsdms_apply_exceptions").await, "0");
}

#[tokio::test]
async fn what_is_not_faithful_differs() {
    let pair = Pair::new(
        "CREATE TABLE t (id int PRIMARY KEY, n numeric, ts timestamptz, big text, o oid);
         INSERT INTO t VALUES (1, 0.611111104488373, 'infinity', repeat('x', 40000), 99)",
    )
    .await;
    let (ended, _) = run(full_load(&pair, &json!({}))).await;
    let on_target = async |query: &str| value(&pair.on_target, query).await;
    assert_eq!(on_target("SELECT n FROM t").await, "0.611111");
    assert_eq!(on_target("SELECT ts AT TIME ZONE 'UTC' FROM t").await, "9999-12-31 23:59:59");
    assert_eq!(on_target("SELECT o FROM t").await, "(null)");
    assert_eq!(on_target("SELECT length(big) FROM t").await, "16384", "a character of an NCLOB has two bytes");
    assert!(ended.recorder.has_line("1 values of the column \"big\""));
}

#[tokio::test]
async fn lobs_are_truncated_to_the_limit_exactly() {
    let pair = Pair::new(
        "CREATE TABLE t (id int PRIMARY KEY, b bytea, c text, x xml);
         INSERT INTO t VALUES (1, decode(repeat('ab', 8192), 'hex'), repeat('é', 4096),
             ('<a>' || repeat('b', 8185) || '</a>')::xml),
         (2, decode(repeat('ab', 8193), 'hex'), repeat('é', 4097), NULL), (3, NULL, repeat('😀', 2049) || 'a', NULL),
         (4, '', repeat('a', 4095) || '😀', NULL)",
    )
    .await;
    let (_, end) = run(full_load(&pair, &json!({"TargetMetadata": {"LobMaxSize": 8}}))).await;
    assert_eq!(end.reason, StopReason::FullLoadOnlyFinished);
    let of = async |query: &str| value(&pair.on_target, query).await;
    assert_eq!(of("SELECT string_agg(length(b)::text, ',' ORDER BY id) FROM t").await, "8192,8192,0");
    assert_eq!(of("SELECT string_agg(length(c)::text, ',' ORDER BY id) FROM t").await, "4096,4096,2048,4095");
    assert_eq!(of("SELECT length(x::text) FROM t WHERE id = 1").await, "8192");
}

#[tokio::test]
async fn a_truncated_document_makes_its_table_fail_and_others_continue() {
    let pair = Pair::new(
        "CREATE TABLE bad (id int PRIMARY KEY, j jsonb); CREATE TABLE good (id int PRIMARY KEY);
         INSERT INTO bad SELECT n, jsonb_build_object('t', repeat('x', CASE n WHEN 2500 THEN 30000 ELSE 1 END))
         FROM generate_series(1, 3000) n; INSERT INTO good VALUES (1)",
    )
    .await;
    let (ended, end) = run(full_load(&pair, &json!({"FullLoadSettings": {"CommitRate": 1000}}))).await;
    assert_eq!(end.reason, StopReason::FullLoadOnlyFinished);
    let bad = ended.table("bad");
    assert_eq!(bad.state, TableState::Error);
    assert_eq!(bad.full_load_rows, 2000, "the parts before the error are committed");
    assert!(bad.error.unwrap().contains("invalid input syntax for type json"));
    assert_eq!(ended.table("good").state, TableState::Completed);
    let settings = json!({"ErrorBehavior": {"TableErrorPolicy": "STOP_TASK"}});
    let (_, end) = run(full_load(&pair, &settings)).await;
    assert_eq!(end.reason, StopReason::FatalError);
    assert!(end.failure.unwrap().contains("Stop Reason FATAL_ERROR Error Level FATAL"));
}

#[tokio::test]
async fn a_task_can_fail_instead_of_truncating() {
    let pair =
        Pair::new("CREATE TABLE t (id int PRIMARY KEY, c text); INSERT INTO t VALUES (1, repeat('x', 20000))").await;
    let mut task = full_load(&pair, &json!({}));
    task.source.fail_on_lob_truncation = true;
    let (_, end) = run(task).await;
    assert_eq!(end.reason, StopReason::FatalError);
    assert!(end.failure.unwrap().contains("greater than LobMaxSize"));
}

#[tokio::test]
async fn full_lob_mode_needs_a_key() {
    let pair = Pair::new(
        "CREATE TABLE keyed (id int PRIMARY KEY, c text NOT NULL, small text); CREATE TABLE keyless (id int, c text);
         INSERT INTO keyed SELECT n, repeat('x', 100000), 's' FROM generate_series(1, 30) n;
         INSERT INTO keyless VALUES (1, repeat('x', 100000)), (2, 'short')",
    )
    .await;
    let lobs = |inline: u32| {
        let lobs = json!({"FullLobMode": true, "LimitedSizeLobMode": false, "InlineLobMaxSize": inline});
        json!({ "TargetMetadata": lobs })
    };
    let of = async |query: &str| value(&pair.on_target, query).await;
    for inline in [0, 4] {
        let (_, end) = run(full_load(&pair, &lobs(inline))).await;
        assert_eq!(end.reason, StopReason::FullLoadOnlyFinished);
        assert_eq!(of("SELECT min(length(c)) + min(length(small)) FROM keyed").await, "100001");
        assert_eq!(of("SELECT count(c) FROM keyless").await, if inline == 0 { "0" } else { "1" });
    }
    // A target column that refuses NULL refuses the row, which comes before its LOB.
    pair.target("ALTER TABLE keyed ALTER c SET NOT NULL").await;
    let mut settings = lobs(0);
    settings["FullLoadSettings"] = json!({"TargetTablePrepMode": "TRUNCATE_BEFORE_LOAD"});
    let (ended, _) = run(full_load(&pair, &settings)).await;
    assert_eq!(ended.table("keyed").state, TableState::Error);
}

#[tokio::test]
async fn parents_and_partitions_are_loaded_both() {
    let schema = "CREATE TABLE p (id int PRIMARY KEY, v int) PARTITION BY RANGE (id);
        CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100); CREATE TABLE p2 PARTITION OF p DEFAULT;";
    let pair = Pair::new(&format!("{schema} INSERT INTO p SELECT n, n FROM generate_series(1, 150) n")).await;
    let (ended, _) = run(full_load(&pair, &json!({}))).await;
    assert_eq!(ended.report.get().tables.len(), 3);
    let of = async |query: &str| value(&pair.on_target, query).await;
    assert_eq!(of("SELECT count(*) FROM pg_class WHERE relkind = 'p'").await, "0", "ordinary tables");
    assert_eq!(
        of("SELECT (SELECT count(*) FROM p) + (SELECT count(*) FROM p1) + (SELECT count(*) FROM p2)").await,
        "300"
    );

    // On a partitioned target, the rows of the parent and those of the partitions collide.
    pair.target(&format!("DROP TABLE p, p1, p2; {schema}")).await;
    let settings = json!({"FullLoadSettings": {"TargetTablePrepMode": "DO_NOTHING", "MaxFullLoadSubTasks": 1}});
    let (ended, _) = run(full_load(&pair, &settings)).await;
    let states = [ended.table("p").state, ended.table("p1").state, ended.table("p2").state];
    assert_eq!(states, [TableState::Completed, TableState::Error, TableState::Error]);
}

#[tokio::test]
async fn preparation_modes_do_what_they_say() {
    let pair = Pair::new("CREATE TABLE t (id int, v int); INSERT INTO t VALUES (1, 1), (1, 1)").await;
    pair.target("CREATE TABLE t (id int, v bigint DEFAULT 5); INSERT INTO t VALUES (9, 9)").await;
    let of = async |query: &str| value(&pair.on_target, query).await;
    let mode = |mode: &str| json!({"FullLoadSettings": {"TargetTablePrepMode": mode}});
    run(full_load(&pair, &mode("DO_NOTHING"))).await;
    assert_eq!(of("SELECT count(*) FROM t").await, "3");
    run(full_load(&pair, &mode("TRUNCATE_BEFORE_LOAD"))).await;
    assert_eq!(of("SELECT count(*) FROM t").await, "2");
    assert_eq!(of("SELECT pg_typeof(v) FROM t LIMIT 1").await, "bigint");
    run(full_load(&pair, &mode("DROP_AND_CREATE"))).await;
    assert_eq!(of("SELECT pg_typeof(v) FROM t LIMIT 1").await, "integer");
    // "DROP and TRUNCATE operations fail when there are foreign key constraints."
    pair.target("TRUNCATE t; ALTER TABLE t ADD UNIQUE (v); CREATE TABLE other (v int REFERENCES t (v))").await;
    for mode_name in ["DROP_AND_CREATE", "TRUNCATE_BEFORE_LOAD"] {
        let (ended, _) = run(full_load(&pair, &mode(mode_name))).await;
        assert_eq!(ended.table("t").state, TableState::Error, "{mode_name}");
    }
}

#[tokio::test]
async fn arrays_need_a_key_and_generated_columns_refuse_values() {
    let pair = Pair::new(
        "CREATE TABLE keyless (a int[]);
         CREATE TABLE computed (id int PRIMARY KEY, d int GENERATED ALWAYS AS (id) STORED);
         INSERT INTO computed VALUES (1)",
    )
    .await;
    pair.target("CREATE TABLE computed (id int PRIMARY KEY, d int GENERATED ALWAYS AS (id) STORED)").await;
    let settings = json!({"FullLoadSettings": {"TargetTablePrepMode": "TRUNCATE_BEFORE_LOAD"}});
    let (ended, _) = run(full_load(&pair, &settings)).await;
    assert!(ended.table("keyless").error.unwrap().contains("ARRAY"));
    assert!(ended.table("computed").error.unwrap().contains("generated column"));
}

#[tokio::test]
async fn the_key_can_come_after_the_rows() {
    let pair = Pair::new(
        "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1);
         CREATE TABLE \"odd Name\" (a int NOT NULL UNIQUE)",
    )
    .await;
    let (_, end) = run(full_load(&pair, &json!({"FullLoadSettings": {"CreatePkAfterFullLoad": true}}))).await;
    assert_eq!(end.reason, StopReason::FullLoadOnlyFinished);
    let of = async |query: &str| value(&pair.on_target, query).await;
    assert_eq!(of("SELECT count(*) FROM pg_index WHERE indrelid = 't'::regclass AND indisprimary").await, "1");
    assert_eq!(
        of("SELECT count(*) FROM pg_index WHERE indrelid = '\"odd Name\"'::regclass AND indisunique").await,
        "1"
    );
}

#[tokio::test]
async fn an_empty_source_fails_unless_that_is_allowed() {
    let pair = Pair::new("CREATE SCHEMA other; CREATE TABLE other.t (id int)").await;
    let (_, end) = run(full_load(&pair, &json!({}))).await;
    assert_eq!(end.reason, StopReason::FatalError);
    assert!(end.failure.unwrap().starts_with("Last Error No tables were found at task initialization."));
    let (_, end) = run(full_load(&pair, &json!({"ErrorBehavior": {"FailOnNoTablesCaptured": false}}))).await;
    assert_eq!(end.reason, StopReason::FullLoadOnlyFinished);
}

#[tokio::test]
async fn all_tables_can_go_to_another_schema() {
    let pair = Pair::new("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)").await;
    let settings =
        json!({"TargetMetadata": {"TargetSchema": "Moved"}, "ControlTablesSettings": {"ControlSchema": "ctl"}});
    run(full_load(&pair, &settings)).await;
    assert_eq!(value(&pair.on_target, "SELECT count(*) FROM \"Moved\".t").await, "1");
    assert_eq!(value(&pair.on_target, "SELECT count(*) FROM ctl.awsdms_apply_exceptions").await, "0");
}
