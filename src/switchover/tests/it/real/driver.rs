//! Drivers on the stage, and their kills.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use infra_switchover::machine::{AfterKill, Outcome, Progress, Settings, State};
use infra_switchover::{Aborter, Direction, Driver, Journal, JournalError, Row, Undo, abort_signal};

use super::operations::RealOperations;
use super::replication::Replication;
use super::stage::Stage;

/// When a driver is killed: after a number of writes of the journal, and a time.
#[derive(Clone, Copy, Debug)]
pub struct Kill {
    pub writes: usize,
    pub after: Duration,
}

impl Stage {
    /// Returns about how often the journal will be written until the end.
    pub fn writes_left(&self) -> usize {
        match self.stored().map(|progress| progress.state) {
            None | Some(State::New) => Row::ALL.len(),
            Some(State::Doing { row, .. }) => Row::ALL.iter().filter(|other| **other >= row).count(),
            Some(State::Undoing { undo, .. }) => Undo::ALL.iter().skip_while(|other| **other != undo).count(),
            Some(State::Done { .. }) => 0,
        }
    }

    fn stored(&self) -> Option<Progress> {
        let stored = self.stored.lock().unwrap();
        stored.as_ref().map(|text| serde_json::from_str(text).unwrap())
    }

    /// Runs a driver until it ends, or is killed. Returns the progress if it ended.
    pub async fn drive(
        self: &Arc<Self>,
        direction: Direction,
        after_kill: AfterKill,
        kill: Option<Kill>,
    ) -> Option<Progress> {
        let (_aborter, abort): (Aborter, _) = abort_signal();
        let settings = Settings {
            after_kill,
            pause: Duration::from_millis(50),
            budget: Duration::from_secs(40),
            attempt_limit: Duration::from_secs(15),
            ..Settings::default()
        };
        let operations = RealOperations { stage: Arc::clone(self) };
        let mut journal = StageJournal(Arc::clone(self));
        let progress = self.stored().unwrap_or_else(|| Progress::new(direction));
        let driver = Driver { settings, operations: &operations, journal: &mut journal, report: |_: &_| {}, abort };
        self.writes.store(0, Ordering::Relaxed);
        let kill = async {
            let Some(Kill { writes, after }) = kill else { return std::future::pending().await };
            while self.writes.load(Ordering::Relaxed) < writes {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            tokio::time::sleep(after).await;
        };
        let progress = tokio::select! {
            ended = driver.run(progress) => ended.unwrap(),
            () = kill => {
                println!("{}: killed in {:?}", self.name, self.stored().map(|progress| progress.state));
                return None;
            }
        };
        *self.stored.lock().unwrap() = None;
        let outcome = progress.outcome().unwrap();
        println!("{}: {direction} {outcome:?} {:?} {:?}", self.name, progress.durations_ms, progress.reasons);
        if outcome == Outcome::Completed {
            // What the caller does after row `Open`: the forward replication has no purpose any more.
            let replication = async |from| Replication::connect(&self.name, from).await.unwrap();
            replication(direction.from()).await.remove().await.unwrap();
            replication(direction.to()).await.start().await.unwrap();
        }
        Some(progress)
    }
}

struct StageJournal(Arc<Stage>);

impl Journal for StageJournal {
    async fn write(&mut self, progress: &Progress) -> Result<(), JournalError> {
        *self.0.stored.lock().unwrap() = Some(serde_json::to_string(progress).unwrap());
        self.0.writes.fetch_add(1, Ordering::Relaxed);
        tokio::task::yield_now().await;
        Ok(())
    }
}
