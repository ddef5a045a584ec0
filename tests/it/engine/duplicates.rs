//! Creations whose answer was lost, in a service that is late: nothing is created twice, or the duplicate is removed.

use migrate_infra::graph::Graph;
use migrate_infra::resource::Error;
use migrate_infra::resources::ec2::{ElasticIp, InternetGateway, RouteTable, Subnet, Vpc, ZoneOffers};
use migrate_infra::sandbox::Faults;
use migrate_infra::sandbox::world::ec2::Subnet as StoredSubnet;

use crate::harness::matrix::Matrix;
use crate::harness::sandbox_run::{Fixture, GraphBuilder, RunKind};
use crate::harness::stacks::{PAIRED, graph};

/// Everything that has neither a name nor a token, and what is in it.
fn network() -> Graph {
    let mut builder = GraphBuilder::new();
    let vpc = builder.add("source/network/vpc", Vpc { cidr: "10.0.0.0/16".into(), remove_guardduty: true });
    builder.add("source/network/gateway", InternetGateway { vpc: vpc.id() });
    builder.add("source/network/address", ElasticIp {});
    builder.add("source/network/table", RouteTable { vpc: vpc.id() });
    builder.add(
        "source/network/subnet",
        Subnet {
            vpc: vpc.id(),
            cidr: "10.0.0.0/24".into(),
            zone: 0,
            zone_id: None,
            offers: ZoneOffers::default(),
            public_addresses: false,
            remove_guardduty: true,
        },
    );
    builder.finish()
}

fn vpc() -> Graph {
    let mut builder = GraphBuilder::new();
    builder.add("source/network/vpc", Vpc { cidr: "10.0.0.0/16".into(), remove_guardduty: true });
    builder.finish()
}

/// Loses the answer to each call, which then stays invisible for a minute. Everything was looked for 15 seconds, so
/// there were two VPCs.
async fn nothing_is_created_twice(graph: &Graph, mut matrix: Matrix) -> u64 {
    let mut plain = Fixture::default();
    plain.up(graph).await.must_succeed();
    let count = plain.stable_inventory().len();
    while let Some(at) = matrix.next_point() {
        let mut fixture = Fixture::default();
        let faults = Faults::lost_and_unseen(at, 60);
        let ran = fixture.run_with_faults(graph, RunKind::Up, faults.clone()).await;
        if !faults.was_injected() {
            matrix.ended(ran.calls.mutations());
            break;
        }
        if ran.report().failures.is_empty() {
            let inventory = fixture.stable_inventory();
            assert_eq!(inventory.len(), count, "the answer to call {at} was lost: {inventory:#?}");
        }
        fixture.advance_a_day();
        // A read of a minute ago can make a step fail. Nothing is lost or doubled.
        fixture.up(graph).await.must_succeed();
        let inventory = fixture.stable_inventory();
        assert_eq!(inventory.len(), count, "the answer to call {at} was lost: {inventory:#?}");
    }
    matrix.points()
}

#[tokio::test(start_paused = true)]
async fn a_late_network_is_not_created_twice() {
    assert!(nothing_is_created_twice(&network(), Matrix::complete(1, 1)).await >= 6);
}

#[tokio::test(start_paused = true)]
async fn a_late_stack_is_not_created_twice() {
    assert!(nothing_is_created_twice(&graph(PAIRED, &[]), Matrix::new()).await > 100);
}

/// A VPC that shows only after a quarter of an hour, when there are two. The state knows neither.
async fn two_vpcs() -> (Fixture, Vec<String>) {
    let mut fixture = Fixture::default();
    let ran = fixture.run_with_faults(&vpc(), RunKind::Up, Faults::lost_and_unseen(1, 900)).await;
    assert_eq!(ran.report().failures.len(), 1, "the second one is not visible either");
    fixture.advance_a_day();
    let ids: Vec<String> = fixture.world.region("us-east-1").ec2.vpcs.keys().cloned().collect();
    assert_eq!(ids.len(), 2, "{ids:?}");
    (fixture, ids)
}

fn put_subnet(fixture: &mut Fixture, vpc: &str) {
    let subnet = StoredSubnet {
        subnet_id: format!("subnet-in-{vpc}"),
        vpc_id: vpc.to_owned(),
        cidr_block: "10.0.0.0/24".into(),
        availability_zone: "us-east-1a".into(),
        availability_zone_id: "use1-az1".into(),
        map_public_ip_on_launch: false,
        available_at: 0,
        tags: [].into(),
    };
    fixture.world.region("us-east-1").ec2.subnets.insert(subnet.subnet_id.clone(), subnet);
}

#[tokio::test(start_paused = true)]
async fn of_two_empty_vpcs_one_is_deleted_after_any_kill() {
    let (before, _) = two_vpcs().await;
    let mut matrix = Matrix::complete(1, 1);
    while let Some((point, crash_points)) = matrix.arm() {
        let mut fixture = before.fork();
        fixture.run(&vpc(), RunKind::Up, crash_points).await;
        fixture.up(&vpc()).await.must_succeed();
        let left: Vec<String> = fixture.world.region("us-east-1").ec2.vpcs.keys().cloned().collect();
        assert_eq!(left.len(), 1, "killed at point {point}: {left:?}");
        assert_eq!(fixture.attrs("source/network/vpc")["vpc_id"], left[0].as_str());
    }
    assert!(matrix.points() >= 6, "{}", matrix.points());
}

#[tokio::test(start_paused = true)]
async fn of_two_vpcs_the_one_that_carries_something_stays() {
    let (before, ids) = two_vpcs().await;
    for used in &ids {
        let mut fixture = before.fork();
        put_subnet(&mut fixture, used);
        fixture.up(&vpc()).await.must_succeed();
        assert_eq!(fixture.world.region("us-east-1").ec2.vpcs.keys().collect::<Vec<_>>(), [used]);
        assert_eq!(fixture.attrs("source/network/vpc")["vpc_id"], used.as_str());
    }
}

#[tokio::test(start_paused = true)]
async fn two_vpcs_that_carry_something_are_left_to_a_person() {
    let (mut fixture, ids) = two_vpcs().await;
    for id in &ids {
        put_subnet(&mut fixture, id);
    }
    let ran = fixture.up(&vpc()).await;
    let error = &ran.report().failures[0].error;
    assert!(matches!(error, Error::Ambiguous(found) if *found == ids), "{error}");
    assert_eq!(ran.calls.mutations(), 0);
}

/// With a known id, or without an open creation, a second one is no reason to delete anything.
#[tokio::test(start_paused = true)]
async fn without_an_open_creation_nothing_is_deleted() {
    let (fixture, ids) = two_vpcs().await;
    let mut lost = Fixture { world: fixture.world.clone(), ..Fixture::default() };
    let ran = lost.up(&vpc()).await;
    let error = &ran.report().failures[0].error;
    assert!(matches!(error, Error::Ambiguous(found) if *found == ids), "{error}");
    assert_eq!(ran.calls.mutations(), 0);
}

/// The id of the second one is recorded before the first one shows. `down` finds it.
#[tokio::test(start_paused = true)]
async fn down_deletes_a_duplicate_that_showed_late() {
    let mut builder = GraphBuilder::new();
    let vpc = builder.add("source/network/vpc", Vpc { cidr: "10.0.0.0/16".into(), remove_guardduty: true });
    builder.add("source/network/gateway", InternetGateway { vpc: vpc.id() });
    builder.add("source/network/address", ElasticIp {});
    let graph = builder.finish();
    for call in 1..=6 {
        let mut fixture = Fixture::default();
        fixture.run_with_faults(&graph, RunKind::Up, Faults::lost_and_unseen(call, 900)).await;
        fixture.advance_a_day();
        fixture.down().await.must_succeed();
        fixture.advance_a_day();
        assert!(fixture.world.inventory().is_empty(), "call {call}: {:?}", fixture.world.inventory());
    }
}
