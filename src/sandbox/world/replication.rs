//! Replication tasks: what they do by themselves once they are started.
//!
//! A run loads its tables, as many at a time as the settings allow, and then captures changes until it is stopped or fails. Nothing
//! is kept that follows from times: progress and statistics are computed from when each table begins and ends.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use wildmatch::WildMatchPattern;

use super::World;
use super::ec2::Tags;
use super::script::Table;

/// How many rows are loaded in a second.
const ROWS_PER_SECOND: u64 = 2_000;
/// What each table takes besides, in milliseconds.
const PER_TABLE: u64 = 20_000;
/// "MaxFullLoadSubTasks: the maximum number of tables to load in parallel. The default is 8."
const SUBTASKS: u64 = 8;

/// What a task is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the DMS API's statuses")]
pub enum Doing {
    Creating,
    Modifying,
    Ready,
    Starting,
    Running,
    Stopping,
    Stopped,
    Failed,
    Deleting,
}

/// A replication task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the DMS API's `ReplicationTask`")]
pub struct Task {
    pub identifier: String,
    pub arn: String,
    pub source_endpoint_arn: String,
    pub target_endpoint_arn: String,
    pub instance_arn: String,
    pub migration_type: String,
    pub table_mappings: Value,
    pub settings: Value,
    pub doing: Doing,
    /// When what it is doing is over, if that ends by itself.
    pub until: Option<u64>,
    /// Whether it has ever run.
    pub started_at: Option<u64>,
    /// How far it is.
    #[serde(default)]
    pub progress: Progress,
    pub tags: Tags,
}

/// How far a task is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Progress {
    /// How it was started last.
    pub begin: Begin,
    /// Its runs, the last one last.
    pub runs: Vec<Run>,
    /// Its tables, in the order in which they are loaded.
    pub loads: Vec<Load>,
    /// When the last run that loads everything began.
    pub fresh_at: Option<u64>,
    /// When it stopped or failed.
    pub stopped_at: Option<u64>,
    /// Why it stopped or failed ("ReplicationTask", `StopReason`).
    pub stop_reason: Option<String>,
    /// Why it failed.
    pub failure: Option<String>,
}

/// How a task is started ("StartReplicationTask", `StartReplicationTaskType`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Begin {
    /// For the first time.
    #[default]
    Fresh,
    /// Where it was.
    Resume,
    /// From the start again.
    Reload,
}

/// The time in which a task was running.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// When it began to run.
    pub from: u64,
    /// When it stopped running, if it did.
    pub to: Option<u64>,
    /// When it begins to apply changes, if it does.
    pub cdc_from: Option<u64>,
}

impl Run {
    /// Returns whether it applies changes at `at`.
    pub fn captures(&self, at: u64) -> bool {
        self.cdc_from.is_some_and(|from| from <= at) && self.to.is_none_or(|to| at < to)
    }
}

/// The load of one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    /// The table.
    pub table: Table,
    /// When it begins.
    pub from: u64,
    /// When it ends. As long as the task does not run, nothing begins or ends.
    pub to: u64,
    /// Whether it was loaded before.
    pub reloaded: bool,
}

/// What is in store for replication.
#[derive(Clone, Debug, Default)]
pub struct Fates {
    tables: Vec<Table>,
    /// From when, until when and why tasks fail.
    failures: Vec<(u64, u64, String)>,
    /// Which end, from when, until when and why tests of connections fail.
    connections: Vec<(String, u64, u64, String)>,
}

impl World {
    /// Returns what is in store for replication, as far as the history tells.
    pub(super) fn fates(&self) -> Fates {
        let timeline = self.timeline();
        let mut fates = Fates { tables: self.script.script.tables.clone(), ..Fates::default() };
        for span in timeline.spans() {
            fates.failures.extend(span.changes.task_fails.iter().map(|why| (span.from, span.to, why.clone())));
            let ends = span.changes.connection_fails.iter();
            fates.connections.extend(ends.map(|(end, why)| (end.clone(), span.from, span.to, why.clone())));
        }
        fates
    }
}

impl Fates {
    /// Returns why a test of a connection to an endpoint fails at `at`, if it does.
    pub(super) fn connection_failure(&self, direction: &str, at: u64) -> Option<&str> {
        let holds = |(end, from, to, _): &&(String, u64, u64, String)| end == direction && *from <= at && at < *to;
        self.connections.iter().rev().find(holds).map(|(.., why)| why.as_str())
    }

    /// Returns when and why a task fails that runs from `since` on.
    fn failure(&self, since: u64) -> Option<(u64, &str)> {
        let moments = self.failures.iter().filter_map(|(from, to, why)| {
            let at = (*from).max(since);
            (at < *to).then_some((at, why.as_str()))
        });
        moments.min_by_key(|(at, _)| *at)
    }
}

impl Task {
    /// Returns its status.
    pub fn status(&self) -> &'static str {
        match self.doing {
            Doing::Creating => "creating",
            Doing::Modifying => "modifying",
            Doing::Ready => "ready",
            Doing::Starting => "starting",
            Doing::Running => "running",
            Doing::Stopping => "stopping",
            Doing::Stopped => "stopped",
            Doing::Failed => "failed",
            Doing::Deleting => "deleting",
        }
    }

    /// Returns the last segment of its ARN, which CloudWatch knows it by.
    pub fn resource_identifier(&self) -> &str {
        self.arn.rsplit(':').next().unwrap_or_default()
    }

    /// Returns the last run that began before or at `at`, if it applied changes at that time.
    pub fn captures(&self, at: u64) -> bool {
        self.progress.runs.iter().any(|run| run.captures(at))
    }

    /// Returns the time that its progress stands at: now, or when it last stopped running.
    pub fn progress_at(&self, now: u64) -> u64 {
        self.progress.runs.last().and_then(|run| run.to).unwrap_or(now).min(now)
    }

    /// Returns whether something may change by itself.
    pub(super) fn is_moving(&self) -> bool {
        self.until.is_some() || self.doing == Doing::Running || self.open_run().is_some()
    }

    /// Returns whether it has been deleted.
    pub(super) fn is_gone(&self, now: u64) -> bool {
        self.doing == Doing::Deleting && self.until.is_some_and(|until| until <= now)
    }

    fn open_run(&self) -> Option<&Run> {
        self.progress.runs.last().filter(|run| run.to.is_none())
    }

    /// Ends the run that is under way, if one is.
    pub fn end_run(&mut self, at: u64) {
        if let Some(run) = self.progress.runs.last_mut().filter(|run| run.to.is_none()) {
            run.to = Some(at.max(run.from));
        }
    }

    /// Takes it on by at most one change of state. Returns whether there was one.
    pub(super) fn step(&mut self, now: u64, fates: &Fates) -> bool {
        match (self.doing, self.open_run().copied()) {
            (Doing::Running, None) => self.run(self.started_at.unwrap_or(now).min(now), fates),
            (Doing::Running, Some(run)) => return self.finish(&run, now, fates),
            (_, Some(_)) => self.end_run(now),
            (_, None) => {
                let Some(until) = self.until.filter(|until| *until <= now && self.doing != Doing::Deleting) else { return false };
                self.until = None;
                self.arrive(until, fates);
            }
        }
        true
    }

    fn arrive(&mut self, at: u64, fates: &Fates) {
        match self.doing {
            Doing::Starting => self.run(at, fates),
            Doing::Stopping => {
                self.doing = Doing::Stopped;
                self.progress.stopped_at = Some(at);
                self.progress.stop_reason = Some("Stop Reason NORMAL".to_owned());
            }
            // A task that has run goes back to where it was.
            Doing::Creating | Doing::Modifying if self.started_at.is_some() => self.doing = Doing::Stopped,
            Doing::Creating | Doing::Modifying => self.doing = Doing::Ready,
            Doing::Ready | Doing::Running | Doing::Stopped | Doing::Failed | Doing::Deleting => {}
        }
    }

    /// Begins to run.
    fn run(&mut self, at: u64, fates: &Fates) {
        let (tables, captures) = (self.selected(&fates.tables), self.migration_type != "full-load");
        self.doing = Doing::Running;
        let before = std::mem::take(&mut self.progress.loads);
        self.progress.loads = if self.migration_type == "cdc" { instant(tables, at) } else { self.schedule(tables, at, &before) };
        let loaded = self.progress.loads.iter().map(|load| load.to).max().unwrap_or(at).max(at);
        if self.progress.begin != Begin::Resume || self.progress.fresh_at.is_none() {
            self.progress.fresh_at = Some(at);
        }
        self.progress.runs.push(Run { from: at, to: None, cdc_from: captures.then_some(loaded) });
        // "FailOnNoTablesCaptured: […] The default is true" ("Error handling task settings").
        let may_be_empty = self.settings.pointer("/ErrorBehavior/FailOnNoTablesCaptured") == Some(&Value::Bool(false));
        if self.progress.loads.is_empty() && !may_be_empty {
            self.fail(
                at,
                "No tables were found at task initialization. Either the selected table(s) no longer exist or no match was found for the table selection pattern(s).",
            );
        }
    }

    /// Ends a run that fails, or that has loaded all that it was to load.
    fn finish(&mut self, run: &Run, now: u64, fates: &Fates) -> bool {
        let loaded = match run.cdc_from {
            None => self.progress.loads.iter().map(|load| load.to).max().map(|at| at.max(run.from)).filter(|at| *at <= now),
            Some(_) => None,
        };
        let failure = fates.failure(run.from).filter(|(at, _)| *at <= now);
        match (failure, loaded) {
            (Some((at, why)), loaded) if loaded.is_none_or(|loaded| at < loaded) => self.fail(at, why),
            (_, Some(at)) => {
                self.end_run(at);
                self.doing = Doing::Stopped;
                self.progress.stopped_at = Some(at);
                self.progress.stop_reason = Some("Stop Reason FULL_LOAD_ONLY_FINISHED".to_owned());
            }
            _ => return false,
        }
        true
    }

    fn fail(&mut self, at: u64, why: &str) {
        self.end_run(at);
        (self.doing, self.until) = (Doing::Failed, None);
        self.progress.stopped_at = Some(at);
        self.progress.stop_reason = Some("Stop Reason FATAL_ERROR".to_owned());
        self.progress.failure = Some(format!("Last Error {why} Stop Reason FATAL_ERROR Error Level FATAL"));
    }

    /// Returns the tables that the selection rules choose.
    fn selected(&self, tables: &[Table]) -> Vec<Table> {
        let rules = self.table_mappings.get("rules").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let chosen = |table: &&Table| {
            let of = |action: &str| rules.iter().filter(|rule| selects(rule, action)).any(|rule| matches(rule, table));
            of("include") && !of("exclude")
        };
        tables.iter().filter(chosen).cloned().collect()
    }

    /// Plans the loads of a run that begins at `at`. A table that was loaded before is kept when the task is resumed; one that was
    /// not finished begins anew ("StartReplicationTask": "resume-processing will reload any tables that were partially loaded or not
    /// yet loaded").
    fn schedule(&self, tables: Vec<Table>, at: u64, before: &[Load]) -> Vec<Load> {
        let last = self.progress.runs.last().and_then(|run| run.to).unwrap_or(at);
        let resumes = self.progress.begin == Begin::Resume;
        let subtasks = self.settings.pointer("/FullLoadSettings/MaxFullLoadSubTasks").and_then(Value::as_u64).unwrap_or(SUBTASKS);
        let mut lanes = vec![at; usize::try_from(subtasks.clamp(1, 49)).unwrap_or(1)];
        let mut loads = Vec::new();
        for table in tables {
            let known = before.iter().find(|load| load.table.full_name() == table.full_name());
            if let Some(done) = known.filter(|load| resumes && load.to <= last) {
                loads.push(done.clone());
                continue;
            }
            let Some(lane) = lanes.iter_mut().min() else { continue };
            let to = *lane + PER_TABLE + u64::from(table.rows) * 1000 / ROWS_PER_SECOND;
            loads.push(Load { table, from: *lane, to, reloaded: known.is_some() });
            *lane = to;
        }
        loads
    }
}

/// The tables of a task that loads nothing.
fn instant(tables: Vec<Table>, at: u64) -> Vec<Load> {
    tables.into_iter().map(|table| Load { table: Table { rows: 0, ..table }, from: at, to: at, reloaded: false }).collect()
}

fn selects(rule: &Value, action: &str) -> bool {
    let text = |key: &str| rule.get(key).and_then(Value::as_str);
    text("rule-type") == Some("selection") && text("rule-action") == Some(action)
}

/// "% – zero or more characters, _ – a single character" ("Wildcards in table mapping").
fn matches(rule: &Value, table: &Table) -> bool {
    let fits = |key: &str, name: &str| {
        let pattern = rule.pointer(&format!("/object-locator/{key}")).and_then(Value::as_str).unwrap_or_default();
        WildMatchPattern::<'%', '_'>::new(pattern).matches(name)
    };
    fits("schema-name", &table.schema) && fits("table-name", &table.name)
}
