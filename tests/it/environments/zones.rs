//! Which availability zones a stack takes.

use std::collections::BTreeSet;

use migrate_infra::sandbox::world::script::Script;

use crate::harness::sandbox_run::Fixture;
use crate::harness::stacks::{PAIRED, graph, source};

fn scripted(script: &str) -> Fixture {
    let mut fixture = Fixture::default();
    fixture.world.load_script(Script::parse(script, "script.toml").expect("a script"));
    fixture
}

/// Returns the zones of the subnets in a region, once each.
fn zones(fixture: &Fixture, region: &str) -> Vec<String> {
    let subnets = fixture.world.regions[region].ec2.subnets.values();
    let zones: BTreeSet<String> = subnets.map(|subnet| subnet.availability_zone_id.clone()).collect();
    zones.into_iter().collect()
}

fn subnet_ids(fixture: &Fixture) -> Vec<String> {
    fixture.world.regions.values().flat_map(|region| region.ec2.subnets.keys().cloned()).collect()
}

async fn refusal(fixture: &mut Fixture, sets: &[&str]) -> String {
    let ran = fixture.up(&source(sets)).await;
    assert_eq!(ran.calls.mutations(), 0, "it is known before anything is created");
    ran.report().failures.iter().map(|failure| failure.error.to_string()).collect::<Vec<_>>().join("\n")
}

/// `us-west-1` shows the letters `a` and `c`.
#[tokio::test(start_paused = true)]
async fn a_region_with_a_gap_in_its_letters_has_two_zones() {
    let mut fixture = Fixture::default();
    let stack = graph(PAIRED, &["environments.source.region=us-west-1"]);
    fixture.up(&stack).await.must_succeed();
    assert_eq!(zones(&fixture, "us-west-1"), ["usw1-az1", "usw1-az3"]);
    fixture.down().await.must_succeed();
}

/// Before, the first two letters were taken, and RDS refused the class.
#[tokio::test(start_paused = true)]
async fn a_zone_without_the_instance_class_is_left_out() {
    let script = "[regions.us-east-1.not_offered]\na = [\"db.*\"]\nc = [\"dms.*\"]\n";
    let mut fixture = scripted(script);
    fixture.up(&graph(PAIRED, &[])).await.must_succeed();
    let ids = zones(&fixture, "us-east-1");
    assert!(!ids.contains(&"use1-az1".to_owned()), "{ids:?}");
    assert!(ids.contains(&"use1-az2".to_owned()) && ids.contains(&"use1-az6".to_owned()), "{ids:?}");
}

/// `apne1-az3` does not exist in newer accounts, and `ca-central-1d` has no Fargate.
#[tokio::test(start_paused = true)]
async fn a_zone_without_fargate_is_left_out() {
    let script = "[regions.us-west-1]\nzones = [\"a\", \"b\"]\n";
    let text = refusal(&mut scripted(script), &["environments.source.region=us-west-1"]).await;
    assert!(text.contains("us-west-1 has 1 availability zones that this stack can use (usw1-az3)"), "{text}");
    assert!(text.contains("with Fargate"), "{text}");
}

/// An id is taken as it is. ECS then says what is missing.
#[tokio::test(start_paused = true)]
async fn tasks_do_not_run_in_a_zone_without_fargate() {
    let mut fixture = scripted("[regions.us-west-1]\nzones = [\"a\", \"b\"]\n");
    let sets = ["environments.source.region=us-west-1", "network.zones=[\"usw1-az3\", \"usw1-az2\"]"];
    let ran = fixture.up(&source(&sets)).await;
    let failures = &ran.report().failures;
    assert!(failures.iter().any(|one| one.error.to_string().contains("Capacity is unavailable")), "{failures:?}");
}

/// The offers are advice: credentials that must not read them create the stack all the same.
#[tokio::test(start_paused = true)]
async fn offers_that_cannot_be_read_leave_all_zones() {
    let script = "[[events]]\nat_seconds = 0\ncalls_fail = { \"*:DescribeOrderable*\" = \"AccessDenied\" }\n";
    let mut fixture = scripted(script);
    fixture.up(&source(&[])).await.must_succeed();
    assert_eq!(zones(&fixture, "us-east-1"), ["use1-az1", "use1-az2"]);
}

#[tokio::test(start_paused = true)]
async fn zones_are_named_by_their_ids() {
    let sets = ["environments.source.network.zones=[\"use1-az4\", \"use1-az6\"]"];
    let mut fixture = Fixture::default();
    fixture.up(&source(&sets)).await.must_succeed();
    assert_eq!(zones(&fixture, "us-east-1"), ["use1-az4", "use1-az6"]);
    assert_eq!(fixture.up(&source(&sets)).await.must_succeed().calls.mutations(), 0);
    fixture.down().await.must_succeed();
}

/// The class that a zone lacked was changed for one that all have, and a third zone was asked for.
#[tokio::test(start_paused = true)]
async fn a_new_subnet_is_in_a_zone_that_no_other_one_has() {
    let mut fixture = scripted("[regions.us-east-1.not_offered]\na = [\"db.*\"]\n");
    fixture.up(&source(&[])).await.must_succeed();
    assert_eq!(zones(&fixture, "us-east-1"), ["use1-az2", "use1-az4"]);
    fixture.world.load_script(Script::default());
    fixture.up(&source(&["network.availability_zones=3"])).await.must_succeed();
    assert_eq!(zones(&fixture, "us-east-1"), ["use1-az1", "use1-az2", "use1-az4"]);
}

/// To name the zones that a stack has, or not to name them any more, changes nothing. What a zone offers later changes
/// nothing either.
#[tokio::test(start_paused = true)]
async fn a_subnet_keeps_its_zone() {
    let mut fixture = Fixture::default();
    fixture.up(&source(&[])).await.must_succeed();
    let before = subnet_ids(&fixture);
    assert_eq!(zones(&fixture, "us-east-1"), ["use1-az1", "use1-az2"]);
    let named = source(&["network.zones=[\"use1-az1\", \"use1-az2\"]"]);
    fixture.up(&named).await.must_succeed();
    assert_eq!(subnet_ids(&fixture), before);
    let script = "[regions.us-east-1.not_offered]\na = [\"db.*\"]\n";
    fixture.world.load_script(Script::parse(script, "script.toml").expect("a script"));
    fixture.up(&source(&[])).await.must_succeed();
    assert_eq!(subnet_ids(&fixture), before);
    let bad = fixture.up(&source(&["network.zones=[\"use1-az1\", \"use1-az9\"]"])).await;
    assert_eq!(bad.calls.mutations(), 0, "a replacement deletes nothing for a zone that does not exist");
    // Another id is another subnet.
    fixture.up(&source(&["network.zones=[\"use1-az1\", \"use1-az4\"]"])).await.must_succeed();
    assert_eq!(zones(&fixture, "us-east-1"), ["use1-az1", "use1-az4"]);
    fixture.down().await.must_succeed();
    assert_eq!(fixture.stable_inventory(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_used_is_named_with_what_can() {
    let text = refusal(&mut Fixture::default(), &["network.zones=[\"use1-az9\", \"use1-az1\"]"]).await;
    assert!(text.contains("use1-az9 is not an availability zone of us-east-1"), "{text}");
    assert!(text.contains("use1-az1 (us-east-1a)"), "{text}");
    let one_zone = "[regions.us-east-1]\nzones = [\"a\"]\n";
    let text = refusal(&mut scripted(one_zone), &[]).await;
    assert!(text.contains("us-east-1 has 1 availability zones that this stack can use (use1-az1)"), "{text}");
    assert!(text.contains("asks for number 2"), "{text}");
}

/// In a region that is not enabled, credentials are not valid.
#[tokio::test(start_paused = true)]
async fn a_region_has_to_be_enabled() {
    let region = ["environments.source.region=eu-south-1"];
    let mut fixture = Fixture::default();
    let ran = fixture.up(&source(&region)).await;
    let failure = ran.report().failures.first().expect("the region is not enabled");
    assert!(failure.region.is_opt_in(), "{}", failure.region);
    let codes = ["AuthFailure", "InvalidClientTokenId", "UnrecognizedClientException", "InvalidToken"];
    assert!(codes.iter().any(|code| failure.error.is_code(code)), "{}", failure.error);
    let mut enabled = scripted("[regions.eu-south-1]\nenabled = true\n");
    enabled.up(&source(&region)).await.must_succeed();
    enabled.down().await.must_succeed();
}
