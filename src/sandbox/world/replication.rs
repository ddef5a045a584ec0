//! Replication tasks: their behaviour after they are started.
//!
//! A run loads its tables, as many in parallel as the settings allow, and then captures changes until it is stopped or
//! fails. Progress and statistics are not stored; they are computed from the start and the end of each table's load.

use infra_replicator::Mappings;
use infra_replicator::model::TableName;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::real_data::{LiveEnd, LiveTask};
use super::script::Table;
use super::scripted_failures::ScriptedFailures;
use super::tags::Tags;

/// How many rows are loaded per second.
const ROWS_PER_SECOND: u64 = 2_000;
/// The additional time that each table takes, in milliseconds.
const PER_TABLE: u64 = 20_000;
/// "MaxFullLoadSubTasks: the maximum number of tables to load in parallel. The default is 8."
const SUBTASKS: u64 = 8;

/// The state of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the DMS API's statuses")]
pub enum TaskState {
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
    #[serde(rename = "doing")]
    pub state: TaskState,
    /// When the current state ends, if it ends without a call.
    pub until: Option<u64>,
    /// When it was first started.
    pub started_at: Option<u64>,
    /// Its progress.
    #[serde(default)]
    pub progress: Progress,
    /// Where the capture starts and stops.
    #[serde(default)]
    pub positions: Positions,
    /// What it does to real data; `None` if the data is modelled.
    #[serde(default)]
    pub live: Option<LiveTask>,
    pub tags: Tags,
}

/// Where the capture of a task starts and stops ("StartReplicationTask").
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Positions {
    /// `CdcStartPosition`
    pub start: Option<String>,
    /// Whether `CdcStartTime` is given.
    pub has_start_time: bool,
    /// `CdcStopPosition`
    pub stop: Option<String>,
}

/// The progress of a task.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Progress {
    /// How it was last started.
    #[serde(rename = "begin")]
    pub start_type: StartType,
    /// Its runs, oldest first.
    pub runs: Vec<Run>,
    /// The loads of its tables, in order.
    pub loads: Vec<TableLoad>,
    /// When the last run that loads all tables started.
    #[serde(rename = "fresh_at")]
    pub fresh_start_at: Option<u64>,
    /// When it stopped or failed.
    pub stopped_at: Option<u64>,
    /// Why it stopped or failed ("ReplicationTask", `StopReason`).
    pub stop_reason: Option<String>,
    /// Why it failed.
    pub failure: Option<String>,
}

/// How a task is started ("StartReplicationTask", `StartReplicationTaskType`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum StartType {
    /// For the first time.
    #[default]
    Fresh,
    /// Continues from the point where it stopped.
    Resume,
    /// Reloads all tables.
    Reload,
}

/// A period in which a task was running.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// When it started.
    pub from: u64,
    /// When it ended, if it did.
    pub to: Option<u64>,
    /// When it starts to apply changes, if it does.
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
pub struct TableLoad {
    /// The table.
    pub table: Table,
    /// When it starts.
    pub from: u64,
    /// When it ends. While the task is not running, no load starts or ends.
    pub to: u64,
    /// Whether the table was loaded before.
    pub reloaded: bool,
}

impl Task {
    /// Returns its status.
    pub fn status(&self) -> &'static str {
        match self.state {
            TaskState::Creating => "creating",
            TaskState::Modifying => "modifying",
            TaskState::Ready => "ready",
            TaskState::Starting => "starting",
            TaskState::Running => "running",
            TaskState::Stopping => "stopping",
            TaskState::Stopped => "stopped",
            TaskState::Failed => "failed",
            TaskState::Deleting => "deleting",
        }
    }

    /// Returns the last segment of its ARN, which is its identifier in CloudWatch.
    pub fn resource_identifier(&self) -> &str {
        self.arn.rsplit(':').next().unwrap_or_default()
    }

    /// Returns whether one of its runs applies changes at `at`.
    pub fn captures(&self, at: u64) -> bool {
        self.progress.runs.iter().any(|run| run.captures(at))
    }

    /// Returns the time up to which it has made progress: now, or when it last stopped running.
    pub fn progress_at(&self, now: u64) -> u64 {
        self.progress.runs.last().and_then(|run| run.to).unwrap_or(now).min(now)
    }

    /// Returns whether the state can change without a call.
    pub(super) fn may_change_by_itself(&self) -> bool {
        self.until.is_some() || self.state == TaskState::Running || self.open_run().is_some()
    }

    /// Returns whether its deletion is complete.
    pub(super) fn is_removed(&self, now: u64) -> bool {
        self.state == TaskState::Deleting && self.until.is_some_and(|until| until <= now)
    }

    fn open_run(&self) -> Option<&Run> {
        self.progress.runs.last().filter(|run| run.to.is_none())
    }

    /// Ends the current run, if there is one.
    pub fn end_run(&mut self, at: u64) {
        if let Some(run) = self.progress.runs.last_mut().filter(|run| run.to.is_none()) {
            run.to = Some(at.max(run.from));
        }
    }

    /// Advances by at most one state change. Returns whether there was one.
    pub(super) fn step(&mut self, now: u64, scripted_failures: &ScriptedFailures) -> bool {
        match (self.state, self.open_run().copied()) {
            (TaskState::Running, None) if self.live.is_some() => self.run_on_real_data(now),
            (TaskState::Running, Some(_)) if self.live.is_some() => {
                return self.finish_on_real_data(now, scripted_failures);
            }
            (TaskState::Running, None) => self.run(self.started_at.unwrap_or(now).min(now), scripted_failures),
            (TaskState::Running, Some(run)) => return self.finish(&run, now, scripted_failures),
            (_, Some(_)) => self.end_run(now),
            (_, None) => {
                let Some(until) = self.until.filter(|until| *until <= now && self.state != TaskState::Deleting) else {
                    return false;
                };
                if self.state == TaskState::Stopping && self.live.as_ref().is_some_and(|live| live.active) {
                    return false;
                }
                self.until = None;
                self.finish_transition(until, scripted_failures);
            }
        }
        true
    }

    fn finish_transition(&mut self, at: u64, scripted_failures: &ScriptedFailures) {
        match self.state {
            TaskState::Starting if self.live.is_some() => self.run_on_real_data(at),
            TaskState::Starting => self.run(at, scripted_failures),
            TaskState::Stopping => {
                self.state = TaskState::Stopped;
                self.progress.stopped_at = Some(at);
                self.progress.stop_reason = Some("Stop Reason NORMAL".to_owned());
            }
            // A task that has run returns to `stopped`.
            TaskState::Creating | TaskState::Modifying if self.started_at.is_some() => self.state = TaskState::Stopped,
            TaskState::Creating | TaskState::Modifying => self.state = TaskState::Ready,
            TaskState::Ready | TaskState::Running | TaskState::Stopped | TaskState::Failed | TaskState::Deleting => {}
        }
    }

    /// Starts a run that works on real data.
    fn run_on_real_data(&mut self, at: u64) {
        self.state = TaskState::Running;
        if self.progress.start_type != StartType::Resume || self.progress.fresh_start_at.is_none() {
            self.progress.fresh_start_at = Some(at);
        }
        self.progress.runs.push(Run { from: at, to: None, cdc_from: None });
        if let Some(live) = &mut self.live {
            (live.ended, live.captures_since) = (None, None);
        }
    }

    /// Takes note of what happened to real data. Returns whether the run has ended.
    fn finish_on_real_data(&mut self, now: u64, scripted_failures: &ScriptedFailures) -> bool {
        let Some(live) = &mut self.live else { return false };
        let (ended, captures_since) = (live.ended.take(), live.captures_since);
        let Some(run) = self.progress.runs.last_mut() else { return false };
        run.cdc_from = run.cdc_from.or(captures_since);
        let from = run.from;
        if let Some((at, why)) = scripted_failures.failure(from).filter(|(at, _)| *at <= now) {
            self.fail(at, why);
            return true;
        }
        let Some(LiveEnd { at, failed, stop_reason, failure }) = ended else { return false };
        self.end_run(at);
        self.state = if failed { TaskState::Failed } else { TaskState::Stopped };
        self.progress.stopped_at = Some(at);
        self.progress.stop_reason = Some(stop_reason);
        self.progress.failure = failure;
        true
    }

    /// Starts a run.
    fn run(&mut self, at: u64, scripted_failures: &ScriptedFailures) {
        let (tables, captures) = (self.selected(&scripted_failures.tables), self.migration_type != "full-load");
        self.state = TaskState::Running;
        let before = std::mem::take(&mut self.progress.loads);
        self.progress.loads =
            if self.migration_type == "cdc" { without_load(tables, at) } else { self.schedule(tables, at, &before) };
        let loaded = self.progress.loads.iter().map(|load| load.to).max().unwrap_or(at).max(at);
        if self.progress.start_type != StartType::Resume || self.progress.fresh_start_at.is_none() {
            self.progress.fresh_start_at = Some(at);
        }
        self.progress.runs.push(Run { from: at, to: None, cdc_from: captures.then_some(loaded) });
        // "FailOnNoTablesCaptured: […] The default is true" ("Error handling task settings").
        let may_be_empty = self.settings.pointer("/ErrorBehavior/FailOnNoTablesCaptured") == Some(&Value::Bool(false));
        if self.progress.loads.is_empty() && !may_be_empty {
            self.fail(
                at,
                "No tables were found at task initialization. Either the selected table(s) no longer exist or no match \
                 was found for the table selection pattern(s).",
            );
        }
    }

    /// Ends a run that fails or that has loaded all its tables.
    fn finish(&mut self, run: &Run, now: u64, scripted_failures: &ScriptedFailures) -> bool {
        let loaded_at = self.progress.loads.iter().map(|load| load.to).max().map(|at| at.max(run.from));
        let end = match run.cdc_from {
            None => Some("Stop Reason FULL_LOAD_ONLY_FINISHED"),
            Some(_) => self.stop_after_load(run),
        };
        let loaded = end.and(loaded_at).filter(|at| *at <= now);
        let failure = scripted_failures.failure(run.from).filter(|(at, _)| *at <= now);
        match (failure, loaded) {
            (Some((at, why)), loaded) if loaded.is_none_or(|loaded| at < loaded) => self.fail(at, why),
            (_, Some(at)) => {
                self.end_run(at);
                self.state = TaskState::Stopped;
                self.progress.stopped_at = Some(at);
                self.progress.stop_reason = end.map(str::to_owned);
            }
            _ => return false,
        }
        true
    }

    /// Returns why a run that captures changes stops when its tables are loaded: "StopTaskCachedChangesApplied – Set
    /// this option to true to stop a task after a full load completes and cached changes are applied" ("Full-load task
    /// settings"). A run that has nothing to load does not stop.
    fn stop_after_load(&self, run: &Run) -> Option<&'static str> {
        let is_set = |name: &str| {
            let value = self.settings.pointer(&format!("/FullLoadSettings/{name}"));
            value.is_some_and(|value| value == &Value::Bool(true) || value.as_str() == Some("true"))
        };
        let loads =
            self.migration_type == "full-load-and-cdc" && self.progress.loads.iter().any(|load| load.to > run.from);
        match (loads, is_set("StopTaskCachedChangesNotApplied"), is_set("StopTaskCachedChangesApplied")) {
            (true, true, _) => Some("Stop Reason STOPPED_AFTER_FULL_LOAD"),
            (true, false, true) => Some("Stop Reason STOPPED_AFTER_CACHED_EVENTS"),
            _ => None,
        }
    }

    fn fail(&mut self, at: u64, why: &str) {
        self.end_run(at);
        (self.state, self.until) = (TaskState::Failed, None);
        self.progress.stopped_at = Some(at);
        self.progress.stop_reason = Some("Stop Reason FATAL_ERROR".to_owned());
        self.progress.failure = Some(format!("Last Error {why} Stop Reason FATAL_ERROR Error Level FATAL"));
    }

    /// Returns the tables that the selection rules select.
    fn selected(&self, tables: &[Table]) -> Vec<Table> {
        // They were checked when they were set.
        let Ok(mappings) = Mappings::parse(&self.table_mappings) else { return Vec::new() };
        let is_selected = |table: &&Table| mappings.selects(&TableName::new(&table.schema, &table.name));
        tables.iter().filter(is_selected).cloned().collect()
    }

    /// Schedules the loads of a run that starts at `at`. A resumed task keeps completed loads and repeats incomplete
    /// ones ("StartReplicationTask": "resume-processing will reload any tables that were partially loaded or not yet
    /// loaded").
    fn schedule(&self, tables: Vec<Table>, at: u64, before: &[TableLoad]) -> Vec<TableLoad> {
        let last = self.progress.runs.last().and_then(|run| run.to).unwrap_or(at);
        let resumes = self.progress.start_type == StartType::Resume;
        let subtasks =
            self.settings.pointer("/FullLoadSettings/MaxFullLoadSubTasks").and_then(Value::as_u64).unwrap_or(SUBTASKS);
        let mut subtasks_free_at = vec![at; usize::try_from(subtasks.clamp(1, 49)).unwrap_or(1)];
        let mut loads = Vec::new();
        for table in tables {
            let known = before.iter().find(|load| load.table.full_name() == table.full_name());
            if let Some(done) = known.filter(|load| resumes && load.to <= last) {
                loads.push(done.clone());
                continue;
            }
            let Some(free_at) = subtasks_free_at.iter_mut().min() else { continue };
            let to = *free_at + PER_TABLE + u64::from(table.rows) * 1000 / ROWS_PER_SECOND;
            loads.push(TableLoad { table, from: *free_at, to, reloaded: known.is_some() });
            *free_at = to;
        }
        loads
    }
}

/// Returns the tables of a task that only captures changes.
fn without_load(tables: Vec<Table>, at: u64) -> Vec<TableLoad> {
    tables
        .into_iter()
        .map(|table| TableLoad { table: Table { rows: 0, ..table }, from: at, to: at, reloaded: false })
        .collect()
}
