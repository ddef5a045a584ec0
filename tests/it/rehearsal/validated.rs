//! What a switchover compares: what has changed since the last validation, as far as it is small enough.

use std::collections::BTreeSet;

use infra_database::changes;
use migrate_infra::database::Database;
use migrate_infra::events::Events;
use migrate_infra::migration::topology::Topology;
use migrate_infra::migration::validation::{self, Validation};
use migrate_infra::switchover::Checked;
use migrate_infra::switchover::machine::Outcome;
use migrate_infra::workflow::unattended::{self, CutoverEnd};
use migrate_infra::workflow::{Session, switchover::Ended};

use super::stack::{ONE_STEP, Stack, rows, until};

const TABLES: &str = "CREATE TABLE quiet (id int PRIMARY KEY, note text); \
     CREATE TABLE busy (id int PRIMARY KEY, note text); CREATE TABLE large (id int PRIMARY KEY, note text)";
/// The third table is larger than a MB.
const CONTENT: &str = "INSERT INTO quiet SELECT n, 'x' FROM generate_series(1, 100) n; \
     INSERT INTO busy SELECT n, 'x' FROM generate_series(1, 100) n; \
     INSERT INTO large SELECT n, repeat('x', 1500) FROM generate_series(1, 2000) n";

/// Records that both databases were equal at this moment, as `replication validate` does.
async fn validate(stack: &Stack) {
    let client = stack.connection("source").connect().await.expect("a connection");
    // Sessions report what they did when they end.
    let point = changes::point(Database::new("source", &client)).await.expect("a point");
    let session = Session::open(&stack.workspace, "replication validate", Events::nowhere()).await.expect("a session");
    let replication = session.context.journal.read(Topology::of).replications.remove(0);
    let validation = Validation {
        at: "2026-01-01T00:00:00Z".to_owned(),
        primary: migrate_infra::config::Side::Source,
        task: replication.task.clone(),
        point,
        milliseconds: 500,
        bytes: 4_000_000,
        tables: BTreeSet::new(),
    };
    validation::record(&session.context, &replication, &validation).await.expect("it is recorded");
    session.close().await;
}

async fn replicated(directory: &tempfile::TempDir, sets: &[&str]) -> Stack {
    let sets = [ONE_STEP, &["cutover.largest_compared_mb=1"], sets].concat();
    let stack = tokio::task::block_in_place(|| Stack::with(directory, &sets));
    stack.replicate(TABLES, CONTENT).await;
    let target = stack.connection("target");
    until("the load", async || rows(&target, "large").await == 2000 && rows(&target, "busy").await == 100).await;
    stack
}

async fn switch_over(stack: &Stack) -> Ended {
    match Box::pin(unattended::cutover(&stack.workspace, Events::nowhere())).await.expect("it ends") {
        CutoverEnd::Switchover(ended) => *ended,
        CutoverEnd::Steps(outcome) => panic!("{outcome:?}"),
    }
}

fn names(tables: &[migrate_infra::database::TableName]) -> Vec<&str> {
    tables.iter().map(|table| table.name.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_changed_is_compared_and_what_is_too_large_is_named() {
    let directory = tempfile::tempdir().expect("a directory");
    let stack = Box::pin(replicated(&directory, &[])).await;
    validate(&stack).await;
    let client = stack.connection("source").connect().await.expect("a connection");
    client.batch_execute("INSERT INTO busy VALUES (101, 'y'); UPDATE large SET note = 'y' WHERE id = 7").await.unwrap();
    drop(client);
    let ended = switch_over(&stack).await;
    assert_eq!(ended.outcome, Outcome::Completed, "{:?}", ended.reasons);
    let checked: Checked = ended.record.progress.evidence.checked.clone().expect("it was checked");
    assert_eq!(checked.validated_at.as_deref(), Some("2026-01-01T00:00:00Z"));
    assert_eq!(names(&checked.changed), ["busy", "large"]);
    assert_eq!(names(&checked.compared), ["busy"]);
    assert_eq!(names(&checked.only_counted), ["large"]);
    assert!(checked.unproven.is_empty() && checked.equal >= 3, "{checked:?}");
    let before = ended.record.progress.evidence.before.as_ref().expect("it was prepared");
    let forecast = before.forecast.as_ref().expect("a forecast");
    println!(
        "{}",
        forecast.compare(&ended.record.progress.durations_ms).iter().map(|one| format!("{one}\n")).collect::<String>()
    );
    assert!(forecast.without_writes().as_millis() > 100, "{forecast:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_differ_undo_it_although_their_number_is_the_same() {
    let directory = tempfile::tempdir().expect("a directory");
    let stack = Box::pin(replicated(&directory, &["cutover.full_comparison=true"])).await;
    let client = stack.connection("target").connect().await.expect("a connection");
    let other = "SET default_transaction_read_only = off; UPDATE quiet SET note = 'other' WHERE id = 5";
    client.batch_execute(other).await.expect("the target is changed");
    drop(client);
    let ended = switch_over(&stack).await;
    assert_eq!(ended.outcome, Outcome::Undone);
    let reasons = ended.reasons.join("; ");
    assert!(reasons.contains("rows differ: public.quiet: different"), "{reasons}");
    assert!(!reasons.contains("other"), "no value of a row: {reasons}");
    // As before: the source takes writes.
    let client = stack.connection("source").connect().await.expect("a connection");
    client.batch_execute("INSERT INTO quiet VALUES (102, 'y')").await.expect("it writes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_validation_rows_are_counted_and_that_is_said() {
    let directory = tempfile::tempdir().expect("a directory");
    let stack = Box::pin(replicated(&directory, &[])).await;
    let ended = switch_over(&stack).await;
    assert_eq!(ended.outcome, Outcome::Completed, "{:?}", ended.reasons);
    let checked = ended.record.progress.evidence.checked.expect("it was checked");
    assert_eq!((checked.validated_at, checked.compared), (None, Vec::new()));
    assert_eq!(names(&checked.only_counted), ["busy", "large", "quiet"]);
}
