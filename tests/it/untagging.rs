//! A tag that is taken out of the configuration is taken off in AWS, whatever dies in between; the tags of others stay.

use std::collections::BTreeSet;

use migrate_infra::fuse::Fuse;
use migrate_infra::graph::Graph;
use migrate_infra::plan::{Action, Calls as Said, calls};
use migrate_infra::resource::kind;
use migrate_infra::resources::cloudwatch::Dashboard;
use migrate_infra::resources::ec2::Vpc;
use migrate_infra::resources::logs::LogGroup;
use migrate_infra::resources::s3::Bucket;
use serde_json::Value;

use crate::calls::Calls;
use crate::fields::look;
use crate::lab::{Lab, Sketch, Way};
use crate::stacks::{PAIRED, TWO_REGIONS, graph};

/// The tag that is taken out of the configuration.
const OURS: &str = "Temporary";
/// Another one of the configuration.
const ANOTHER: &str = "Second";
/// A tag that somebody puts beside it by hand.
const FOREIGN: &str = "Somebody";

/// Where in the world something has this key.
fn carriers(lab: &Lab, key: &str) -> Vec<String> {
    fn walk(value: &Value, path: &str, key: &str, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                if fields.contains_key(key) {
                    found.push(path.to_owned());
                }
                fields.iter().for_each(|(name, inner)| walk(inner, &format!("{path}/{name}"), key, found));
            }
            Value::Array(items) => items.iter().enumerate().for_each(|(index, inner)| walk(inner, &format!("{path}/{index}"), key, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(&serde_json::to_value(&lab.world).expect("the world is data"), "", key, &mut found);
    found.sort();
    found
}

/// Puts a tag of somebody else's on all that carries ours.
fn tag_by_hand(lab: &mut Lab) {
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
    let mut world = serde_json::to_value(&lab.world).expect("the world is data");
    walk(&mut world);
    lab.world = serde_json::from_value(world).expect("it is the world");
}

/// There is nothing left to do, and nothing differs.
async fn is_settled(lab: &mut Lab, graph: &Graph, what: &str) {
    assert!(!lab.plan(graph, &lab.state()).changes_something(), "{what}: a second plan is not empty");
    let quiet = lab.up(graph).await;
    assert_eq!(quiet.must_succeed().meter.mutations(), 0, "{what}: {:?}", quiet.meter.by_call());
    let left: Vec<_> = lab.state().resources.into_iter().filter(|(_, entry)| !entry.dropped_tags.is_empty()).map(|(address, _)| address).collect();
    assert!(left.is_empty(), "{what}: the state goes on knowing dropped tags of {left:?}");
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_was_taken_out_stayed_in_aws() {
    let set = format!("tags.{OURS}=soon");
    let (with, without) = (graph(PAIRED, &[TWO_REGIONS, &set]), graph(PAIRED, &[TWO_REGIONS]));
    let mut lab = Lab::default();
    lab.up(&with).await.must_succeed();
    tag_by_hand(&mut lab);
    let tagged = carriers(&lab, FOREIGN);
    let meant = with.nodes().values().filter(|node| kind(node.kind).expect("a registered kind").about().tagged).count();
    assert!(tagged.len() >= meant, "only {} of {meant} things have the tag", tagged.len());
    let things = lab.world.inventory().len();
    let plan = lab.plan(&without, &lab.state());
    let called = Calls::listening(&mut lab);
    lab.up(&without).await.must_succeed();
    for step in &plan.steps {
        let of = called.of(&step.address);
        let tagged = kind(&step.kind).expect("a registered kind").about().tagged;
        assert_eq!(matches!(step.action, Action::Update { .. }), tagged, "{} ({})", step.address, step.kind);
        match calls(step) {
            Said::These(said) => assert_eq!(said.into_iter().collect::<BTreeSet<_>>(), of, "{} ({})", step.address, step.kind),
            // A service gets another revision of its tasks besides.
            Said::Among(said) => {
                assert_eq!(step.kind, "ecs.service", "{}: the plan does not know what is called", step.address);
                assert!(of.iter().all(|call| said.contains(call)), "{}: {of:?}", step.address);
            }
        }
    }
    assert_eq!(carriers(&lab, OURS), Vec::<String>::new(), "these still have it");
    assert_eq!(carriers(&lab, FOREIGN), tagged, "tags of others stay");
    assert_eq!(lab.world.inventory().len(), things);
    is_settled(&mut lab, &without, "unharmed").await;
    lab.rest();
    let findings = look(&lab).await.findings;
    assert!(findings.is_empty(), "{findings:?}");
}

/// A few things whose tags are taken off in different ways, with these tags besides the usual ones.
fn few(tags: &[&str]) -> Graph {
    let mut sketch = tags.iter().fold(Sketch::new(), |sketch, key| sketch.tagged(key, "soon"));
    sketch.add("source/network/vpc", Vpc { cidr: "10.0.0.0/16".into() });
    sketch.add("source/service/logs", LogGroup { name: "/ecs/payment".into(), retention_days: 7, kms_key: None });
    sketch.add("source/monitoring/dashboard", Dashboard { name: "payment".into(), widgets: vec![] });
    let bucket = Bucket {
        name: "payment-logs-source-test-001".into(),
        versioned: false,
        kms_key: None,
        tls_only: false,
        block_public_access: true,
        lifecycle: None,
        empty_on_delete: false,
    };
    sketch.add("source/storage-source/bucket", bucket);
    sketch.finish()
}

async fn few_tagged_by_hand(tags: &[&str]) -> Lab {
    let mut lab = Lab::default();
    lab.up(&few(tags)).await.must_succeed();
    tag_by_hand(&mut lab);
    assert_eq!(carriers(&lab, FOREIGN).len(), 4);
    lab
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_was_being_taken_off_was_forgotten_by_a_kill() {
    let (without_one, without_both) = (few(&[ANOTHER]), few(&[]));
    let before = few_tagged_by_hand(&[OURS, ANOTHER]).await;
    let mut points = 0;
    for point in 1.. {
        let Some(killed) = before.killed(&without_one, Way::Up, point).await else { break };
        points += 1;
        // The same command goes on; or the configuration has lost another tag meanwhile.
        for (graph, others) in [(&without_one, 4), (&without_both, 0)] {
            let (mut lab, what) = (killed.fork(), format!("killed at {point}"));
            lab.up(graph).await.must_succeed();
            assert_eq!(carriers(&lab, OURS), Vec::<String>::new(), "{what}");
            assert_eq!((carriers(&lab, ANOTHER).len(), carriers(&lab, FOREIGN).len()), (others, 4), "{what}");
            is_settled(&mut lab, graph, &what).await;
        }
    }
    assert!(points > 8, "only {points} points");
}

#[tokio::test(start_paused = true)]
async fn a_rollback_left_the_tags_of_the_up_that_failed() {
    for (before, after) in [(&[OURS][..], &[OURS, ANOTHER][..]), (&[OURS, ANOTHER], &[OURS])] {
        let ground = few_tagged_by_hand(before).await;
        let mut points = 0;
        for point in 1.. {
            let Some(mut lab) = ground.killed(&few(after), Way::Up, point).await else { break };
            let run = lab.state().last_run;
            if run != ground.state().last_run && run.is_some_and(|run| run.outcome.is_some()) {
                // It had ended well: there is nothing to be undone.
                break;
            }
            points += 1;
            lab.run(&Graph::default(), Way::Rollback, Fuse::default()).await.must_succeed();
            let what = format!("killed at {point}, from {before:?} to {after:?}");
            for key in [OURS, ANOTHER] {
                assert_eq!(carriers(&lab, key), carriers(&ground, key), "{what}");
            }
            assert_eq!(carriers(&lab, FOREIGN).len(), 4, "{what}");
            is_settled(&mut lab, &few(before), &what).await;
        }
        assert!(points > 8, "only {points} points");
    }
}
