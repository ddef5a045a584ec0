//! Drivers on the model.

use std::sync::Arc;

use infra_switchover::machine::{AfterKill, Progress, Settings};
use infra_switchover::{AbortSignal, Direction, Driver, Journal, JournalError, Stopped, abort_signal};

use super::model::{Model, Points};
use super::model_operations::ModelOperations;

impl Model {
    /// Runs a driver with what the journal has, killed at a point. Returns its end, unless it was killed, and the
    /// number of points that it passed.
    pub async fn run(
        self: &Arc<Self>,
        direction: Direction,
        after_kill: AfterKill,
        kill_at: Option<usize>,
    ) -> (Option<Progress>, usize) {
        *self.points.lock().unwrap() = Points { passed: 0, kill_at };
        let settings = Settings { after_kill, ..Settings::default() };
        let (_aborter, abort) = abort_signal();
        let ended = tokio::select! {
            biased;
            () = self.killed.notified() => None,
            ended = self.drive(direction, settings, abort) => Some(ended.unwrap()),
        };
        (ended, self.points.lock().unwrap().passed)
    }

    /// Runs a driver to its end.
    pub async fn drive(
        self: &Arc<Self>,
        direction: Direction,
        settings: Settings,
        abort: AbortSignal,
    ) -> Result<Progress, Stopped> {
        let stored = self.stored.lock().unwrap().clone();
        let progress = stored.map_or_else(|| Progress::new(direction), |text| serde_json::from_str(&text).unwrap());
        let operations = ModelOperations { model: Arc::clone(self) };
        let mut journal = ModelJournal(Arc::clone(self));
        let driver = Driver { settings, operations: &operations, journal: &mut journal, report: |_: &_| {}, abort };
        driver.run(progress).await
    }
}

struct ModelJournal(Arc<Model>);

impl Journal for ModelJournal {
    async fn write(&mut self, progress: &Progress) -> Result<(), JournalError> {
        self.0.point().await;
        let failures = {
            let mut failures = self.0.journal_failures.lock().unwrap();
            let before = *failures;
            *failures = before.saturating_sub(1);
            before
        };
        if failures == 0 || failures % 2 == 1 {
            *self.0.stored.lock().unwrap() = Some(serde_json::to_string(progress).unwrap());
        }
        self.0.point().await;
        if failures == 0 { Ok(()) } else { Err(JournalError::Unavailable("a full disk".to_owned())) }
    }
}
