//! What the driver does beside carrying out commands.

use std::sync::Arc;
use std::time::Duration;

use infra_switchover::machine::{Outcome, Progress, Settings};
use infra_switchover::{Direction, Driver, Journal, JournalError, Row, Undo, abort_signal};
use tokio::time::Instant;

use super::model::{Fault, Faults, Model};
use super::model_operations::ModelOperations;
use super::world::World;

fn model(faults: Faults) -> Arc<Model> {
    Model::new(World::compute_first(Direction::FORWARD), faults)
}

fn hangs(row: Row) -> Faults {
    Faults { row: Some((row, Fault::Hangs(0))), undo: None }
}

#[tokio::test(start_paused = true)]
async fn a_row_that_hangs_is_undone_at_the_end_of_the_budget() {
    let model = model(hangs(Row::Marker));
    let began = Instant::now();
    let (_aborter, abort) = abort_signal();
    let progress = model.drive(Direction::FORWARD, Settings::default(), abort).await.unwrap();
    assert_eq!(began.elapsed().as_secs(), 300);
    assert_eq!(progress.outcome(), Some(Outcome::Undone));
    assert_eq!(progress.reasons[0].why, "the budget of 300 s is used up");
    assert_eq!(progress.duration(Row::Marker), None);
    assert_eq!(progress.duration(Row::Drain), Some(Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn an_abort_ends_a_row_that_hangs() {
    let model = model(hangs(Row::Check));
    let began = Instant::now();
    let (aborter, abort) = abort_signal();
    let drive = model.drive(Direction::FORWARD, Settings::default(), abort);
    let request = async {
        tokio::time::sleep(Duration::from_secs(7)).await;
        aborter.abort("alice");
        aborter.abort("bob");
    };
    let (progress, ()) = tokio::join!(drive, request);
    let progress = progress.unwrap();
    assert_eq!(began.elapsed().as_secs(), 7);
    assert_eq!((progress.outcome(), progress.reasons[0].why.as_str()), (Some(Outcome::Undone), "aborted by alice"));
}

#[tokio::test(start_paused = true)]
async fn opening_and_undoing_that_hang_are_repeated() {
    let opening = model(hangs(Row::Open));
    let (aborter, abort) = abort_signal();
    let began = Instant::now();
    let settings = Settings { budget: Duration::from_secs(10), ..Settings::default() };
    let drive = opening.drive(Direction::FORWARD, settings, abort);
    let request = async {
        tokio::time::sleep(Duration::from_mins(1)).await;
        aborter.abort("alice");
    };
    let (progress, ()) = tokio::join!(drive, request);
    assert_eq!(progress.unwrap().outcome(), Some(Outcome::Completed));
    assert_eq!(began.elapsed(), settings.attempt_limit + settings.backoff.first);

    let row = Some((Row::Check, Fault::After(0)));
    let undoing = model(Faults { row, undo: Some((Undo::Drain, Fault::Hangs(0))) });
    *undoing.undo_failures.lock().unwrap() = 50;
    let (_aborter, abort) = abort_signal();
    let progress = undoing.drive(Direction::FORWARD, settings, abort).await.unwrap();
    assert_eq!(progress.outcome(), Some(Outcome::Undone));
    assert_eq!(progress.reasons[0].why, "a fault", "the first reason stays");
}

#[tokio::test(start_paused = true)]
async fn while_the_journal_fails_nothing_is_done_and_the_end_of_the_budget_is_obeyed() {
    let model = model(Faults::default());
    let operations = ModelOperations { model: Arc::clone(&model) };
    // It fails from the second row on, for ten minutes.
    let mut journal = Failing { ok: 2, failing_until: Instant::now() + Duration::from_mins(10), written: Vec::new() };
    let (_aborter, abort) = abort_signal();
    let report = |_: &Progress| {};
    let driver =
        Driver { settings: Settings::default(), operations: &operations, journal: &mut journal, report, abort };
    let progress = driver.run(Progress::new(Direction::FORWARD)).await.unwrap();
    assert_eq!(progress.outcome(), Some(Outcome::Undone));
    assert_eq!(*model.world.lock().unwrap(), World::compute_first(Direction::FORWARD));
    assert_eq!(journal.written.first().map(String::as_str), Some("Doing { row: Prepare, attempt: 1 }"));
    assert_eq!(journal.written.last().map(String::as_str), Some("Done { outcome: Undone }"));
    assert!(!journal.written.iter().any(|state| state.contains("Drain, attempt") && state.contains("Doing")));
}

struct Failing {
    ok: usize,
    failing_until: Instant,
    written: Vec<String>,
}

impl Journal for Failing {
    async fn write(&mut self, progress: &Progress) -> Result<(), JournalError> {
        if self.written.len() >= self.ok && Instant::now() < self.failing_until {
            return Err(JournalError::Unavailable("a full disk".to_owned()));
        }
        self.written.push(format!("{:?}", progress.state));
        Ok(())
    }
}

struct Lost;

impl Journal for Lost {
    async fn write(&mut self, _: &Progress) -> Result<(), JournalError> {
        Err(JournalError::Lost("run 7 of alice".to_owned()))
    }
}

#[tokio::test(start_paused = true)]
async fn a_driver_that_was_replaced_changes_nothing() {
    let model = model(Faults::default());
    let operations = ModelOperations { model: Arc::clone(&model) };
    let (_aborter, abort) = abort_signal();
    let settings = Settings::default();
    let driver = Driver { settings, operations: &operations, journal: &mut Lost, report: |_: &_| {}, abort };
    let stopped = driver.run(Progress::new(Direction::FORWARD)).await.unwrap_err();
    assert_eq!(stopped.0, JournalError::Lost("run 7 of alice".to_owned()));
    assert_eq!(*model.world.lock().unwrap(), World::compute_first(Direction::FORWARD));
}

#[tokio::test(start_paused = true)]
async fn each_progress_is_reported() {
    let model = model(Faults::default());
    let operations = ModelOperations { model: Arc::clone(&model) };
    let mut journal = Failing { ok: usize::MAX, failing_until: Instant::now(), written: Vec::new() };
    let mut reported = Vec::new();
    let report = |progress: &Progress| reported.push(format!("{:?}", progress.state));
    let (_aborter, abort) = abort_signal();
    let settings = Settings::default();
    let driver = Driver { settings, operations: &operations, journal: &mut journal, report, abort };
    let progress = driver.run(Progress::new(Direction::FORWARD)).await.unwrap();
    assert_eq!(progress.outcome(), Some(Outcome::Completed));
    assert_eq!(reported, journal.written);
    assert_eq!(reported.len(), Row::ALL.len() + 1);
    assert_eq!(progress.durations_ms.len(), Row::ALL.len());
}
