//! The plan of a cutover: its steps, and how it reacts to failures.

use serde::{Deserialize, Serialize};

use crate::TrafficSplit;
use crate::gate::{EvalContext, GateRule, Required};
use infra_config::{Config, OnFailure, OnResume, Strategy};

/// How long after a shift a whole minute with the new split exists in CloudWatch: the rest of the minute of the shift,
/// the minute itself, and the time in which CloudWatch receives its data.
const DATA_DELAY_SECONDS: u64 = 180;

/// The steps. Each sends more traffic to the target than the one before. The last sends all of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<TrafficSplit>", into = "Vec<TrafficSplit>")]
pub struct Steps(Vec<TrafficSplit>);

impl From<Vec<TrafficSplit>> for Steps {
    /// Sorts the steps, removes duplicates and steps without traffic, and adds the step with all traffic.
    fn from(mut steps: Vec<TrafficSplit>) -> Self {
        steps.push(TrafficSplit::TARGET);
        steps.retain(|step| *step != TrafficSplit::SOURCE);
        steps.sort_unstable();
        steps.dedup();
        Self(steps)
    }
}

impl From<Steps> for Vec<TrafficSplit> {
    fn from(steps: Steps) -> Self {
        steps.0
    }
}

impl Steps {
    /// Returns the steps in order.
    pub fn as_slice(&self) -> &[TrafficSplit] {
        &self.0
    }

    /// Returns the first step with more traffic than `live`.
    pub fn next_after(&self, live: TrafficSplit) -> Option<TrafficSplit> {
        self.0.iter().copied().find(|step| *step > live)
    }

    /// Returns how many steps are complete.
    pub fn completed(&self, live: TrafficSplit) -> usize {
        self.0.iter().filter(|step| **step <= live).count()
    }
}

/// The plan of a cutover. All times are in seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CutoverPlan {
    /// The steps.
    pub steps: Steps,
    /// How long the gates must hold after each step.
    pub bake_seconds: u64,
    /// The interval between two evaluations of the gates.
    pub gate_interval_seconds: u64,
    /// How long a gate may have no data.
    pub no_data_seconds: u64,
    /// The gates.
    pub gates: Vec<GateRule>,
    /// Whether at least one gate is required.
    pub gates_required: Required,
    /// The steps after which an operator must approve.
    pub pause_at: Vec<TrafficSplit>,
    /// Whether the quiesce command runs before the last step.
    pub quiesce: bool,
    /// How long to wait before the last step until the replication lag is zero. `None` does not wait.
    pub lag_zero_seconds: Option<u64>,
    /// How long after a shift the metrics of the new split exist, in seconds.
    #[serde(default)]
    pub data_delay_seconds: u64,
    /// The reaction to a failure.
    pub on_failure: OnFailure,
    /// The reaction to a restart after the process was killed.
    pub on_resume: OnResume,
    /// The reaction to an abort.
    pub on_abort: OnFailure,
}

impl CutoverPlan {
    /// Returns the plan of a configuration. Without routing there is none.
    pub fn of(config: &Config) -> Option<Self> {
        config.routing.as_ref()?;
        let cutover = &config.cutover;
        let splits =
            |percents: &[u8]| percents.iter().filter_map(|percent| TrafficSplit::new(*percent)).collect::<Vec<_>>();
        let rule = |gate: &infra_config::Gate| GateRule {
            gate: gate.name.clone(),
            must: gate.requirement(),
            failures_in_a_row: gate.failures_in_a_row,
        };
        // The switchover does both, if one follows.
        let has_switchover = config.strategy().is_some_and(Strategy::has_switchover);
        let waits_for_lag = cutover.lag_zero_timeout_seconds > 0 && config.replicates_changes() && !has_switchover;
        Some(Self {
            steps: splits(&cutover.percents()).into(),
            bake_seconds: cutover.bake_seconds.into(),
            gate_interval_seconds: cutover.gate_interval_seconds.into(),
            no_data_seconds: cutover.no_data_seconds.into(),
            gates: config.gates.iter().map(rule).collect(),
            gates_required: if cutover.gates_required { Required::Yes } else { Required::No },
            pause_at: splits(&cutover.pause_at),
            quiesce: !cutover.quiesce_command.is_empty() && !has_switchover,
            lag_zero_seconds: waits_for_lag.then(|| cutover.lag_zero_timeout_seconds.into()),
            data_delay_seconds: DATA_DELAY_SECONDS,
            on_failure: cutover.on_failure,
            on_resume: cutover.on_resume,
            on_abort: cutover.on_abort,
        })
    }

    /// Adds the pauses of the cutover that is being resumed: a pause applies even if it is no longer configured.
    pub fn inherit_pauses(&mut self, resumed: &Self) {
        self.pause_at.extend_from_slice(&resumed.pause_at);
        self.pause_at.sort_unstable();
        self.pause_at.dedup();
    }

    /// Returns the context in which the gates are evaluated. `since`, when the split went live, and `now` are in
    /// seconds since 1970.
    pub fn eval_context(&self, live: TrafficSplit, since: Option<i64>, now: i64) -> EvalContext {
        let bake_seconds = i64::try_from(self.bake_seconds).unwrap_or(i64::MAX);
        EvalContext { now, live, next: self.steps.next_after(live).unwrap_or(live), since, bake_seconds }
    }

    /// Returns the duration without failures and pauses, and without the time that the shifts take.
    pub fn expected_seconds(&self) -> u64 {
        self.bake_seconds.saturating_mul(self.steps.0.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(percent: u8) -> TrafficSplit {
        TrafficSplit::new(percent).expect("a percent")
    }

    #[test]
    fn steps_are_sorted_and_end_with_all_traffic() {
        let steps = Steps::from([50, 0, 10, 50].map(split).to_vec());
        assert_eq!(steps.as_slice(), [10, 50, 100].map(split));
        assert_eq!(Steps::from(Vec::new()).as_slice(), [TrafficSplit::TARGET]);
    }

    #[test]
    fn the_next_step_follows_from_the_live_split() {
        let steps = Steps::from([10, 50].map(split).to_vec());
        let table = [
            (0, Some(10), 0),
            (9, Some(10), 0),
            (10, Some(50), 1),
            (37, Some(50), 1),
            (99, Some(100), 2),
            (100, None, 3),
        ];
        for (live, next, completed) in table {
            assert_eq!(steps.next_after(split(live)), next.map(split));
            assert_eq!(steps.completed(split(live)), completed);
        }
    }
}
