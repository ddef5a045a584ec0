//! The section `[gates]`: what must hold before, during and after each shift of traffic.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::gate::{Check, Gate, Limit};
use super::model::{Config, EnvironmentConfig, MigrationType};
use super::own_gate::OwnGate;
use super::validate::Validator;

/// Seconds between two data points of the metrics that AWS's services write by themselves.
const PERIOD_SECONDS: u32 = 60;

/// Makes the section of a built-in gate on a metric: they differ in what the limit means and in its default.
macro_rules! limited {
    ($(#[$about:meta])* $name:ident, $(#[$meaning:meta])* below = $below:literal) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            /// Whether it is judged.
            pub enabled: bool,
            $(#[$meaning])*
            #[schemars(range(min = 0.001))]
            pub below: f64,
            /// Seconds that are looked back. Every data point of this time must hold; there is one a minute, and AWS is up to a minute late.
            #[schemars(range(min = 60, max = 86400))]
            pub window_seconds: u32,
            /// How many data points there must be in this time. With fewer there is no data, which is never a pass.
            #[schemars(range(min = 1, max = 1440))]
            pub min_points: u32,
            /// How many times in a row it must fail until that counts.
            #[schemars(range(min = 1, max = 100))]
            pub failures_in_a_row: u32,
        }

        impl Default for $name {
            fn default() -> Self {
                Self { enabled: true, below: $below, window_seconds: 180, min_points: 1, failures_in_a_row: 1 }
            }
        }

        impl $name {
            fn gate(&self, name: &str, check: fn(Limit) -> Check) -> Option<Gate> {
                let bound = super::gate::Bound::Below(self.below);
                let limit = Limit { bound, window_seconds: self.window_seconds, period_seconds: PERIOD_SECONDS, min_points: self.min_points };
                self.enabled.then(|| Gate { name: name.to_owned(), check: check(limit), failures_in_a_row: self.failures_in_a_row })
            }
        }
    };
}

limited! {
    /// The replication lag of the database: how far the target is behind the source.
    LagGate,
    /// Seconds that it must be less than.
    below = 60.0
}

limited! {
    /// The requests that end with a status of 500 or more, in each environment that has traffic.
    ErrorRateGate,
    /// Percent of all requests that they must be less than.
    below = 1.0
}

limited! {
    /// The time within which 99 of 100 requests are answered, in each environment that has traffic.
    LatencyGate,
    /// Seconds that it must be less than.
    below = 2.0
}

limited! {
    /// The CPU of every database.
    DatabaseCpuGate,
    /// Percent that it must be less than.
    below = 80.0
}

/// The healthy targets of the load balancer, in each environment that has traffic or is about to get some: at least one, and as
/// many as tasks are wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TargetsGate {
    /// Whether it is judged.
    pub enabled: bool,
    /// How many times in a row it must fail until that counts; more than 1 leaves time for a task that is replaced.
    #[schemars(range(min = 1, max = 100))]
    pub failures_in_a_row: u32,
}

impl Default for TargetsGate {
    fn default() -> Self {
        Self { enabled: true, failures_in_a_row: 1 }
    }
}

/// What DMS found when it compared the tables of both databases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ValidationGate {
    /// Whether it is judged.
    pub enabled: bool,
    /// Whether it is judged when the target has traffic, too. DMS takes for a difference what the service writes there.
    pub with_traffic: bool,
    /// Tables that do not count, as `schema.table`, for example those without a primary key, which DMS can not compare.
    pub ignored_tables: Vec<String>,
    /// How many times in a row it must fail until that counts.
    #[schemars(range(min = 1, max = 100))]
    pub failures_in_a_row: u32,
}

impl Default for ValidationGate {
    fn default() -> Self {
        Self { enabled: true, with_traffic: false, ignored_tables: Vec::new(), failures_in_a_row: 1 }
    }
}

/// The CloudWatch alarms of this stack: none may be raised, and all must have data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AlarmsGate {
    /// Whether it is judged.
    pub enabled: bool,
    /// How many times in a row it must fail until that counts.
    #[schemars(range(min = 1, max = 100))]
    pub failures_in_a_row: u32,
}

impl Default for AlarmsGate {
    fn default() -> Self {
        Self { enabled: true, failures_in_a_row: 1 }
    }
}

/// The gates as they are written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct RawGates {
    /// The replication lag of the database: how far the target is behind the source.
    pub replication_lag: LagGate,
    /// The healthy targets of the load balancer, in each environment that has traffic or is about to get some: at least one, and as
    /// many as tasks are wanted.
    pub healthy_targets: TargetsGate,
    /// The requests that end with a status of 500 or more, in each environment that has traffic. Where there is traffic and no request,
    /// there is no data.
    pub error_rate: ErrorRateGate,
    /// The time within which 99 of 100 requests are answered, in each environment that has traffic.
    pub latency: LatencyGate,
    /// The CPU of every database.
    pub database_cpu: DatabaseCpuGate,
    /// What DMS found when it compared the tables of both databases: all must be the same.
    pub validation: ValidationGate,
    /// The CloudWatch alarms of this stack: none may be raised, and all must have data.
    pub alarms: AlarmsGate,
    /// Gates on metrics of your own, by name: `[gates.custom.declined]`,
    /// `metric = { namespace = "Payments", name = "Declined", dimensions = { Stage = "target" }, statistic = "Sum" }`, `at_most = 5`,
    /// or several metrics in a formula: `expression = "100 * declined / all"`, `metrics = { declined = { … }, all = { … } }`.
    /// One of `below`, `above`, `at_least` and `at_most`; `environment` or `region` says where; docs/cutover.md has the other keys.
    pub custom: BTreeMap<String, OwnGate>,
}

impl RawGates {
    /// Returns the built-in gates that are on. Those on the replication of the database count only where there is one, and its lag only where
    /// changes are carried over.
    pub(super) fn built_in(&self, replicates: Replicates) -> Vec<Gate> {
        let gate = |name: &str, enabled: bool, check, failures_in_a_row| enabled.then(|| Gate { name: name.to_owned(), check, failures_in_a_row });
        let validation = Check::Validation { with_traffic: self.validation.with_traffic, ignored_tables: self.validation.ignored_tables.clone() };
        let lag = self.replication_lag.gate("replication-lag", Check::ReplicationLag);
        let of_replication = [
            lag.filter(|_| replicates == Replicates::Changes),
            gate("validation", self.validation.enabled, validation, self.validation.failures_in_a_row).filter(|_| replicates != Replicates::Nothing),
        ];
        let others = [
            gate("healthy-targets", self.healthy_targets.enabled, Check::HealthyTargets, self.healthy_targets.failures_in_a_row),
            self.error_rate.gate("error-rate", Check::ErrorRate),
            self.latency.gate("latency", Check::Latency),
            self.database_cpu.gate("database-cpu", Check::DatabaseCpu),
            gate("alarms", self.alarms.enabled, Check::Alarms, self.alarms.failures_in_a_row),
        ];
        of_replication.into_iter().chain(others).flatten().collect()
    }
}

/// What the stack replicates of databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Replicates {
    /// Changes of at least one are carried over.
    Changes,
    /// They are only copied once.
    Copy,
    /// Nothing.
    Nothing,
}

impl Replicates {
    /// Returns what these environments replicate.
    pub(super) fn of(environments: &[EnvironmentConfig]) -> Self {
        let all = || environments.iter().filter(|environment| environment.replicates.database.is_some());
        match all().any(|environment| environment.replication.migration_type != MigrationType::FullLoad) {
            true => Self::Changes,
            false if all().next().is_some() => Self::Copy,
            false => Self::Nothing,
        }
    }
}

impl Config {
    /// Returns whether changes of a database are carried over into any environment.
    pub fn carries_changes_over(&self) -> bool {
        Replicates::of(&self.environments) == Replicates::Changes
    }
}

impl Validator<'_> {
    /// Checks the gates as a whole.
    pub(super) fn gates(&mut self, config: &Config) {
        for (index, gate) in config.gates.iter().enumerate() {
            if config.gates[..index].iter().any(|other| other.name == gate.name) {
                let message = format!("there is a gate `{}` already", gate.name);
                self.report(&["gates", "custom", &gate.name], message, "choose another name");
            }
            let own_region = ["gates", "custom", &gate.name, "region"];
            if let Check::Custom(custom) = &gate.check
                && self.source.has(&own_region.map(str::to_owned))
            {
                self.region(&own_region, custom.region.as_str());
            }
            let (limit, path): (_, &[&str]) = match &gate.check {
                Check::ReplicationLag(limit) | Check::ErrorRate(limit) | Check::Latency(limit) | Check::DatabaseCpu(limit) => {
                    (limit, &["gates", &gate.name, "window_seconds"])
                }
                Check::Custom(custom) => (&custom.limit, &["gates", "custom", &gate.name, "window_seconds"]),
                _ => continue,
            };
            // A point that is up to a period late must not be taken for one that is missing.
            let least = limit.period_seconds.saturating_mul(limit.min_points.saturating_add(1));
            if limit.window_seconds < least {
                let message = format!(
                    "{} data points of {} seconds do not fit into {} seconds when AWS is late",
                    limit.min_points, limit.period_seconds, limit.window_seconds
                );
                self.report(path, message, format!("at least {least}, or fewer `min_points`"));
            }
        }
        if config.routing.is_none() || !config.cutover.gates_required {
            return;
        }
        if config.gates.iter().all(|gate| gate.check.is_at_times_not_judged()) {
            let message = "there is no gate that is judged at every moment, so traffic could be shifted blindly";
            self.report(&["gates"], message, "turn one on, or write `gates_required = false` into `[cutover]`");
        }
    }
}
