//! What all calls of a run share: the request to stop, and the number of calls.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

/// A request to stop a run. Calls in flight finish and are recorded; nothing new is started.
#[derive(Clone, Debug)]
pub struct Cancel(watch::Sender<bool>);

impl Default for Cancel {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Cancel {
    /// Requests the stop.
    pub fn cancel(&self) {
        self.0.send_replace(true);
    }

    /// Returns whether a stop was requested.
    pub fn is_cancelled(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until a stop is requested.
    pub async fn cancelled(&self) {
        let mut receiver = self.0.subscribe();
        // The sender lives in `self`, so the wait cannot end in any other way.
        let _ = receiver.wait_for(|stop| *stop).await;
    }
}

/// Counts the calls of a run.
#[derive(Debug, Default)]
pub struct CallCounter {
    reads: AtomicU64,
    mutations: AtomicU64,
    throttled: AtomicU64,
    by_call: Mutex<BTreeMap<&'static str, u64>>,
}

impl CallCounter {
    /// Counts one call.
    pub fn count(&self, call: &'static str, mutating: bool) {
        let counter = if mutating { &self.mutations } else { &self.reads };
        counter.fetch_add(1, Ordering::Relaxed);
        *self.by_call.lock().unwrap_or_else(std::sync::PoisonError::into_inner).entry(call).or_default() += 1;
    }

    /// Counts one throttled call.
    pub fn count_throttled(&self) {
        self.throttled.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the number of read calls.
    pub fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    /// Returns the number of mutating calls.
    pub fn mutations(&self) -> u64 {
        self.mutations.load(Ordering::Relaxed)
    }

    /// Returns the number of throttled calls.
    pub fn throttled(&self) -> u64 {
        self.throttled.load(Ordering::Relaxed)
    }

    /// Returns the number of calls of each operation.
    pub fn by_call(&self) -> BTreeMap<&'static str, u64> {
        self.by_call.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}
