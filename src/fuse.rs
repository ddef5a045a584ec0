//! Death on demand: lets a test kill a run at the n-th point where the order of effects matters.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::Notify;

#[derive(Debug)]
struct Inner {
    /// The point at which to die, counted from 1; never when it is 0.
    at: u64,
    passed: AtomicU64,
    dead: AtomicBool,
    died: Notify,
}

/// Counts the points that a run passes and, when armed, blows at one of them. After that nothing has an effect any more:
/// the run is as dead as after `kill -9`.
#[derive(Clone, Debug)]
pub struct Fuse(Arc<Inner>);

/// The run was killed.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("killed {0}")]
pub struct Killed(pub &'static str);

impl Default for Fuse {
    fn default() -> Self {
        Self::blowing_at(0)
    }
}

impl Fuse {
    /// A fuse that blows at the `at`-th point; `0` never blows.
    pub fn blowing_at(at: u64) -> Self {
        Self(Arc::new(Inner { at, passed: AtomicU64::new(0), dead: AtomicBool::new(false), died: Notify::new() }))
    }

    /// Passes a point.
    ///
    /// # Errors
    /// When this is the point, or the run is dead already.
    pub fn pass(&self, point: &'static str) -> Result<(), Killed> {
        if self.is_dead() {
            return Err(Killed("before"));
        }
        let passed = self.0.passed.fetch_add(1, Ordering::SeqCst) + 1;
        if passed == self.0.at {
            self.0.dead.store(true, Ordering::SeqCst);
            self.0.died.notify_waiters();
            self.0.died.notify_one();
            return Err(Killed(point));
        }
        Ok(())
    }

    /// Returns whether it has blown.
    pub fn is_dead(&self) -> bool {
        self.0.dead.load(Ordering::SeqCst)
    }

    /// Returns how many points have been passed.
    pub fn passed(&self) -> u64 {
        self.0.passed.load(Ordering::SeqCst)
    }

    /// Returns when it blows.
    pub async fn blown(&self) {
        while !self.is_dead() {
            self.0.died.notified().await;
        }
    }
}
