//! Selects the points of a crash matrix that a test run tries.
//!
//! A crash matrix kills a run at each of its crash points, one after the other, and checks every recovery. All points
//! of all tests take too long for each `cargo test`. So a test run tries a fixed share of them: every N-th point, from
//! an offset that changes daily, and always the first and the last one. The selection is printed to standard error. A
//! long enumeration of cases that are alike uses the same share ([`Cases`]). Of scenarios that take minutes over HTTP,
//! every second one is tried ([`tries_half`]).
//!
//! | variable | meaning |
//! |---|---|
//! | `MIGRATE_INFRA_MATRIX=full` | try every point |
//! | `MIGRATE_INFRA_MATRIX=1/N` | try one of N points instead of one of [`DEFAULT_SHARE`] |
//! | `MIGRATE_INFRA_MATRIX_SEED=S` | choose the offset by this number instead of the number of days since 1970 |

use std::collections::BTreeSet;
use std::io::Write as _;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use migrate_infra::crash_point::CrashPoints;

use crate::harness::crash_counter;

/// A test run tries one of so many points, unless `MIGRATE_INFRA_MATRIX` sets another share.
const DEFAULT_SHARE: u64 = 24;
const DAY: Duration = Duration::from_hours(24);

/// The selection is the same for all tests of a process.
#[derive(Clone, Copy)]
struct Selection {
    /// One of so many points is tried.
    share: u64,
    /// Points are tried whose index leaves this remainder.
    offset: u64,
    /// Chooses the half of scenarios that are tried ([`tries_half`]).
    seed: u64,
}

impl Selection {
    /// Every point.
    const FULL: Self = Self { share: 1, offset: 0, seed: 0 };

    fn read() -> Self {
        let number = |name: &str, text: &str, expected: &str| -> u64 {
            text.parse().unwrap_or_else(|_| panic!("{name} is {expected}, not `{text}`"))
        };
        let share = match std::env::var("MIGRATE_INFRA_MATRIX").ok().as_deref() {
            None | Some("") => DEFAULT_SHARE,
            Some("full") => 1,
            Some(text) => {
                number("MIGRATE_INFRA_MATRIX", text.strip_prefix("1/").unwrap_or(text), "`full` or `1/N`").max(1)
            }
        };
        let seed = std::env::var("MIGRATE_INFRA_MATRIX_SEED").map_or_else(
            |_| SystemTime::UNIX_EPOCH.elapsed().expect("the clock shows a time after 1970").as_secs() / DAY.as_secs(),
            |text| number("MIGRATE_INFRA_MATRIX_SEED", &text, "a number"),
        );
        let selection = Self { share, offset: seed % share, seed };
        // The output of tests is captured; this line is not.
        let _ = match share {
            1 => writeln!(std::io::stderr().lock(), "crash matrices and enumerations: all points and cases"),
            _ => writeln!(
                std::io::stderr().lock(),
                "crash matrices and enumerations: 1 of {share} points and cases, seed {seed}; \
                 MIGRATE_INFRA_MATRIX=full runs all; to repeat this run: MIGRATE_INFRA_MATRIX=1/{share} \
                 MIGRATE_INFRA_MATRIX_SEED={seed} cargo test"
            ),
        };
        selection
    }
}

/// Prints the selection once, and returns it.
fn selection() -> Selection {
    static SELECTION: OnceLock<Selection> = OnceLock::new();
    *SELECTION.get_or_init(Selection::read)
}

/// Prints which share of the crash matrices this process runs, if nothing has printed it yet.
pub fn announce() {
    selection();
}

/// Returns whether this process tries a case of an enumeration: every case, or the same share as of crash points.
pub fn tries_case(number: usize) -> bool {
    let Selection { share, offset, .. } = selection();
    u64::try_from(number).unwrap_or_default() % share == offset
}

/// Selects the cases of an enumeration: the first of each group, and of the others the same share as of crash points.
#[derive(Default)]
pub struct Cases {
    groups: BTreeSet<String>,
    number: usize,
}

impl Cases {
    /// Returns whether this process tries the next case, which belongs to a group.
    pub fn tries(&mut self, group: &str) -> bool {
        self.number += 1;
        self.groups.insert(group.to_owned()) || tries_case(self.number)
    }
}

/// Returns whether this process tries a scenario that takes minutes: one of two halves, which change daily, or both.
/// Prints to standard error if it does not.
pub fn tries_half(half: bool, name: &str) -> bool {
    let Selection { share, seed, .. } = selection();
    let is_tried = share == 1 || seed.is_multiple_of(2) == half;
    if !is_tried {
        let _ = writeln!(std::io::stderr().lock(), "{name}: not with seed {seed}; MIGRATE_INFRA_MATRIX=full runs it");
    }
    is_tried
}

/// Returns whether this process tries all points and all cases.
pub fn is_complete() -> bool {
    selection().share == 1
}

/// The points of one matrix, in order.
///
/// ```ignore
/// let mut matrix = Matrix::new();
/// while let Some((point, crash_points)) = matrix.arm() {
///     // Run, with `crash_points`. A run that is not killed was at its end, which ends the loop.
/// }
/// assert!(matrix.points() > 50);
/// ```
pub struct Matrix {
    /// The first point, counted from 1.
    first: u64,
    /// The distance between two points that the full matrix tries.
    step: u64,
    selection: Selection,
    /// The index of the next point, while the end is not known.
    next: u64,
    tried: BTreeSet<u64>,
    /// The number of points of the full matrix, once a run has reached its end.
    total: Option<u64>,
    armed: Option<CrashPoints>,
    killed: u64,
}

impl Matrix {
    /// Every point of a run, or the share of them that this process tries.
    pub fn new() -> Self {
        Self::stepping(1, 1)
    }

    /// Every `step`-th point of a run from `first` on, or the share of these that this process tries.
    pub fn stepping(first: u64, step: u64) -> Self {
        Self::with(first, step, selection())
    }

    /// Every `step`-th point of a run from `first` on, in every process: for a test that looks for something that
    /// happens at few points.
    pub fn complete(first: u64, step: u64) -> Self {
        Self::with(first, step, Selection::FULL)
    }

    fn with(first: u64, step: u64, selection: Selection) -> Self {
        assert!(first > 0 && step > 0, "points are counted from 1");
        Self { first, step, selection, next: 0, tried: BTreeSet::new(), total: None, armed: None, killed: 0 }
    }

    /// Returns the next point, and crash points that kill a run there. `None` when a run was not killed and the last
    /// point has been tried.
    pub fn arm(&mut self) -> Option<(u64, CrashPoints)> {
        if let Some(previous) = self.armed.take() {
            if previous.is_dead() {
                self.killed += 1;
            } else {
                self.ended(previous.hits());
            }
        }
        let Some(point) = self.next_point() else {
            crash_counter::count_kills(self.killed, self.points());
            return None;
        };
        let crash_points = CrashPoints::crashing_at(point);
        self.armed = Some(crash_points.clone());
        Some((point, crash_points))
    }

    /// Returns the next point. `None` when [`Self::ended`] was called and the last point has been tried.
    pub fn next_point(&mut self) -> Option<u64> {
        let index = match self.total {
            Some(total) => total.checked_sub(1).filter(|last| !self.tried.contains(last))?,
            None => self.next,
        };
        self.tried.insert(index);
        // The first point is always tried; after it, those of the share.
        let Selection { share, offset, .. } = self.selection;
        self.next = index + 1 + (offset + share - (index + 1) % share) % share;
        Some(self.first + index * self.step)
    }

    /// Reports that a run reached its end after so many points.
    pub fn ended(&mut self, passed: u64) {
        self.total.get_or_insert(if passed < self.first { 0 } else { (passed - self.first) / self.step + 1 });
    }

    /// Returns how many points the full matrix has, whatever the share.
    pub fn points(&self) -> u64 {
        self.total.expect("a run has reached its end")
    }
}

/// The points that a matrix tries of a run that passes `passed` points.
fn tried(mut matrix: Matrix, passed: u64) -> Vec<u64> {
    let mut tried = Vec::new();
    while let Some(point) = matrix.next_point() {
        if point > passed {
            matrix.ended(passed);
        } else {
            tried.push(point);
        }
    }
    assert_eq!(matrix.points(), passed);
    tried
}

#[test]
fn every_point_is_tried_by_one_of_the_shares_and_the_first_and_the_last_by_all() {
    assert_eq!(tried(Matrix::complete(1, 1), 20), (1..=20).collect::<Vec<u64>>());
    let shares: Vec<Vec<u64>> =
        (0..8).map(|offset| tried(Matrix::with(1, 1, Selection { share: 8, offset, seed: 0 }), 20)).collect();
    assert_eq!(shares[0], [1, 9, 17, 20]);
    assert_eq!(shares[3], [1, 4, 12, 20]);
    assert!(shares.iter().all(|share| share.first() == Some(&1) && share.last() == Some(&20)));
    assert_eq!(shares.concat().into_iter().collect::<BTreeSet<u64>>(), (1..=20).collect());
    assert_eq!(tried(Matrix::with(1, 1, Selection { share: 8, offset: 5, seed: 0 }), 0), [0; 0]);
}

#[test]
fn a_matrix_with_steps_counts_the_points_that_it_can_try() {
    let mut matrix = Matrix::with(5, 10, Selection { share: 2, offset: 1, seed: 0 });
    let mut points = Vec::new();
    while let Some(point) = matrix.next_point() {
        points.push(point);
        let crash_points = CrashPoints::crashing_at(point);
        // A run of 57 points.
        let killed = (0..57).any(|_| crash_points.hit("a point").is_err());
        assert_eq!(killed, point <= 57);
        if !killed {
            matrix.ended(crash_points.hits());
        }
    }
    assert_eq!((points, matrix.points()), (vec![5, 15, 35, 55, 75], 6));
}
