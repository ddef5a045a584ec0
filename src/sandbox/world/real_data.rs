//! What real servers and real replications report, when the data of the sandbox is not modelled.
//!
//! The model decides what AWS would decide: statuses, refusals, durations. The part that runs the servers writes here
//! what happened to the data.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::metrics::{MINUTE, minute_end};

/// Where the data of the databases is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DataSource {
    /// Nowhere: the number of rows is part of the script, and rows always arrive.
    #[default]
    Modelled,
    /// In one PostgreSQL server for each DB instance.
    Postgres,
}

impl DataSource {
    /// Returns its name, as in `--sandbox-data`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Modelled => "modelled",
            Self::Postgres => "postgres",
        }
    }
}

/// The PostgreSQL server of a DB instance.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Server {
    /// Its port on 127.0.0.1, once it has been started.
    pub port: Option<u16>,
    /// The version of its programs, once it has been started.
    pub version: Option<String>,
    /// Whether its programs support TLS.
    pub offers_tls: bool,
    /// Whether it accepts connections with the settings that are in effect.
    pub answers: bool,
    /// Why it could not be started.
    pub failure: Option<String>,
    /// The settings of the instance that it runs with.
    pub applied: Option<AppliedSettings>,
    /// Parameters that take effect at the next restart.
    pub pending_restart: BTreeSet<String>,
    /// The end of the last reboot or modification for which it was restarted.
    pub restarted_for: Option<u64>,
    /// What was measured in each minute.
    pub minutes: Minutes<ServerMinute>,
}

/// The settings that a server runs with.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the RDS API's `DBInstance`")]
pub struct AppliedSettings {
    pub master_password: String,
    pub parameters: BTreeMap<String, String>,
    pub class: String,
    pub engine_version: String,
}

impl std::fmt::Debug for AppliedSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AppliedSettings")
            .field("master_password", &"***")
            .field("parameters", &self.parameters)
            .field("class", &self.class)
            .field("engine_version", &self.engine_version)
            .finish()
    }
}

/// What was measured of a server in a minute.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ServerMinute {
    /// How many sessions were open.
    pub connections: f64,
    /// How much write-ahead log the oldest replication slot retains; `None` without a slot.
    pub oldest_slot_lag_bytes: Option<f64>,
    /// The size of the write-ahead log.
    pub wal_bytes: f64,
    /// The size of the databases.
    pub data_bytes: f64,
}

/// A replication task that moves real data.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LiveTask {
    /// What the task needs to resume; only the replicator reads it.
    pub checkpoint: serde_json::Value,
    /// Whether it is working now.
    pub active: bool,
    /// Since when it captures changes.
    pub captures_since: Option<u64>,
    /// Its tables.
    pub tables: Vec<LiveTable>,
    /// When the load of all its tables ended.
    pub loaded_at: Option<u64>,
    /// What was measured in each minute.
    pub minutes: Minutes<TaskMinute>,
    /// How it ended, until the model has taken note.
    pub ended: Option<LiveEnd>,
}

/// How the work of a task ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveEnd {
    /// When, in milliseconds.
    pub at: u64,
    /// Whether it failed.
    pub failed: bool,
    /// "Stop Reason …" ("ReplicationTask", `StopReason`).
    pub stop_reason: String,
    /// The last failure message.
    pub failure: Option<String>,
}

/// A table of a task, with the names of the DMS API's `TableStatistics`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the DMS API's `TableStatistics`")]
pub struct LiveTable {
    pub schema: String,
    pub name: String,
    pub state: String,
    pub inserts: u64,
    pub updates: u64,
    pub deletes: u64,
    pub ddls: u64,
    pub applied_inserts: u64,
    pub applied_updates: u64,
    pub applied_deletes: u64,
    pub applied_ddls: u64,
    pub full_load_rows: u64,
    pub full_load_error_rows: u64,
    pub full_load_started_at: Option<u64>,
    pub full_load_ended_at: Option<u64>,
    pub reloaded: bool,
    pub updated_at: u64,
    pub validation_state: String,
    pub validation_pending: u64,
    pub validation_failed: u64,
    pub validation_suspended: u64,
}

/// What was measured of a task in a minute.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskMinute {
    /// `CDCLatencySource`, in seconds.
    pub latency_source: f64,
    /// `CDCLatencyTarget`, in seconds.
    pub latency_target: f64,
    /// `CDCIncomingChanges`.
    pub incoming_changes: f64,
}

/// How many minutes are kept.
const KEPT: usize = 24 * 60;
/// The longest time that one measurement stands for, in milliseconds.
const LONGEST_LOOK: u64 = 60 * MINUTE;

/// What was measured in each minute, by the end of the minute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Minutes<T>(BTreeMap<u64, T>);

impl<T> Default for Minutes<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T: Clone> Minutes<T> {
    /// Records a measurement at `at` milliseconds. The last one was made at `since`: if several minutes have passed,
    /// each of them has this value. AWS measures in each minute, however slow this machine is and fast its clock.
    pub fn record(&mut self, since: Option<u64>, at: u64, measured: &T) {
        let last = minute_end(at);
        let since = since.map_or(last, |since| minute_end(since + 1).max(last.saturating_sub(LONGEST_LOOK)));
        for end in (since..last).step_by(usize::try_from(MINUTE).unwrap_or(usize::MAX)) {
            self.0.entry(end).or_insert_with(|| measured.clone());
        }
        self.0.insert(last, measured.clone());
        self.drop_old();
    }
}

impl<T> Minutes<T> {
    /// Returns the measurement of the minute that contains `at`.
    pub fn at(&self, at: u64) -> Option<&T> {
        self.0.get(&minute_end(at))
    }

    /// Returns the last measurement.
    pub fn last(&self) -> Option<&T> {
        self.0.last_key_value().map(|(_, measured)| measured)
    }

    /// Returns the end of the last minute that was measured.
    pub fn last_end(&self) -> Option<u64> {
        self.0.last_key_value().map(|(end, _)| *end)
    }

    fn drop_old(&mut self) {
        while self.0.len() > KEPT {
            self.0.pop_first();
        }
    }
}

/// The requests that reached one load balancer in a minute.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RequestMinute {
    /// All requests.
    pub requests: u64,
    /// Requests that a target answered.
    pub served: u64,
    /// Answers of targets with a status of 500 or more.
    pub target_5xx: u64,
    /// Answers of the load balancer itself with a status of 500 or more, also those that are fixed responses.
    pub balancer_5xx: u64,
    /// Fixed responses, for example of a closed fence.
    #[serde(default)]
    pub fixed: u64,
    /// Response times of targets in milliseconds, rounded to two digits, with their counts.
    pub millis: BTreeMap<u64, u64>,
}

/// Who answered a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnsweredBy {
    /// A target.
    Target,
    /// The load balancer: there was no target.
    LoadBalancer,
    /// The load balancer: the action of a rule is a fixed response.
    FixedResponse,
}

impl Minutes<RequestMinute> {
    /// Records an answer at `at` milliseconds.
    pub fn record_answer(&mut self, at: u64, by: AnsweredBy, status: u16, latency: std::time::Duration) {
        let minute = self.0.entry(minute_end(at)).or_default();
        minute.requests += 1;
        let failed = u64::from(status >= 500);
        match by {
            AnsweredBy::Target => {
                minute.served += 1;
                minute.target_5xx += failed;
                *minute.millis.entry(two_digits(latency.as_millis())).or_default() += 1;
            }
            AnsweredBy::LoadBalancer => minute.balancer_5xx += failed,
            AnsweredBy::FixedResponse => {
                minute.balancer_5xx += failed;
                minute.fixed += 1;
            }
        }
        self.drop_old();
    }
}

/// Rounds to two significant digits, so that a minute has few distinct values.
fn two_digits(millis: u128) -> u64 {
    let millis = u64::try_from(millis).unwrap_or(u64::MAX);
    let mut unit = 1;
    while millis / unit >= 100 {
        unit *= 10;
    }
    millis / unit * unit
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_minute_counts_what_targets_and_the_load_balancer_answered() {
        let mut history = Minutes::default();
        history.record_answer(1, AnsweredBy::Target, 200, Duration::from_millis(1234));
        history.record_answer(60_000, AnsweredBy::Target, 500, Duration::from_millis(7));
        history.record_answer(60_001, AnsweredBy::LoadBalancer, 503, Duration::ZERO);
        let first = &history.at(60_000).unwrap();
        assert_eq!((first.requests, first.served, first.target_5xx, first.balancer_5xx), (2, 2, 1, 0));
        assert_eq!(first.millis, BTreeMap::from([(7, 1), (1200, 1)]));
        assert_eq!(history.at(120_000).map(|minute| (minute.requests, minute.balancer_5xx)), Some((1, 1)));
    }

    #[test]
    fn minutes_without_a_measurement_have_the_value_of_the_next_one() {
        let mut minutes = Minutes::default();
        minutes.record(None, 30_000, &1);
        minutes.record(Some(30_000), 61_000, &2);
        minutes.record(Some(61_000), 250_000, &3);
        let seen: Vec<_> = (1..=6).map(|minute| minutes.at(minute * MINUTE).copied()).collect();
        assert_eq!(seen, [Some(1), Some(2), Some(3), Some(3), Some(3), None]);
        // Nobody looked for a while: that is no measurement.
        minutes.record(None, 600_000, &4);
        assert_eq!((minutes.at(540_000), minutes.last(), minutes.last_end()), (None, Some(&4), Some(600_000)));
    }

    #[test]
    fn the_password_is_not_in_the_debug_output() {
        let applied = AppliedSettings {
            master_password: "hunter2".to_owned(),
            parameters: BTreeMap::new(),
            class: String::new(),
            engine_version: String::new(),
        };
        assert!(!format!("{applied:?}").contains("hunter2"));
    }
}
