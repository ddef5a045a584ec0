//! What ADR 2 and ADR 7 promise of the journal: how much is written, which token is used again, and what cannot be told
//! apart without a state.

use migrate_infra::address::Address;
use migrate_infra::crash_point::CrashPoints;
use migrate_infra::engine::Context;
use migrate_infra::graph::Graph;
use migrate_infra::resource::Error;
use migrate_infra::resources::ec2::{ElasticIp, Vpc};
use migrate_infra::sandbox::Faults;

use crate::harness::matrix::Matrix;
use crate::harness::sandbox_run::{Fixture, GraphBuilder, RunKind};

const ADDRESS: &str = "source/network/address";

fn address() -> Graph {
    let mut builder = GraphBuilder::new();
    builder.add(ADDRESS, ElasticIp {});
    builder.finish()
}

fn vpc(cidr: &str) -> Graph {
    let mut builder = GraphBuilder::new();
    builder.add("source/network/vpc", Vpc { cidr: cidr.into(), remove_guardduty: true });
    builder.finish()
}

#[tokio::test(start_paused = true)]
async fn a_run_without_changes_writes_two_records() {
    let mut fixture = Fixture::default();
    fixture.up(&address()).await.must_succeed();
    let before = fixture.state().seq;
    fixture.up(&address()).await.must_succeed();
    assert_eq!(fixture.state().seq, before + 2, "its start and its end");
}

/// Nothing bypasses the journal, whatever a kind forgets.
#[tokio::test(start_paused = true)]
async fn a_call_without_a_record_is_not_sent() {
    let mut fixture = Fixture::default();
    fixture.up(&address()).await.must_succeed();
    let send = async |context: Context| {
        let (clients, _) = context.cloud.clients(&"us-east-1".into());
        let answer = clients.ec2.create_internet_gateway().send().await;
        format!("{:?}", answer.expect_err("nobody has announced it"))
    };
    let (error, _) = fixture.with_context(CrashPoints::default(), Faults::default(), send).await;
    let error = error.expect("it was not killed");
    assert!(error.contains("Unannounced") && error.contains("ec2:CreateInternetGateway"), "{error}");
    assert!(fixture.world.region("us-east-1").ec2.internet_gateways.is_empty());
}

/// "AWS can answer an old token with a deleted resource": an absence that is established ends a token.
#[tokio::test(start_paused = true)]
async fn the_token_of_a_creation_is_kept_until_its_outcome_is_known() {
    let (mut matrix, mut kept, mut renewed) = (Matrix::complete(1, 1), 0, 0);
    while let Some((point, crash_points)) = matrix.arm() {
        let mut fixture = Fixture::default();
        fixture.run(&address(), RunKind::Up, crash_points.clone()).await;
        let state = fixture.state();
        let open = state.get(&Address::new(ADDRESS)).filter(|entry| entry.attrs.is_none());
        let Some(token) = open.map(|entry| entry.token.clone()).filter(|_| crash_points.is_dead()) else { continue };
        let exists = !fixture.world.region("us-east-1").ec2.addresses.is_empty();
        fixture.up(&address()).await.must_succeed();
        let state = fixture.state();
        let after = &state.get(&Address::new(ADDRESS)).expect("it exists").token;
        assert_eq!(*after == token, exists, "killed at {point}");
        if exists { kept += 1 } else { renewed += 1 }
    }
    assert!(kept > 0 && renewed > 0, "{kept} kept, {renewed} renewed");
}

/// Both have the same ownership tags. The tool stops and names both.
#[tokio::test(start_paused = true)]
async fn a_state_lost_in_the_middle_of_a_replacement_stops_with_both_ids() {
    let mut before = Fixture::default();
    before.up(&vpc("10.0.0.0/16")).await.must_succeed();
    let (mut matrix, mut both) = (Matrix::complete(1, 1), 0);
    while let Some((point, crash_points)) = matrix.arm() {
        let mut fixture = before.fork();
        fixture.run(&vpc("10.1.0.0/16"), RunKind::Up, crash_points).await;
        let ids: Vec<String> = fixture.world.region("us-east-1").ec2.vpcs.keys().cloned().collect();
        if ids.len() < 2 {
            continue;
        }
        let mut lost = Fixture { world: fixture.world.clone(), ..Fixture::default() };
        let ran = lost.up(&vpc("10.1.0.0/16")).await;
        let error = &ran.report().failures[0].error;
        assert!(matches!(error, Error::Ambiguous(found) if *found == ids), "killed at {point}: {error}");
        assert_eq!(ran.calls.mutations(), 0, "killed at {point}");
        both += 1;
    }
    assert!(both > 0, "both never existed at the same time");
}
