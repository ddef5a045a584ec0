//! A state in S3, as people use it together: the real program over HTTP.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use migrate_infra::aws::Objects;
use migrate_infra::state::Place as StatePlace;

use crate::cli::Place;
use crate::emulator::Emulator;
use crate::lane::Lane;

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
            let s3 = team.lane().clients(&Place::new(), "us-east-1").await.s3.clone();
            s3.create_bucket().bucket(&team.bucket).send().await.expect("a bucket");
        });
        team
    }

    fn lane(&self) -> Lane {
        Lane::Http(Emulator { url: self.emulator.url.clone(), account: self.emulator.account.clone() })
    }

    /// The program, with the state in the bucket.
    fn command(&self, place: &Place, arguments: &str) -> Command {
        let mut command = self.lane().command(place, arguments);
        command.env("MIGRATE_INFRA_STATE__BUCKET", &self.bucket).env("MIGRATE_INFRA_STATE__LEASE_SECONDS", "8");
        command.env("MIGRATE_INFRA_STATE__BACKEND", "s3");
        command
    }

    fn told(&self, place: &Place, arguments: &str) -> String {
        place.tell(&self.command(place, arguments).output().expect("the program runs"), arguments)
    }

    fn succeed(&self, place: &Place, arguments: &str) -> String {
        let told = self.told(place, arguments);
        assert!(told.contains("[exit 0]"), "{told}");
        told
    }

    fn start(&self, place: &Place, arguments: &str) -> Child {
        self.command(place, arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program runs")
    }
}

#[test]
fn of_two_that_start_at_once_one_wins_and_the_other_says_who() {
    let team = Team::new();
    let (one, other) = (Place::new(), Place::new());
    let before = team.lane().inventory(&one, &["us-east-1"]);
    let racing = [team.start(&one, "up --env source -y"), team.start(&other, "up --env source -y")];
    let ended = racing.map(|child| child.wait_with_output().expect("it ends"));
    let told = ended.each_ref().map(|output| one.tell(output, "up"));
    let winners = ended.iter().filter(|output| output.status.success()).count();
    assert_eq!(winners, 1, "{told:#?}");
    let loser = ended.iter().find(|output| !output.status.success()).expect("one loses");
    let words = String::from_utf8_lossy(&loser.stderr);
    assert_eq!(loser.status.code(), Some(3), "{words}");
    assert!(words.contains("another run is going on: `up` by tester on"), "{words}");
    // Whoever lost sees what the other has made, from another directory.
    assert!(team.succeed(&other, "up --env source -y").contains("nothing to do"));
    team.succeed(&other, "down -y");
    assert_eq!(team.lane().inventory(&one, &["us-east-1"]), before);
}

#[test]
fn a_killed_run_is_taken_over_and_its_state_goes_on_from_the_bucket() {
    let team = Team::new();
    let (one, other) = (Place::new(), Place::new());
    let before = team.lane().inventory(&one, &["us-east-1"]);
    let mut child = team.start(&one, "up --env source -y");
    std::thread::sleep(Duration::from_millis(1500));
    child.kill().expect("it is killed");
    child.wait().expect("it ends");
    let seen = team.told(&other, "unlock");
    assert!(seen.contains("[exit 0]"), "{seen}");
    let up = team.succeed(&other, "up --env source -y");
    assert!(up.contains("it is taken over") || !seen.contains("which is dead"), "{up}");
    team.succeed(&one, "down -y");
    assert_eq!(team.lane().inventory(&one, &["us-east-1"]), before);
}

#[test]
fn a_state_moves_to_the_bucket_and_back() {
    let team = Team::new();
    let place = Place::new();
    team.lane().succeed(&place, "up --env source -y");
    let refused = team.told(&place, "up --env source -y");
    assert!(refused.contains("[exit 3]") && refused.contains("state migrate"), "{refused}");
    let moved = team.succeed(&place, "state migrate -y");
    assert!(moved.contains("68 resources") || moved.contains("resources is at s3://"), "{moved}");
    assert!(team.succeed(&place, "up --env source -y").contains("nothing to do"));
    assert!(team.succeed(&place, "state migrate -y").contains("already"));
    // The configuration wants it here again, where there is none yet.
    let mut too_soon = team.command(&place, "up --env source -y");
    let too_soon = too_soon.env("MIGRATE_INFRA_STATE__BACKEND", "local").output().expect("the program runs");
    assert_eq!(too_soon.status.code(), Some(3), "{}", place.tell(&too_soon, "up"));
    let mut back = team.command(&place, "state migrate -y");
    let back = back.env("MIGRATE_INFRA_STATE__BACKEND", "local").output().expect("the program runs");
    assert!(back.status.success(), "{}", place.tell(&back, "state migrate"));
    assert!(team.lane().succeed(&place, "up --env source -y").contains("nothing to do"));
    team.lane().succeed(&place, "down -y");
}

#[test]
fn a_bucket_over_http_keeps_its_promises() {
    let team = Team::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let clients = team.lane().clients(&Place::new(), "us-east-1").await;
        let objects = Objects::new(clients, &team.bucket, "conformance/", None);
        let place = StatePlace::Shared { objects, lease: Duration::from_secs(8) };
        crate::places::keeps_its_promises(&|| place.store()).await;
        let lock = place.lock("up").await.expect("it is free");
        assert!(place.lock("down").await.is_err(), "it was given twice");
        lock.release().await.expect("it is ours");
    });
}
