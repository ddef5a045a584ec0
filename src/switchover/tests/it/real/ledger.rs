//! What clients know about their payments.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug, Default)]
pub struct Ledger {
    acknowledged: Mutex<Vec<String>>,
    /// Payments that a fence refused, and that a database refused or left unanswered.
    pub refused: AtomicU64,
    pub failed: AtomicU64,
    next: AtomicU64,
}

impl Ledger {
    /// Returns an id that no other payment has.
    pub fn next_id(&self) -> String {
        format!("payment-{}", self.next.fetch_add(1, Ordering::Relaxed))
    }

    pub fn acknowledge(&self, id: String) {
        self.acknowledged.lock().unwrap().push(id);
    }

    pub fn acknowledged(&self) -> Vec<String> {
        self.acknowledged.lock().unwrap().clone()
    }
}
