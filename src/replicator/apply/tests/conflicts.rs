//! Existing rows at an insert, missing rows at an update or a delete.

use serde_json::json;

use super::pair::Setup;
use crate::apply::{ApplyError, Event, Phase};

const TABLE: &str = "CREATE TABLE t (id int PRIMARY KEY, v text)";

#[tokio::test]
async fn a_conflicting_insert_is_recorded_and_dropped_by_default() {
    let setup =
        Setup { both: TABLE, target: "INSERT INTO t VALUES (2, 'mine')", tables: &["t(id)"], ..Setup::default() };
    let mut pair = setup.build().await;
    pair.replicate("INSERT INTO t VALUES (1, 'a'), (2, 'it''s theirs'), (3, 'c')").await;
    assert_eq!(pair.rows("SELECT * FROM t ORDER BY id").await, ["(1,a)", "(2,mine)", "(3,c)"]);
    let exceptions = pair.exceptions().await;
    let [(name, statement, error)] = &exceptions[..] else { panic!("{exceptions:?}") };
    assert_eq!(name, "t");
    assert_eq!(statement, "INSERT INTO \"public\".\"t\" (\"id\", \"v\") VALUES ('2', 'it''s theirs')");
    assert!(error.contains("23505") && error.contains("t_pkey"), "{error}");
    let counters = pair.counters("t");
    assert_eq!((counters.inserts, counters.applied_inserts, counters.conflicts, counters.exceptions), (3, 2, 1, 1));
    let events = pair.events();
    assert!(matches!(&events[..], [Event::Logged { error, .. }] if !error.contains("theirs")), "{events:?}");
}

#[tokio::test]
async fn a_conflict_on_another_unique_constraint_drops_the_row_too() {
    let both = "CREATE TABLE t (id int PRIMARY KEY, number text UNIQUE)";
    let setup = Setup { both, target: "INSERT INTO t VALUES (1, 'A')", tables: &["t(id)"], ..Setup::default() };
    let mut pair = setup.build().await;
    pair.replicate("INSERT INTO t VALUES (2, 'A')").await;
    assert_eq!(pair.rows("SELECT * FROM t").await, ["(1,A)"]);
    assert_eq!(pair.exceptions().await.len(), 1);
}

#[tokio::test]
async fn a_missing_row_is_recorded_at_an_update_and_ignored_at_a_delete() {
    let setup = Setup {
        both: TABLE,
        tables: &["t(id)"],
        source: "INSERT INTO t VALUES (1, 'a'), (2, 'b')",
        ..Setup::default()
    };
    let mut pair = setup.build().await;
    pair.replicate("UPDATE t SET v = 'x' WHERE id = 1; DELETE FROM t WHERE id = 2").await;
    let exceptions = pair.exceptions().await;
    let [(_, statement, error)] = &exceptions[..] else { panic!("{exceptions:?}") };
    assert_eq!(statement, "UPDATE \"public\".\"t\" SET \"v\" = 'x' WHERE \"id\" = '1'");
    assert_eq!(error, "0 rows affected");
    let counters = pair.counters("t");
    assert_eq!((counters.updates, counters.applied_updates, counters.deletes, counters.applied_deletes), (1, 0, 1, 0));
    assert_eq!(counters.conflicts, 2);
    assert!(pair.rows("SELECT * FROM t").await.is_empty());
}

#[tokio::test]
async fn records_can_be_replaced() {
    let errors = json!({ "ApplyErrorInsertPolicy": "INSERT_RECORD", "ApplyErrorUpdatePolicy": "UPDATE_RECORD" });
    let both = "CREATE TABLE t (id int PRIMARY KEY, v int, w int DEFAULT 7)";
    let setup = Setup {
        both,
        source: "INSERT INTO t VALUES (2, 2)",
        target: "INSERT INTO t VALUES (1, 0, 0)",
        tables: &["t(id)"],
        errors,
        ..Setup::default()
    };
    let mut pair = setup.build().await;
    pair.replicate("INSERT INTO t VALUES (1, 1, 1); UPDATE t SET v = 3 WHERE id = 2").await;
    assert_eq!(pair.rows("SELECT * FROM t ORDER BY id").await, ["(1,1,1)", "(2,3,7)"]);
    assert!(pair.exceptions().await.is_empty());
    assert_eq!((pair.counters("t").applied_inserts, pair.counters("t").applied_updates), (1, 1));
}

#[tokio::test]
async fn a_table_is_suspended_and_the_others_continue() {
    let errors = json!({ "ApplyErrorInsertPolicy": "SUSPEND_TABLE" });
    let both = "CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE u (id int PRIMARY KEY)";
    let target = "INSERT INTO t VALUES (2)";
    let setup = Setup { both, target, tables: &["t(id)", "u(id)"], errors, ..Setup::default() };
    let mut pair = setup.build().await;
    pair.replicate("INSERT INTO t VALUES (1), (2), (3); INSERT INTO u VALUES (1)").await;
    pair.replicate("INSERT INTO t VALUES (4); INSERT INTO u VALUES (2)").await;
    assert_eq!(pair.suspended(), ["t"]);
    assert_eq!(pair.rows("SELECT * FROM t ORDER BY id").await, ["(1)", "(2)"]);
    assert_eq!(pair.rows("SELECT * FROM u ORDER BY id").await, ["(1)", "(2)"]);
    assert_eq!(pair.counters("t").discarded, 2);
    assert!(pair.events().iter().any(|event| matches!(event, Event::Suspended { table, .. } if table.name == "t")));
}

#[tokio::test]
async fn a_task_is_stopped_and_what_came_before_stays() {
    let errors = json!({ "ApplyErrorUpdatePolicy": "STOP_TASK" });
    let setup =
        Setup { both: TABLE, source: "INSERT INTO t VALUES (9, 'x')", tables: &["t(id)"], errors, ..Setup::default() };
    let mut pair = setup.build().await;
    pair.run("INSERT INTO t VALUES (1, 'a')").await;
    pair.run("BEGIN; INSERT INTO t VALUES (2, 'b'); UPDATE t SET v = 'y' WHERE id = 9; COMMIT").await;
    pair.run("INSERT INTO t VALUES (3, 'c')").await;
    let error = pair.pump().await.expect_err("the task stops");
    assert!(matches!(&error, ApplyError::Stopped { reason, .. } if reason == "0 rows affected"), "{error}");
    assert!(!error.is_recoverable());
    assert_eq!(pair.rows("SELECT * FROM t").await, ["(1,a)"]);
    assert_eq!(pair.exceptions().await.len(), 1);
    assert_eq!(pair.read().await.len(), 2, "the transaction that failed and the next one are still there");
    pair.target.batch_execute("INSERT INTO t VALUES (9, 'x')").await.expect("a repair");
    pair.pump().await.expect("the repaired task continues");
    assert_eq!(pair.rows("SELECT * FROM t ORDER BY id").await, ["(1,a)", "(2,b)", "(3,c)", "(9,y)"]);
}

#[tokio::test]
async fn conflicts_escalate_when_they_reach_the_maximum() {
    let errors = json!({ "ApplyErrorEscalationPolicy": "SUSPEND_TABLE", "ApplyErrorEscalationCount": 3,
                         "ApplyErrorInsertPolicy": "IGNORE_RECORD" });
    let target = "INSERT INTO t SELECT n FROM generate_series(1, 9) n";
    let setup = Setup { both: TABLE, target, tables: &["t(id)"], errors, ..Setup::default() };
    let mut pair = setup.build().await;
    pair.replicate("INSERT INTO t VALUES (1), (2)").await;
    assert!(pair.suspended().is_empty() && pair.exceptions().await.is_empty());
    pair.replicate("INSERT INTO t VALUES (3), (10)").await;
    assert_eq!(pair.suspended(), ["t"]);
    assert_eq!(pair.rows("SELECT count(*) FROM t").await, ["(9)"]);
}

#[tokio::test]
async fn conflicts_of_cached_changes_are_ignored_unless_a_setting_reports_them() {
    for (ignore, exceptions) in [(true, 0), (false, 2)] {
        let errors = json!({ "FullLoadIgnoreConflicts": ignore });
        let setup = Setup {
            both: TABLE,
            target: "INSERT INTO t VALUES (1, 'loaded')",
            tables: &["t(id)"],
            errors,
            ..Setup::default()
        };
        let mut pair = setup.build().await;
        pair.run("INSERT INTO t VALUES (1, 'cached'), (2, 'x')").await;
        pair.applier.set_phase(Phase::Cached);
        pair.pump().await.expect("the insert is applied");
        pair.target.batch_execute("DELETE FROM t WHERE id = 2").await.expect("a delete");
        pair.replicate("UPDATE t SET v = 'y' WHERE id = 2; DELETE FROM t WHERE id = 2").await;
        assert_eq!(pair.rows("SELECT * FROM t").await, ["(1,loaded)"]);
        assert_eq!(pair.exceptions().await.len(), exceptions);
        // After the cached changes, conflicts are conflicts.
        pair.applier.set_phase(Phase::Ongoing);
        pair.replicate("INSERT INTO t VALUES (2, 'z'); UPDATE t SET v = 'new' WHERE id = 1").await;
        pair.target.batch_execute("INSERT INTO t VALUES (3)").await.expect("a row");
        pair.replicate("INSERT INTO t VALUES (3)").await;
        assert_eq!(pair.exceptions().await.len(), exceptions + 1);
        assert_eq!(pair.rows("SELECT * FROM t WHERE id < 3 ORDER BY id").await, ["(1,new)", "(2,z)"]);
    }
}
