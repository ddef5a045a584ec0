//! Counts the points at which runs were killed, over all tests of this process.

use std::io::Write as _;
use std::sync::{Mutex, PoisonError};

/// The points at which runs were killed, and the points that they have.
static SUM: Mutex<(u64, u64)> = Mutex::new((0, 0));

/// Adds points at which runs were killed and recovered, of all the points that these runs have, and prints the sums,
/// also while the output of tests is captured.
pub fn count_kills(killed: u64, points: u64) {
    let (all_killed, all_points) = {
        let mut sum = SUM.lock().unwrap_or_else(PoisonError::into_inner);
        *sum = (sum.0 + killed, sum.1 + points);
        *sum
    };
    // A closed standard error is no reason to fail.
    let _ = writeln!(
        std::io::stderr().lock(),
        "killed at {killed} of {points} crash points; {all_killed} of {all_points} so far"
    );
}
