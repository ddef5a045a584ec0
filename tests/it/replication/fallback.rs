//! The fallback replication: created at rest, started by a switchover at a position, stopped, and started again.

use migrate_infra::address::Address;
use migrate_infra::config::Side;
use migrate_infra::crash_point::CrashPoints;
use migrate_infra::database::Lsn;
use migrate_infra::engine::Context;
use migrate_infra::migration::fallback;
use migrate_infra::migration::topology::{Fallback, Replication, Topology};
use migrate_infra::resource::Result;
use migrate_infra::sandbox::Faults;
use migrate_infra::sandbox::world::dms::{StartType, Task, TaskState};
use serde_json::json;

use crate::cutover::traffic::routed;
use crate::cutover::whole_cutover::{replicate_in, replicating};
use crate::harness::matrix::Matrix;
use crate::harness::sandbox_run::Fixture;
use crate::harness::stacks::{PAIRED, graph};

const TASK: &str = "target/replication/fallback-task";

fn lsn(text: &str) -> Lsn {
    text.parse().expect("a position")
}

fn replication(context: &Context) -> Replication {
    context.journal.read(Topology::of).replications.into_iter().next().expect("a replication")
}

/// Returns the fallback to the source.
fn back(replication: &Replication) -> Result<&Fallback> {
    fallback::fallback(replication, Side::Source)
}

/// Returns the forward task and the fallback task.
fn tasks(fixture: &Fixture) -> [Task; 2] {
    let state = fixture.state();
    let topology = Topology::of(&state);
    let [replication] = topology.replications.as_slice() else { panic!("{:?}", topology.replications) };
    let all = fixture.world.regions.values().flat_map(|region| region.dms.tasks.values());
    let find = |arn: &str| all.clone().find(|task| task.arn == arn).expect("the task").clone();
    [find(&replication.task), find(&replication.fallback_to_source.as_ref().expect("a fallback").task)]
}

/// Does what row 6 does in DMS.
async fn switch(context: &Context, position: &str) -> Result<()> {
    let replication = replication(context);
    fallback::stop_carrier(context, &replication).await?;
    fallback::stop_and_verify(context, back(&replication)?).await?;
    fallback::start(context, back(&replication)?, &lsn(position)).await
}

/// Undoes it.
async fn undo(context: &Context) -> Result<()> {
    let replication = replication(context);
    fallback::stop_and_verify(context, back(&replication)?).await?;
    fallback::resume_carrier(context, &replication).await
}

async fn with<T>(fixture: &mut Fixture, action: impl AsyncFnOnce(Context) -> T) -> T {
    let (done, _) = fixture.with_context(CrashPoints::default(), Faults::default(), action).await;
    done.expect("it was not killed")
}

async fn prepared() -> Fixture {
    let mut fixture = replicating().await;
    with(&mut fixture, async |context: Context| {
        let replication = replication(&context);
        fallback::prepare(&context, back(&replication).expect("a fallback")).await.expect("the connections work");
        // A repetition tests again, which changes nothing.
        fallback::prepare(&context, back(&replication).expect("a fallback")).await.expect("the connections work");
    })
    .await;
    fixture
}

fn must_be_switched(fixture: &Fixture, position: &str) {
    let [forward, back] = tasks(fixture);
    assert_eq!((forward.state, back.state), (TaskState::Stopped, TaskState::Running));
    assert_eq!((back.progress.start_type, back.positions.start.as_deref()), (StartType::Fresh, Some(position)));
    assert!(fixture.state().migration.operations.is_empty());
}

fn must_be_undone(fixture: &Fixture) {
    let [forward, back] = tasks(fixture);
    assert_eq!((forward.state, back.state), (TaskState::Running, TaskState::Stopped));
    assert_eq!(forward.progress.start_type, StartType::Resume, "nothing is loaded again");
    assert!(fixture.state().migration.operations.is_empty());
}

#[tokio::test(start_paused = true)]
async fn it_is_created_at_rest_and_reverses_the_replication() {
    let mut fixture = routed().await;
    let [forward, back] = tasks(&fixture);
    assert_eq!((back.state, back.migration_type.as_str()), (TaskState::Ready, "cdc"));
    assert_eq!(forward.instance_arn, back.instance_arn);
    let dms = &fixture.world.regions["us-east-1"].dms;
    let endpoint = |arn: &str| dms.endpoints.values().find(|one| one.arn == arn).expect("an endpoint");
    let [from, to] = [&forward.source_endpoint_arn, &forward.target_endpoint_arn].map(|arn| endpoint(arn));
    let [back_from, back_to] = [&back.source_endpoint_arn, &back.target_endpoint_arn].map(|arn| endpoint(arn));
    assert_eq!((&from.secret_id, &to.secret_id), (&back_to.secret_id, &back_from.secret_id));
    assert_eq!(back_from.settings.slot_name.as_deref(), Some("migrate_infra_fallback_target_dev_001"));
    assert_eq!(back_from.settings.capture_ddls, Some(false));
    for target in [to, back_to] {
        let script = target.settings.after_connect_script.as_deref().expect("a script");
        assert!(script.contains("session_replication_role = 'replica'"), "{script}");
        assert!(script.contains("default_transaction_read_only = off"), "{script}");
    }
    for task in [&forward, &back] {
        let rules = task.table_mappings["rules"].as_array().expect("rules");
        let marker = json!({ "schema-name": "migrate_infra", "table-name": "marker" });
        assert!(rules.iter().any(|rule| rule["object-locator"] == marker && rule["rule-action"] == "include"));
    }
    let errors = back.settings["ErrorBehavior"].as_object().expect("policies");
    let policies = errors.iter().filter(|(name, _)| name.ends_with("Policy"));
    assert!(policies.clone().count() >= 9 && policies.clone().all(|(_, policy)| policy == "STOP_TASK"), "{errors:?}");

    // With a replication that runs, `up` does not touch it either.
    replicate_in(&mut fixture).await;
    let again = fixture.up(&graph(PAIRED, &[])).await;
    assert_eq!(again.must_succeed().calls.mutations(), 0, "{:?}", again.calls.by_call());
    assert_eq!(tasks(&fixture)[1].state, TaskState::Ready);
}

#[test]
fn the_tables_of_the_markers_have_one_name() {
    let (schema, table) = migrate_infra::stack::MARKER_TABLE;
    assert_eq!(migrate_infra::database::TableName::new(schema, table), migrate_infra::database::marker::table());
}

#[tokio::test(start_paused = true)]
async fn it_starts_at_the_position_of_each_switchover_and_is_undone() {
    let mut fixture = prepared().await;
    for (position, kept) in [("0/16B3748", "0/16B3748"), ("0/16B3748", "0/16B3748"), ("1/2A", "1/2A")] {
        with(&mut fixture, async |context: Context| switch(&context, position).await).await.expect("it starts");
        must_be_switched(&fixture, position);
        // One that runs reads the slot of this switchover, and is kept.
        let again = async |context: Context| {
            let replication = replication(&context);
            let back = back(&replication).expect("a fallback");
            fallback::start(&context, back, &lsn("7/7")).await.expect("it runs");
        };
        with(&mut fixture, again).await;
        must_be_switched(&fixture, kept);
    }
    with(&mut fixture, async |context: Context| undo(&context).await).await.expect("it is undone");
    must_be_undone(&fixture);
    with(&mut fixture, async |context: Context| undo(&context).await).await.expect("it is undone");
    must_be_undone(&fixture);
    let again = fixture.up(&graph(PAIRED, &[])).await;
    assert_eq!(again.must_succeed().calls.mutations(), 0, "{:?}", again.calls.by_call());
    fixture.down().await.must_succeed();
    assert!(fixture.state().resources.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_start_without_tests_tests_the_connections() {
    let mut fixture = replicating().await;
    with(&mut fixture, async |context: Context| switch(&context, "0/1").await).await.expect("it starts");
    must_be_switched(&fixture, "0/1");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_resumed_is_not_stopped() {
    let mut fixture = routed().await;
    let refused = with(&mut fixture, async |context: Context| {
        let replication = replication(&context);
        let stopped = fallback::stop_carrier(&context, &replication).await;
        let resumed = fallback::resume_carrier(&context, &replication).await;
        [stopped, resumed].map(|result| result.expect_err("it is refused").to_string())
    });
    for refusal in refused.await {
        assert!(refusal.contains("has replicated no changes yet"), "{refusal}");
    }
    let full_load = graph(PAIRED, &["replication.migration_type=full-load", "cutover.strategy=read-only"]);
    assert!(full_load.get(&Address::new(TASK)).is_none());
    let mut fixture = Fixture::default();
    fixture.up(&full_load).await.must_succeed();
    let refusal = with(&mut fixture, async |context: Context| {
        back(&replication(&context)).expect_err("there is none").to_string()
    });
    assert!(refusal.await.contains("it replicates no changes"));
}

#[tokio::test(start_paused = true)]
async fn a_killed_switch_and_a_killed_undo_are_completed() {
    let initial = prepared().await;
    let mut switched = initial.fork();
    with(&mut switched, async |context: Context| switch(&context, "0/1").await).await.expect("it starts");
    let mut matrix = Matrix::new();
    while let Some((point, crash_points)) = matrix.arm() {
        let mut fixture = initial.fork();
        let act = async |context: Context| switch(&context, "0/1").await.is_ok();
        fixture.with_context(crash_points.clone(), Faults::default(), act).await;
        if !crash_points.is_dead() {
            continue;
        }
        let done = with(&mut fixture, async |context: Context| switch(&context, "0/2").await).await;
        done.unwrap_or_else(|error| panic!("killed at {point}: {error}"));
        must_be_switched(&fixture, "0/2");
    }
    let points = matrix.points();
    let mut matrix = Matrix::new();
    while let Some((point, crash_points)) = matrix.arm() {
        let mut fixture = switched.fork();
        let act = async |context: Context| undo(&context).await.is_ok();
        fixture.with_context(crash_points.clone(), Faults::default(), act).await;
        if !crash_points.is_dead() {
            continue;
        }
        let done = with(&mut fixture, async |context: Context| undo(&context).await).await;
        done.unwrap_or_else(|error| panic!("killed at {point}: {error}"));
        must_be_undone(&fixture);
    }
    assert!(points + matrix.points() > 10);
}

#[tokio::test(start_paused = true)]
async fn endpoints_of_an_earlier_version_are_changed_in_place_while_the_task_is_stopped() {
    let wanted = graph(PAIRED, &[]);
    let address = Address::new("target/replication/target-endpoint");
    let before = wanted.altered(&address, |spec| {
        let fields = spec.as_object_mut().expect("a specification");
        fields.retain(|name, _| !["after_connect_script", "slot_name", "plugin_name"].contains(&name.as_str()));
        fields.remove("capture_ddls");
    });
    let mut fixture = Fixture::default();
    fixture.up(&before).await.must_succeed();
    fixture.advance_a_day();
    replicate_in(&mut fixture).await;
    let refused = fixture.up(&wanted).await;
    let failures = &refused.report.as_ref().expect("a report").failures;
    let text = format!("{failures:?}");
    assert!(text.contains("`replication stop`") && text.contains("payment-replication-target-dev-001"), "{text}");
    with(&mut fixture, async |context: Context| {
        fallback::stop_carrier(&context, &replication(&context)).await.expect("it stops");
    })
    .await;
    let changed = fixture.up(&wanted).await;
    let calls = changed.must_succeed().calls.by_call();
    assert_eq!(calls.get("dms:ModifyEndpoint"), Some(&1), "{calls:?}");
    // The setting goes with the input.
    let back = fixture.up(&before).await;
    back.must_succeed();
    let endpoints = &fixture.world.regions["us-east-1"].dms.endpoints;
    let endpoint = endpoints.values().find(|one| one.identifier == "payment-dms-target-target-dev-001");
    assert_eq!(endpoint.expect("the endpoint").settings.after_connect_script, None);
}
