//! Bad data, failing tables, and the environment.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::json;

use super::pair::{Setup, table};
use crate::apply::{ApplyError, Convert};
use crate::model::TableName;

#[tokio::test]
async fn records_with_bad_data_are_recorded_and_dropped_by_default() {
    let source = "CREATE TABLE t (id int PRIMARY KEY, v text, parent int)";
    let target = "CREATE TABLE p (id int PRIMARY KEY); INSERT INTO p VALUES (1);
                  CREATE TABLE t (id int PRIMARY KEY, v varchar(5) CHECK (v <> 'bad'),
                    parent int NOT NULL REFERENCES p)";
    let mut pair = Setup { source, target, tables: &["t(id)"], ..Setup::default() }.build().await;
    pair.replicate(
        "INSERT INTO t VALUES (1, 'good', 1), (2, 'bad', 1), (3, 'orphan', 9), (4, 'null', NULL), (5, 'too long', 1),
         (6, 'kid', 9), (7, 'fine', 1)",
    )
    .await;
    assert_eq!(pair.rows("SELECT id FROM t ORDER BY id").await, ["(1)", "(7)"]);
    let states: Vec<_> = pair.exceptions().await.into_iter().map(|(_, _, error)| error[10..15].to_owned()).collect();
    assert_eq!(states, ["23514", "22001", "23502", "22001", "23503"]);
    assert_eq!((pair.counters("t").data_errors, pair.counters("t").conflicts), (5, 0));
}

#[tokio::test]
async fn truncated_data_and_bad_data_have_their_own_policies() {
    let source = "CREATE TABLE t (id int PRIMARY KEY, v text)";
    let target = "CREATE TABLE t (id int PRIMARY KEY, v varchar(3))";
    let errors = json!({ "DataTruncationErrorPolicy": "STOP_TASK" });
    let mut pair = Setup { source, target, tables: &["t(id)"], errors, ..Setup::default() }.build().await;
    pair.run("INSERT INTO t VALUES (1, 'long')").await;
    assert!(matches!(pair.pump().await, Err(ApplyError::Stopped { .. })));

    let target = "CREATE TABLE t (id int PRIMARY KEY, v int)";
    let errors = json!({ "DataErrorEscalationCount": 2, "DataErrorPolicy": "IGNORE_RECORD" });
    let mut pair = Setup { source, target, tables: &["t(id)"], errors, ..Setup::default() }.build().await;
    pair.replicate("INSERT INTO t VALUES (1, 'x'), (2, '2')").await;
    assert_eq!(pair.rows("SELECT * FROM t").await, ["(2,2)"]);
    assert!(pair.exceptions().await.is_empty() && pair.suspended().is_empty());
    pair.replicate("INSERT INTO t VALUES (3, 'x'), (4, '4')").await;
    assert_eq!(pair.suspended(), ["t"], "the default escalation suspends the table");
    assert_eq!(pair.rows("SELECT * FROM t").await, ["(2,2)"]);
}

#[tokio::test]
async fn an_exception_of_a_trigger_is_bad_data() {
    let target = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
                  $$ BEGIN RAISE EXCEPTION 'no'; END $$;
                  CREATE TRIGGER refuse BEFORE INSERT ON t FOR EACH ROW WHEN (NEW.id = 2) EXECUTE FUNCTION refuse()";
    let both = "CREATE TABLE t (id int PRIMARY KEY)";
    let mut pair = Setup { both, target, tables: &["t(id)"], ..Setup::default() }.build().await;
    pair.replicate("INSERT INTO t VALUES (1), (2), (3)").await;
    assert_eq!(pair.rows("SELECT * FROM t ORDER BY id").await, ["(1)", "(3)"]);
    assert_eq!(pair.exceptions().await.len(), 1);
}

#[tokio::test]
async fn a_table_without_a_column_or_without_anything_is_suspended() {
    let source = "CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE gone (id int PRIMARY KEY);
                  CREATE TABLE u (id int PRIMARY KEY)";
    let target = "CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE u (id int PRIMARY KEY)";
    let tables = &["t(id)", "gone(id)", "u(id)"];
    let mut pair = Setup { source, target, tables, ..Setup::default() }.build().await;
    pair.replicate("INSERT INTO t VALUES (1, 'x'); INSERT INTO gone VALUES (1); INSERT INTO u VALUES (1)").await;
    assert_eq!(pair.suspended(), ["gone", "t"]);
    assert_eq!(pair.rows("SELECT * FROM u").await, ["(1)"]);
    assert_eq!(pair.counters("t").table_errors, 1);

    let errors = json!({ "TableErrorPolicy": "STOP_TASK" });
    let mut pair = Setup { source, target, tables, errors, ..Setup::default() }.build().await;
    pair.run("INSERT INTO gone VALUES (1)").await;
    let error = pair.pump().await.expect_err("the task stops");
    assert!(matches!(&error, ApplyError::Stopped { table: failed, .. } if *failed == table("gone")), "{error}");
}

#[tokio::test]
async fn a_deferred_constraint_is_checked_at_once() {
    let source = "CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (id int PRIMARY KEY, p int)";
    let target = "CREATE TABLE p (id int PRIMARY KEY);
                  CREATE TABLE c (id int PRIMARY KEY, p int REFERENCES p DEFERRABLE INITIALLY DEFERRED)";
    let mut pair = Setup { source, target, tables: &["p(id)", "c(id)"], ..Setup::default() }.build().await;
    pair.replicate("BEGIN; INSERT INTO c VALUES (1, 1); INSERT INTO p VALUES (1); COMMIT").await;
    assert!(pair.rows("SELECT * FROM c").await.is_empty());
    assert_eq!(pair.exceptions().await.len(), 1);
}

struct Refuse;

impl Convert for Refuse {
    fn convert<'a>(&self, _: &TableName, _: &str, _: &str, text: &'a str) -> Result<Cow<'a, str>, String> {
        match text {
            "secret" => Err("the value has no counterpart".to_owned()),
            "old" => Ok(Cow::Borrowed("new")),
            _ => Ok(Cow::Borrowed(text)),
        }
    }
}

#[tokio::test]
async fn values_are_converted_and_what_cannot_be_converted_is_bad_data() {
    let both = "CREATE TABLE t (id int PRIMARY KEY, v text)";
    let mut pair = Setup { both, tables: &["t(id)"], ..Setup::default() }.build().await;
    pair.applier = pair.applier.with_conversion(Arc::new(Refuse));
    pair.replicate("INSERT INTO t VALUES (1, 'old'), (2, 'secret'), (3, 'x')").await;
    assert_eq!(pair.rows("SELECT * FROM t ORDER BY id").await, ["(1,new)", "(3,x)"]);
    let exceptions = pair.exceptions().await;
    assert_eq!(exceptions[0].2, "the value has no counterpart");
}

#[tokio::test]
async fn a_lock_that_is_not_available_is_the_environment() {
    let both = "CREATE TABLE t (id int PRIMARY KEY)";
    let mut pair = Setup { both, tables: &["t(id)"], ..Setup::default() }.build().await;
    let database = pair.names[1].clone();
    let timeout = format!("ALTER DATABASE {database} SET lock_timeout = '50ms'");
    pair.target.batch_execute(&timeout).await.expect("a setting");
    pair.applier.reconnect(crate::capture::tests::server::connect(&database).await);
    pair.target.batch_execute("BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE").await.expect("a lock");
    pair.run("INSERT INTO t VALUES (1)").await;
    let error = pair.pump().await.expect_err("the table is locked");
    assert!(error.is_recoverable(), "{error}");
    pair.target.batch_execute("ROLLBACK").await.expect("no lock");
    pair.pump().await.expect("the same session continues");
    assert_eq!(pair.rows("SELECT * FROM t").await, ["(1)"]);
}
