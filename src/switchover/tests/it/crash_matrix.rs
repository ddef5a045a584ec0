//! The driver, killed before and after every write of the journal and every part of every effect, with every fault; and
//! its recovery, killed again. The world checks the rule after each part.

use infra_switchover::machine::{AfterKill, Outcome};
use infra_switchover::{Direction, Row, Undo};

use super::model::{Fault, Faults, Model};
use super::world::{World, parts_of_row, parts_of_undo};

const WAYS: [AfterKill; 2] = [AfterKill::Complete, AfterKill::Undo];

/// One run with two kills, if it comes so far. Returns the points passed in each part, and counts runs and ends.
struct Matrix {
    runs: u64,
    completed: u64,
    undone: u64,
}

impl Matrix {
    const fn new() -> Self {
        Self { runs: 0, completed: 0, undone: 0 }
    }

    /// Runs with kills at these points, each with its way to recover, and then to the end. Returns the points that the
    /// run passed after the last kill; `None` if it ended before that.
    async fn run(
        &mut self,
        initial: &World,
        direction: Direction,
        faults: Faults,
        journal_failures: u32,
        kills: &[(usize, AfterKill)],
    ) -> Option<usize> {
        let model = Model::new(initial.clone(), faults);
        *model.journal_failures.lock().unwrap() = journal_failures;
        let mut way = AfterKill::Complete;
        for (at, next_way) in kills {
            let (ended, _) = model.run(direction, way, Some(*at)).await;
            if ended.is_some() {
                return None;
            }
            way = *next_way;
        }
        let (ended, points) = model.run(direction, way, None).await;
        let progress = ended.expect("nobody kills it");
        let world = model.world.lock().unwrap().without_proof();
        self.runs += 1;
        match progress.outcome() {
            Some(Outcome::Completed) => {
                self.completed += 1;
                assert_eq!(world, initial.completed(), "{faults:?} {kills:?}");
            }
            Some(Outcome::Undone) => {
                self.undone += 1;
                assert_eq!(world, *initial, "{faults:?} {kills:?}");
            }
            None => panic!("it has not ended: {progress:?}"),
        }
        Some(points)
    }

    /// Kills at every point, and every `stride`-th point of every recovery.
    async fn explore(&mut self, initial: &World, direction: Direction, faults: Faults, journal: u32, stride: usize) {
        let points = self.run(initial, direction, faults, journal, &[]).await.expect("it ends");
        for first in 0..points {
            for way in WAYS {
                let after = self.run(initial, direction, faults, journal, &[(first, way)]).await;
                let Some(after) = after else { continue };
                // Another offset for each first kill, so that all points have their turn.
                for second in (first % stride..after).step_by(stride) {
                    for next in WAYS {
                        self.run(initial, direction, faults, journal, &[(first, way), (second, next)]).await;
                    }
                }
            }
        }
    }
}

fn faults_of(parts: usize) -> impl Iterator<Item = Fault> {
    let partial =
        (0..=parts).flat_map(|number| [Fault::After(number), Fault::Inconclusive(number), Fault::Hangs(number)]);
    std::iter::once(Fault::Before).chain(partial)
}

fn report(name: &str, matrix: &Matrix) {
    let Matrix { runs, completed, undone } = matrix;
    println!("{name}: {runs} runs, {completed} completed, {undone} undone");
    assert!(*completed > 0 && *undone > 0);
}

#[tokio::test(start_paused = true)]
async fn killed_at_every_point_and_again_at_every_point_of_the_recovery() {
    let mut matrix = Matrix::new();
    let directions = [Direction::FORWARD, Direction::FORWARD.reversed()];
    for (world, direction) in
        [World::compute_first(directions[0]), World::at_once(directions[1])].iter().zip(directions)
    {
        matrix.explore(world, direction, Faults::default(), 0, 1).await;
    }
    report("kills", &matrix);
}

#[tokio::test(start_paused = true)]
async fn killed_at_every_point_with_every_fault_of_a_row() {
    let mut matrix = Matrix::new();
    let direction = Direction::FORWARD;
    for row in Row::ALL {
        for fault in faults_of(parts_of_row(row).len()) {
            let faults = Faults { row: Some((row, fault)), undo: None };
            matrix.explore(&World::compute_first(direction), direction, faults, 0, 11).await;
        }
    }
    report("faults of rows", &matrix);
}

#[tokio::test(start_paused = true)]
async fn killed_at_every_point_while_undoing_fails() {
    let mut matrix = Matrix::new();
    let direction = Direction::FORWARD;
    for undo in Undo::ALL {
        for fault in faults_of(parts_of_undo(undo).len()) {
            let faults = Faults { row: Some((Row::Reconnect, Fault::After(1))), undo: Some((undo, fault)) };
            matrix.explore(&World::compute_first(direction), direction, faults, 0, 23).await;
        }
    }
    // A fault that a kill forestalls leaves the second attempt to succeed, so some runs complete.
    report("faults of undoing", &matrix);
}

#[tokio::test(start_paused = true)]
async fn killed_at_every_point_while_the_journal_fails() {
    let mut matrix = Matrix::new();
    let direction = Direction::FORWARD;
    for failures in 1..4 {
        matrix.explore(&World::at_once(direction), direction, Faults::default(), failures, 5).await;
    }
    report("faults of the journal", &matrix);
}
