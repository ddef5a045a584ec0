//! The active events of the script: a pure function of the script, the history of the world and the time.
//!
//! An event starts once, when its trigger first holds after the script was loaded. The world keeps all history that
//! triggers read, including that of deleted resources.

use wildmatch::WildMatch;

use super::script::{Changes, Event, Trigger, Validation};
use super::scripted_failures::ScriptedFailures;
use super::state::World;

/// The events that have started, with their times.
#[derive(Debug, Default)]
pub struct Timeline<'a> {
    spans: Vec<Span<'a>>,
}

/// An event that has started. It is active from its start, inclusive, to its end, exclusive.
#[derive(Clone, Copy, Debug)]
pub struct Span<'a> {
    /// When it starts.
    pub from: u64,
    /// When it ends.
    pub to: u64,
    /// Its effects while it is active.
    pub changes: &'a Changes,
}

/// The effects that are active at one time.
#[derive(Debug)]
pub struct ActiveChanges<'a> {
    /// In file order.
    changes: Vec<&'a Changes>,
}

impl World {
    /// Returns which events have started, according to the world's history.
    pub fn timeline(&self) -> Timeline<'_> {
        let spans = self.script.script.events.iter().filter_map(|event| self.span(event)).collect();
        Timeline { spans }
    }

    /// Returns the replication failures of the script, according to the world's history.
    pub(super) fn scripted_failures(&self) -> ScriptedFailures {
        let timeline = self.timeline();
        let mut failures =
            ScriptedFailures { tables: self.script.script.tables.clone(), ..ScriptedFailures::default() };
        for span in timeline.spans() {
            failures.failures.extend(span.changes.task_fails.iter().map(|why| (span.from, span.to, why.clone())));
            let ends = span.changes.connection_fails.iter();
            failures.connections.extend(ends.map(|(end, why)| (end.clone(), span.from, span.to, why.clone())));
        }
        failures
    }

    fn span<'a>(&self, event: &'a Event) -> Option<Span<'a>> {
        let loaded = self.script.loaded_at;
        let from = match &event.trigger {
            Trigger::After(wait) => loaded + wait,
            Trigger::Traffic { environment, percent } => {
                self.route53.weights.first_reached_share(environment, *percent, loaded)?
            }
            Trigger::TaskRunning(wait) => {
                self.regions.values().filter_map(|region| region.dms.first_running_for(*wait, loaded)).min()?
            }
        };
        Some(Span { from, to: event.duration.map_or(u64::MAX, |duration| from + duration), changes: &event.changes })
    }
}

impl<'a> Timeline<'a> {
    /// Returns the effects that are active at `at`.
    pub fn at(&self, at: u64) -> ActiveChanges<'a> {
        ActiveChanges {
            changes: self
                .spans
                .iter()
                .filter(|span| span.from <= at && at < span.to)
                .map(|span| span.changes)
                .collect(),
        }
    }

    /// Returns all events with a known start.
    pub fn spans(&self) -> &[Span<'a>] {
        &self.spans
    }
}

impl<'a> ActiveChanges<'a> {
    fn last<T>(&self, value: impl Fn(&'a Changes) -> Option<T>) -> Option<T> {
        self.changes.iter().rev().find_map(|changes| value(changes))
    }

    /// Returns the replication lag, in seconds.
    pub fn lag_seconds(&self) -> Option<f64> {
        self.last(|changes| changes.lag_seconds)
    }

    /// Returns the validation result of a table.
    pub fn validation(&self, table: &str) -> Option<&'a Validation> {
        self.last(|changes| changes.validation.as_ref().filter(|validation| validation.table == table))
    }

    /// Returns whether DMS has suspended a table.
    pub fn has_table_error(&self, table: &str) -> bool {
        self.changes.iter().any(|changes| changes.table_errors.iter().any(|one| one == table))
    }

    /// Returns the tables that DMS has suspended, as `schema.name`.
    pub fn failing_tables(&self) -> impl Iterator<Item = &'a str> {
        self.changes.iter().flat_map(|changes| &changes.table_errors).map(String::as_str)
    }

    /// Returns the share of requests that the targets of an environment answer with 5xx, in percent.
    pub fn error_percent(&self, environment: &str) -> Option<f64> {
        self.last(|changes| changes.error_percent.get(environment).copied())
    }

    /// Returns how long the targets of an environment take to respond.
    pub fn latency_seconds(&self, environment: &str) -> Option<f64> {
        self.last(|changes| changes.latency_seconds.get(environment).copied())
    }

    /// Returns the CPU load of a database.
    pub fn cpu_percent(&self, database: &str) -> Option<f64> {
        self.last(|changes| matching(&changes.cpu_percent, database).copied())
    }

    /// Returns the free storage of a database.
    pub fn free_storage_bytes(&self, database: &str) -> Option<f64> {
        self.last(|changes| matching(&changes.free_storage_bytes, database).copied())
    }

    /// Returns how much write-ahead log the oldest replication slot of a database retains.
    pub fn slot_lag_bytes(&self, database: &str) -> Option<f64> {
        self.last(|changes| matching(&changes.slot_lag_bytes, database).copied())
    }

    /// Returns how many targets of a target group fail their health checks.
    pub fn unhealthy_targets(&self, environment: Option<&str>, group: &str) -> usize {
        let of = |changes: &'a Changes| {
            let by_environment = environment.and_then(|environment| changes.unhealthy_targets.get(environment));
            by_environment.or_else(|| matching(&changes.unhealthy_targets, group)).copied()
        };
        self.last(of).and_then(|count| usize::try_from(count).ok()).unwrap_or_default()
    }

    /// Returns whether a metric has no data points.
    pub fn is_missing(&self, namespace: &str, metric: &str) -> bool {
        let name = format!("{namespace}:{metric}");
        self.changes
            .iter()
            .any(|changes| changes.metrics_missing.iter().any(|pattern| WildMatch::new(pattern).matches(&name)))
    }

    /// Returns whether RDS takes its time to complete a parameter group.
    pub fn are_parameter_groups_late(&self) -> bool {
        self.changes.iter().any(|changes| changes.parameter_groups_late)
    }

    /// Returns whether GuardDuty watches tasks.
    pub fn guardduty(&self) -> bool {
        self.changes.iter().any(|changes| changes.guardduty)
    }

    /// Returns how many instances somebody else runs in each VPC.
    pub fn foreign_instances(&self) -> usize {
        self.changes.iter().map(|changes| changes.foreign_instances).max().unwrap_or_default()
    }

    /// Returns whether the last entries of a log group arrive after its deletion.
    pub fn has_late_logs(&self, name: &str) -> bool {
        let matches = |pattern: &String| WildMatch::new(pattern).matches(name);
        self.changes.iter().any(|changes| changes.late_logs.iter().any(matches))
    }

    /// Returns by how many milliseconds reads can be stale.
    pub fn read_lag(&self) -> Option<u64> {
        self.last(|changes| changes.read_lag).filter(|lag| *lag > 0)
    }

    /// Returns the error code with which a call, `service:Operation`, fails.
    pub fn call_fails(&self, call: &str) -> Option<&'a str> {
        self.last(|changes| matching(&changes.calls_fail, call).map(String::as_str))
    }

    /// Returns the error codes with which S3 refuses to delete objects, by patterns of `bucket/key`.
    pub fn objects_stay(&self) -> Vec<(WildMatch, String)> {
        let all = self.changes.iter().flat_map(|changes| &changes.objects_stay);
        all.map(|(pattern, code)| (WildMatch::new(pattern), code.clone())).collect()
    }
}

/// Returns the value whose key is a pattern that matches `text`.
fn matching<'a, T>(values: &'a std::collections::BTreeMap<String, T>, text: &str) -> Option<&'a T> {
    values.iter().find(|(pattern, _)| WildMatch::new(pattern).matches(text)).map(|(_, value)| value)
}
