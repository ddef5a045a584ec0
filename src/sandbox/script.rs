//! Reads a script of what happens in the sandbox; `docs/sandbox-script.md` describes the format.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use super::world::script::{Changes, Event, Finding, Script, Table, Trigger, Validation};

/// Why a script cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// It cannot be read.
    #[error("the sandbox script {} can not be read", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Something in it is wrong.
    #[error("the sandbox script {file}, line {line}: {what}")]
    Wrong {
        /// The file.
        file: String,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    requests_per_minute: Option<u32>,
    tables: Option<Vec<Spanned<RawTable>>>,
    #[serde(default)]
    events: Vec<Spanned<RawEvent>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTable {
    #[serde(default = "public")]
    schema: String,
    name: String,
    rows: u32,
    #[serde(default = "yes")]
    primary_key: bool,
}

fn public() -> String {
    "public".to_owned()
}

fn yes() -> bool {
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
    validation: Option<Finding>,
    table: Option<String>,
    failed_rows: Option<u32>,
    #[serde(default)]
    table_errors: Vec<String>,
    task_fails: Option<String>,
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
    metrics_missing: Vec<String>,
    #[serde(default)]
    calls_fail: BTreeMap<String, String>,
}

impl Script {
    /// Reads the script in a file.
    ///
    /// # Errors
    /// When it cannot be read, or something in it is wrong.
    pub fn read(path: &Path) -> Result<Self, ScriptError> {
        let text = std::fs::read_to_string(path).map_err(|source| ScriptError::Read { path: path.to_owned(), source })?;
        Self::parse(&text, &path.display().to_string())
    }

    /// Reads a script; `file` is what errors call it.
    ///
    /// # Errors
    /// When something in it is wrong, with its line.
    pub fn parse(text: &str, file: &str) -> Result<Self, ScriptError> {
        let wrong = |at: usize, what: String| {
            let line = 1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count();
            ScriptError::Wrong { file: file.to_owned(), line, what }
        };
        let raw: File = toml::from_str(text).map_err(|error| wrong(error.span().map_or(0, |span| span.start), error.message().to_owned()))?;
        let mut script = Self::default();
        script.requests_per_minute = raw.requests_per_minute.unwrap_or(script.requests_per_minute);
        if let Some(tables) = raw.tables {
            script.tables.clear();
            for table in tables {
                let at = table.span().start;
                let table = table.into_inner();
                let table = Table { schema: table.schema, name: table.name, rows: table.rows, primary_key: table.primary_key };
                if script.tables.iter().any(|other| other.full_name() == table.full_name()) {
                    return Err(wrong(at, format!("there are two tables `{}`", table.full_name())));
                }
                script.tables.push(table);
            }
        }
        for event in raw.events {
            let at = event.span().start;
            let event = event.into_inner().checked(&script.tables).map_err(|what| wrong(at, what))?;
            script.events.push(event);
        }
        Ok(script)
    }
}

fn millis(key: &str, seconds: f64) -> Result<u64, String> {
    let millis = Duration::try_from_secs_f64(seconds).ok().and_then(|time| u64::try_from(time.as_millis()).ok());
    // Three hundred years: nothing is added up beyond what a number holds.
    millis.filter(|millis| *millis < 10_000_000_000_000).ok_or_else(|| format!("`{key}` must be a number of seconds, 0 or more"))
}

fn within(key: &str, values: &BTreeMap<String, f64>, most: f64) -> Result<(), String> {
    match values.iter().find(|(_, value)| !(0.0..=most).contains(*value)) {
        None => Ok(()),
        Some((of, value)) if most.is_finite() => Err(format!("`{key}` of `{of}` is {value}, and must be from 0 to {most}")),
        Some((of, value)) => Err(format!("`{key}` of `{of}` is {value}, and must be 0 or more")),
    }
}

impl RawEvent {
    fn trigger(&self) -> Result<Trigger, String> {
        match (self.at_seconds, self.traffic_percent, self.task_running_seconds, &self.environment) {
            (Some(seconds), None, None, None) => Ok(Trigger::After(millis("at_seconds", seconds)?)),
            (None, None, Some(seconds), None) => Ok(Trigger::TaskRunning(millis("task_running_seconds", seconds)?)),
            (None, Some(percent), None, Some(_)) if !(0.0..=100.0).contains(&percent) => {
                Err(format!("`traffic_percent` is {percent}, and must be from 0 to 100"))
            }
            (None, Some(percent), None, Some(environment)) => Ok(Trigger::Traffic { environment: environment.clone(), percent }),
            (None, Some(_), None, None) => Err("`traffic_percent` needs an `environment`".to_owned()),
            (_, None, _, Some(_)) => Err("`environment` goes with `traffic_percent` only".to_owned()),
            (None, None, None, None) => Err("an event needs `at_seconds`, `traffic_percent` or `task_running_seconds`".to_owned()),
            _ => Err("an event has one of `at_seconds`, `traffic_percent` and `task_running_seconds`".to_owned()),
        }
    }

    fn validation(&self) -> Result<Option<Validation>, String> {
        match (self.validation, &self.table) {
            (Some(finding), Some(table)) => Ok(Some(Validation { table: table.clone(), finding, rows: self.failed_rows.unwrap_or(1) })),
            (Some(_), None) => Err("`validation` needs a `table`".to_owned()),
            (None, None) if self.failed_rows.is_none() => Ok(None),
            (None, _) => Err("`table` and `failed_rows` go with `validation` only".to_owned()),
        }
    }

    /// Returns the event, or what is wrong with it.
    fn checked(self, tables: &[Table]) -> Result<Event, String> {
        let (trigger, validation) = (self.trigger()?, self.validation()?);
        let lasts = self.for_seconds.map(|seconds| millis("for_seconds", seconds)).transpose()?;
        let named = validation.iter().map(|validation| &validation.table).chain(&self.table_errors);
        if let Some(unknown) = named.into_iter().find(|name| !tables.iter().any(|table| table.full_name() == **name)) {
            let known: Vec<String> = tables.iter().map(|table| format!("`{}`", table.full_name())).collect();
            return Err(format!("there is no table `{unknown}`; the tables are {}", known.join(", ")));
        }
        if let Some(lag) = self.lag_seconds {
            millis("lag_seconds", lag)?;
        }
        if let Some(other) = self.connection_fails.keys().find(|end| !["source", "target"].contains(&end.as_str())) {
            return Err(format!("`connection_fails` has `{other}`; it is `source` or `target`"));
        }
        within("error_percent", &self.error_percent, 100.0)?;
        within("cpu_percent", &self.cpu_percent, 100.0)?;
        within("latency_seconds", &self.latency_seconds, f64::INFINITY)?;
        within("free_storage_bytes", &self.free_storage_bytes, f64::INFINITY)?;
        within("slot_lag_bytes", &self.slot_lag_bytes, f64::INFINITY)?;
        if let Some(bad) = self.metrics_missing.iter().find(|pattern| !pattern.contains(':')) {
            return Err(format!("`metrics_missing` has `{bad}`; it is `namespace:name`, where `*` stands for any text"));
        }
        if let Some(bad) = self.calls_fail.keys().find(|pattern| !pattern.contains(':')) {
            return Err(format!("`calls_fail` has `{bad}`; it is `service:Operation`, where `*` stands for any text"));
        }
        let changes = Changes {
            lag_seconds: self.lag_seconds,
            validation,
            table_errors: self.table_errors,
            task_fails: self.task_fails,
            connection_fails: self.connection_fails,
            error_percent: self.error_percent,
            latency_seconds: self.latency_seconds,
            cpu_percent: self.cpu_percent,
            free_storage_bytes: self.free_storage_bytes,
            slot_lag_bytes: self.slot_lag_bytes,
            unhealthy_targets: self.unhealthy_targets,
            metrics_missing: self.metrics_missing,
            calls_fail: self.calls_fail,
        };
        if changes == Changes::default() {
            return Err("the event changes nothing".to_owned());
        }
        Ok(Event { trigger, lasts, changes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> (usize, String) {
        match Script::parse(text, "s.toml") {
            Err(ScriptError::Wrong { file, line, what }) if file == "s.toml" => (line, what),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_empty_script_has_three_tables_and_nothing_happens() {
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
        assert_eq!(script.events, [Event { trigger, lasts: Some(1500), changes }]);
    }

    #[test]
    fn a_mistake_is_told_with_its_line() {
        let cases = [
            ("\n\n[[events]]\nat_seconds = 1\nlag = 3\n", 5, "unknown field `lag`"),
            ("requests = 3\n", 1, "unknown field `requests`"),
            ("\n[[events]]\nlag_seconds = 3\n", 2, "an event needs"),
            ("[[events]]\nat_seconds = 1\nlag_seconds = 3\n\n[[events]]\nat_seconds = 1\n", 5, "the event changes nothing"),
            ("[[events]]\nat_seconds = 1\ntask_running_seconds = 1\nlag_seconds = 3\n", 1, "one of"),
            ("[[events]]\ntraffic_percent = 1\nlag_seconds = 3\n", 1, "needs an `environment`"),
            ("[[events]]\ntraffic_percent = 101\nenvironment = \"target\"\nlag_seconds = 3\n", 1, "from 0 to 100"),
            ("[[events]]\nat_seconds = -1\nlag_seconds = 3\n", 1, "`at_seconds` must be"),
            ("[[events]]\nat_seconds = 1\nenvironment = \"target\"\nlag_seconds = 3\n", 1, "goes with `traffic_percent`"),
            ("[[events]]\nat_seconds = 1\nvalidation = \"mismatched\"\ntable = \"public.nobody\"\n", 1, "no table `public.nobody`"),
            ("[[events]]\nat_seconds = 1\nvalidation = \"odd\"\ntable = \"public.payments\"\n", 3, "unknown variant `odd`"),
            ("[[events]]\nat_seconds = 1\nvalidation = \"mismatched\"\n", 1, "needs a `table`"),
            ("[[events]]\nat_seconds = 1\nfailed_rows = 2\n", 1, "go with `validation`"),
            ("[[events]]\nat_seconds = 1\nconnection_fails = { middle = \"x\" }\n", 1, "`source` or `target`"),
            ("[[events]]\nat_seconds = 1\nerror_percent = { target = 101 }\n", 1, "from 0 to 100"),
            ("[[events]]\nat_seconds = 1\nslot_lag_bytes = { db = -1 }\n", 1, "0 or more"),
            ("[[events]]\nat_seconds = 1\nmetrics_missing = [\"AWS/DMS\"]\n", 1, "`namespace:name`"),
            ("[[events]]\nat_seconds = 1\ncalls_fail = { GetMetricData = \"X\" }\n", 1, "`service:Operation`"),
            ("[[tables]]\nname = \"a\"\nrows = 1\n[[tables]]\nname = \"a\"\nrows = 1\n", 4, "two tables `public.a`"),
            ("[[tables]]\nname = \"a\"\nrows = -1\n", 3, ""),
            ("not toml", 1, ""),
        ];
        for (text, line, words) in cases {
            let (at, what) = wrong(text);
            assert!(at == line && what.contains(words), "{text:?}: line {at}: {what}");
        }
    }
}
