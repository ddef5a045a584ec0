//! What is to be done: the steps, and what happens when something goes wrong.

use serde::{Deserialize, Serialize};

use crate::config::{Config, OnResume, Otherwise};
use crate::migration::Split;
use crate::migration::gate::{Moment, Required, Rule};

/// The steps: each has more traffic than the one before, the last has all of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Split>", into = "Vec<Split>")]
pub struct Steps(Vec<Split>);

impl From<Vec<Split>> for Steps {
    /// Sorts the steps, leaves out what is none, and ends with all traffic.
    fn from(mut steps: Vec<Split>) -> Self {
        steps.push(Split::TARGET);
        steps.retain(|step| *step != Split::SOURCE);
        steps.sort_unstable();
        steps.dedup();
        Self(steps)
    }
}

impl From<Steps> for Vec<Split> {
    fn from(steps: Steps) -> Self {
        steps.0
    }
}

impl Steps {
    /// Returns the steps in order.
    pub fn as_slice(&self) -> &[Split] {
        &self.0
    }

    /// Returns the first step with more traffic than this, if there is one.
    pub fn after(&self, live: Split) -> Option<Split> {
        self.0.iter().copied().find(|step| *step > live)
    }

    /// Returns how many steps are done when traffic is like this.
    pub fn done(&self, live: Split) -> usize {
        self.0.iter().filter(|step| **step <= live).count()
    }
}

/// How a cutover goes. All times are in seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// The steps.
    pub steps: Steps,
    /// For how long the gates must hold after each step.
    pub bake_seconds: u64,
    /// Between two looks at the gates.
    pub gate_interval_seconds: u64,
    /// For how long a gate may be without data.
    pub no_data_seconds: u64,
    /// The gates.
    pub gates: Vec<Rule>,
    /// Whether there must be one.
    pub gates_required: Required,
    /// Steps after which a person must approve.
    pub pause_at: Vec<Split>,
    /// Whether a command is run before the last step.
    pub quiesce: bool,
    /// How long to wait before the last step until the replication lag is zero; `None` does not wait.
    pub lag_zero_seconds: Option<u64>,
    /// When something fails.
    pub on_failure: Otherwise,
    /// When it is started again after it was killed.
    pub on_resume: OnResume,
    /// When it is aborted.
    pub on_abort: Otherwise,
}

impl Schedule {
    /// Makes the schedule of a configuration; without routing there is none.
    pub fn of(config: &Config) -> Option<Self> {
        config.routing.as_ref()?;
        let cutover = &config.cutover;
        let splits = |percents: &[u8]| percents.iter().filter_map(|percent| Split::new(*percent)).collect::<Vec<_>>();
        let rule = |gate: &crate::config::Gate| Rule { gate: gate.name.clone(), must: gate.must(), failures_in_a_row: gate.failures_in_a_row };
        let waits = cutover.lag_zero_timeout_seconds > 0 && config.carries_changes_over();
        Some(Self {
            steps: splits(&cutover.percents()).into(),
            bake_seconds: cutover.bake_seconds.into(),
            gate_interval_seconds: cutover.gate_interval_seconds.into(),
            no_data_seconds: cutover.no_data_seconds.into(),
            gates: config.gates.iter().map(rule).collect(),
            gates_required: if cutover.gates_required { Required::Yes } else { Required::No },
            pause_at: splits(&cutover.pause_at),
            quiesce: !cutover.quiesce_command.is_empty(),
            lag_zero_seconds: waits.then(|| cutover.lag_zero_timeout_seconds.into()),
            on_failure: cutover.on_failure,
            on_resume: cutover.on_resume,
            on_abort: cutover.on_abort,
        })
    }

    /// Takes over the pauses of a cutover that is gone on with: where a person was to be asked, one is asked, whatever the command says now.
    pub fn keep_pauses(&mut self, begun: &Self) {
        self.pause_at.extend_from_slice(&begun.pause_at);
        self.pause_at.sort_unstable();
        self.pause_at.dedup();
    }

    /// Returns the moment at which gates are judged. `now` is in seconds since 1970.
    pub fn moment(&self, live: Split, now: i64) -> Moment {
        Moment { now, live, next: self.steps.after(live).unwrap_or(live) }
    }

    /// Returns how long it takes when nothing goes wrong and nobody has to be waited for, without the shifts themselves.
    pub fn expected_seconds(&self) -> u64 {
        self.bake_seconds.saturating_mul(self.steps.0.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(percent: u8) -> Split {
        Split::new(percent).expect("a percent")
    }

    #[test]
    fn steps_are_in_order_and_end_with_all_of_the_traffic() {
        let steps = Steps::from([50, 0, 10, 50].map(split).to_vec());
        assert_eq!(steps.as_slice(), [10, 50, 100].map(split));
        assert_eq!(Steps::from(Vec::new()).as_slice(), [Split::TARGET]);
    }

    #[test]
    fn the_next_step_follows_from_where_the_traffic_is() {
        let steps = Steps::from([10, 50].map(split).to_vec());
        let table = [(0, Some(10), 0), (9, Some(10), 0), (10, Some(50), 1), (37, Some(50), 1), (99, Some(100), 2), (100, None, 3)];
        for (live, next, done) in table {
            assert_eq!(steps.after(split(live)), next.map(split));
            assert_eq!(steps.done(split(live)), done);
        }
    }
}
