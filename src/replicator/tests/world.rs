//! Tasks for the tests.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::server::Pair;
use crate::apply::NoFaults;
use crate::capture::StartPosition;
use crate::model::TableName;
use crate::observer::{LogLine, Observer};
use crate::report::TableReport;
use crate::{
    Checkpoint, Control, End, Mappings, MigrationType, Settings, SharedReport, SourceEndpoint, Start, TargetEndpoint,
    Task, TaskDefinition,
};

/// Remembers what a task hands over.
#[derive(Default)]
pub struct Recorder {
    pub checkpoints: Mutex<Vec<Checkpoint>>,
    pub lines: Mutex<Vec<String>>,
}

impl Observer for Recorder {
    fn checkpoint(&self, checkpoint: &Checkpoint) {
        self.checkpoints.lock().unwrap().push(checkpoint.clone());
    }

    fn log(&self, line: LogLine) {
        self.lines.lock().unwrap().push(line.text);
    }
}

impl Recorder {
    pub fn has_line(&self, part: &str) -> bool {
        self.lines.lock().unwrap().iter().any(|line| line.contains(part))
    }
}

/// Selects all tables of `public`.
pub fn all() -> Mappings {
    mappings(&[("public", "%", "include")])
}

pub fn mappings(rules: &[(&str, &str, &str)]) -> Mappings {
    let rules: Vec<Value> = rules
        .iter()
        .enumerate()
        .map(|(at, (schema, table, action))| {
            json!({"rule-type": "selection", "rule-id": (at + 1).to_string(), "rule-name": format!("r{at}"),
                "object-locator": {"schema-name": schema, "table-name": table}, "rule-action": action})
        })
        .collect();
    Mappings::parse(&json!({"rules": rules})).expect("valid mappings")
}

/// Returns a task whose seconds last a hundredth.
pub fn definition(pair: &Pair, migration: MigrationType, settings: &Value) -> TaskDefinition {
    TaskDefinition {
        name: "TASK1".to_owned(),
        server: "instance-1".to_owned(),
        migration,
        mappings: all(),
        settings: Settings::parse(settings).expect("valid settings"),
        source: SourceEndpoint::new(pair.source.clone()),
        target: TargetEndpoint::new(pair.target.clone()),
        start: Start::Fresh(StartPosition::Now),
        stop: None,
        second: Duration::from_millis(10),
        poll: Duration::from_millis(10),
    }
}

/// A task that runs.
pub struct Running {
    pub control: watch::Sender<Control>,
    pub report: SharedReport,
    pub recorder: Arc<Recorder>,
    work: JoinHandle<(Checkpoint, End)>,
}

pub fn start(definition: TaskDefinition, checkpoint: Checkpoint) -> Running {
    let (control, receiver) = watch::channel(Control::default());
    let (report, recorder) = (SharedReport::default(), Arc::new(Recorder::default()));
    let task = Task::new(definition);
    let work = tokio::spawn(task.run(checkpoint, receiver, report.clone(), recorder.clone(), Arc::new(NoFaults)));
    Running { control, report, recorder, work }
}

/// Runs a task to its own end.
pub async fn run(definition: TaskDefinition) -> (Ended, End) {
    run_from(definition, Checkpoint::default()).await
}

/// What is left of a task.
pub struct Ended {
    pub checkpoint: Checkpoint,
    pub report: SharedReport,
    pub recorder: Arc<Recorder>,
}

impl Ended {
    pub fn table(&self, name: &str) -> TableReport {
        self.report.table(&TableName::new("public", name)).expect("a table of the task")
    }
}

pub async fn run_from(definition: TaskDefinition, checkpoint: Checkpoint) -> (Ended, End) {
    let running = start(definition, checkpoint);
    let (report, recorder) = (running.report.clone(), running.recorder.clone());
    let ended = tokio::time::timeout(Duration::from_mins(2), running.work).await;
    let (checkpoint, end) = ended.expect("the task ends").expect("the task does not panic");
    (Ended { checkpoint, report, recorder }, end)
}

impl Running {
    /// Waits until a condition holds.
    pub async fn until(&self, what: &str, mut holds: impl AsyncFnMut(&SharedReport) -> bool) {
        let began = Instant::now();
        while !holds(&self.report).await {
            let report = self.report.get();
            assert!(began.elapsed() < Duration::from_secs(15), "waited too long for {what}: {report:?}");
            assert!(!self.work.is_finished(), "the task ended before {what}: {report:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until a query on a client has a result.
    pub async fn until_value(&self, client: &tokio_postgres::Client, query: &str, wanted: &str) {
        self.until(query, async |_| super::server::try_value(client, query).await.is_ok_and(|value| value == wanted))
            .await;
    }

    pub fn table(&self, name: &str) -> TableReport {
        self.report.table(&TableName::new("public", name)).expect("a table of the task")
    }

    /// Waits until the task ends by itself.
    pub async fn ended(self) -> (Ended, End) {
        let ended = tokio::time::timeout(Duration::from_secs(15), self.work).await;
        let (checkpoint, end) = ended.expect("the task ends").expect("the task does not panic");
        (Ended { checkpoint, report: self.report, recorder: self.recorder }, end)
    }

    /// Stops the task as an operator does.
    pub async fn stop(self) -> (Ended, End) {
        self.control.send_modify(|control| control.stop = true);
        let ended = tokio::time::timeout(Duration::from_secs(10), self.work).await;
        let (checkpoint, end) = ended.expect("the task stops").expect("the task does not panic");
        (Ended { checkpoint, report: self.report, recorder: self.recorder }, end)
    }

    /// Ends the task as a killed process would, and returns the last checkpoint, if there was any.
    pub async fn kill(self) -> Option<Checkpoint> {
        self.work.abort();
        let _ = self.work.await;
        self.recorder.checkpoints.lock().unwrap().last().cloned()
    }
}
