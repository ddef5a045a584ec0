//! The pure machine in every order of events. The rule is checked after each part of each effect (`world.rs`), and the
//! end of each run (`choices.rs`).

use std::collections::{HashSet, VecDeque};

use infra_switchover::machine::{Command, State};
use infra_switchover::{Before, Row, Undo};

use super::choices::{Run, beginnings};
use super::world::World;

/// What of a run determines its future. The number of an attempt matters only for whether it is the first.
#[derive(PartialEq, Eq, Hash)]
struct Key {
    state: State,
    in_flight: (Option<Row>, Option<Undo>),
    before: Option<Vec<bool>>,
    world: World,
}

fn key(run: &Run) -> Key {
    let mut state = run.progress.state.clone();
    match &mut state {
        State::Doing { attempt, .. } | State::Undoing { attempt, .. } => *attempt = (*attempt).min(2),
        State::New | State::Done { .. } => {}
    }
    let in_flight = match run.command {
        Command::Do { row, .. } => (Some(row), None),
        Command::Undo { undo, .. } => (None, Some(undo)),
        Command::Finish(_) => (None, None),
    };
    let of = |before: &Before| vec![before.open.len() == 2, before.new_side_uses == run.progress.direction.to()];
    let before = run.progress.evidence.before.as_ref().map(of);
    Key { state, in_flight, before, world: run.world.clone() }
}

/// Every state that any sequence of events of any length reaches. From each, success alone leads to an end.
#[test]
fn every_reachable_state_keeps_the_rule_and_leads_to_an_end() {
    let (mut states, mut transitions) = (0, 0);
    for (initial, direction) in beginnings() {
        let mut seen = HashSet::new();
        let mut queue = VecDeque::from([Run::start(initial, direction)]);
        while let Some(run) = queue.pop_front() {
            if !seen.insert(key(&run)) {
                continue;
            }
            run.clone().succeed();
            if run.is_done() {
                continue;
            }
            for choice in run.choices() {
                let mut next = run.clone();
                next.take(choice);
                transitions += 1;
                queue.push_back(next);
            }
        }
        states += seen.len();
    }
    println!("{states} states, {transitions} transitions");
    assert!(states > 200, "{states}");
}

/// Without merging states: after each number of rows that succeed, every sequence of a length.
#[test]
fn every_sequence_of_events_keeps_the_rule() {
    const DEPTH: usize = 3;
    fn explore(run: &Run, depth: usize, sequences: &mut u64) {
        if run.is_done() || depth == 0 {
            *sequences += 1;
            run.clone().succeed();
            return;
        }
        for choice in run.choices() {
            let mut next = run.clone();
            next.take(choice);
            explore(&next, depth - 1, sequences);
        }
    }
    let mut sequences = 0;
    for (initial, direction) in beginnings() {
        let mut run = Run::start(initial, direction);
        while !run.is_done() {
            explore(&run, DEPTH, &mut sequences);
            run.take(run.choices()[0]);
        }
    }
    println!("{sequences} sequences");
    assert!(sequences > 50_000, "{sequences}");
}

#[test]
fn long_random_runs_keep_the_rule() {
    let mut random = fastrand::Rng::with_seed(14);
    let mut events = 0_u64;
    for number in 0..20_000 {
        let all = beginnings();
        let (initial, direction) = all[number % all.len()].clone();
        let mut run = Run::start(initial, direction);
        // Some runs are mostly successful, so that they come far.
        let luck = random.u8(0..100);
        for _ in 0..random.usize(1..60) {
            if run.is_done() {
                break;
            }
            let choices = run.choices();
            let choice = if random.u8(0..100) < luck { choices[0] } else { *random.choice(&choices).expect("one") };
            run.take(choice);
            events += 1;
        }
        run.succeed();
    }
    println!("{events} events in 20000 runs");
}
