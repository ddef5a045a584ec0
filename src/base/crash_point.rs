//! Crash points: a test can kill a run at the n-th point where the order of effects matters.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::Notify;

#[derive(Debug)]
struct Inner {
    /// The point at which the run is killed, counted from 1; 0 means never.
    at: u64,
    hits: AtomicU64,
    dead: AtomicBool,
    died: Notify,
}

/// Counts the crash points that a run hits and, when armed, kills the run at one of them. After that, nothing has an
/// effect any more, as after `kill -9`.
#[derive(Clone, Debug)]
pub struct CrashPoints(Arc<Inner>);

/// The run was killed.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("killed {0}")]
pub struct Killed(pub &'static str);

impl Default for CrashPoints {
    fn default() -> Self {
        Self::crashing_at(0)
    }
}

impl CrashPoints {
    /// Returns crash points that kill the run at the `at`-th point; `0` means never.
    pub fn crashing_at(at: u64) -> Self {
        Self(Arc::new(Inner { at, hits: AtomicU64::new(0), dead: AtomicBool::new(false), died: Notify::new() }))
    }

    /// Hits a crash point.
    ///
    /// # Errors
    /// The run is killed at this point, or was killed before.
    pub fn hit(&self, point: &'static str) -> Result<(), Killed> {
        if self.is_dead() {
            return Err(Killed("before"));
        }
        let hits = self.0.hits.fetch_add(1, Ordering::SeqCst) + 1;
        if hits == self.0.at {
            self.0.dead.store(true, Ordering::SeqCst);
            self.0.died.notify_waiters();
            self.0.died.notify_one();
            return Err(Killed(point));
        }
        Ok(())
    }

    /// Returns whether the run was killed.
    pub fn is_dead(&self) -> bool {
        self.0.dead.load(Ordering::SeqCst)
    }

    /// Returns how many crash points were hit.
    pub fn hits(&self) -> u64 {
        self.0.hits.load(Ordering::SeqCst)
    }

    /// Waits until the run is killed.
    pub async fn crashed(&self) {
        while !self.is_dead() {
            self.0.died.notified().await;
        }
    }
}
