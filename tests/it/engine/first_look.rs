//! Lists that several resources share: the first look for a resource that is not in the state, and a refresh. Neither
//! may conclude from a shared list what a read of one resource would not show.

use migrate_infra::crash_point::CrashPoints;
use migrate_infra::engine::TagReads;
use migrate_infra::graph::Graph;
use migrate_infra::sandbox::Faults;

use crate::harness::sandbox_run::{Fixture, RunKind};
use crate::harness::stacks::{SELF_CONTAINED, graph};
use crate::kinds::every_input::refresh_reading;

async fn environment() -> (Graph, Fixture) {
    let graph = graph(SELF_CONTAINED, &[]);
    let graph = graph.part(|address| address.environment() == "source", |_| None).expect("it has no dependencies");
    let mut fixture = Fixture::default();
    fixture.up(&graph).await.must_succeed();
    fixture.advance_a_day();
    (graph, fixture)
}

/// What belongs to it may be new, or not: its parents are not.
#[tokio::test(start_paused = true)]
async fn each_resource_that_the_state_lacks_is_found() {
    let (graph, initial) = environment().await;
    let inventory = initial.stable_inventory();
    for address in initial.state().resources.keys() {
        let mut fixture = initial.fork();
        fixture.adopted = Some((address.clone(), String::new()));
        fixture.run(&graph, RunKind::Forget, CrashPoints::default()).await;
        assert!(fixture.state().get(address).is_none(), "{address}");
        fixture.up(&graph).await.must_succeed();
        assert_eq!(fixture.stable_inventory(), inventory, "{address}");
    }
}

#[tokio::test(start_paused = true)]
async fn everything_is_found_when_the_state_is_lost() {
    let (graph, initial) = environment().await;
    let mut fixture = Fixture { world: initial.world.clone(), ..Fixture::default() };
    fixture.up(&graph).await.must_succeed();
    assert_eq!(fixture.stable_inventory(), initial.stable_inventory());
    assert_eq!(fixture.state().resources.len(), initial.state().resources.len());
}

/// The first read of each shared list shows an empty account.
#[tokio::test(start_paused = true)]
async fn a_shared_read_that_is_stale_is_no_drift() {
    let (_, fixture) = environment().await;
    let shared = [
        "application-autoscaling:DescribeScalableTargets",
        "application-autoscaling:ListTagsForResource",
        "cloudwatch:DescribeAlarms",
        "dms:DescribeEndpoints",
        "dms:DescribeReplicationTasks",
        "ec2:DescribeRouteTables",
        "ec2:DescribeSecurityGroupRules",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSubnets",
        "logs:DescribeLogGroups",
        "secretsmanager:DescribeSecret",
        "secretsmanager:GetSecretValue",
        "tag:GetResources",
    ];
    for tags in [TagReads::Listed, TagReads::Each] {
        for operation in shared {
            let (refresh, calls) = refresh_reading(&fixture, |_| true, tags, Faults::blind(operation, 1)).await;
            assert!(refresh.drift.is_empty(), "{operation}, {tags:?}: {:?}", refresh.drift);
            let is_read = calls.contains_key(operation);
            assert!(is_read || tags == TagReads::Each || operation.ends_with("ListTagsForResource"), "{operation}");
        }
    }
}
