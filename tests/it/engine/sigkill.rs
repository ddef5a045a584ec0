//! The real program, killed with SIGKILL at random moments, against an emulator over HTTP: `up` until it completes,
//! then `down` until it completes, without orphans, duplicates and manual steps.
//!
//! `just torture` makes two hundred runs and prints the table.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::harness::backend::Backend;
use crate::harness::emulator::Emulator;
use crate::harness::matrix;
use crate::harness::workspace::Workspace;

/// The number of runs to kill.
fn runs() -> u32 {
    std::env::var("MIGRATE_INFRA_TORTURE").ok().and_then(|runs| runs.parse().ok()).unwrap_or(5)
}

/// Starts a command, waits for a random time, and kills it. Returns whether it had ended before.
fn killed(
    backend: &Backend,
    workspace: &Workspace,
    arguments: &str,
    longest: Duration,
    random: &mut fastrand::Rng,
) -> bool {
    let mut child = backend
        .command(workspace, arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program runs");
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
    let is_torture = std::env::var_os("MIGRATE_INFRA_TORTURE").is_some();
    let name = "engine::sigkill::the_program_survives_being_killed_at_random_moments_over_http";
    if !is_torture && !matrix::tries_half(false, name) {
        return;
    }
    let backend = Backend::Http(Emulator::account());
    let seed = std::env::var("MIGRATE_INFRA_TORTURE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let mut random = fastrand::Rng::with_seed(seed);
    let workspace = Workspace::new();
    let before = backend.inventory(&workspace, &["us-east-1"]);
    // A run without a kill shows how long a run takes and what exists in the end.
    let began = Instant::now();
    backend.succeed(&workspace, "up --env source -y");
    let longest = began.elapsed();
    let count = backend.inventory(&workspace, &["us-east-1"]).len();
    backend.succeed(&workspace, "down -y");

    let (mut kills, mut rounds, mut ended) = (0, 0, 0);
    println!("round  kills in up  kills in down  things after up  things after down");
    while kills < runs() {
        rounds += 1;
        let (mut in_up, mut in_down) = (0, 0);
        for _ in 0..4 {
            let done = killed(&backend, &workspace, "up --env source -y", longest, &mut random);
            ended += u32::from(done);
            in_up += u32::from(!done);
        }
        backend.succeed(&workspace, "up --env source -y");
        let up = backend.inventory(&workspace, &["us-east-1"]);
        assert_eq!(up.len(), count, "round {rounds} with seed {seed}, after up: {up:#?}");
        for _ in 0..2 {
            let done = killed(&backend, &workspace, "down -y", longest / 2, &mut random);
            ended += u32::from(done);
            in_down += u32::from(!done);
        }
        backend.succeed(&workspace, "down -y");
        let down = backend.inventory(&workspace, &["us-east-1"]);
        let left: Vec<&String> = down.difference(&before).collect();
        assert!(left.is_empty(), "round {rounds} with seed {seed}, after down: {left:#?}");
        kills += in_up + in_down;
        println!("{rounds:5}  {in_up:11}  {in_down:13}  {:15}  {:17}", up.len(), down.len());
    }
    println!(
        "{kills} runs killed with SIGKILL in {rounds} rounds ({ended} ended before): 0 orphans, 0 duplicates, 0 \
            manual steps"
    );
}
