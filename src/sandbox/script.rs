//! Reads a sandbox script; `docs/sandbox-script.md` describes the format.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use super::world::account_facts::{CertificateFacts, RegionFacts};
use super::world::quotas::QUOTAS;
use super::world::script::{Changes, Event, Script, Table, Trigger, Validation, ValidationOutcome};

/// Why a script cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// It cannot be read.
    #[error("the sandbox script {} cannot be read", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// It is invalid.
    #[error("the sandbox script {file}, line {line}: {what}")]
    Invalid {
        /// The file.
        file: String,
        /// The line, counted from 1.
        line: usize,
        /// The error.
        what: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    requests_per_minute: Option<u32>,
    #[serde(default)]
    immediate_metrics: bool,
    tables: Option<Vec<Spanned<RawTable>>>,
    #[serde(default)]
    regions: BTreeMap<String, RegionFacts>,
    #[serde(default)]
    quotas: BTreeMap<Spanned<String>, usize>,
    #[serde(default)]
    certificates: BTreeMap<String, CertificateFacts>,
    #[serde(default)]
    events: Vec<Spanned<RawEvent>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTable {
    #[serde(default = "default_schema")]
    schema: String,
    name: String,
    rows: u32,
    #[serde(default = "default_true")]
    primary_key: bool,
}

fn default_schema() -> String {
    "public".to_owned()
}

fn default_true() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEvent {
    at_seconds: Option<f64>,
    traffic_percent: Option<f64>,
    environment: Option<String>,
    task_running_seconds: Option<f64>,
    for_seconds: Option<f64>,
    lag_seconds: Option<f64>,
    validation: Option<ValidationOutcome>,
    table: Option<String>,
    failed_rows: Option<u32>,
    #[serde(default)]
    table_errors: Vec<String>,
    task_fails: Option<String>,
    #[serde(default)]
    connection_drops: bool,
    #[serde(default)]
    connection_fails: BTreeMap<String, String>,
    #[serde(default)]
    error_percent: BTreeMap<String, f64>,
    #[serde(default)]
    latency_seconds: BTreeMap<String, f64>,
    #[serde(default)]
    cpu_percent: BTreeMap<String, f64>,
    #[serde(default)]
    free_storage_bytes: BTreeMap<String, f64>,
    #[serde(default)]
    slot_lag_bytes: BTreeMap<String, f64>,
    #[serde(default)]
    unhealthy_targets: BTreeMap<String, u32>,
    #[serde(default)]
    parameter_groups_late: bool,
    #[serde(default)]
    metrics_missing: Vec<String>,
    #[serde(default)]
    guardduty: bool,
    #[serde(default)]
    foreign_instances: usize,
    #[serde(default)]
    late_logs: Vec<String>,
    read_lag_seconds: Option<f64>,
    #[serde(default)]
    calls_fail: BTreeMap<String, String>,
    #[serde(default)]
    objects_stay: BTreeMap<String, String>,
}

impl Script {
    /// Reads the script in a file.
    ///
    /// # Errors
    /// If the file cannot be read, or if the script is invalid.
    pub fn read(path: &Path) -> Result<Self, ScriptError> {
        let text =
            infra_base::file::read_input(path).map_err(|source| ScriptError::Read { path: path.to_owned(), source })?;
        Self::parse(&text, &path.display().to_string())
    }

    /// Parses a script; `file` is its name in errors.
    ///
    /// # Errors
    /// If the script is invalid, with the line.
    pub fn parse(text: &str, file: &str) -> Result<Self, ScriptError> {
        let invalid = |at: usize, what: String| {
            let line = 1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count();
            ScriptError::Invalid { file: file.to_owned(), line, what }
        };
        let raw: File = toml::from_str(text)
            .map_err(|error| invalid(error.span().map_or(0, |span| span.start), error.message().to_owned()))?;
        let mut script = Self::default();
        script.requests_per_minute = raw.requests_per_minute.unwrap_or(script.requests_per_minute);
        script.immediate_metrics = raw.immediate_metrics;
        if let Some(tables) = raw.tables {
            script.tables.clear();
            for table in tables {
                let at = table.span().start;
                let table = table.into_inner();
                let table =
                    Table { schema: table.schema, name: table.name, rows: table.rows, primary_key: table.primary_key };
                if script.tables.iter().any(|other| other.full_name() == table.full_name()) {
                    return Err(invalid(at, format!("there are two tables `{}`", table.full_name())));
                }
                script.tables.push(table);
            }
        }
        for (key, value) in raw.quotas {
            if !QUOTAS.iter().any(|(known, _)| known == key.get_ref()) {
                let known: Vec<String> = QUOTAS.iter().map(|(known, _)| format!("`{known}`")).collect();
                let message = format!("there is no quota `{}`; the quotas are {}", key.get_ref(), known.join(", "));
                return Err(invalid(key.span().start, message));
            }
            script.account.quotas.insert(key.into_inner(), value);
        }
        script.account.regions = raw.regions;
        script.account.certificates = raw.certificates;
        for event in raw.events {
            let at = event.span().start;
            let event = event.into_inner().into_event(&script.tables).map_err(|what| invalid(at, what))?;
            script.events.push(event);
        }
        Ok(script)
    }
}

fn millis(key: &str, seconds: f64) -> Result<u64, String> {
    let millis = Duration::try_from_secs_f64(seconds).ok().and_then(|time| u64::try_from(time.as_millis()).ok());
    // Three hundred years, so that sums cannot overflow.
    millis
        .filter(|millis| *millis < 10_000_000_000_000)
        .ok_or_else(|| format!("`{key}` must be a number of seconds, 0 or more"))
}

fn check_range(key: &str, values: &BTreeMap<String, f64>, max: f64) -> Result<(), String> {
    match values.iter().find(|(_, value)| !(0.0..=max).contains(*value)) {
        None => Ok(()),
        Some((of, value)) if max.is_finite() => {
            Err(format!("`{key}` of `{of}` is {value}; it must be from 0 to {max}"))
        }
        Some((of, value)) => Err(format!("`{key}` of `{of}` is {value}; it must be 0 or more")),
    }
}

impl RawEvent {
    fn trigger(&self) -> Result<Trigger, String> {
        match (self.at_seconds, self.traffic_percent, self.task_running_seconds, &self.environment) {
            (Some(seconds), None, None, None) => Ok(Trigger::After(millis("at_seconds", seconds)?)),
            (None, None, Some(seconds), None) => Ok(Trigger::TaskRunning(millis("task_running_seconds", seconds)?)),
            (None, Some(percent), None, Some(_)) if !(0.0..=100.0).contains(&percent) => {
                Err(format!("`traffic_percent` is {percent}; it must be from 0 to 100"))
            }
            (None, Some(percent), None, Some(environment)) => {
                Ok(Trigger::Traffic { environment: environment.clone(), percent })
            }
            (None, Some(_), None, None) => Err("`traffic_percent` requires an `environment`".to_owned()),
            (_, None, _, Some(_)) => Err("`environment` is valid only with `traffic_percent`".to_owned()),
            (None, None, None, None) => {
                Err("an event requires `at_seconds`, `traffic_percent` or `task_running_seconds`".to_owned())
            }
            _ => {
                Err("an event has exactly one of `at_seconds`, `traffic_percent` and `task_running_seconds`".to_owned())
            }
        }
    }

    fn validation(&self) -> Result<Option<Validation>, String> {
        match (self.validation, &self.table) {
            (Some(outcome), Some(table)) => {
                Ok(Some(Validation { table: table.clone(), outcome, rows: self.failed_rows.unwrap_or(1) }))
            }
            (Some(_), None) => Err("`validation` requires a `table`".to_owned()),
            (None, None) if self.failed_rows.is_none() => Ok(None),
            (None, _) => Err("`table` and `failed_rows` are valid only with `validation`".to_owned()),
        }
    }

    /// Returns the event, or the reason why it is invalid.
    fn into_event(self, tables: &[Table]) -> Result<Event, String> {
        let (trigger, validation) = (self.trigger()?, self.validation()?);
        let duration = self.for_seconds.map(|seconds| millis("for_seconds", seconds)).transpose()?;
        let named = validation.iter().map(|validation| &validation.table).chain(&self.table_errors);
        if let Some(unknown) = named.into_iter().find(|name| !tables.iter().any(|table| table.full_name() == **name)) {
            let known: Vec<String> = tables.iter().map(|table| format!("`{}`", table.full_name())).collect();
            return Err(format!("there is no table `{unknown}`; the tables are {}", known.join(", ")));
        }
        if let Some(lag) = self.lag_seconds {
            millis("lag_seconds", lag)?;
        }
        let read_lag = self.read_lag_seconds.map(|lag| millis("read_lag_seconds", lag)).transpose()?;
        if let Some(other) = self.connection_fails.keys().find(|end| !["source", "target"].contains(&end.as_str())) {
            return Err(format!("`connection_fails` has `{other}`; it must be `source` or `target`"));
        }
        check_range("error_percent", &self.error_percent, 100.0)?;
        check_range("cpu_percent", &self.cpu_percent, 100.0)?;
        check_range("latency_seconds", &self.latency_seconds, f64::INFINITY)?;
        check_range("free_storage_bytes", &self.free_storage_bytes, f64::INFINITY)?;
        check_range("slot_lag_bytes", &self.slot_lag_bytes, f64::INFINITY)?;
        if let Some(bad) = self.metrics_missing.iter().find(|pattern| !pattern.contains(':')) {
            return Err(format!(
                "`metrics_missing` has `{bad}`; it must be `namespace:name`, which supports `*` wildcards"
            ));
        }
        if let Some(bad) = self.calls_fail.keys().find(|pattern| !pattern.contains(':')) {
            return Err(format!(
                "`calls_fail` has `{bad}`; it must be `service:Operation`, which supports `*` wildcards"
            ));
        }
        if let Some(bad) = self.objects_stay.keys().find(|pattern| !pattern.contains('/')) {
            return Err(format!("`objects_stay` has `{bad}`; it must be `bucket/key`, which supports `*` wildcards"));
        }
        let changes = Changes {
            lag_seconds: self.lag_seconds,
            validation,
            table_errors: self.table_errors,
            task_fails: self.task_fails,
            connection_drops: self.connection_drops,
            connection_fails: self.connection_fails,
            error_percent: self.error_percent,
            latency_seconds: self.latency_seconds,
            cpu_percent: self.cpu_percent,
            free_storage_bytes: self.free_storage_bytes,
            slot_lag_bytes: self.slot_lag_bytes,
            unhealthy_targets: self.unhealthy_targets,
            parameter_groups_late: self.parameter_groups_late,
            metrics_missing: self.metrics_missing,
            guardduty: self.guardduty,
            foreign_instances: self.foreign_instances,
            late_logs: self.late_logs,
            read_lag,
            calls_fail: self.calls_fail,
            objects_stay: self.objects_stay,
        };
        if changes == Changes::default() {
            return Err("the event changes nothing".to_owned());
        }
        Ok(Event { trigger, duration, changes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invalid(text: &str) -> (usize, String) {
        match Script::parse(text, "s.toml") {
            Err(ScriptError::Invalid { file, line, what }) if file == "s.toml" => (line, what),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_empty_script_has_three_tables_and_no_events() {
        let script = Script::parse("", "s.toml").unwrap();
        assert_eq!((script.tables.len(), script.events.len()), (3, 0));
        assert_eq!(script, Script::default());
    }

    #[test]
    fn an_event_has_a_trigger_a_duration_and_changes() {
        let text = "[[events]]\ntraffic_percent = 40\nenvironment = \"target\"\nfor_seconds = 1.5\nlag_seconds = 300\n";
        let script = Script::parse(text, "s.toml").unwrap();
        let trigger = Trigger::Traffic { environment: "target".to_owned(), percent: 40.0 };
        let changes = Changes { lag_seconds: Some(300.0), ..Changes::default() };
        assert_eq!(script.events, [Event { trigger, duration: Some(1500), changes }]);
    }

    #[test]
    fn an_invalid_script_is_reported_with_its_line() {
        let cases = [
            ("\n\n[[events]]\nat_seconds = 1\nlag = 3\n", 5, "unknown field `lag`"),
            ("requests = 3\n", 1, "unknown field `requests`"),
            ("\n[[events]]\nlag_seconds = 3\n", 2, "an event requires"),
            (
                "[[events]]\nat_seconds = 1\nlag_seconds = 3\n\n[[events]]\nat_seconds = 1\n",
                5,
                "the event changes nothing",
            ),
            ("[[events]]\nat_seconds = 1\ntask_running_seconds = 1\nlag_seconds = 3\n", 1, "one of"),
            ("[[events]]\ntraffic_percent = 1\nlag_seconds = 3\n", 1, "requires an `environment`"),
            ("[[events]]\ntraffic_percent = 101\nenvironment = \"target\"\nlag_seconds = 3\n", 1, "from 0 to 100"),
            ("[[events]]\nat_seconds = -1\nlag_seconds = 3\n", 1, "`at_seconds` must be"),
            (
                "[[events]]\nat_seconds = 1\nenvironment = \"target\"\nlag_seconds = 3\n",
                1,
                "valid only with `traffic_percent`",
            ),
            (
                "[[events]]\nat_seconds = 1\nvalidation = \"mismatched\"\ntable = \"public.nobody\"\n",
                1,
                "no table `public.nobody`",
            ),
            (
                "[[events]]\nat_seconds = 1\nvalidation = \"odd\"\ntable = \"public.payments\"\n",
                3,
                "unknown variant `odd`",
            ),
            ("[[events]]\nat_seconds = 1\nvalidation = \"mismatched\"\n", 1, "requires a `table`"),
            ("[[events]]\nat_seconds = 1\nfailed_rows = 2\n", 1, "valid only with `validation`"),
            ("[[events]]\nat_seconds = 1\nconnection_fails = { middle = \"x\" }\n", 1, "`source` or `target`"),
            ("[[events]]\nat_seconds = 1\nread_lag_seconds = -1\n", 1, "`read_lag_seconds` must be"),
            ("[[events]]\nat_seconds = 1\nerror_percent = { target = 101 }\n", 1, "from 0 to 100"),
            ("[[events]]\nat_seconds = 1\nslot_lag_bytes = { db = -1 }\n", 1, "0 or more"),
            ("[[events]]\nat_seconds = 1\nmetrics_missing = [\"AWS/DMS\"]\n", 1, "`namespace:name`"),
            ("[[events]]\nat_seconds = 1\ncalls_fail = { GetMetricData = \"X\" }\n", 1, "`service:Operation`"),
            ("[[events]]\nat_seconds = 1\nobjects_stay = { logs = \"X\" }\n", 1, "`bucket/key`"),
            ("[[tables]]\nname = \"a\"\nrows = 1\n[[tables]]\nname = \"a\"\nrows = 1\n", 4, "two tables `public.a`"),
            ("[[tables]]\nname = \"a\"\nrows = -1\n", 3, ""),
            ("[quotas]\nvpcs = 1\nvpc = 1\n", 3, "no quota `vpc`"),
            ("[regions.us-west-1]\nletters = [\"a\"]\n", 2, "unknown field `letters`"),
            ("not toml", 1, ""),
        ];
        for (text, line, words) in cases {
            let (at, what) = invalid(text);
            assert!(at == line && what.contains(words), "{text:?}: line {at}: {what}");
        }
    }
}
