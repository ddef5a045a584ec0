//! The context in which gates are evaluated.

use crate::TrafficSplit;
use infra_config::Side;

/// Both environments.
pub(super) const SIDES: [Side; 2] = [Side::Source, Side::Target];

/// The time and the split of the traffic at an evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EvalContext {
    /// The time, in seconds since 1970.
    pub now: i64,
    /// The current split.
    pub live: TrafficSplit,
    /// The split after the next step. Equals `live` if there is none.
    pub next: TrafficSplit,
    /// Since when the current split has been live, in seconds since 1970. `None` if it is not the result of a step.
    pub since: Option<i64>,
    /// For how many seconds each step is watched.
    pub bake_seconds: i64,
}

impl EvalContext {
    /// Returns whether an environment has traffic.
    pub fn has_traffic(&self, side: Side) -> bool {
        self.live.weight(side) > 0
    }

    /// Returns whether an environment has traffic now or after the next step.
    pub fn has_or_gets_traffic(&self, side: Side) -> bool {
        self.has_traffic(side) || self.next.weight(side) > 0
    }
}
