//! What of the script is in force when: a pure function of the script, the history of the world and the time.
//!
//! An event begins once, at the first moment since the script was loaded at which its trigger holds; the world remembers all that
//! triggers look at, also of what does not exist any more.

use wildmatch::WildMatch;

use super::World;
use super::script::{Changes, Event, Trigger, Validation};

/// The events that have begun, with their times.
#[derive(Debug, Default)]
pub struct Timeline<'a> {
    spans: Vec<Span<'a>>,
}

/// An event that has begun. It is in force from its beginning, and not at its end any more.
#[derive(Clone, Copy, Debug)]
pub struct Span<'a> {
    /// When it began.
    pub from: u64,
    /// When it ends.
    pub to: u64,
    /// What is different in the meantime.
    pub changes: &'a Changes,
}

/// What is in force at one moment.
#[derive(Debug)]
pub struct Scripted<'a> {
    /// In the order of the file.
    changes: Vec<&'a Changes>,
}

impl World {
    /// Returns which events have begun, as far as the world's history tells.
    pub fn timeline(&self) -> Timeline<'_> {
        let spans = self.script.script.events.iter().filter_map(|event| self.span(event)).collect();
        Timeline { spans }
    }

    fn span<'a>(&self, event: &'a Event) -> Option<Span<'a>> {
        let loaded = self.script.at;
        let from = match &event.trigger {
            Trigger::After(wait) => loaded + wait,
            Trigger::Traffic { environment, percent } => self.route53.weights.first_reached(environment, *percent, loaded)?,
            Trigger::TaskRunning(wait) => self.regions.values().filter_map(|region| region.dms.first_ran(*wait, loaded)).min()?,
        };
        Some(Span { from, to: event.lasts.map_or(u64::MAX, |lasts| from + lasts), changes: &event.changes })
    }
}

impl<'a> Timeline<'a> {
    /// Returns what is in force at `at`.
    pub fn at(&self, at: u64) -> Scripted<'a> {
        Scripted { changes: self.spans.iter().filter(|span| span.from <= at && at < span.to).map(|span| span.changes).collect() }
    }

    /// Returns all that has begun or will begin.
    pub fn spans(&self) -> &[Span<'a>] {
        &self.spans
    }
}

impl<'a> Scripted<'a> {
    fn last<T>(&self, value: impl Fn(&'a Changes) -> Option<T>) -> Option<T> {
        self.changes.iter().rev().find_map(|changes| value(changes))
    }

    /// Returns how far the replication is behind, in seconds.
    pub fn lag_seconds(&self) -> Option<f64> {
        self.last(|changes| changes.lag_seconds)
    }

    /// Returns what the validation of a table finds.
    pub fn validation(&self, table: &str) -> Option<&'a Validation> {
        self.last(|changes| changes.validation.as_ref().filter(|validation| validation.table == table))
    }

    /// Returns whether DMS has suspended a table.
    pub fn has_table_error(&self, table: &str) -> bool {
        self.changes.iter().any(|changes| changes.table_errors.iter().any(|one| one == table))
    }

    /// Returns the share of requests that the targets of an environment answer with 5xx, in percent.
    pub fn error_percent(&self, environment: &str) -> Option<f64> {
        self.last(|changes| changes.error_percent.get(environment).copied())
    }

    /// Returns how long the targets of an environment take to answer.
    pub fn latency_seconds(&self, environment: &str) -> Option<f64> {
        self.last(|changes| changes.latency_seconds.get(environment).copied())
    }

    /// Returns the load of a database.
    pub fn cpu_percent(&self, database: &str) -> Option<f64> {
        self.last(|changes| matching(&changes.cpu_percent, database).copied())
    }

    /// Returns the free storage of a database.
    pub fn free_storage_bytes(&self, database: &str) -> Option<f64> {
        self.last(|changes| matching(&changes.free_storage_bytes, database).copied())
    }

    /// Returns how much write-ahead log the oldest replication slot of a database keeps.
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
        self.changes.iter().any(|changes| changes.metrics_missing.iter().any(|pattern| WildMatch::new(pattern).matches(&name)))
    }

    /// Returns the error code that a call, `service:Operation`, fails with.
    pub fn call_fails(&self, call: &str) -> Option<&'a str> {
        self.last(|changes| matching(&changes.calls_fail, call).map(String::as_str))
    }
}

/// The value whose key is a pattern of `text`.
fn matching<'a, T>(values: &'a std::collections::BTreeMap<String, T>, text: &str) -> Option<&'a T> {
    values.iter().find(|(pattern, _)| WildMatch::new(pattern).matches(text)).map(|(_, value)| value)
}
