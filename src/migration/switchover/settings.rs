//! What is configured of a switchover.

use std::time::Duration;

use infra_config::{Config, OnResume, Overdue};
use infra_switchover::machine::{AfterKill, Backoff, Settings};
use infra_switchover::sql;

/// Opening shifts weights, which Route 53 propagates "typically within 60 seconds" (ChangeResourceRecordSets).
const ATTEMPT_LIMIT: Duration = Duration::from_mins(5);

/// What a switchover compares row by row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ComparisonSettings {
    /// Whether all tables are compared, and not only those that have changed since the last validation.
    pub is_full: bool,
    /// The size of the largest table that is compared, in MB.
    pub largest_mb: u32,
}

/// What is configured of a switchover.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwitchoverSettings {
    /// The settings of the machine.
    pub machine: Settings,
    /// How long transactions have time to end, and what happens then.
    pub drain: (Duration, Overdue),
    /// What is compared row by row.
    pub comparison: ComparisonSettings,
    /// Tables that are not replicated, as `schema.table`.
    pub excluded_tables: Vec<String>,
}

impl SwitchoverSettings {
    /// Returns the settings of a configuration.
    pub fn of(config: &Config) -> Self {
        let cutover = &config.cutover;
        let after_kill = match cutover.on_resume {
            OnResume::Continue => AfterKill::Complete,
            OnResume::Rollback => AfterKill::Undo,
        };
        let backoff = Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(30) };
        let target = config.environment(infra_config::Side::Target.as_str());
        Self {
            machine: Settings {
                budget: Duration::from_secs(cutover.switchover_timeout_seconds.into()),
                after_kill,
                pause: Duration::from_secs(1),
                backoff,
                attempt_limit: ATTEMPT_LIMIT,
            },
            drain: (Duration::from_secs(cutover.drain_seconds.into()), cutover.on_overdue),
            comparison: ComparisonSettings {
                is_full: cutover.full_comparison,
                largest_mb: cutover.largest_compared_mb,
            },
            excluded_tables: target.map(|target| target.replication.excluded_tables.clone()).unwrap_or_default(),
        }
    }

    pub(super) fn patience(&self) -> sql::Patience {
        let (limit, overdue) = self.drain;
        let overdue = match overdue {
            Overdue::Report => sql::Overdue::Report,
            Overdue::Terminate => sql::Overdue::Terminate,
        };
        sql::Patience { limit, overdue }
    }
}
