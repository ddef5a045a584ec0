//! A state in S3 that several people use: the real program over HTTP.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use migrate_infra::aws::Objects;
use migrate_infra::state::Backend as StateBackend;

use crate::harness::backend::Backend;
use crate::harness::emulator::Emulator;
use crate::harness::workspace::Workspace;

/// An account with a bucket for states.
struct Team {
    emulator: Emulator,
    bucket: String,
}

impl Team {
    fn new() -> Self {
        let emulator = Emulator::account();
        let bucket = format!("states-of-{}", emulator.account);
        let team = Self { emulator, bucket };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let s3 = team.backend().clients(&Workspace::new(), "us-east-1").await.s3.clone();
            s3.create_bucket().bucket(&team.bucket).send().await.expect("a bucket");
        });
        team
    }

    fn backend(&self) -> Backend {
        Backend::Http(Emulator { url: self.emulator.url.clone(), account: self.emulator.account.clone() })
    }

    /// Returns a command of the program with the state in the bucket.
    fn command(&self, workspace: &Workspace, arguments: &str) -> Command {
        let mut command = self.backend().command(workspace, arguments);
        command.env("MIGRATE_INFRA_STATE__BUCKET", &self.bucket).env("MIGRATE_INFRA_STATE__LEASE_SECONDS", "8");
        command.env("MIGRATE_INFRA_STATE__BACKEND", "s3");
        command
    }

    fn transcript(&self, workspace: &Workspace, arguments: &str) -> String {
        workspace.format_output(&self.command(workspace, arguments).output().expect("the program runs"), arguments)
    }

    fn succeed(&self, workspace: &Workspace, arguments: &str) -> String {
        let transcript = self.transcript(workspace, arguments);
        assert!(transcript.contains("[exit 0]"), "{transcript}");
        transcript
    }

    fn start(&self, workspace: &Workspace, arguments: &str) -> Child {
        self.command(workspace, arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program runs")
    }
}

#[test]
fn of_two_concurrent_runs_one_wins_and_the_other_reports_the_holder() {
    let team = Team::new();
    let (one, other) = (Workspace::new(), Workspace::new());
    let before = team.backend().inventory(&one, &["us-east-1"]);
    let racing = [team.start(&one, "up --env source -y"), team.start(&other, "up --env source -y")];
    let ended = racing.map(|child| child.wait_with_output().expect("it ends"));
    let transcript = ended.each_ref().map(|output| one.format_output(output, "up"));
    let winners = ended.iter().filter(|output| output.status.success()).count();
    assert_eq!(winners, 1, "{transcript:#?}");
    let loser = ended.iter().find(|output| !output.status.success()).expect("one loses");
    let words = String::from_utf8_lossy(&loser.stderr);
    assert_eq!(loser.status.code(), Some(3), "{words}");
    assert!(words.contains("another run is in progress: `up` by tester on"), "{words}");
    // The loser sees what the other run created, from another directory.
    assert!(team.succeed(&other, "up --env source -y").contains("nothing to do"));
    team.succeed(&other, "down -y");
    assert_eq!(team.backend().inventory(&one, &["us-east-1"]), before);
}

#[test]
fn a_killed_run_is_taken_over_and_resumes_from_the_bucket() {
    let team = Team::new();
    let (one, other) = (Workspace::new(), Workspace::new());
    let before = team.backend().inventory(&one, &["us-east-1"]);
    let mut child = team.start(&one, "up --env source -y");
    std::thread::sleep(Duration::from_millis(1500));
    child.kill().expect("it is killed");
    child.wait().expect("it ends");
    let seen = team.transcript(&other, "unlock");
    assert!(seen.contains("[exit 0]"), "{seen}");
    let up = team.succeed(&other, "up --env source -y");
    assert!(up.contains("this run takes it over") || !seen.contains("which no longer runs"), "{up}");
    team.succeed(&one, "down -y");
    assert_eq!(team.backend().inventory(&one, &["us-east-1"]), before);
}

#[test]
fn a_state_moves_to_the_bucket_and_back() {
    let team = Team::new();
    let workspace = Workspace::new();
    team.backend().succeed(&workspace, "up --env source -y");
    let refused = team.transcript(&workspace, "up --env source -y");
    assert!(refused.contains("[exit 3]") && refused.contains("state migrate"), "{refused}");
    let moved = team.succeed(&workspace, "state migrate -y");
    assert!(moved.contains("69 resources") || moved.contains("resources is at s3://"), "{moved}");
    assert!(team.succeed(&workspace, "up --env source -y").contains("nothing to do"));
    assert!(team.succeed(&workspace, "state migrate -y").contains("already"));
    // The configuration selects the local directory again, which has no state yet.
    let mut too_soon = team.command(&workspace, "up --env source -y");
    let too_soon = too_soon.env("MIGRATE_INFRA_STATE__BACKEND", "local").output().expect("the program runs");
    assert_eq!(too_soon.status.code(), Some(3), "{}", workspace.format_output(&too_soon, "up"));
    let mut back = team.command(&workspace, "state migrate -y");
    let back = back.env("MIGRATE_INFRA_STATE__BACKEND", "local").output().expect("the program runs");
    assert!(back.status.success(), "{}", workspace.format_output(&back, "state migrate"));
    assert!(team.backend().succeed(&workspace, "up --env source -y").contains("nothing to do"));
    team.backend().succeed(&workspace, "down -y");
}

#[test]
fn without_a_configuration_a_state_in_a_bucket_could_not_be_deleted() {
    let team = Team::new();
    let workspace = Workspace::new();
    let before = team.backend().inventory(&workspace, &["us-east-1"]);
    team.succeed(&workspace, "up --env source -y");
    std::fs::remove_file(workspace.path().join("config/migration.toml")).expect("it is removed");
    let nowhere = team.transcript(&workspace, "down -y");
    assert!(nowhere.contains("[exit 2]") && nowhere.contains("--set state.region=REGION"), "{nowhere}");
    let other = team.transcript(&workspace, "down --set state.region=us-east-1 --suffix other -y");
    assert!(!other.contains("[exit 0]") && other.contains("has no resources of `payment-migration/other`"), "{other}");
    let down = team.succeed(&workspace, "down --set state.region=us-east-1 -y");
    assert!(down.contains("`payment-migration/dev-001` is deleted as its state describes it"), "{down}");
    assert_eq!(team.backend().inventory(&workspace, &["us-east-1"]), before);
}

#[test]
fn a_bucket_over_http_satisfies_the_contract() {
    let team = Team::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let clients = team.backend().clients(&Workspace::new(), "us-east-1").await;
        let objects = Objects::new(clients, &team.bucket, "conformance/", None, None);
        let state = StateBackend::Shared { objects, lease: Duration::from_secs(8) };
        crate::state::backends::satisfies_the_contract(&|| state.store()).await;
        let lock = state.lock("up").await.expect("it is free");
        assert!(state.lock("down").await.is_err(), "it was taken twice");
        lock.release().await.expect("it is ours");
    });
}
