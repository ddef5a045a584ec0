//! Environments in different accounts, and a zone in a third one.

use migrate_infra::address::{AccountId, Address};
use migrate_infra::config::Config;
use migrate_infra::crash_point::CrashPoints;
use migrate_infra::graph::Graph;
use migrate_infra::sandbox::Script;
use migrate_infra::sandbox::world::AccountRegion;
use migrate_infra::state::State;
use migrate_infra::workflow::graph;

use crate::harness::sandbox_run::{Fixture, RunKind};
use crate::harness::stacks::{FAR, PAIRED, config, graph as stack};
use crate::harness::workspace::Workspace;

const SOURCE: &str = "111122223333";
const TARGET: &str = "444455556666";
const DNS: &str = "777788889999";
const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/9f1c2a7e-0000-4000-8000-000000000001";
const TARGET_KEY: &str = "arn:aws:kms:us-east-1:444455556666:key/9f1c2a7e-0000-4000-8000-000000000003";
const FAR_KEY: &str = "arn:aws:kms:eu-west-1:444455556666:key/9f1c2a7e-0000-4000-8000-000000000002";

fn in_three_accounts(more: &[&str]) -> Config {
    let role = |account: &str| format!("assume_role={{ role_arn = \"arn:aws:iam::{account}:role/migrate\" }}");
    let (target, dns) = (format!("environments.target.{}", role(TARGET)), format!("routing.{}", role(DNS)));
    let key = format!("environments.source.encryption.kms_key_arn={KEY}");
    let target_key = format!("environments.target.encryption.kms_key_arn={TARGET_KEY}");
    let sets = [&[target.as_str(), dns.as_str(), key.as_str(), target_key.as_str()], more].concat();
    config(PAIRED, &sets)
}

/// Creates everything, in the order in which the program does: the accounts are known before the graph is built.
async fn up(config: &Config) -> Fixture {
    let mut fixture = Fixture { config: Some(config.clone()), ..Fixture::default() };
    fixture.up(&Graph::default()).await.must_succeed();
    let all = graph(config, &fixture.state()).expect("a graph");
    fixture.up(&all).await.must_succeed();
    fixture
}

fn account_of<'a>(state: &'a State, address: &str) -> &'a str {
    let entry = state.get(&Address::new(address)).unwrap_or_else(|| panic!("{address} is not in the state"));
    entry.account.as_ref().map_or(SOURCE, AccountId::as_str)
}

#[tokio::test(start_paused = true)]
async fn each_environment_is_in_its_account_and_the_zone_in_a_third() {
    let config = in_three_accounts(&[]);
    let mut fixture = up(&config).await;
    let state = fixture.state();
    for (address, account) in [
        ("source/network/vpc", SOURCE),
        ("target/network/vpc", TARGET),
        ("target/link/peering", TARGET),
        ("target/link/peering-acceptance", SOURCE),
        ("target/link/db-from-dms", SOURCE),
        ("target/replication/task", TARGET),
        ("target/replication/source-secret-policy", SOURCE),
        ("target/storage-replication/role", SOURCE),
        ("target/storage-replication/rule", SOURCE),
        ("target/storage-replication/grant", TARGET),
        ("routing/dns/zone", DNS),
    ] {
        assert_eq!(account_of(&state, address), account, "{address}");
    }
    let peering = fixture.world.regions[&format!("{TARGET}/us-east-1")].ec2.peerings.values().next();
    let peering = peering.expect("a peering");
    assert!(peering.active_at.is_some(), "the other account has accepted it");
    assert_eq!(AccountRegion::of_key(&peering.accepter.region).account, SOURCE);
    // The second run finds everything where it is.
    let again = graph(&config, &fixture.state()).expect("a graph");
    let second = fixture.up(&again).await;
    assert_eq!(second.must_succeed().report().changed, 0);
    fixture.down().await.must_succeed();
    assert_eq!(fixture.stable_inventory(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn two_accounts_in_two_regions_share_a_replica_of_the_secret() {
    let key = format!("environments.target.encryption.kms_key_arn={FAR_KEY}");
    let region = format!("environments.target.region={FAR}");
    let mut fixture = up(&in_three_accounts(&[&region, &key])).await;
    let secrets = &fixture.world.regions[FAR].secretsmanager.secrets;
    let replica = secrets.values().find(|secret| secret.primary_region.is_some()).expect("a replica");
    assert!(replica.resource_policy.is_some(), "the replica has the policy of the primary");
    fixture.down().await.must_succeed();
    assert_eq!(fixture.stable_inventory(), [""; 0]);
}

/// The key of AWS cannot be used by another account: DMS was refused after half an hour of `up`.
#[tokio::test(start_paused = true)]
async fn a_secret_with_the_key_of_aws_is_refused_before_anything_is_created() {
    let config = in_three_accounts(&[
        "environments.source.encryption.kms_key_arn=",
        "environments.target.encryption.kms_key_arn=",
    ]);
    let mut fixture = Fixture { config: Some(config.clone()), ..Fixture::default() };
    fixture.up(&Graph::default()).await.must_succeed();
    let refused = graph(&config, &fixture.state()).expect_err("it needs a key").to_string();
    assert!(refused.contains("another account cannot use that key"), "{refused}");
}

/// Credentials that expire in the middle of a run made every step fail.
#[tokio::test(start_paused = true)]
async fn a_run_waits_for_new_credentials() {
    let expired = "[[events]]\nat_seconds = 120\nfor_seconds = 400\ncalls_fail = { \"*:*\" = \"ExpiredToken\" }\n";
    let all = stack(PAIRED, &[]);
    let mut fixture = Fixture::default();
    for kind in [RunKind::Up, RunKind::Down] {
        fixture.world.load_script(Script::parse(expired, "expired.toml").expect("a script"));
        fixture.run(&all, kind, CrashPoints::default()).await.must_succeed();
    }
    assert_eq!(fixture.stable_inventory(), [""; 0]);
}

/// A service control policy of an organization can refuse roles without a permissions boundary.
#[tokio::test(start_paused = true)]
async fn roles_have_the_boundary_and_the_path_of_the_organization() {
    const BOUNDARY: &str = "arn:aws:iam::111122223333:policy/boundary";
    let mut fixture = Fixture::default();
    fixture.world.iam.required_boundary = Some(BOUNDARY.to_owned());
    let refused = fixture.fork().up(&stack(PAIRED, &[])).await;
    assert!(!refused.report().failures.is_empty(), "the organization refuses roles without a boundary");
    let boundary = format!("iam.permissions_boundary={BOUNDARY}");
    let bounded = stack(PAIRED, &[&boundary, "iam.path=/payments/"]);
    fixture.up(&bounded).await.must_succeed();
    let own = fixture.world.iam.roles.values().filter(|role| !role.arn.contains("aws-service-role"));
    for role in own {
        assert_eq!(role.permissions_boundary.as_deref(), Some(BOUNDARY), "{}", role.role_name);
        let is_fixed = role.role_name.starts_with("dms-");
        assert!(is_fixed || role.arn.contains(":role/payments/"), "{}", role.arn);
    }
    fixture.down().await.must_succeed();
    assert_eq!(fixture.stable_inventory(), [""; 0]);
}

/// The zone of another account was invisible to the metrics, and a plan that was saved before the first run was
/// refused.
#[test]
fn a_migration_leads_from_one_account_to_another() {
    let workspace = Workspace::new();
    let role = |account: &str| format!("assume_role = {{ role_arn = \"arn:aws:iam::{account}:role/migrate\" }}");
    let key = |key: &str| format!("encryption = {{ kms_key_arn = \"{key}\" }}");
    let own = |table: &str, more: &str| workspace.edit(&format!("[{table}]\n"), &format!("[{table}]\n{more}\n"));
    own("environments.source", &key(KEY));
    own("environments.target", &format!("{}\n{}", role(TARGET), key(TARGET_KEY)));
    own("routing", &role(DNS));
    let run = |arguments: &str| {
        let transcript = workspace.transcript(&format!("{arguments} --sandbox --sandbox-timing instant"));
        assert!(transcript.contains("[exit 0]"), "{transcript}");
    };
    run("plan --out plan.json");
    run("up plan.json -y");
    run("replication start -y");
    run("cutover -y");
    run("cutover --rollback -y");
    run("down -y");
}
