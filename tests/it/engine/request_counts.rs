//! How many requests runs send. Each limit is a little above what is sent today: what needs more must be worth it.

use std::collections::BTreeMap;

use migrate_infra::engine::TagReads;
use migrate_infra::graph::Graph;
use migrate_infra::plan::Drift;
use migrate_infra::sandbox::Faults;

use super::drift::without;
use crate::harness::sandbox_run::Fixture;
use crate::harness::stacks::{SELF_CONTAINED, graph};
use crate::kinds::every_input::{look_at, refresh_reading};

/// One environment that contains everything, as `.cargo/bench stack` creates it.
fn environment() -> Graph {
    let graph = graph(SELF_CONTAINED, &[]);
    graph.part(|address| address.environment() == "source", |_| None).expect("it has no dependencies")
}

fn all(calls: &BTreeMap<&'static str, u64>) -> u64 {
    calls.values().sum()
}

#[tokio::test(start_paused = true)]
async fn up_plan_and_down_of_an_environment() {
    let graph = environment();
    let mut fixture = Fixture::default();
    let up = fixture.up(&graph).await;
    up.must_succeed();
    fixture.advance_a_day();
    let (refresh, plan) = refresh_reading(&fixture, |_| true, TagReads::Listed, Faults::default()).await;
    assert!(refresh.drift.is_empty(), "{:?}", refresh.drift);
    let down = fixture.down().await;
    down.must_succeed();
    let (up, down) = (up.calls.by_call(), down.calls.by_call());
    println!(
        "{} resources\nup {}: {up:?}\nplan {}: {plan:?}\ndown {}: {down:?}",
        refresh.resources,
        all(&up),
        all(&plan),
        all(&down)
    );
    assert!(all(&up) <= 470, "up: {up:?}");
    assert!(all(&plan) <= 82, "a plan without changes: {plan:?}");
    assert!(all(&down) <= 680, "down: {down:?}");
}

/// The description of most resources does not contain their tags.
#[tokio::test(start_paused = true)]
async fn one_listing_replaces_the_reads_of_tags() {
    let mut fixture = Fixture::default();
    fixture.up(&environment()).await.must_succeed();
    let (_, each) = look_at(&fixture, |_| true).await;
    let (_, listed) = refresh_reading(&fixture, |_| true, TagReads::Listed, Faults::default()).await;
    for what in ["dms:ListTagsForResource", "logs:ListTagsForResource", "rds:ListTagsForResource"] {
        assert!(each.get(what).is_some_and(|calls| *calls > 1), "{what}: {each:?}");
        assert_eq!(listed.get(what), None, "{what}: {listed:?}");
    }
    assert_eq!(listed.get("tag:GetResources"), Some(&1), "{listed:?}");
    assert_eq!(listed.get("logs:DescribeLogGroups"), Some(&1), "{listed:?}");
    assert_eq!(listed.get("dms:DescribeEndpoints"), Some(&1), "{listed:?}");
    assert_eq!(listed.get("rds:DescribeDBInstances"), Some(&1), "{listed:?}");
}

/// What the listing shows as different is read from its service, and what it leaves out as well.
#[tokio::test(start_paused = true)]
async fn a_tag_that_differs_is_drift_with_the_listing_too() {
    let mut fixture = Fixture::default();
    fixture.up(&environment()).await.must_succeed();
    let groups = &mut fixture.world.region("us-east-1").logs.groups;
    let name = groups.keys().next().expect("a log group").clone();
    groups.get_mut(&name).expect("it").tags.insert("CostCenter".to_owned(), "elsewhere".to_owned());
    let (refresh, calls) = refresh_reading(&fixture, |_| true, TagReads::Listed, Faults::default()).await;
    assert_eq!(calls.get("logs:ListTagsForResource"), Some(&1), "{calls:?}");
    let found: Vec<_> = refresh.drift.values().collect();
    assert!(matches!(&found[..], [Drift::Differs { call, .. }] if call == "logs:TagResource"), "{found:?}");
    // Without any tag it belongs to nobody, and no listing of the stack shows it.
    fixture.world.region("us-east-1").logs.groups.get_mut(&name).expect("it").tags = BTreeMap::new();
    let (refresh, _) = refresh_reading(&fixture, |_| true, TagReads::Listed, Faults::default()).await;
    assert_eq!(refresh.drift.len(), 1, "{:?}", refresh.drift);
}

/// The listing lags, and whoever may not read it has none.
#[tokio::test(start_paused = true)]
async fn without_the_listing_each_resource_is_read() {
    let mut fixture = Fixture::default();
    fixture.up(&environment()).await.must_succeed();
    let blind = Faults::blind("tag:GetResources", 1);
    let (refresh, calls) = refresh_reading(&fixture, |_| true, TagReads::Listed, blind).await;
    assert!(refresh.drift.is_empty(), "{:?}", refresh.drift);
    let (_, each) = look_at(&fixture, |_| true).await;
    assert_eq!(all(&calls), all(&each) + 1, "{calls:?}");
}

/// The listing shows deleted resources for a while.
#[tokio::test(start_paused = true)]
async fn a_deleted_resource_that_is_still_listed_is_gone() {
    let mut fixture = Fixture::default();
    fixture.up(&environment()).await.must_succeed();
    let address =
        fixture.state().resources.iter().find(|(_, entry)| entry.kind == "cloudwatch.alarm").expect("one").0.clone();
    fixture.world = without(&fixture, &address).await.expect("AWS permits it");
    let (refresh, calls) = refresh_reading(&fixture, |_| true, TagReads::Listed, Faults::default()).await;
    assert_eq!(refresh.drift.get(&address), Some(&Drift::Gone), "{:?}", refresh.drift);
    assert_eq!(calls.get("tag:GetResources"), Some(&1));
}

/// Before the first resource of a type is created, one list shows that none of them exists.
#[tokio::test(start_paused = true)]
async fn one_list_shows_that_nothing_exists_yet() {
    let graph = environment();
    let mut fixture = Fixture::default();
    let up = fixture.up(&graph).await;
    let calls = up.must_succeed().calls.by_call();
    for what in ["ec2:DescribeRouteTables", "ec2:DescribeSecurityGroupRules"] {
        assert!(calls.get(what).is_some_and(|calls| *calls <= 4), "{what}: {calls:?}");
    }
}
