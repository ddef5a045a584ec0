//! `[cutover]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The reaction to a failure, or to an abort.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// Shifts all traffic back to the source.
    Rollback,
    /// Keeps the current weights until an operator decides.
    Hold,
}

/// The behavior of a cutover that is started again after it was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnResume {
    /// Reads the current weights, evaluates the gates, and continues from there.
    Continue,
    /// Shifts all traffic back to the source.
    Rollback,
}

/// What happens in a switchover to a transaction that does not end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Overdue {
    /// It is reported, and the switchover is undone.
    Report,
    /// Its session is ended, so that it is rolled back.
    Terminate,
}

/// How a migration between two environments keeps to one primary: the database that gets the writes of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// The traffic first, step by step; both services use the source database. At the end, the data in one switchover.
    ComputeFirst,
    /// No steps: the data in one switchover, then all traffic at once.
    AtOnce,
    /// Each environment uses its own database, step by step. Only for a service that does not write.
    ReadOnly,
}

impl Strategy {
    /// Returns the name, as the configuration has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ComputeFirst => "compute-first",
            Self::AtOnce => "at-once",
            Self::ReadOnly => "read-only",
        }
    }

    /// Returns whether the database of the target becomes the primary in a switchover.
    pub fn has_switchover(self) -> bool {
        self != Self::ReadOnly
    }
}

/// The settings of a cutover.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Cutover {
    /// How the migration keeps to one primary, if the database of the target is replicated from the source.
    /// `compute-first`: the steps shift traffic while both services use the source database, then one switchover moves
    /// the data. `at-once`: no steps, only the switchover. `read-only`: each environment uses its own database; only
    /// for a service that does not write.
    pub strategy: Strategy,
    /// Traffic that each step shifts, in percent.
    #[schemars(range(min = 1, max = 100))]
    pub step_percent: u8,
    /// Explicit steps, as the share of the target in percent: `[1, 5, 25, 50, 100]`. Empty: `step_percent` is used.
    #[schemars(inner(range(min = 1, max = 100)))]
    pub steps: Vec<u8>,
    /// Time in seconds for which the gates must pass after each step, including the last one.
    #[schemars(range(min = 0, max = 604_800))]
    pub bake_seconds: u32,
    /// Interval in seconds between two evaluations of the gates.
    #[schemars(range(min = 1, max = 3600))]
    pub gate_interval_seconds: u32,
    /// Time in seconds for which a gate can be without data, or unreadable. During this time, no traffic is shifted.
    /// After it, an operator is asked, and the traffic stays.
    #[schemars(range(min = 0, max = 86400))]
    pub no_data_seconds: u32,
    /// Whether at least one gate is required. Without gates, traffic is shifted without any check.
    pub gates_required: bool,
    /// Reaction to a failure of a gate, a shift, a command, or the wait for the replication: `rollback` shifts all
    /// traffic back to the source, `hold` keeps the current weights.
    pub on_failure: OnFailure,
    /// Behavior of a cutover that is started again after it was killed: `continue` or `rollback`.
    pub on_resume: OnResume,
    /// Reaction to an abort, with a key or Ctrl-C: `rollback` or `hold`.
    pub on_abort: OnFailure,
    /// Steps after which the cutover waits for approval: `[10, 50]`.
    #[schemars(inner(range(min = 1, max = 100)))]
    pub pause_at: Vec<u8>,
    /// Command that stops writes to the source: the program and its arguments, without a shell. It runs before the last
    /// step. If the cutover is killed, it can run twice.
    pub quiesce_command: Vec<String>,
    /// Command that allows writes to the source again. It runs when traffic is shifted back to the source after the
    /// quiesce command.
    pub release_command: Vec<String>,
    /// Environment variables of this program that these commands get, for example `["AWS_PROFILE", "AWS_REGION"]`. A
    /// name can contain `*`. They always get `PATH`, `HOME`, `USER`, `LOGNAME`, `LANG`, `LC_*`, `TMPDIR`, `TZ` and
    /// `MIGRATE_INFRA_TRAFFIC_PERCENT`, and no other variables.
    pub pass_environment: Vec<String>,
    /// Time limit of each command in seconds.
    #[schemars(range(min = 1, max = 86400))]
    pub quiesce_timeout_seconds: u32,
    /// Time budget in seconds of a switchover. When it is used up before the database of the target accepts writes, all
    /// of it is undone.
    #[schemars(range(min = 10, max = 3600))]
    pub switchover_timeout_seconds: u32,
    /// Time in seconds that open transactions have to end in a switchover.
    #[schemars(range(min = 0, max = 3600))]
    pub drain_seconds: u32,
    /// What happens then to a transaction that has not ended: `report` undoes the switchover, `terminate` ends the
    /// session, so that the transaction is rolled back.
    pub on_overdue: Overdue,
    /// Whether a switchover compares every table row by row, up to `largest_compared_mb`, and not only the tables that
    /// have changed since `replication validate` found both databases equal.
    pub full_comparison: bool,
    /// Size in MB of the largest table that a switchover compares row by row. It counts the rows of larger ones, up to
    /// 4 GB, and names those that it neither compares nor counts.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub largest_compared_mb: u32,
    /// Maximum time in seconds to wait for a replication lag of zero before the last step; 0 does not wait. Without a
    /// quiesce command, a lag of zero only means that the target had caught up at one moment.
    #[schemars(range(min = 0, max = 86400))]
    pub lag_zero_timeout_seconds: u32,
}

impl Default for Cutover {
    fn default() -> Self {
        Self {
            strategy: Strategy::ComputeFirst,
            step_percent: 10,
            steps: Vec::new(),
            bake_seconds: 300,
            gate_interval_seconds: 30,
            no_data_seconds: 180,
            gates_required: true,
            on_failure: OnFailure::Rollback,
            on_resume: OnResume::Continue,
            on_abort: OnFailure::Rollback,
            pause_at: Vec::new(),
            quiesce_command: Vec::new(),
            release_command: Vec::new(),
            pass_environment: Vec::new(),
            quiesce_timeout_seconds: 120,
            switchover_timeout_seconds: 300,
            drain_seconds: 30,
            on_overdue: Overdue::Report,
            full_comparison: false,
            largest_compared_mb: 256,
            lag_zero_timeout_seconds: 600,
        }
    }
}

impl Cutover {
    /// Returns the share of the target in percent for each step: `steps`, or multiples of `step_percent`, ending at
    /// 100.
    pub fn percents(&self) -> Vec<u8> {
        if !self.steps.is_empty() {
            return self.steps.clone();
        }
        let each = self.step_percent.max(1);
        (1..100_u8).filter(|percent| percent.is_multiple_of(each)).chain([100]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn percents(step_percent: u8, steps: &[u8]) -> Vec<u8> {
        Cutover { step_percent, steps: steps.to_vec(), ..Cutover::default() }.percents()
    }

    #[test]
    fn the_last_step_shifts_all_traffic() {
        assert_eq!(percents(10, &[]), [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]);
        assert_eq!(percents(30, &[]), [30, 60, 90, 100]);
        assert_eq!(percents(100, &[]), [100]);
        assert_eq!(percents(1, &[]).len(), 100);
        assert_eq!(percents(10, &[1, 5, 100]), [1, 5, 100]);
    }
}
