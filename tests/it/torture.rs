//! The real program, killed with SIGKILL at random moments, against an emulator over HTTP: `up` until it is done, then `down` until
//! it is done, with nothing left over, nothing twice, and nothing done by hand.
//!
//! `just torture` makes two hundred runs and prints the table.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::cli::Place;
use crate::emulator::Emulator;
use crate::lane::Lane;

/// How many runs are killed before the count is reached.
fn runs() -> u32 {
    std::env::var("MIGRATE_INFRA_TORTURE").ok().and_then(|runs| runs.parse().ok()).unwrap_or(12)
}

/// Starts a command, waits for a random while, and kills it. Returns whether it ended by itself before that.
fn killed(lane: &Lane, place: &Place, arguments: &str, longest: Duration, random: &mut fastrand::Rng) -> bool {
    let mut child = lane.command(place, arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program runs");
    let wait = longest.mul_f64(random.f64());
    let began = Instant::now();
    while began.elapsed() < wait {
        if child.try_wait().expect("its status").is_some() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().expect("it is killed");
    child.wait().expect("it ends").code().is_some()
}

#[test]
fn the_program_survives_being_killed_at_random_moments_over_http() {
    let lane = Lane::Http(Emulator::account());
    let seed = std::env::var("MIGRATE_INFRA_TORTURE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let mut random = fastrand::Rng::with_seed(seed);
    let place = Place::new();
    let before = lane.inventory(&place, &["us-east-1"]);
    // One run that is not killed tells how long a run takes and what there is in the end.
    let began = Instant::now();
    lane.succeed(&place, "up --env source -y");
    let longest = began.elapsed();
    let things = lane.inventory(&place, &["us-east-1"]).len();
    lane.succeed(&place, "down -y");

    let (mut kills, mut rounds, mut ended) = (0, 0, 0);
    println!("round  kills in up  kills in down  things after up  things after down");
    while kills < runs() {
        rounds += 1;
        let (mut in_up, mut in_down) = (0, 0);
        for _ in 0..4 {
            let done = killed(&lane, &place, "up --env source -y", longest, &mut random);
            ended += u32::from(done);
            in_up += u32::from(!done);
        }
        lane.succeed(&place, "up --env source -y");
        let up = lane.inventory(&place, &["us-east-1"]);
        assert_eq!(up.len(), things, "round {rounds} with seed {seed}, after up: {up:#?}");
        for _ in 0..2 {
            let done = killed(&lane, &place, "down -y", longest / 2, &mut random);
            ended += u32::from(done);
            in_down += u32::from(!done);
        }
        lane.succeed(&place, "down -y");
        let down = lane.inventory(&place, &["us-east-1"]);
        let left: Vec<&String> = down.difference(&before).collect();
        assert!(left.is_empty(), "round {rounds} with seed {seed}, after down: {left:#?}");
        kills += in_up + in_down;
        println!("{rounds:5}  {in_up:11}  {in_down:13}  {:15}  {:17}", up.len(), down.len());
    }
    println!("{kills} runs killed with SIGKILL in {rounds} rounds ({ended} ended before): 0 orphans, 0 duplicates, 0 manual steps");
}
