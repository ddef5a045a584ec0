//! The count of all points at which a run was killed, over all tests of this process.

use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

static SUM: AtomicU64 = AtomicU64::new(0);

/// Adds points at which runs were killed and recovered, and says how many that makes; also while the output of tests is held back.
pub fn killed_at(points: u64) {
    let sum = SUM.fetch_add(points, Ordering::Relaxed) + points;
    // Who does not listen does not have to know.
    let _ = writeln!(std::io::stderr().lock(), "{points} crash points, {sum} in all so far");
}
