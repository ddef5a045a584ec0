//! The records of a table that are not known to be equal.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::report::ValidationState;

/// The key of a row, as texts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub Vec<String>);

impl Key {
    /// Returns the key as JSON, as `awsdms_validation_failures_v1` has it.
    pub fn to_json(&self) -> String {
        let pairs: Vec<String> =
            self.0.iter().map(|value| serde_json::Value::from(value.as_str()).to_string()).collect();
        format!("{{\"key\":[{}]}}", pairs.join(", "))
    }
}

/// How two rows with one key differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// `RECORD_DIFF`
    Record,
    /// `MISSING_SOURCE`: only the target has it.
    MissingSource,
    /// `MISSING_TARGET`: only the source has it.
    MissingTarget,
}

impl Difference {
    /// Returns the text of `FAILURE_TYPE`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Record => "RECORD_DIFF",
            Self::MissingSource => "MISSING_SOURCE",
            Self::MissingTarget => "MISSING_TARGET",
        }
    }
}

/// Since when a record waits.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    /// When it began to wait.
    first: Instant,
    /// When it last changed. A failure counts from here.
    changed: Instant,
}

/// The records of a table that wait, differ or could not be compared.
#[derive(Clone, Debug, Default)]
pub struct Records {
    waiting: BTreeMap<Key, Waiting>,
    failed: BTreeSet<Key>,
    suspended: BTreeSet<Key>,
}

impl Records {
    /// A row was changed, or seen to differ: it is compared again.
    pub fn wait(&mut self, key: Key, now: Instant) {
        self.suspended.remove(&key);
        let waiting = self.waiting.entry(key).or_insert(Waiting { first: now, changed: now });
        waiting.changed = now;
    }

    /// Returns records that wait, at most `limit`, and whose last change is at least `delay` ago.
    pub fn due(&self, now: Instant, delay: Duration, limit: usize) -> Vec<Key> {
        let is_due = |waiting: &Waiting| now.duration_since(waiting.changed) >= delay;
        self.waiting.iter().filter(|(_, waiting)| is_due(waiting)).map(|(key, _)| key.clone()).take(limit).collect()
    }

    /// A record is equal on both sides, or gone from both.
    pub fn equal(&mut self, key: &Key) {
        self.waiting.remove(key);
        self.failed.remove(key);
        self.suspended.remove(key);
    }

    /// A record differs. Returns whether that is now a failure which was none before.
    ///
    /// "CDC validation retries mismatched rows" until the delay has passed.
    pub fn differs(&mut self, key: &Key, now: Instant, failure_delay: Duration, suspend_delay: Duration) -> bool {
        let Some(waiting) = self.waiting.get(key).copied() else { return false };
        if now.duration_since(waiting.changed) >= failure_delay {
            self.waiting.remove(key);
            return self.failed.insert(key.clone());
        }
        // "If one or more rows are being continuously modified during validation, then AWS DMS can't validate those
        // rows."
        if now.duration_since(waiting.first) >= suspend_delay {
            self.waiting.remove(key);
            self.suspended.insert(key.clone());
        }
        false
    }

    /// Returns the numbers of records that wait, differ, and could not be compared.
    pub fn counts(&self) -> [u64; 3] {
        [self.waiting.len(), self.failed.len(), self.suspended.len()].map(|count| count as u64)
    }

    /// Returns the state of a table whose rows were all compared once.
    pub fn state(&self) -> ValidationState {
        match self.counts() {
            [_, failed, _] if failed > 0 => ValidationState::Mismatched,
            [_, _, suspended] if suspended > 0 => ValidationState::Suspended,
            [waiting, ..] if waiting > 0 => ValidationState::Pending,
            _ => ValidationState::Validated,
        }
    }
}
