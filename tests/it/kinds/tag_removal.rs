//! A tag that is removed from the configuration is removed in AWS, also after kills. Foreign tags stay.

use std::collections::BTreeSet;

use migrate_infra::crash_point::CrashPoints;
use migrate_infra::graph::Graph;
use migrate_infra::plan::{Action, Calls as Said, calls};
use migrate_infra::resources::cloudwatch::Dashboard;
use migrate_infra::resources::ec2::Vpc;
use migrate_infra::resources::logs::LogGroup;
use migrate_infra::resources::s3::Bucket;
use serde_json::Value;

use crate::harness::matrix::Matrix;
use crate::harness::registry::kind;
use crate::harness::sandbox_run::{Fixture, GraphBuilder, RunKind};
use crate::harness::stacks::{PAIRED, TWO_REGIONS, graph};
use crate::kinds::declared_operations::Calls;
use crate::kinds::every_input::look;

/// The tag that is removed from the configuration.
const OURS: &str = "Temporary";
/// Another tag of the configuration.
const ANOTHER: &str = "Second";
/// A tag that is added manually.
const FOREIGN: &str = "Somebody";

/// Returns the places in the world that have this key.
fn carriers(fixture: &Fixture, key: &str) -> Vec<String> {
    fn walk(value: &Value, path: &str, key: &str, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                if fields.contains_key(key) {
                    found.push(path.to_owned());
                }
                // What load balancers did before their last change is history, and what the tagging API remembers.
                let present = fields.iter().filter(|(name, _)| !["superseded", "tag_index"].contains(&name.as_str()));
                present.for_each(|(name, inner)| walk(inner, &format!("{path}/{name}"), key, found));
            }
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(index, inner)| walk(inner, &format!("{path}/{index}"), key, found));
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(&serde_json::to_value(&fixture.world).expect("the world is data"), "", key, &mut found);
    found.sort();
    found
}

/// Adds a foreign tag to every resource that has ours.
fn tag_by_hand(fixture: &mut Fixture) {
    fn walk(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                if fields.contains_key(OURS) {
                    fields.insert(FOREIGN.to_owned(), "else's".into());
                }
                fields.values_mut().for_each(walk);
            }
            Value::Array(items) => items.iter_mut().for_each(walk),
            _ => {}
        }
    }
    let mut world = serde_json::to_value(&fixture.world).expect("the world is data");
    walk(&mut world);
    fixture.world = serde_json::from_value(world).expect("it is the world");
}

/// Checks that nothing is left to do and nothing differs.
async fn is_settled(fixture: &mut Fixture, graph: &Graph, what: &str) {
    assert!(!fixture.plan(graph, &fixture.state()).changes_something(), "{what}: a second plan is not empty");
    let quiet = fixture.up(graph).await;
    assert_eq!(quiet.must_succeed().calls.mutations(), 0, "{what}: {:?}", quiet.calls.by_call());
    let left: Vec<_> = fixture
        .state()
        .resources
        .into_iter()
        .filter(|(_, entry)| !entry.removed_tags.is_empty())
        .map(|(address, _)| address)
        .collect();
    assert!(left.is_empty(), "{what}: the state still contains the removed tags of {left:?}");
}

#[tokio::test(start_paused = true)]
async fn a_tag_removed_from_the_configuration_is_removed_in_aws() {
    let set = format!("tags.{OURS}=soon");
    let (with, without) = (graph(PAIRED, &[TWO_REGIONS, &set]), graph(PAIRED, &[TWO_REGIONS]));
    let mut fixture = Fixture::default();
    fixture.up(&with).await.must_succeed();
    tag_by_hand(&mut fixture);
    let tagged = carriers(&fixture, FOREIGN);
    let meant = with.nodes().values().filter(|node| node.kind.get().schema().tagged).count();
    assert!(tagged.len() >= meant, "only {} of {meant} resources have the tag", tagged.len());
    let count = fixture.world.inventory().len();
    let plan = fixture.plan(&without, &fixture.state());
    let called = Calls::listening(&mut fixture);
    fixture.up(&without).await.must_succeed();
    for step in &plan.steps {
        let of = called.of(&step.address);
        let tagged = kind(&step.kind).expect("a registered kind").schema().tagged;
        assert_eq!(matches!(step.action, Action::Update { .. }), tagged, "{} ({})", step.address, step.kind);
        match calls(step) {
            Said::These(said) => {
                assert_eq!(said.into_iter().collect::<BTreeSet<_>>(), of, "{} ({})", step.address, step.kind);
            }
            // A service also gets another revision of its tasks.
            Said::Among(said) => {
                assert_eq!(step.kind, "ecs.service", "{}: the plan does not know what is called", step.address);
                assert!(of.iter().all(|call| said.contains(call)), "{}: {of:?}", step.address);
            }
        }
    }
    assert_eq!(carriers(&fixture, OURS), Vec::<String>::new(), "these still have it");
    assert_eq!(carriers(&fixture, FOREIGN), tagged, "tags of others stay");
    assert_eq!(fixture.world.inventory().len(), count);
    is_settled(&mut fixture, &without, "unharmed").await;
    fixture.advance_a_day();
    let findings = look(&fixture).await.drift;
    assert!(findings.is_empty(), "{findings:?}");
}

/// Returns a few resources whose tags are removed in different ways, with additional tags.
fn few(tags: &[&str]) -> Graph {
    let mut builder = tags.iter().fold(GraphBuilder::new(), |builder, key| builder.tagged(key, "soon"));
    builder.add("source/network/vpc", Vpc { cidr: "10.0.0.0/16".into(), remove_guardduty: true });
    builder.add("source/service/logs", LogGroup { name: "/ecs/payment".into(), retention_days: 7, kms_key: None });
    builder.add("source/monitoring/dashboard", Dashboard { name: "payment".into(), widgets: vec![] });
    let bucket = Bucket {
        name: "payment-logs-source-test-001".into(),
        versioned: false,
        kms_key: None,
        tls_only: false,
        block_public_access: true,
        lifecycle: None,
        empty_on_delete: false,
    };
    builder.add("source/storage-source/bucket", bucket);
    builder.finish()
}

async fn few_tagged_by_hand(tags: &[&str]) -> Fixture {
    let mut fixture = Fixture::default();
    fixture.up(&few(tags)).await.must_succeed();
    tag_by_hand(&mut fixture);
    assert_eq!(carriers(&fixture, FOREIGN).len(), 4);
    fixture
}

#[tokio::test(start_paused = true)]
async fn a_killed_removal_of_a_tag_is_completed() {
    let (without_one, without_both) = (few(&[ANOTHER]), few(&[]));
    let before = few_tagged_by_hand(&[OURS, ANOTHER]).await;
    let mut matrix = Matrix::new();
    while let Some((point, crash_points)) = matrix.arm() {
        let Some(killed) = before.killed(&without_one, RunKind::Up, crash_points).await else { continue };
        // The same command resumes, or the configuration has lost another tag in between.
        for (graph, others) in [(&without_one, 4), (&without_both, 0)] {
            let (mut fixture, what) = (killed.fork(), format!("killed at {point}"));
            fixture.up(graph).await.must_succeed();
            assert_eq!(carriers(&fixture, OURS), Vec::<String>::new(), "{what}");
            assert_eq!((carriers(&fixture, ANOTHER).len(), carriers(&fixture, FOREIGN).len()), (others, 4), "{what}");
            is_settled(&mut fixture, graph, &what).await;
        }
    }
    assert!(matrix.points() > 8, "only {} points", matrix.points());
}

#[tokio::test(start_paused = true)]
async fn a_rollback_removes_the_tags_of_a_failed_up() {
    for (before, after) in [(&[OURS][..], &[OURS, ANOTHER][..]), (&[OURS, ANOTHER], &[OURS])] {
        let initial = few_tagged_by_hand(before).await;
        let mut matrix = Matrix::new();
        while let Some((point, crash_points)) = matrix.arm() {
            let Some(mut fixture) = initial.killed(&few(after), RunKind::Up, crash_points).await else { continue };
            let run = fixture.state().last_run;
            if run != initial.state().last_run && run.is_some_and(|run| run.outcome.is_some()) {
                // The run had succeeded: there is nothing to undo.
                continue;
            }
            fixture.run(&Graph::default(), RunKind::Rollback, CrashPoints::default()).await.must_succeed();
            let what = format!("killed at {point}, from {before:?} to {after:?}");
            for key in [OURS, ANOTHER] {
                assert_eq!(carriers(&fixture, key), carriers(&initial, key), "{what}");
            }
            assert_eq!(carriers(&fixture, FOREIGN).len(), 4, "{what}");
            is_settled(&mut fixture, &few(before), &what).await;
        }
        assert!(matrix.points() > 8, "only {} points", matrix.points());
    }
}
