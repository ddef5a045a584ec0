//! Statistics of the moment, for a dashboard.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;

use crate::ledger::now;

/// The statistics of one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Live {
    /// Requests that were sent at least once.
    pub sent: u64,
    /// Requests that were acknowledged.
    pub acknowledged: u64,
    /// Requests that were given up and had no effect.
    pub refused: u64,
    /// Requests that were given up and can have had an effect.
    pub unknown: u64,
    /// Requests that are being sent, or wait for their next attempt.
    pub in_flight: u64,
    /// Requests that were due but not sent, because too many others were in flight.
    pub held_back: u64,
    /// Answers 503, before the next attempt.
    pub turned_away: u64,
    /// The sides.
    pub sides: BTreeMap<String, LiveSide>,
    /// The time since the last acknowledgement.
    pub since_acknowledged: Option<Duration>,
}

/// The statistics of one side.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LiveSide {
    /// Requests that were acknowledged.
    pub acknowledged: u64,
    /// Acknowledgements per second, over the last second.
    pub per_second: f64,
}

/// The number of parts into which the last second is divided.
const PARTS: usize = 10;

#[derive(Debug, Default)]
struct SideCounter {
    total: u64,
    /// The number of the tenth of a second, and the acknowledgements in it.
    parts: [(u64, u32); PARTS],
}

/// Counters that all clients share.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) sent: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) unknown: AtomicU64,
    pub(super) in_flight: AtomicU64,
    pub(super) held_back: AtomicU64,
    pub(super) turned_away: AtomicU64,
    acknowledged: AtomicU64,
    last: AtomicU64,
    sides: Mutex<BTreeMap<Arc<str>, SideCounter>>,
    /// Answers since the last entry of the ledger about them.
    answers: Mutex<BTreeMap<String, BTreeMap<String, u64>>>,
}

impl Counters {
    /// Counts an acknowledgement.
    pub(super) fn acknowledged(&self, side: &Arc<str>) {
        let at = now();
        self.acknowledged.fetch_add(1, Ordering::Relaxed);
        self.last.store(at, Ordering::Relaxed);
        let mut sides = self.sides.lock().unwrap_or_else(PoisonError::into_inner);
        if !sides.contains_key(side) {
            sides.insert(Arc::clone(side), SideCounter::default());
        }
        let Some(counter) = sides.get_mut(side) else { return };
        counter.total += 1;
        let tenth = at / 100_000;
        let part = &mut counter.parts[usize::try_from(tenth).unwrap_or_default() % PARTS];
        *part = if part.0 == tenth { (tenth, part.1 + 1) } else { (tenth, 1) };
    }

    /// Counts an answer that is no acknowledgement.
    pub(super) fn answered(&self, side: &str, answer: String) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        *answers.entry(side.to_owned()).or_default().entry(answer).or_default() += 1;
    }

    /// Returns these answers, and starts again.
    pub(super) fn take_answers(&self) -> BTreeMap<String, BTreeMap<String, u64>> {
        std::mem::take(&mut self.answers.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn live(&self) -> Live {
        let at = now();
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let sides = self.sides.lock().unwrap_or_else(PoisonError::into_inner);
        let of_side = |counter: &SideCounter| {
            let recent = counter.parts.iter().filter(|(tenth, _)| at / 100_000 < tenth + PARTS as u64);
            LiveSide { acknowledged: counter.total, per_second: recent.map(|(_, count)| f64::from(*count)).sum() }
        };
        let last = load(&self.last);
        Live {
            sent: load(&self.sent),
            acknowledged: load(&self.acknowledged),
            refused: load(&self.refused),
            unknown: load(&self.unknown),
            in_flight: load(&self.in_flight),
            held_back: load(&self.held_back),
            turned_away: load(&self.turned_away),
            sides: sides.iter().map(|(side, counter)| (side.to_string(), of_side(counter))).collect(),
            since_acknowledged: (last > 0).then(|| Duration::from_micros(at.saturating_sub(last))),
        }
    }
}
