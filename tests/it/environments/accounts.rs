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
pub async fn each_environment_is_in_its_account_and_the_zone_in_a_third() {
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
pub async fn two_accounts_in_two_regions_share_a_replica_of_the_secret() {
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
#[test]
fn a_secret_with_the_key_of_aws_is_refused_before_anything_is_created() {
    let workspace = Workspace::new();
    give_accounts(&workspace);
    workspace.edit(&format!("encryption = {{ kms_key_arn = \"{KEY}\" }}"), "");
    let refused = workspace.transcript("up -y --sandbox --sandbox-timing instant");
    assert!(refused.contains("[exit 3]") && refused.contains("another account cannot use that key"), "{refused}");
    assert!(workspace.stable_inventory().is_empty());
    // Nobody needs the key to delete something.
    let down = workspace.transcript("down -y --sandbox --sandbox-timing instant");
    assert!(down.contains("[exit 0]"), "{down}");
}

/// Credentials that expire in the middle of a run made every step fail.
#[tokio::test(start_paused = true)]
async fn a_run_waits_for_new_credentials() {
    let expired = "[[events]]\nat_seconds = 120\nfor_seconds = 400\ncalls_fail = { \"*:*\" = \"ExpiredToken\" }\n";
    let all = stack(PAIRED, &[]);
    let mut fixture = Fixture::default();
    for kind in [RunKind::Up, RunKind::Down] {
        fixture.world.load_script(Script::parse(expired, "expired.toml").expect("a script"));
        let notices = fixture.record_notices();
        fixture.run(&all, kind, CrashPoints::default()).await.must_succeed();
        let notices = notices.lock().expect("a list");
        let count = |words: &str| notices.iter().filter(|text| text.contains(words)).count();
        assert_eq!(count("have expired"), 1, "{notices:?}");
        assert_eq!(count("to find out the outcome"), 0, "AWS has refused the calls: {notices:?}");
    }
    assert_eq!(fixture.stable_inventory(), [""; 0]);
}

/// After the source is removed from the configuration, nothing names its account any more.
#[test]
fn the_source_is_deleted_in_its_account() {
    let workspace = Workspace::new();
    give_accounts(&workspace);
    let transcript = |arguments: &str| workspace.transcript(&format!("{arguments} --sandbox --sandbox-timing instant"));
    let run = |arguments: &str| {
        let transcript = transcript(arguments);
        assert!(transcript.contains("[exit 0]"), "{transcript}");
    };
    run("up -y");
    run("replication start -y");
    run("traffic shift --to 100 -y");
    run("replication stop -y");
    workspace.remove("[environments.source]", "[environments.target]");
    workspace.remove("[environments.target.replicates.database]", "[network]");
    let up = "up -y --delete source/* --delete */replication/logs";
    let refused = transcript(up);
    assert!(refused.contains("[exit 3]") && refused.contains(&format!("[accounts.{SOURCE}]")), "{refused}");
    let path = workspace.path().join("config/migration.toml");
    let text = std::fs::read_to_string(&path).expect("the configuration");
    let role = |account: &str| format!("assume_role = {{ role_arn = \"arn:aws:iam::{account}:role/migrate\" }}");
    let wrong = format!("{text}\n[accounts.{SOURCE}]\n{}\n", role(TARGET).replace("/migrate", "/other"));
    std::fs::write(&path, wrong).expect("the configuration");
    let refused = transcript(up);
    assert!(refused.contains(&format!("belong to the account {TARGET}, not to {SOURCE}")), "{refused}");
    std::fs::write(&path, format!("{text}\n[accounts.{SOURCE}]\n")).expect("the configuration");
    run(up);
    let plan = transcript("plan");
    assert!(plan.contains("there is nothing to do"), "{plan}");
    run("down -y");
    assert_eq!(workspace.stable_inventory(), [""; 0]);
}

/// An account that cannot be reached must not keep traffic in it.
#[test]
fn traffic_leaves_an_account_that_does_not_answer() {
    let workspace = Workspace::new();
    workspace.move_target("eu-south-1");
    std::fs::write(workspace.path().join("on.toml"), "[regions.eu-south-1]\nenabled = true\n").expect("a script");
    std::fs::write(workspace.path().join("off.toml"), "").expect("a script");
    let transcript = |arguments: &str| workspace.transcript(&format!("{arguments} --sandbox --sandbox-timing instant"));
    let run = |arguments: &str| {
        let transcript = transcript(arguments);
        assert!(transcript.contains("[exit 0]"), "{transcript}");
        transcript
    };
    run("up -y --sandbox-script on.toml");
    run("replication start -y");
    run("traffic shift --to 40 -y");
    // From now on, the region of the target does not accept the credentials.
    let strict = transcript("plan --sandbox-script off.toml");
    assert!(strict.contains("does not accept the credentials"), "{strict}");
    run("traffic emergency -y");
    run("traffic rollback -y");
    let show = run("traffic show");
    assert!(show.contains("100"), "{show}");
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

/// Gives each environment and the zone an account of its own.
pub fn give_accounts(workspace: &Workspace) {
    let role = |account: &str| format!("assume_role = {{ role_arn = \"arn:aws:iam::{account}:role/migrate\" }}");
    let key = |key: &str| format!("encryption = {{ kms_key_arn = \"{key}\" }}");
    let own = |table: &str, more: &str| workspace.edit(&format!("[{table}]\n"), &format!("[{table}]\n{more}\n"));
    own("environments.source", &key(KEY));
    own("environments.target", &format!("{}\n{}", role(TARGET), key(TARGET_KEY)));
    own("routing", &role(DNS));
}

fn run_in(workspace: &Workspace, arguments: &str) -> String {
    workspace.transcript(&format!("{arguments} --sandbox --sandbox-timing instant"))
}

fn assumed(environment: &str, account: &str) -> String {
    format!("--set environments.{environment}.assume_role={{role_arn=\"arn:aws:iam::{account}:role/migrate\"}}")
}

/// The clients of a location would be ambiguous.
#[test]
fn two_credentials_of_one_account_are_refused() {
    let refused = run_in(&Workspace::new(), &format!("plan {}", assumed("target", SOURCE)));
    assert!(refused.contains("different credentials of the same account 111122223333"), "{refused}");
}

#[test]
fn a_state_with_an_account_that_has_no_credentials_is_refused() {
    let workspace = Workspace::new();
    give_accounts(&workspace);
    let created = run_in(&workspace, "up -y");
    assert!(created.contains("[exit 0]"), "{created}");
    workspace.edit("[routing]\n", "[routing]\n#");
    for command in ["plan", "up -y", "down -y"] {
        let refused = run_in(&workspace, command);
        assert!(refused.contains("[exit 3]"), "{refused}");
        assert!(refused.contains(&format!("the state has resources in account {DNS}")), "{refused}");
        assert!(refused.contains(&format!("[accounts.{DNS}]")), "{refused}");
    }
}

/// As another region does.
#[test]
fn another_account_replaces_an_environment() {
    let workspace = Workspace::new();
    let created = run_in(&workspace, "up --env source -y");
    assert!(created.contains("[exit 0]"), "{created}");
    // The target still has the credentials of the first account.
    let plan = run_in(&workspace, &format!("plan --env source {}", assumed("source", TARGET)));
    assert!(plan.contains("AWS cannot move it to another account"), "{plan}");
}

/// A command that only reads has nothing to lose.
#[test]
fn only_a_session_waits_for_credentials() {
    let workspace = Workspace::new();
    let created = run_in(&workspace, "up --env source -y");
    assert!(created.contains("[exit 0]"), "{created}");
    let expired = "[[events]]\nat_seconds = 0\ncalls_fail = { \"*:*\" = \"ExpiredToken\" }\n";
    std::fs::write(workspace.path().join("expired.toml"), expired).expect("a script");
    let plan = run_in(&workspace, "drift --sandbox-script expired.toml");
    assert!(!plan.contains("[exit 0]") && !plan.contains("waits up to"), "{plan}");
}
