//! The replication tasks that run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use infra_replicator::report::{Report, Stage, TableReport};
use infra_replicator::{Checkpoint, Control, End, SharedReport, TaskDefinition};
use infra_sandbox::world::dms::TaskState;
use infra_sandbox::world::real_data::{LiveEnd, LiveTable, TaskMinute};
use infra_sandbox::{Sandbox, World};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::faults::{ActiveFaults, TaskFaults};
use crate::options::DataOptions;
use crate::task_definition::task_definition;
use crate::task_key::TaskKey;
use crate::task_observer::TaskObserver;

/// How often what a task reports is copied into the world.
const COPY: Duration = Duration::from_millis(50);

/// What the world wants of a task.
#[derive(Clone, Debug)]
pub(crate) enum WantedTask {
    /// It is to work, and does not yet: this is what it does.
    Starts(Box<Result<(TaskDefinition, Checkpoint), String>>),
    /// It works.
    Continues,
    /// It has been asked to stop.
    Stops,
    /// It must not work: it has failed, or it is idle.
    Idle,
    /// It is being deleted.
    Deleted(Box<Result<(TaskDefinition, Checkpoint), String>>),
}

struct Worker {
    control: watch::Sender<Control>,
    faults: Arc<TaskFaults>,
    handle: JoinHandle<()>,
}

/// The replication tasks that run.
pub(crate) struct Tasks {
    sandbox: Weak<Sandbox>,
    options: Arc<DataOptions>,
    workers: BTreeMap<TaskKey, Worker>,
    /// Tasks whose slots were dropped.
    deleted: BTreeSet<TaskKey>,
}

impl Tasks {
    pub(crate) fn new(sandbox: Weak<Sandbox>, options: Arc<DataOptions>) -> Self {
        Self { sandbox, options, workers: BTreeMap::new(), deleted: BTreeSet::new() }
    }

    /// Returns what the world wants of each task. The definitions are made only for tasks that need one.
    pub(crate) fn wanted(&self, world: &World) -> Vec<(TaskKey, WantedTask)> {
        let mut wanted = Vec::new();
        for (region_name, region) in &world.regions {
            for (identifier, task) in &region.dms.tasks {
                let Some(live) = &task.live else { continue };
                let key =
                    TaskKey { region: region_name.clone(), identifier: identifier.clone(), arn: task.arn.clone() };
                let works = self.workers.contains_key(&key);
                let define = || {
                    let checkpoint: Checkpoint = match &live.checkpoint {
                        serde_json::Value::Null => Checkpoint::default(),
                        value => serde_json::from_value(value.clone()).map_err(|error| error.to_string())?,
                    };
                    // A task that was working when the process ended was not restarted: it continues.
                    let resumes = live.active && checkpoint.initialized;
                    let progress = (resumes, checkpoint.initialized);
                    let definition = task_definition(world, &region.dms, task, progress, self.options.second)?;
                    Ok((definition, checkpoint))
                };
                let state = match task.state {
                    TaskState::Running if works => WantedTask::Continues,
                    TaskState::Running if live.ended.is_some() => WantedTask::Idle,
                    TaskState::Running => WantedTask::Starts(Box::new(define())),
                    // When a task that is stopping applies its last change is not documented: as late as possible.
                    TaskState::Stopping if task.until.is_some_and(|until| world.now < until) => WantedTask::Continues,
                    TaskState::Stopping => WantedTask::Stops,
                    TaskState::Deleting if self.deleted.contains(&key) => WantedTask::Idle,
                    TaskState::Deleting => WantedTask::Deleted(Box::new(define())),
                    _ => WantedTask::Idle,
                };
                wanted.push((key, state));
            }
        }
        wanted
    }

    /// Starts, stops and ends tasks.
    pub(crate) fn reconcile(&mut self, wanted: Vec<(TaskKey, WantedTask)>, faults: &ActiveFaults) {
        for (key, state) in wanted {
            match (state, self.workers.get(&key)) {
                (WantedTask::Continues, Some(worker)) => worker.faults.set(faults.clone()),
                (WantedTask::Starts(definition), _) => self.start(key, *definition, faults),
                (WantedTask::Stops, Some(worker)) => {
                    worker.control.send_modify(|control| control.stop = true);
                }
                // A failed task is like a killed one: its slot stays.
                (WantedTask::Idle, Some(worker)) if !worker.handle.is_finished() => {
                    worker.handle.abort();
                    self.set_inactive(&key);
                }
                (WantedTask::Stops, None) => self.set_inactive(&key),
                (WantedTask::Deleted(definition), _) => {
                    self.deleted.insert(key.clone());
                    delete(&key, *definition);
                }
                (WantedTask::Idle | WantedTask::Continues, _) => {}
            }
        }
        self.workers.retain(|_, worker| !worker.handle.is_finished());
    }

    /// Asks all tasks to end, as at the end of a process: they continue in the next one.
    pub(crate) async fn close(self) {
        for (_, worker) in self.workers {
            worker.handle.abort();
            // It was aborted, or it ended.
            let _ = worker.handle.await;
        }
    }

    fn set_inactive(&self, key: &TaskKey) {
        let Some(sandbox) = self.sandbox.upgrade() else { return };
        sandbox.mutate_out_of_band(|world| {
            if let Some(live) = key.live(world) {
                live.active = false;
            }
        });
    }

    fn start(&mut self, key: TaskKey, definition: Result<(TaskDefinition, Checkpoint), String>, faults: &ActiveFaults) {
        let Some(sandbox) = self.sandbox.upgrade() else { return };
        let (definition, checkpoint) = match definition {
            Ok(definition) => definition,
            Err(why) => {
                let stop_reason = "Stop Reason FATAL_ERROR".to_owned();
                let failure = Some(format!("Last Error {why} {stop_reason} Error Level FATAL"));
                sandbox.mutate_out_of_band(|world| {
                    let at = world.now;
                    if let Some(live) = key.live(world) {
                        (live.active, live.ended) = (false, Some(LiveEnd { at, failed: true, stop_reason, failure }));
                    }
                });
                return sandbox.save();
            }
        };
        sandbox.mutate_out_of_band(|world| {
            if let Some(live) = key.live(world) {
                live.active = true;
            }
        });
        sandbox.save();
        let report = SharedReport::default();
        let faults = Arc::new(TaskFaults::new(report.clone(), self.options.second, faults.clone()));
        let (control, stopping) = watch::channel(Control::default());
        let observer = TaskObserver::new(self.sandbox.clone(), key.clone(), &self.options, &definition.name);
        let work = infra_replicator::Task::new(definition).run(
            checkpoint,
            stopping,
            report.clone(),
            Arc::new(observer),
            Arc::<TaskFaults>::clone(&faults),
        );
        let copy =
            Copy { sandbox: self.sandbox.clone(), key: key.clone(), second: self.options.second, measured: None };
        let handle = tokio::spawn(follow(work, report, copy));
        self.workers.insert(key, Worker { control, faults, handle });
    }
}

/// Drops the slot of a task that is being deleted.
fn delete(key: &TaskKey, definition: Result<(TaskDefinition, Checkpoint), String>) {
    let arn = key.arn.clone();
    tokio::spawn(async move {
        let result = match definition {
            Ok((definition, checkpoint)) => {
                infra_replicator::delete(&definition, &checkpoint).await.map_err(|failure| failure.message)
            }
            Err(why) => Err(why),
        };
        if let Err(why) = result {
            tracing::warn!(task = arn, why, "the replication slot of the deleted task remains");
        }
    });
}

/// Copies what a task reports into the world.
struct Copy {
    sandbox: Weak<Sandbox>,
    key: TaskKey,
    second: Duration,
    /// When the metrics of this run were measured last.
    measured: Option<u64>,
}

/// Runs a task, and copies what it reports.
async fn follow(work: impl Future<Output = (Checkpoint, End)>, report: SharedReport, mut copy: Copy) {
    tokio::pin!(work);
    let (checkpoint, end) = loop {
        tokio::select! {
            ended = &mut work => break ended,
            () = tokio::time::sleep(COPY) => copy.copy(&report.get()),
        }
    };
    copy.copy(&report.get());
    let Some(sandbox) = copy.sandbox.upgrade() else { return };
    let checkpoint = serde_json::to_value(&checkpoint).unwrap_or_default();
    sandbox.mutate_out_of_band(|world| {
        let at = world.now;
        if let Some(live) = copy.key.live(world) {
            live.checkpoint = checkpoint;
            live.active = false;
            live.ended = Some(LiveEnd {
                at,
                failed: end.is_failure(),
                stop_reason: end.reason.to_string(),
                failure: end.failure,
            });
        }
    });
    sandbox.save();
}

impl Copy {
    fn copy(&mut self, report: &Report) {
        let Some(sandbox) = self.sandbox.upgrade() else { return };
        sandbox.mutate_out_of_band(|world| {
            let now = world.now;
            let Some(live) = self.key.live(world) else { return };
            live.tables = report.tables.iter().map(|(name, table)| self.table(name, table, now)).collect();
            live.tables.sort_by(|a, b| (&a.schema, &a.name).cmp(&(&b.schema, &b.name)));
            let is_loaded = matches!(report.stage, Stage::CachedChanges | Stage::Replicating);
            if is_loaded && live.loaded_at.is_none() {
                live.loaded_at = live.tables.iter().filter_map(|table| table.full_load_ended_at).max().or(Some(now));
            }
            if !matches!(report.stage, Stage::Replicating | Stage::CachedChanges | Stage::Recovering) {
                return;
            }
            live.captures_since = live.captures_since.or(Some(now));
            let minute = TaskMinute {
                latency_source: self.seconds(report.latency_source),
                latency_target: self.seconds(report.latency_target),
                incoming_changes: u32::try_from(report.incoming_changes).map_or(f64::from(u32::MAX), f64::from),
            };
            live.minutes.record(self.measured.replace(now), now, &minute);
        });
    }

    /// Converts a time of the wall to seconds of AWS.
    fn seconds(&self, wall: Duration) -> f64 {
        wall.as_secs_f64() / self.second.as_secs_f64()
    }

    /// Converts a past time of the wall to the world's time.
    fn world_time(&self, at: SystemTime, now: u64) -> u64 {
        let ago = self.seconds(at.elapsed().unwrap_or_default());
        now.saturating_sub(u64::try_from(Duration::from_secs_f64(ago).as_millis()).unwrap_or_default())
    }

    fn table(&self, name: &infra_replicator::model::TableName, table: &TableReport, now: u64) -> LiveTable {
        let time = |at: Option<SystemTime>| at.map(|at| self.world_time(at, now));
        LiveTable {
            schema: name.schema.clone(),
            name: name.name.clone(),
            state: table.state.as_str().to_owned(),
            inserts: table.inserts,
            updates: table.updates,
            deletes: table.deletes,
            ddls: table.ddls,
            applied_inserts: table.applied_inserts,
            applied_updates: table.applied_updates,
            applied_deletes: table.applied_deletes,
            applied_ddls: table.applied_ddls,
            full_load_rows: table.full_load_rows,
            full_load_error_rows: table.full_load_error_rows,
            full_load_started_at: time(table.load_started),
            full_load_ended_at: time(table.load_ended),
            reloaded: table.reloaded,
            updated_at: time(table.updated).unwrap_or(now),
            validation_state: table.validation.as_str().to_owned(),
            validation_pending: table.validation_pending,
            validation_failed: table.validation_failed,
            validation_suspended: table.validation_suspended,
        }
    }
}
