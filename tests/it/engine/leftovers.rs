//! What AWS lists by the tags of a stack: deleted resources for hours, duplicates, and what has lost its tags.

use std::collections::BTreeSet;

use migrate_infra::address::{Address, Location};
use migrate_infra::aws::Tagged;
use migrate_infra::crash_point::CrashPoints;
use migrate_infra::engine::{Context, orphans};
use migrate_infra::resource::Error;
use migrate_infra::resources::KINDS;
use migrate_infra::resources::ec2::ElasticIp;
use migrate_infra::resources::s3::Bucket;
use migrate_infra::sandbox::Faults;

use crate::harness::matrix::Matrix;
use crate::harness::sandbox_run::{Fixture, GraphBuilder, RunKind};
use crate::harness::stacks::{PAIRED, SELF_CONTAINED, TWO_REGIONS, graph};

fn locations(fixture: &Fixture) -> BTreeSet<Location> {
    fixture.world.regions.keys().map(|region| Location::from(region.as_str())).collect()
}

/// Returns the ARNs that AWS lists, each with what its kind says: whether it exists.
async fn asked(fixture: &mut Fixture) -> Vec<(String, bool)> {
    let mut listed = Vec::new();
    for location in locations(fixture) {
        let of_stack = fixture.world.listed_by_tag(location.region.as_str()).into_iter();
        let of_stack = of_stack.filter(|(_, tags)| tags.contains_key("migrate-infra:stack"));
        listed.extend(of_stack.map(|(arn, _)| (arn, location.clone())));
    }
    let ask = async |context: Context| {
        let mut answers = Vec::new();
        for (arn, location) in listed {
            let kind = KINDS.of_arn(&arn.as_str().into()).unwrap_or_else(|| panic!("no kind has {arn}"));
            let reader = context.read_context().reader(&Address::new("source/part/any"), &location);
            let exists = kind.get().exists(&reader, &arn.as_str().into()).await;
            answers.push((arn.clone(), exists.unwrap_or_else(|error| panic!("{arn}: {error}"))));
        }
        answers
    };
    fixture.with_context(CrashPoints::default(), Faults::default(), ask).await.0.expect("it was not killed")
}

async fn left(fixture: &mut Fixture) -> Vec<Tagged> {
    let locations = locations(fixture);
    let list = async |context: Context| orphans(&context, &locations).await.expect("a listing");
    fixture.with_context(CrashPoints::default(), Faults::default(), list).await.0.expect("it was not killed")
}

/// aws/aws-sdk#676, boto/boto3#3341: the listing shows deleted resources, also listeners, rules and hosted zones.
#[tokio::test(start_paused = true)]
async fn what_aws_still_lists_after_its_deletion_is_not_left() {
    for (file, sets) in [(PAIRED, &[][..]), (PAIRED, &[TWO_REGIONS]), (SELF_CONTAINED, &[])] {
        let mut fixture = Fixture::default();
        fixture.up(&graph(file, sets)).await.must_succeed();
        let up = asked(&mut fixture).await;
        let unseen: Vec<_> = up.iter().filter(|(_, exists)| !exists).collect();
        assert!(up.len() > 60 && unseen.is_empty(), "{} listed, {unseen:#?}", up.len());
        assert!(left(&mut fixture).await.is_empty());
        fixture.down().await.must_succeed();
        let down = asked(&mut fixture).await;
        let seen: Vec<_> = down.iter().filter(|(_, exists)| *exists).collect();
        assert!(down.len() > 60 && seen.is_empty(), "{} listed, {seen:#?}", down.len());
        assert!(left(&mut fixture).await.is_empty());
    }
}

/// The state has the address, and another resource.
#[tokio::test(start_paused = true)]
async fn a_duplicate_of_a_known_resource_is_an_orphan() {
    let mut builder = GraphBuilder::new();
    builder.add("source/network/address", ElasticIp {});
    let graph = builder.finish();
    let mut fixture = Fixture::default();
    // The first address shows after a quarter of an hour, when the second one is in the state.
    fixture.run_with_faults(&graph, RunKind::Up, Faults::lost_and_unseen(1, 900)).await.must_succeed();
    fixture.advance_a_day();
    let known = fixture.attrs("source/network/address")["allocation_id"].as_str().expect("an id").to_owned();
    let found = left(&mut fixture).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(!found[0].arn.as_str().ends_with(&known) && found[0].address.as_str() == "source/network/address");
    fixture.down().await.must_succeed();
    assert!(fixture.world.inventory().is_empty() && left(&mut fixture).await.is_empty());
}

/// Some emulators ignore the tags of create calls. What a killed run has created there has none.
#[tokio::test(start_paused = true)]
async fn an_open_creation_whose_object_exists_without_tags_is_reported() {
    let name = "payment-logs-source-test-001";
    let bucket = Bucket {
        name: name.to_owned(),
        versioned: true,
        kms_key: None,
        tls_only: true,
        block_public_access: true,
        lifecycle: None,
        empty_on_delete: false,
    };
    let mut builder = GraphBuilder::new();
    builder.add("source/storage/bucket", bucket);
    let graph = builder.finish();
    let (mut matrix, mut reported) = (Matrix::complete(1, 1), 0);
    while let Some((point, crash_points)) = matrix.arm() {
        let mut fixture = Fixture::default();
        fixture.run(&graph, RunKind::Up, crash_points.clone()).await;
        let state = fixture.state();
        let is_known = state.attrs(&Address::new("source/storage/bucket")).is_some();
        let Some(stored) = fixture.world.s3.buckets.get_mut(name).filter(|_| crash_points.is_dead() && !is_known)
        else {
            continue;
        };
        stored.tags.clear();
        for _ in 0..2 {
            let ran = fixture.down().await;
            let error = &ran.report().failures.first().unwrap_or_else(|| panic!("point {point}: not a word")).error;
            assert!(matches!(error, Error::Foreign { id, .. } if id == name), "{error}");
            assert!(fixture.world.s3.buckets.contains_key(name), "nobody knows whose it is");
        }
        fixture.world.s3.buckets.clear();
        fixture.down().await.must_succeed();
        reported += 1;
    }
    assert!(reported > 0, "no run was killed between the creation and its record");
}
