//! Runs the steps of the migration, kills them at random moments, and repeats them.

use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use infra_core::events::Events;
use infra_workflow::unattended::StepError;
use infra_workflow::{Error, Workspace};

use crate::error::RehearseError;

/// How often one step is killed at most.
const KILLS_PER_STEP: u32 = 4;
/// The range of the time until a kill, in seconds of AWS: from within one call to within the longest wait.
const EARLIEST: f64 = 0.5;
const LATEST: f64 = 900.0;
/// How long a step waits for what a killed one still holds.
const RELEASE: Duration = Duration::from_secs(2);

/// Runs the steps of the migration.
pub(crate) struct Driver {
    kills: Option<Mutex<fastrand::Rng>>,
    second: Duration,
    killed: AtomicU32,
}

impl Driver {
    pub(crate) fn new(kill: Option<u64>, second: Duration) -> Self {
        let kills = kill.map(|seed| Mutex::new(fastrand::Rng::with_seed(seed)));
        Self { kills, second, killed: AtomicU32::new(0) }
    }

    /// Returns how often a step was killed.
    pub(crate) fn killed(&self) -> u32 {
        self.killed.load(Ordering::Relaxed)
    }

    /// Runs a step to its end. Each attempt has a thread and a runtime of its own, which is dropped to kill it:
    /// whatever it was doing ends where it waits, and nothing is cleaned up.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        workspace: &Arc<Workspace>,
        events: &Events,
        step: impl AsyncFn(&Workspace, Events) -> Result<T, StepError> + Clone + Send + 'static,
    ) -> Result<T, RehearseError> {
        let mut kills = 0;
        loop {
            let limit = if kills < KILLS_PER_STEP { self.next_kill() } else { None };
            let (workspace, events, step) = (Arc::clone(workspace), events.clone(), step.clone());
            let attempt = tokio::task::spawn_blocking(move || attempt(limit, patient(&workspace, &events, step)));
            match attempt.await.map_err(|error| RehearseError::Ended(error.to_string()))?? {
                Some(result) => return result.map_err(RehearseError::Step),
                None => {
                    kills += 1;
                    self.killed.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }

    /// Returns the time until the next kill. Short times are as likely as long ones.
    fn next_kill(&self) -> Option<Duration> {
        let mut random = self.kills.as_ref()?.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let exponent = random.f64() * (LATEST / EARLIEST).ln();
        Some(self.second.mul_f64(EARLIEST * exponent.exp()))
    }
}

/// Runs a step, and kills it after `limit`. Returns `None` if it was killed.
fn attempt<T>(limit: Option<Duration>, step: impl Future<Output = T>) -> Result<Option<T>, RehearseError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| RehearseError::Ended(error.to_string()))?;
    let result = runtime.block_on(async {
        match limit {
            Some(limit) => tokio::time::timeout(limit, step).await.ok(),
            None => Some(step.await),
        }
    });
    runtime.shutdown_background();
    Ok(result)
}

/// Runs a step. If a killed attempt still holds the lock of the state for a moment, it runs once more.
async fn patient<T>(
    workspace: &Workspace,
    events: &Events,
    step: impl AsyncFn(&Workspace, Events) -> Result<T, StepError>,
) -> Result<T, StepError> {
    match step(workspace, events.clone()).await {
        Err(StepError::Refused(error)) if matches!(*error, Error::Lock(_)) => {
            tokio::time::sleep(RELEASE).await;
            step(workspace, events.clone()).await
        }
        result => result,
    }
}
