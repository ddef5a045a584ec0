//! How the replication to the new primary ends on real databases, and how the fallback begins.

use std::time::{Duration, Instant};

use migrate_infra::database::{Database, Lsn, slots};
use migrate_infra::events::Events;
use migrate_infra::migration::fallback;
use migrate_infra::migration::phase::StartRecord;
use migrate_infra::migration::switchover::{After, SwitchoverRecord, close_target, drive};
use migrate_infra::migration::topology::Topology;
use migrate_infra::sandbox::world::dms::TaskState;
use migrate_infra::switchover::{Direction, Drained, Evidence, Operations, Task, abort_signal};
use migrate_infra::workflow::unattended::{self, CutoverEnd};
use migrate_infra::workflow::{Session, switchover};

use super::stack::{ONE_STEP, Stack, rows, until};

const TABLES: &str = "CREATE TABLE payments (id bigserial PRIMARY KEY, note text)";
const CONTENT: &str = "INSERT INTO payments (note) VALUES ('before')";
const LATER: &str = "INSERT INTO payments (note) VALUES ('later')";

/// The driver was killed after the fallback had read changes, and before that was recorded; then its task stopped. It
/// could not start at its first position again, which its slot has passed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_follows_a_switchover_can_be_repeated_after_the_fallback_has_read_changes() {
    let directory = tempfile::tempdir().expect("a directory");
    let stack = tokio::task::block_in_place(|| Stack::with(&directory, ONE_STEP));
    stack.replicate(TABLES, CONTENT).await;
    let [source, target] = ["source", "target"].map(|side| stack.connection(side));
    until("the load", async || rows(&target, "payments").await == 1).await;
    match Box::pin(unattended::cutover(&stack.workspace, Events::nowhere())).await.expect("it ends") {
        CutoverEnd::Switchover(ended) => assert_eq!(ended.record.after, After::Settled, "{:?}", ended.reasons),
        CutoverEnd::Steps(outcome) => panic!("{outcome:?}"),
    }
    let client = target.connect().await.expect("a connection");
    client.batch_execute(LATER).await.expect("the target is the primary");
    until("the fallback", async || rows(&source, "payments").await == 2).await;

    let session = Session::open(&stack.workspace, "cutover", Events::nowhere()).await.expect("a session");
    let context = session.context.clone();
    let mut record = context.journal.read(SwitchoverRecord::of).expect("it can be read").expect("a record");
    let start = record.fallback_from;
    stack.world(|world| {
        let mut records = world.route53.zones.values().flat_map(|zone| &zone.records);
        let target = records.find(|record| record.set_identifier.as_deref() == Some("target")).expect("a record");
        assert_eq!(target.health_check_id, None, "the record of the primary keeps the traffic");
    });
    let topology = context.journal.read(Topology::of);
    let back = topology.replications[0].fallback_to_source.as_ref().expect("a fallback");
    until("the slot is past its first position", async || {
        let slots = slots::list(Database::new("new", &client)).await.expect("the slots");
        slots.iter().any(|slot| slot.name == back.slot && slot.confirmed > start)
    })
    .await;
    fallback::stop_and_verify(&context, back).await.expect("it stops");
    client.batch_execute(LATER).await.expect("the target is the primary");

    record.after = After::Nothing;
    let operations = switchover::operations(&stack.workspace, &context, None).expect("the databases");
    operations.settle(&mut record).await.expect("it continues");
    operations.end_settling(&mut record).await.expect("it is recorded");
    until("the fallback", async || rows(&source, "payments").await == 3).await;
    drop(operations);
    drop(context);
    session.close().await;
}

/// Does row 6 of a switchover, of a source whose last write was at a position. Returns the state of the task that has
/// loaded the tables.
async fn after_row_fallback(stack: &Stack, written: Lsn) -> TaskState {
    let session = Session::open(&stack.workspace, "cutover", Events::nowhere()).await.expect("a session");
    let context = session.context.clone();
    let operations = switchover::operations(&stack.workspace, &context, None).expect("the databases");
    close_target(&operations).await.expect("the target is guarded");
    let drained = Drained { position: Some(written), ..Drained::default() };
    let evidence = Evidence { drained: Some(drained), ..Evidence::default() };
    let task = Task { direction: Direction::FORWARD, evidence: &evidence, attempt: 1, deadline: None };
    operations.fallback(task).await.expect("the row is done");
    let arn = operations.topology.loads[0].task.clone();
    let state = stack.world(|world| {
        let mut all = world.regions.values().flat_map(|region| region.dms.tasks.values());
        all.find(|task| task.arn == arn).expect("the task").state
    });
    operations.undo_fallback(task).await.expect("it runs again");
    drop(operations);
    drop(context);
    session.close().await;
    state
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_a_replication_is_awaited_only_if_its_slot_is_not_known() {
    let directory = tempfile::tempdir().expect("a directory");
    // Slower than usual, so that a task is seen to stop.
    let stack = tokio::task::block_in_place(|| Stack::at_speed(&directory, ONE_STEP, 30.0));
    stack.replicate(TABLES, CONTENT).await;
    let target = stack.connection("target");
    until("the load", async || rows(&target, "payments").await == 1).await;
    assert_eq!(after_row_fallback(&stack, Lsn::default()).await, TaskState::Stopping);

    // What it never confirms is awaited for a quarter of a minute, and then its end.
    let began = Instant::now();
    assert_eq!(after_row_fallback(&stack, "FFFFFFFF/FFFFFFFF".parse().expect("a position")).await, TaskState::Stopped);
    assert!(began.elapsed() >= Duration::from_secs(15), "{:?}", began.elapsed());

    // DMS has created its slot again, under another name.
    let session = Session::open(&stack.workspace, "test", Events::nowhere()).await.expect("a session");
    let load = session.context.journal.read(Topology::of).loads.remove(0).load;
    let start = session.context.journal.read(|state| StartRecord::of(state, &load)).expect("it can be read");
    let unknown = StartRecord { slots: Vec::new(), ..start.expect("a start") };
    session.context.journal.write(vec![unknown.record(&load).expect("it is JSON")]).await.expect("it is written");
    session.close().await;
    assert_eq!(after_row_fallback(&stack, Lsn::default()).await, TaskState::Stopped);
}

/// The driver was killed right after row `Open`: no fallback runs yet, and the way back needs it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_way_back_first_completes_what_follows_the_switchover() {
    let directory = tempfile::tempdir().expect("a directory");
    let impatient = [ONE_STEP, &["cutover.drain_seconds=0"]].concat();
    let stack = tokio::task::block_in_place(|| Stack::with(&directory, &impatient));
    stack.replicate(TABLES, CONTENT).await;
    let [source, target] = ["source", "target"].map(|side| stack.connection(side));
    until("the load", async || rows(&target, "payments").await == 1).await;
    // Its transaction is in the way, so that only the steps are done.
    let client = source.connect().await.expect("a connection");
    client.batch_execute("BEGIN; INSERT INTO payments (note) VALUES ('open')").await.expect("a transaction");
    let ended = Box::pin(unattended::cutover(&stack.workspace, Events::nowhere())).await.expect("it ends");
    assert!(!ended.is_complete());
    drop(client);

    let session = Session::open(&stack.workspace, "cutover", Events::nowhere()).await.expect("a session");
    let context = session.context.clone();
    let operations = switchover::operations(&stack.workspace, &context, None).expect("the databases");
    // Without patience for the drain, a transaction of DMS itself undoes it, too.
    for attempt in 1.. {
        let last = context.journal.read(SwitchoverRecord::of).expect("it can be read");
        let record = SwitchoverRecord::new(Direction::FORWARD, last.as_ref());
        let (_aborter, abort) = abort_signal();
        let record = Box::pin(drive(&operations, &operations.settings, record, abort)).await.expect("it ends");
        if record.is_unsettled() {
            break;
        }
        assert!(attempt < 20, "{:?}", record.progress.reasons);
    }
    drop(operations);
    drop(context);
    session.close().await;
    let client = target.connect().await.expect("a connection");
    client.batch_execute(LATER).await.expect("the target is the primary");
    drop(client);

    Box::pin(unattended::roll_back(&stack.workspace, Events::nowhere())).await.expect("it goes back");
    assert_eq!(rows(&source, "payments").await, 2);
    let client = source.connect().await.expect("a connection");
    client.batch_execute(LATER).await.expect("the source is the primary");
    until("the other fallback", async || rows(&target, "payments").await == 3).await;
}
