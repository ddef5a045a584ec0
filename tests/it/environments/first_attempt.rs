//! Accounts in which each command of a migration succeeds at the first attempt, with the real program.

use crate::environments::accounts::give_accounts;
use crate::harness::workspace::Workspace;

/// A migration there and back.
const MIGRATION: [&str; 6] = [
    "plan --out plan.json",
    "up plan.json -y",
    "replication start -y",
    "cutover -y",
    "cutover --rollback -y",
    "down -y",
];

/// Runs each command once, in an account that the script describes. Its times start again with each command.
fn migrate(workspace: &Workspace, script: &str) {
    std::fs::write(workspace.path().join("account.toml"), script).expect("the script");
    for command in MIGRATION {
        let command = format!("{command} --sandbox --sandbox-timing instant --sandbox-script account.toml");
        let transcript = workspace.transcript(&command);
        assert!(transcript.contains("[exit 0]"), "{transcript}");
    }
    assert_eq!(workspace.stable_inventory(), [""; 0]);
}

#[test]
fn of_a_new_owner() {
    migrate(&Workspace::new(), "");
}

#[test]
fn with_guardduty() {
    migrate(&Workspace::new(), "[[events]]\nat_seconds = 0\nguardduty = true\n");
}

/// The zone of another account was invisible to the metrics, and a plan that was saved before the first run was
/// refused.
#[test]
fn of_each_environment_and_of_the_zone() {
    let workspace = Workspace::new();
    give_accounts(&workspace);
    migrate(&workspace, "");
}

#[test]
fn with_an_enabled_opt_in_region() {
    let workspace = Workspace::new();
    workspace.move_target("eu-south-1");
    migrate(&workspace, "[regions.eu-south-1]\nenabled = true\n");
}

#[test]
fn with_reads_of_every_service_that_lag_ten_seconds() {
    migrate(&Workspace::new(), "[[events]]\nat_seconds = 0\nread_lag_seconds = 10\n");
}

/// The time without credentials is shorter than what a switchover may take: a switchover that had to wait for longer
/// was undone.
#[test]
fn with_credentials_that_expire_midway() {
    let expired = "[[events]]\nat_seconds = 90\nfor_seconds = 120\ncalls_fail = { \"*:*\" = \"ExpiredToken\" }\n";
    migrate(&Workspace::new(), expired);
}
