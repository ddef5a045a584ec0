//! A task from its start to its end: changes, stop points, slots, errors of the environment.

use std::time::Duration;

use serde_json::{Value, json};

use super::server::{Pair, value};
use super::world::{definition, mappings, run, run_from, start};
use crate::capture::StartPosition;
use crate::checkpoint::Checkpoint;
use crate::definition::{Heartbeat, Start};
use crate::model::TableName;
use crate::report::{Stage, TableState};
use crate::{MigrationType, StopReason, TaskDefinition, delete, test_connection};

fn both(pair: &Pair, settings: &Value) -> TaskDefinition {
    definition(pair, MigrationType::FullLoadAndChanges, settings)
}

fn resumed(definition: &TaskDefinition) -> TaskDefinition {
    TaskDefinition { start: Start::Resume, ..definition.clone() }
}

const SLOTS: &str = "SELECT count(*) FROM pg_replication_slots WHERE database = current_database()";
const SUM: &str = "SELECT md5(string_agg(t::text, '|' ORDER BY id)) FROM t";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_during_the_load_arrive_exactly_once() {
    let pair = Pair::new(
        "CREATE TABLE t (id int PRIMARY KEY, v int, note text);
         INSERT INTO t SELECT n, 0, repeat('x', 50) FROM generate_series(1, 20000) n",
    )
    .await;
    let task = both(&pair, &json!({"FullLoadSettings": {"CommitRate": 1000}}));
    let running = start(task, Checkpoint::default());
    let writer = pair.source.connect().await.unwrap();
    let mut next = 20_001;
    while running.report.get().stage != Stage::Replicating {
        let statements = format!(
            "BEGIN; INSERT INTO t VALUES ({next}, 1, 'new'); UPDATE t SET v = v + 1 WHERE id % 9973 = {}; \
             DELETE FROM t WHERE id = {}; COMMIT",
            next % 9973,
            next - 20_000
        );
        writer.batch_execute(&statements).await.unwrap();
        next += 1;
    }
    assert!(next > 20_010, "there were changes during the load");
    let wanted = value(&pair.on_source, SUM).await;
    running.until_value(&pair.on_target, SUM, &wanted).await;
    assert_eq!(value(&pair.on_target, "SELECT count(*) FROM awsdms_apply_exceptions").await, "0");
    let (ended, end) = running.stop().await;
    assert_eq!((end.reason, end.failure), (StopReason::Normal, None));
    let table = ended.table("t");
    assert_eq!(table.state, TableState::Completed);
    assert!(table.inserts > 0 && table.updates > 0 && table.deletes > 0);
}

#[tokio::test]
async fn a_stopped_task_keeps_its_slot_and_the_log_and_resumes() {
    let pair = Pair::new("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'a')").await;
    let task = both(&pair, &json!({}));
    let running = start(task.clone(), Checkpoint::default());
    running.until("replication", async |report| report.get().stage == Stage::Replicating).await;
    pair.source("INSERT INTO t VALUES (2, 'b')").await;
    running.until_value(&pair.on_target, "SELECT count(*) FROM t", "2").await;
    let (ended, _) = running.stop().await;

    assert_eq!(value(&pair.on_source, SLOTS).await, "1");
    let retained =
        "SELECT pg_current_wal_lsn() - restart_lsn FROM pg_replication_slots WHERE database = current_database()";
    let before: i64 = value(&pair.on_source, retained).await.parse().unwrap();
    pair.source("INSERT INTO t SELECT n, repeat('x', 100) FROM generate_series(3, 5000) n").await;
    let after: i64 = value(&pair.on_source, retained).await.parse().unwrap();
    assert!(after > before + 400_000, "the log accumulates: {before}, {after}");

    let running = start(resumed(&task), ended.checkpoint);
    running.until_value(&pair.on_target, "SELECT count(*) FROM t", "5000").await;
    running.until("the counters", async |_| running.table("t").inserts == 4999).await;
    let (ended, _) = running.stop().await;
    assert_eq!(ended.table("t").full_load_rows, 1, "nothing was loaded again");

    delete(&task, &ended.checkpoint).await.unwrap();
    assert_eq!(value(&pair.on_source, SLOTS).await, "0", "DMS drops a slot that it created");
}

/// A connection to the source that ended after a change was applied, and before the slot was moved, made the task apply
/// it again: with strict policies, it failed for ever.
#[tokio::test]
async fn what_was_applied_before_a_lost_connection_is_not_applied_again() {
    let pair = Pair::new("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)").await;
    let task = both(&pair, &json!({"ErrorBehavior": {"ApplyErrorInsertPolicy": "STOP_TASK"}}));
    let running = start(task.clone(), Checkpoint::default());
    running.until("replication", async |report| report.get().stage == Stage::Replicating).await;
    let (ended, _) = running.stop().await;
    // The slot still has the change that is in the target already.
    pair.source("INSERT INTO t VALUES (2)").await;
    pair.on_target.batch_execute("INSERT INTO t VALUES (2)").await.unwrap();
    let applied = value(&pair.on_source, "SELECT pg_current_wal_lsn()").await.parse().unwrap();
    pair.source("INSERT INTO t VALUES (3)").await;
    let running = start(resumed(&task), Checkpoint { applied, ..ended.checkpoint });
    running.until_value(&pair.on_target, "SELECT count(*) FROM t", "3").await;
    assert_eq!(running.report.get().last_error, None);
    let (_, end) = running.stop().await;
    assert_eq!((end.reason, end.failure), (StopReason::Normal, None));
}

#[tokio::test]
async fn a_killed_task_resumes_without_losing_a_change() {
    let pair = Pair::new("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (0, 0)").await;
    let task = both(&pair, &json!({}));
    let mut checkpoint = Checkpoint::default();
    for round in 0..4 {
        let definition = if checkpoint.initialized { resumed(&task) } else { task.clone() };
        let running = start(definition, checkpoint.clone());
        for id in 1..=40 {
            pair.source(&format!("INSERT INTO t VALUES ({}, 1); UPDATE t SET v = v + 1 WHERE id = 0", round * 40 + id))
                .await;
        }
        match round {
            0 => {}
            1 => running.until("the tables", async |report| !report.get().tables.is_empty()).await,
            _ => {
                running.until("replication", async |report| report.get().stage == Stage::Replicating).await;
                tokio::time::sleep(Duration::from_millis(10 * round)).await;
            }
        }
        checkpoint = running.kill().await.unwrap_or(checkpoint);
    }
    // A restart of the server that runs the task: what was stored is JSON.
    let stored = serde_json::to_string(&checkpoint).unwrap();
    let running = start(resumed(&task), serde_json::from_str(&stored).unwrap());
    let wanted = value(&pair.on_source, SUM).await;
    running.until_value(&pair.on_target, SUM, &wanted).await;
    running.stop().await;
}

#[tokio::test]
async fn stop_points_stop_and_are_passed_when_resumed() {
    let pair = Pair::new("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)").await;
    let before = both(&pair, &json!({"FullLoadSettings": {"StopTaskCachedChangesNotApplied": true}}));
    let (ended, end) = run(before.clone()).await;
    assert_eq!(end.reason, StopReason::StoppedAfterFullLoad);
    pair.source("INSERT INTO t VALUES (2)").await;
    assert_eq!(value(&pair.on_target, "SELECT count(*) FROM t").await, "1");
    let running = start(resumed(&before), ended.checkpoint);
    running.until_value(&pair.on_target, "SELECT count(*) FROM t", "2").await;
    let (ended, _) = running.stop().await;

    let after = both(&pair, &json!({"FullLoadSettings": {"StopTaskCachedChangesApplied": true}}));
    let (ended, end) = run_from(after.clone(), ended.checkpoint).await;
    assert_eq!(end.reason, StopReason::StoppedAfterCachedEvents);
    assert_eq!(value(&pair.on_source, SLOTS).await, "1", "the slot of the earlier start was recreated");
    pair.source("INSERT INTO t VALUES (3)").await;
    let running = start(resumed(&after), ended.checkpoint);
    running.until_value(&pair.on_target, "SELECT count(*) FROM t", "3").await;
    running.stop().await;
}

#[tokio::test]
async fn a_slot_of_the_endpoint_stays_and_gives_the_start() {
    let pair = Pair::new("CREATE TABLE t (id int PRIMARY KEY)").await;
    pair.target("CREATE TABLE t (id int PRIMARY KEY)").await;
    let slot = format!("mine_{}", pair.source.database);
    pair.source(&format!("SELECT pg_create_logical_replication_slot('{slot}', 'test_decoding')")).await;
    pair.source("INSERT INTO t VALUES (1)").await;
    let lsn = value(&pair.on_source, "SELECT pg_current_wal_insert_lsn()").await;
    pair.source("INSERT INTO t VALUES (2)").await;
    let mut task = definition(&pair, MigrationType::Changes, &json!({}));
    task.source.slot_name = Some(slot.clone());
    task.start = Start::Fresh(StartPosition::new(Some(&lsn), false, Some(&slot)).unwrap());
    let running = start(task.clone(), Checkpoint::default());
    running.until_value(&pair.on_target, "SELECT string_agg(id::text, ',') FROM t", "2").await;
    let (ended, _) = running.stop().await;
    assert_eq!(ended.table("t").state, TableState::Completed);
    delete(&task, &ended.checkpoint).await.unwrap();
    assert_eq!(value(&pair.on_source, SLOTS).await, "1", "a slot that DMS did not create stays");

    pair.source(&format!("SELECT pg_drop_replication_slot('{slot}')")).await;
    let (_, end) = run(task).await;
    assert_eq!(end.reason, StopReason::FatalError);
    assert!(end.failure.unwrap().contains("does not exist"));
}

#[tokio::test]
async fn tables_that_are_not_selected_are_not_touched() {
    let pair = Pair::new("CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE audit (id int PRIMARY KEY)").await;
    let mut task = both(&pair, &json!({}));
    task.mappings = mappings(&[("public", "%", "include"), ("public", "aud%", "exclude")]);
    let running = start(task, Checkpoint::default());
    running.until("replication", async |report| report.get().stage == Stage::Replicating).await;
    pair.source("INSERT INTO audit VALUES (1); INSERT INTO t VALUES (1)").await;
    running.until_value(&pair.on_target, "SELECT count(*) FROM t", "1").await;
    assert_eq!(value(&pair.on_target, "SELECT to_regclass('audit')").await, "(null)");
    running.stop().await;
}

#[tokio::test]
async fn source_objects_and_control_tables_are_created() {
    let pair = Pair::new("CREATE TABLE t (id int PRIMARY KEY)").await;
    let settings = json!({"ControlTablesSettings": {"ControlSchema": "dms", "StatusTableEnabled": true,
        "HistoryTableEnabled": true, "SuspendedTablesTableEnabled": true}});
    let mut task = both(&pair, &settings);
    task.source.heartbeat = Some(Heartbeat::default());
    let running = start(task, Checkpoint::default());
    let status = "SELECT task_status FROM dms.awsdms_status";
    running.until_value(&pair.on_source, "SELECT count(*) FROM awsdms_heartbeat", "1").await;
    running
        .until_value(
            &pair.on_target,
            "SELECT coalesce((SELECT task_status FROM dms.awsdms_status), '-')",
            "CHANGE PROCESSING",
        )
        .await;
    assert_eq!(value(&pair.on_source, "SELECT count(*) FROM pg_event_trigger").await, "1");
    let numbers = "SELECT last_value FROM awsdms_ddl_audit_c_key_seq";
    let before: i64 = value(&pair.on_source, numbers).await.parse().unwrap();
    pair.source("ALTER TABLE t ADD v int").await;
    assert_eq!(value(&pair.on_source, "SELECT count(*) FROM awsdms_ddl_audit").await, "0");
    assert_eq!(value(&pair.on_source, numbers).await, (before + 1).to_string());
    running.stop().await;
    assert_eq!(value(&pair.on_target, status).await, "NOT RUNNING");
}

#[tokio::test]
async fn a_changed_password_breaks_a_task_when_it_reconnects() {
    let pair = Pair::new("CREATE TABLE t (id int PRIMARY KEY)").await;
    let role = format!("role_{}", pair.source.database);
    pair.source(&format!("CREATE ROLE {role} LOGIN SUPERUSER PASSWORD 'old secret'")).await;
    let settings = json!({"ErrorBehavior": {"RecoverableErrorCount": 2, "RecoverableErrorInterval": 1}});
    let mut task = both(&pair, &settings);
    task.source.connection = pair.source.with_user(&role, "old secret");
    let running = start(task, Checkpoint::default());
    running.until("replication", async |report| report.get().stage == Stage::Replicating).await;
    pair.source(&format!("ALTER ROLE {role} PASSWORD 'new'")).await;
    pair.source("INSERT INTO t VALUES (1)").await;
    running.until_value(&pair.on_target, "SELECT count(*) FROM t", "1").await;
    pair.source(&format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'")).await;
    let (ended, end) = running.ended().await;
    assert_eq!(end.reason, StopReason::FatalError);
    let message = end.failure.unwrap();
    assert!(message.contains("suspended after 2 successive recovery failures"), "{message}");
    assert!(message.contains("password authentication failed") && !message.contains("secret"), "{message}");
    assert!(!ended.recorder.has_line("secret"));
}

#[tokio::test]
async fn a_lost_connection_is_recovered_from() {
    let pair = Pair::new("CREATE TABLE t (id int PRIMARY KEY)").await;
    let settings = json!({"ErrorBehavior": {"RecoverableErrorInterval": 1, "RecoverableErrorThrottling": false}});
    let running = start(both(&pair, &settings), Checkpoint::default());
    running.until("replication", async |report| report.get().stage == Stage::Replicating).await;
    for id in 1..=3 {
        let database = if id == 2 { &pair.target.database } else { &pair.source.database };
        let sessions = format!("FROM pg_stat_activity WHERE datname = '{database}' AND pid <> pg_backend_pid()");
        pair.source(&format!("SELECT pg_terminate_backend(pid) {sessions}")).await;
        pair.source(&format!("INSERT INTO t VALUES ({id})")).await;
        let target = pair.target.connect().await.unwrap();
        running.until_value(&target, "SELECT count(*) FROM t", &id.to_string()).await;
    }
    assert!(running.report.get().last_error.is_some());
    running.stop().await;
}

#[tokio::test]
async fn a_wrong_password_fails_with_the_message_of_dms() {
    let pair = Pair::new("CREATE TABLE t (id int PRIMARY KEY)").await;
    let wrong = pair.source.with_user("admin", "wrong secret");
    let message = test_connection(&wrong).await.unwrap_err();
    assert!(
        message
            .starts_with("Test Endpoint failed: Application-Status: 1020912, Application-Message: Failed to connect")
    );
    assert!(
        message.contains("FATAL: password authentication failed for user \"admin\"") && !message.contains("secret")
    );
    let mut refused = pair.source.clone();
    refused.port = 1;
    assert!(test_connection(&refused).await.unwrap_err().contains("Connection refused"));
    let mut unknown = pair.source.clone();
    unknown.host = "no-such-host.invalid".to_owned();
    let message = test_connection(&unknown).await.unwrap_err();
    assert!(message.contains("could not translate host name \"no-such-host.invalid\""), "{message}");
    test_connection(&pair.source).await.unwrap();

    let settings = json!({"ErrorBehavior": {"RecoverableErrorCount": 0}});
    let mut task = both(&pair, &settings);
    task.target.connection = wrong;
    let (_, end) = run(task).await;
    assert_eq!(end.reason, StopReason::RecoverableError);
    assert!(end.failure.unwrap().contains("password authentication failed"));
}

#[tokio::test]
async fn a_script_for_the_target_runs_in_every_session() {
    let pair = Pair::new("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 1)").await;
    pair.target(
        "CREATE TABLE t (id int PRIMARY KEY, v int);
         CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.v = 99; RETURN NEW; END';
         CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()",
    )
    .await;
    let settings = json!({"FullLoadSettings": {"TargetTablePrepMode": "TRUNCATE_BEFORE_LOAD"}});
    let mut task = both(&pair, &settings);
    task.target.after_connect_script = Some("SET session_replication_role = 'replica'".to_owned());
    let running = start(task.clone(), Checkpoint::default());
    running.until("replication", async |report| report.get().stage == Stage::Replicating).await;
    pair.source("INSERT INTO t VALUES (2, 2)").await;
    running.until_value(&pair.on_target, "SELECT string_agg(v::text, ',' ORDER BY id) FROM t", "1,2").await;
    running.stop().await;
    task.target.after_connect_script = Some("SET no_such_setting = 1".to_owned());
    let (_, end) = run(task).await;
    assert_eq!(end.reason, StopReason::FatalError);
}

#[tokio::test]
async fn a_load_waits_for_open_transactions_up_to_its_timeout() {
    let pair = Pair::new("CREATE TABLE t (id int PRIMARY KEY)").await;
    let writer = pair.source.connect().await.unwrap();
    let mut task = both(&pair, &json!({"FullLoadSettings": {"TransactionConsistencyTimeout": 3000}}));
    task.source.execute_timeout = 3000;
    writer.batch_execute("BEGIN; INSERT INTO t VALUES (1)").await.unwrap();
    let running = start(task, Checkpoint::default());
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(value(&pair.on_target, "SELECT to_regclass('t')").await, "(null)");
    writer.batch_execute("COMMIT").await.unwrap();
    running.until("replication", async |report| report.get().stage == Stage::Replicating).await;
    running.until_value(&pair.on_target, "SELECT count(*) FROM t", "1").await;
    running.stop().await;
}

#[tokio::test]
async fn a_user_without_superuser_rights_can_replicate() {
    let pair = Pair::new("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)").await;
    let role = format!("plain_{}", pair.source.database);
    pair.source(&format!(
        "CREATE ROLE {role} LOGIN REPLICATION PASSWORD 'pw'; GRANT CREATE, USAGE ON SCHEMA public TO {role}; \
         GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"
    ))
    .await;
    pair.target(&format!("GRANT CREATE, USAGE ON SCHEMA public TO {role}")).await;
    let mut task = both(&pair, &json!({}));
    task.source.connection = pair.source.with_user(&role, "pw");
    task.target.connection = pair.target.with_user(&role, "pw");
    let running = start(task, Checkpoint::default());
    running.until("replication", async |report| report.get().stage == Stage::Replicating).await;
    pair.source("INSERT INTO t VALUES (2)").await;
    running.until_value(&pair.on_target, "SELECT count(*) FROM t", "2").await;
    let (ended, _) = running.stop().await;
    assert!(ended.recorder.has_line("DDL statements are not captured"));
    assert_eq!(value(&pair.on_source, "SELECT to_regclass('awsdms_ddl_audit')").await, "(null)", "all or nothing");
}

#[tokio::test]
async fn the_latency_grows_while_a_transaction_is_open() {
    let pair = Pair::new("CREATE TABLE t (id int PRIMARY KEY)").await;
    let running = start(both(&pair, &json!({})), Checkpoint::default());
    running.until("replication", async |report| report.get().stage == Stage::Replicating).await;
    let writer = pair.source.connect().await.unwrap();
    writer.batch_execute("BEGIN; INSERT INTO t VALUES (1)").await.unwrap();
    let shows = async |report: &crate::SharedReport| report.get().latency_source > Duration::from_millis(500);
    running.until("the latency", shows).await;
    writer.batch_execute("COMMIT").await.unwrap();
    running.until_value(&pair.on_target, "SELECT count(*) FROM t", "1").await;
    running.until("no latency", async |report| report.get().latency_target.is_zero()).await;
    running.stop().await;
}

#[tokio::test]
async fn a_table_can_be_reloaded_while_the_task_runs() {
    let pair = Pair::new("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1), (2)").await;
    let running = start(both(&pair, &json!({})), Checkpoint::default());
    running.until("replication", async |report| report.get().stage == Stage::Replicating).await;
    pair.target("DELETE FROM t WHERE id = 1").await;
    running.control.send_modify(|control| control.reload.push(TableName::new("public", "t")));
    running.until("the reload", async |_| running.table("t").reloaded).await;
    assert_eq!(value(&pair.on_target, "SELECT count(*) FROM t").await, "2");
    pair.source("INSERT INTO t VALUES (3)").await;
    running.until_value(&pair.on_target, "SELECT count(*) FROM t", "3").await;
    running.stop().await;
}

#[tokio::test]
async fn tables_without_a_key_get_inserts_only() {
    let pair = Pair::new("CREATE TABLE log (v int); INSERT INTO log VALUES (1)").await;
    let running = start(both(&pair, &json!({})), Checkpoint::default());
    running.until("replication", async |report| report.get().stage == Stage::Replicating).await;
    pair.source("UPDATE log SET v = 5; INSERT INTO log VALUES (2)").await;
    running.until_value(&pair.on_target, "SELECT string_agg(v::text, ',' ORDER BY v) FROM log", "1,2").await;
    running.stop().await;
}
