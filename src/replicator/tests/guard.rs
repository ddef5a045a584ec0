//! Databases that refuse writes of the role that DMS logs in with, as the old and the new database do in a switchover,
//! and the task that replicates back.

use serde_json::json;

use super::server::{PASSWORD, Pair, value};
use super::world::{Running, definition, run, start};
use crate::capture::StartPosition;
use crate::checkpoint::Checkpoint;
use crate::definition::Start;
use crate::report::Stage;
use crate::{MigrationType, StopReason, TaskDefinition};
use infra_postgres::ConnectionInfo;

/// What the stack configures.
const SCRIPT: &str = "SET session_replication_role = 'replica'; SET default_transaction_read_only = off";
const IDS: &str = "SELECT string_agg(id::text, ',' ORDER BY id) FROM t";

/// Creates the role of the service, which DMS uses too.
async fn service(pair: &Pair) -> String {
    let role = format!("service_{}", pair.source.database);
    pair.source(&format!("CREATE ROLE {role} LOGIN SUPERUSER PASSWORD '{PASSWORD}'")).await;
    role
}

/// Makes a database refuse writes of the role, and ends its sessions there.
async fn guard(pair: &Pair, role: &str, database: &ConnectionInfo) {
    let name = &database.database;
    pair.source(&format!("ALTER ROLE {role} IN DATABASE {name} SET default_transaction_read_only = on")).await;
    let sessions = format!("FROM pg_stat_activity WHERE usename = '{role}' AND datname = '{name}'");
    pair.source(&format!("SELECT pg_terminate_backend(pid) {sessions}")).await;
}

/// Returns a task whose sessions are those of the role.
fn task(pair: &Pair, role: &str, migration: MigrationType) -> TaskDefinition {
    let settings = json!({"ErrorBehavior": {"RecoverableErrorInterval": 1, "RecoverableErrorThrottling": false}});
    let mut task = definition(pair, migration, &settings);
    task.source.connection = pair.source.with_user(role, PASSWORD);
    task.target.connection = pair.target.with_user(role, PASSWORD);
    task.source.capture_ddls = false;
    task
}

async fn replicating(running: &Running) {
    running.until("replication", async |report| report.get().stage == Stage::Replicating).await;
}

#[tokio::test]
async fn the_script_makes_each_session_on_a_guarded_target_writable() {
    let pair = Pair::new("CREATE TABLE t (id int PRIMARY KEY)").await;
    // A trigger of the user that would refuse every row, and a foreign key that no row satisfies.
    pair.target(
        "CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE t (id int PRIMARY KEY REFERENCES parent);
         CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;
         CREATE TRIGGER refuse BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    .await;
    let role = service(&pair).await;
    guard(&pair, &role, &pair.target).await;
    let session = pair.target.with_user(&role, PASSWORD).connect().await.unwrap();
    let refused = session.batch_execute("CREATE TABLE other ()").await.unwrap_err();
    assert_eq!(refused.code().unwrap().code(), "25006", "the guard holds for the service");

    let mut task = task(&pair, &role, MigrationType::Changes);
    task.target.after_connect_script = Some(SCRIPT.to_owned());
    let running = start(task, Checkpoint::default());
    replicating(&running).await;
    pair.source("INSERT INTO t VALUES (1)").await;
    running.until_value(&pair.on_target, IDS, "1").await;
    // New sessions run the script, too.
    guard(&pair, &role, &pair.target).await;
    pair.source("INSERT INTO t VALUES (2)").await;
    running.until_value(&pair.on_target, IDS, "1,2").await;
    assert!(running.report.get().last_error.is_some(), "the sessions were ended");
    running.stop().await;
}

#[tokio::test]
async fn without_the_script_a_guarded_target_gets_nothing() {
    let pair = Pair::new("CREATE TABLE t (id int PRIMARY KEY)").await;
    pair.target("CREATE TABLE t (id int PRIMARY KEY)").await;
    let role = service(&pair).await;
    let running = start(task(&pair, &role, MigrationType::Changes), Checkpoint::default());
    replicating(&running).await;
    guard(&pair, &role, &pair.target).await;
    pair.source("INSERT INTO t VALUES (1)").await;
    running.until("the refusal", async |_| running.recorder.has_line("read-only transaction")).await;
    assert_eq!(value(&pair.on_target, "SELECT count(*) FROM t").await, "0");
    running.stop().await;

    let (_, end) = run(task(&pair, &role, MigrationType::Changes)).await;
    let failure = end.failure.expect("a task cannot begin on a guarded target");
    assert!(failure.contains("read-only transaction"), "{failure}");
}

#[tokio::test]
async fn a_guarded_source_is_still_read_and_a_stopped_task_resumes_on_it() {
    let pair = Pair::new("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)").await;
    let role = service(&pair).await;
    // With its artifacts, as the task of the migration has them.
    let mut task = task(&pair, &role, MigrationType::FullLoadAndChanges);
    task.source.capture_ddls = true;
    let running = start(task.clone(), Checkpoint::default());
    replicating(&running).await;
    guard(&pair, &role, &pair.source).await;
    pair.source("INSERT INTO t VALUES (2)").await;
    running.until_value(&pair.on_target, IDS, "1,2").await;
    let (ended, _) = running.stop().await;
    pair.source("INSERT INTO t VALUES (3)").await;
    let running = start(TaskDefinition { start: Start::Resume, ..task }, ended.checkpoint);
    running.until_value(&pair.on_target, IDS, "1,2,3").await;
    running.stop().await;
}

#[tokio::test]
async fn a_change_only_task_starts_on_a_guarded_source_and_starts_again_at_a_later_position() {
    let pair = Pair::new("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)").await;
    pair.target("CREATE TABLE t (id int PRIMARY KEY)").await;
    let role = service(&pair).await;
    guard(&pair, &role, &pair.source).await;
    let slot = format!("back_{}", pair.source.database);
    let create = format!("SELECT lsn FROM pg_create_logical_replication_slot('{slot}', 'test_decoding')");
    let mut task = task(&pair, &role, MigrationType::Changes);
    task.source.slot_name = Some(slot.clone());
    let mut checkpoint = Checkpoint::default();
    for id in [2, 4] {
        let lsn = value(&pair.on_source, &create).await;
        task.start = Start::Fresh(StartPosition::new(Some(&lsn), false, Some(&slot)).unwrap());
        let running = start(task.clone(), checkpoint);
        replicating(&running).await;
        pair.source(&format!("INSERT INTO t VALUES ({id})")).await;
        let arrived = if id == 2 { "2" } else { "2,4" };
        running.until_value(&pair.on_target, IDS, arrived).await;
        let (ended, end) = running.stop().await;
        assert_eq!(end.reason, StopReason::Normal);
        checkpoint = ended.checkpoint;
        // What is committed before the next start is not replicated: its slot is replaced.
        pair.source(&format!("INSERT INTO t VALUES ({}); SELECT pg_drop_replication_slot('{slot}')", id + 1)).await;
    }
    assert_eq!(value(&pair.on_source, "SELECT count(*) FROM pg_event_trigger").await, "0");
}
