//! What DMS's validation sees, and what it does not.

use serde_json::{Value, json};

use super::server::{Pair, value};
use super::world::{definition, run, start};
use crate::checkpoint::Checkpoint;
use crate::report::{Stage, ValidationState};
use crate::{MigrationType, TaskDefinition};

fn task(pair: &Pair, migration: MigrationType, more: &Value) -> TaskDefinition {
    let mut settings = json!({"ValidationSettings": {"EnableValidation": true, "PartitionSize": 100,
        "RecordFailureDelayInMinutes": 1, "RecordSuspendDelayInMinutes": 100}});
    for (key, value) in more.as_object().into_iter().flatten() {
        match settings.get_mut(key).and_then(Value::as_object_mut) {
            Some(section) => section.extend(value.as_object().cloned().unwrap_or_default()),
            None => settings[key] = value.clone(),
        }
    }
    definition(pair, migration, &settings)
}

#[tokio::test]
async fn rows_are_compared_by_key_after_the_load() {
    let pair = Pair::new(
        "CREATE TYPE mood AS ENUM ('sad', 'happy');
         CREATE TABLE t (a int, b varchar(20), m mood, n numeric, ts timestamptz, PRIMARY KEY (a, b));
         CREATE TABLE enums (m mood PRIMARY KEY); CREATE TABLE keyless (v int);
         CREATE TABLE text_key (k text PRIMARY KEY);
         CREATE TABLE bad (id int PRIMARY KEY, j jsonb); INSERT INTO bad VALUES (1, to_jsonb(repeat('x', 20000)));
         INSERT INTO t SELECT n % 7, 'k' || n, 'happy', n / 7.0, 'infinity' FROM generate_series(1, 1050) n;
         INSERT INTO enums VALUES ('sad'), ('happy'); INSERT INTO keyless VALUES (1)",
    )
    .await;
    let (ended, _) = run(task(&pair, MigrationType::FullLoad, &json!({}))).await;
    let states = ["t", "enums", "keyless", "text_key", "bad"].map(|name| ended.table(name).validation);
    let wanted = [
        // What is lost on the way into DMS's own types is not seen.
        ValidationState::Validated,
        ValidationState::Validated,
        ValidationState::NoPrimaryKey,
        ValidationState::NoPrimaryKey,
        ValidationState::TableError,
    ];
    assert_eq!(states, wanted);
    assert_eq!(ended.table("t").validation_pending, 0);
}

#[tokio::test]
async fn truncated_lobs_differ_unless_only_their_beginning_is_compared() {
    let pair = Pair::new(
        "CREATE TABLE t (id int PRIMARY KEY, c text, v int);
         INSERT INTO t SELECT n, repeat('x', CASE n WHEN 7 THEN 20000 ELSE 10 END), n FROM generate_series(1, 20) n",
    )
    .await;
    let (ended, _) = run(task(&pair, MigrationType::FullLoad, &json!({}))).await;
    let table = ended.table("t");
    assert_eq!((table.validation, table.validation_failed), (ValidationState::Mismatched, 1));
    let failure = "SELECT concat_ws(' ', \"TABLE_NAME\", \"KEY_TYPE\", \"KEY\", \"FAILURE_TYPE\", \"DETAILS\") \
                   FROM awsdms_validation_failures_v1";
    assert_eq!(value(&pair.on_target, failure).await, "t Row {\"key\":[\"7\"]} RECORD_DIFF [\"c\"]");
    for setting in [json!({"ValidationPartialLobSize": 32}), json!({"SkipLobColumns": true})] {
        let (ended, _) = run(task(&pair, MigrationType::FullLoad, &json!({"ValidationSettings": setting}))).await;
        assert_eq!(ended.table("t").validation, ValidationState::Validated, "{setting}");
    }
}

#[tokio::test]
async fn a_row_that_is_missing_or_changed_on_the_target_is_found() {
    let pair = Pair::new(
        "CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t SELECT n, n FROM generate_series(1, 500) n",
    )
    .await;
    pair.target(
        "CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t SELECT n, n FROM generate_series(1, 501) n \
                 WHERE n <> 77; UPDATE t SET v = 0 WHERE id = 300",
    )
    .await;
    let mut only = json!({"FullLoadSettings": {"TargetTablePrepMode": "DO_NOTHING"}});
    only["ValidationSettings"] = json!({"ValidationOnly": true});
    let (ended, _) = run(task(&pair, MigrationType::FullLoad, &only)).await;
    assert_eq!(ended.table("t").validation_failed, 3);
    let kinds = "SELECT string_agg(\"KEY\" || \"FAILURE_TYPE\", ' ' ORDER BY \"FAILURE_TYPE\") \
                 FROM awsdms_validation_failures_v1";
    assert_eq!(
        value(&pair.on_target, kinds).await,
        "{\"key\":[\"501\"]}MISSING_SOURCE {\"key\":[\"77\"]}MISSING_TARGET {\"key\":[\"300\"]}RECORD_DIFF"
    );
    assert_eq!(value(&pair.on_target, "SELECT count(*) FROM t").await, "500", "nothing was loaded");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changed_rows_are_compared_again() {
    let pair = Pair::new(
        "CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t SELECT n, n FROM generate_series(1, 300) n",
    )
    .await;
    let running = start(task(&pair, MigrationType::FullLoadAndChanges, &json!({})), Checkpoint::default());
    running.until("replication", async |report| report.get().stage == Stage::Replicating).await;
    pair.source("UPDATE t SET v = v + 1; INSERT INTO t VALUES (1000, 1); DELETE FROM t WHERE id = 5").await;
    running.until_value(&pair.on_target, "SELECT sum(v) FROM t", "45445").await;
    running.until("validation", async |_| running.table("t").validation == ValidationState::Validated).await;

    // A row that somebody else changes on the target is found when it changes on the source, after the delay.
    pair.target(
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.v = 0; RETURN NEW; END'; \
                 CREATE TRIGGER g BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f()",
    )
    .await;
    pair.source("UPDATE t SET v = 7 WHERE id = 9").await;
    running.until("the failure", async |_| running.table("t").validation == ValidationState::Mismatched).await;
    assert_eq!(running.table("t").validation_failed, 1);
    pair.target("DROP TRIGGER g ON t").await;
    pair.source("UPDATE t SET v = 8 WHERE id = 9").await;
    running.until("validation", async |_| running.table("t").validation == ValidationState::Validated).await;
    running.stop().await;
}
