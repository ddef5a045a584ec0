//! Carries out the phases of the start of a replication.

use infra_base::on_heap::on_heap;
use infra_config::SchemaSource;
use infra_connect::Endpoint;
use infra_core::engine::Context;
use infra_core::events::Event;
use infra_core::plan::{Action, Step};
use infra_core::resource::Error;
use infra_kinds::dms::task_status::{StartMode, TaskStatus, read_existing};
use infra_migration::phase::{Phase, StartRecord};
use infra_migration::replication::{self, LoadKind, LoadOptions, StartOptions, TARGET_IN_USE, is_reloading, refusal};
use infra_migration::topology::Replication;
use infra_payment::stack::stops_after_load;
use tokio::sync::Mutex;

use super::databases::{Reached, reach};
use super::error::StartError;
use super::{indexes, schema, slots};
use crate::partial_up::{PartialUpError, partial_up};
use crate::workspace::Workspace;

/// What there is to do in the databases of the sandbox without data.
const EMPTY: &str = "the databases of the sandbox are empty";

/// What is requested.
#[derive(Clone, Debug)]
pub struct StartRequest {
    /// How the task is started.
    pub options: StartOptions,
    /// The only phase to run. `None`: all that are left.
    pub only: Option<Phase>,
    /// The source and the target, if the user has named them.
    pub urls: Option<[Endpoint; 2]>,
}

/// How a start has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Started {
    /// Phases that were done before.
    pub before: Vec<Phase>,
    /// Phases that were done now.
    pub done: Vec<Phase>,
    /// The phase that is next; `None` if all are done, or an earlier version has started the replication.
    pub next: Option<Phase>,
    /// How the task was started; `None` if it ran already, or is not to run now.
    pub started_as: Option<StartMode>,
    /// The task.
    pub task: TaskStatus,
}

/// Starts replications in a session.
pub struct Procedure<'a> {
    workspace: &'a Workspace,
    context: &'a Context,
    request: &'a StartRequest,
    /// The settings of one task are changed at a time: that is a run of the engine.
    engine: Mutex<()>,
}

/// The start of one replication.
struct Start<'p, 'a> {
    procedure: &'p Procedure<'a>,
    replication: &'p Replication,
    record: StartRecord,
    started_as: Option<StartMode>,
}

impl<'a> Procedure<'a> {
    /// Returns a procedure that has not begun.
    pub fn new(workspace: &'a Workspace, context: &'a Context, request: &'a StartRequest) -> Self {
        Self { workspace, context, request, engine: Mutex::new(()) }
    }

    /// Runs the phases that are left. If all are done, the task is resumed if it does not run.
    ///
    /// *Killed*: the same call goes on in the phase that had begun.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(&self, replication: &Replication) -> Result<Started, StartError> {
        let context = self.context;
        let read = context.read_context().reader(&replication.address, &replication.location);
        let task = read_existing(&read, &replication.task).await?;
        let saved = context.journal.read(|state| StartRecord::of(state, &replication.address));
        let saved = saved.map_err(|error| StartError::Unreadable { reason: error.to_string() })?;
        let is_reloading = context.journal.read(|state| is_reloading(state, replication));
        let is_reloading = is_reloading.map_err(|error| StartError::Unreadable { reason: error.to_string() })?;
        if let Some(why) = refusal(&task, &replication.migration_type, self.request.options, is_reloading) {
            return Err(Error::Refused(why.to_owned()).into());
        }
        let Some(record) = self.record(replication, saved, &task) else {
            return self.resume(replication).await;
        };
        let mut start = Start { procedure: self, replication, record, started_as: None };
        on_heap(|| start.run()).await
    }

    /// Returns the record of the start to carry out: a new one, or one that is continued. `None`: an earlier version
    /// has started the replication, and it only has to run.
    fn record(&self, replication: &Replication, saved: Option<StartRecord>, task: &TaskStatus) -> Option<StartRecord> {
        let new = |reload| StartRecord::new(self.source_of_schema(replication) == SchemaSource::Transfer, reload);
        let Some(saved) = saved else {
            return (!task.has_run || self.request.options.reload).then(|| new(task.has_run));
        };
        let is_complete = saved.next(replication).is_none();
        let is_reload_under_way = saved.reload && !saved.is_done(Phase::Load);
        let repeats = self.request.options.reload && !is_reload_under_way;
        // A task that only loads has nothing else to do; a new task has nothing of what an earlier one has loaded.
        let loads_again = is_complete && replication.migration_type == "full-load";
        let is_replaced = saved.is_done(Phase::Load) && !task.has_run;
        // The slot of the earlier load stays, and can be used again.
        let begins_again = |saved: StartRecord| StartRecord { slots: saved.slots, ..new(true) };
        Some(if repeats || loads_again || is_replaced { begins_again(saved) } else { saved })
    }

    fn source_of_schema(&self, replication: &Replication) -> SchemaSource {
        let environment = self.workspace.config.environment(replication.address.environment());
        environment.map_or(SchemaSource::Existing, |environment| environment.replication.schema)
    }

    /// Starts or resumes a task whose phases are not recorded.
    async fn resume(&self, replication: &Replication) -> Result<Started, StartError> {
        let result = replication::start(self.context, replication, self.request.options).await?;
        let (started_as, task) = (result.started_as, result.task);
        Ok(Started { before: Vec::new(), done: Vec::new(), next: None, started_as, task })
    }
}

/// Returns whether a step changes a resource in place.
fn is_in_place(step: &Step) -> bool {
    matches!(step.action, Action::Update { .. } | Action::Resume { .. })
}

impl Start<'_, '_> {
    async fn run(&mut self) -> Result<Started, StartError> {
        let phases = self.record.phases_of(self.replication);
        let only = self.procedure.request.only;
        if let Some(phase) = only.filter(|phase| !phases.contains(phase)) {
            return Err(self.no_such_phase(phase));
        }
        let before: Vec<Phase> = phases.iter().copied().filter(|phase| self.record.is_done(*phase)).collect();
        let mut done = Vec::new();
        for phase in phases {
            if self.record.is_done(phase) {
                continue;
            }
            match only {
                Some(only) if phase < only => return Err(StartError::OutOfOrder { phase: only, missing: phase }),
                Some(only) if phase > only => break,
                _ => {}
            }
            if !on_heap(|| self.phase(phase)).await? {
                break;
            }
            done.push(phase);
        }
        if done.is_empty() && self.record.is_done(Phase::Changes) && only.is_none_or(|only| only == Phase::Changes) {
            self.changes().await?;
        }
        let task = self.task().await?;
        let (next, started_as) = (self.record.next(self.replication), self.started_as);
        Ok(Started { before, done, next, started_as, task })
    }

    fn no_such_phase(&self, phase: Phase) -> StartError {
        let why = match phase {
            Phase::Indexes => "`replication.schema` is `existing`".to_owned(),
            _ => format!("`replication.migration_type` is `{}`", self.replication.migration_type),
        };
        StartError::NoSuchPhase { phase, why }
    }

    /// Runs a phase. Returns whether it is done.
    async fn phase(&mut self, phase: Phase) -> Result<bool, StartError> {
        if matches!(phase, Phase::Schema | Phase::Load) && !self.procedure.request.options.allow_full_load {
            return Err(Error::Refused(TARGET_IN_USE.to_owned()).into());
        }
        if !self.record.has_begun(phase) {
            if phase == Phase::Load {
                self.record.started_before = self.task().await?.started_at;
            }
            if self.record.begins_task(self.replication, phase) {
                self.record.slots_before = self.slots(phase).await?;
            }
            self.record.begin(phase, self.now());
            self.save().await?;
        }
        self.tell(phase, "begun", None);
        let text = match phase {
            Phase::Schema => Some(on_heap(|| self.schema()).await?),
            Phase::Load => {
                if !on_heap(|| self.load()).await? {
                    return Ok(false);
                }
                None
            }
            Phase::Indexes => Some(on_heap(|| self.indexes()).await?),
            Phase::Changes => {
                // The load is done, so the task is to go on from now on, also when a table is added later.
                on_heap(|| self.apply_settings()).await?;
                on_heap(|| self.changes()).await?;
                None
            }
        };
        if self.record.begins_task(self.replication, phase) {
            let slots = self.slots(phase).await?;
            self.record.add_slots(slots);
        }
        self.record.end(phase, self.now());
        self.save().await?;
        self.tell(phase, "done", text);
        Ok(true)
    }

    async fn schema(&mut self) -> Result<String, StartError> {
        let Procedure { workspace, context, request, .. } = *self.procedure;
        let source = if self.record.transfers_schema { SchemaSource::Transfer } else { SchemaSource::Existing };
        let summary = match reach(workspace, context, self.replication, request.urls.as_ref()).await {
            Reached::Connected(mut connected) => {
                let reload = self.record.reload;
                let prepared = schema::run(workspace, self.replication, &mut connected, source, reload).await?;
                self.notices(prepared.notices);
                // It is recorded before it is applied: `up` would apply the same.
                self.record.measured = Some(prepared.measured);
                self.save().await?;
                prepared.summary
            }
            Reached::Empty => EMPTY.to_owned(),
            Reached::Unreachable(reason) if self.record.transfers_schema || request.urls.is_some() => {
                return Err(StartError::NoAccess { phase: Phase::Schema, reason });
            }
            Reached::Unreachable(reason) => {
                let table = infra_database::marker::table();
                self.notice(format!(
                    "nothing was measured, so the settings of the task are those for any source, and {table} was not \
                     created, so a cutover cannot prove that all changes arrived ({reason})"
                ));
                "the target has its own schema".to_owned()
            }
        };
        on_heap(|| self.apply_settings()).await?;
        Ok(summary)
    }

    /// Gives the tasks and their endpoints the settings that follow from the configuration and from what is recorded,
    /// as `up --target` does. If they have them, nothing happens.
    async fn apply_settings(&self) -> Result<(), StartError> {
        let Procedure { workspace, context, engine, .. } = self.procedure;
        let _one_at_a_time = engine.lock().await;
        let address = &self.replication.address;
        // The task and its way back, and the endpoints of both.
        let part = format!("{}/{}", address.environment(), address.part());
        let targets = ["*task", "*-endpoint"].map(|name| format!("{part}/{name}")).into();
        partial_up(workspace, context, targets, is_in_place).await.map_err(|error| match error {
            PartialUpError::Reason(reason) => StartError::Settings { reason },
            PartialUpError::Journal(error) => error.into(),
        })
    }

    /// Returns whether the load is complete.
    async fn load(&mut self) -> Result<bool, StartError> {
        let Procedure { workspace, context, request, .. } = *self.procedure;
        let environment = workspace.config.environment(self.replication.address.environment());
        let stops = environment.is_some_and(|environment| stops_after_load(&environment.replication));
        let options =
            LoadOptions { started_before: self.record.started_before, stops, follow: request.options.follow_load };
        let kind = if self.record.reload { LoadKind::Again } else { LoadKind::First };
        let (is_complete, task) = replication::load(context, self.replication, options, kind).await?;
        self.started_as = match (task.started_at == self.record.started_before, kind) {
            (true, _) => None,
            (false, LoadKind::First) => Some(StartMode::Start),
            (false, LoadKind::Again) => Some(StartMode::Reload),
        };
        Ok(is_complete)
    }

    async fn indexes(&self) -> Result<String, StartError> {
        let Procedure { workspace, context, request, .. } = *self.procedure;
        let mut connected = match reach(workspace, context, self.replication, request.urls.as_ref()).await {
            Reached::Connected(connected) => connected,
            Reached::Empty => return Ok(EMPTY.to_owned()),
            Reached::Unreachable(reason) => return Err(StartError::NoAccess { phase: Phase::Indexes, reason }),
        };
        let (summary, notices) = indexes::run(workspace, self.replication, &mut connected).await?;
        self.notices(notices);
        Ok(summary)
    }

    async fn changes(&mut self) -> Result<(), StartError> {
        let Procedure { context, request, .. } = *self.procedure;
        let options = StartOptions { reload: false, ..request.options };
        let started = replication::start(context, self.replication, options).await?;
        // A resumption after the load of this command is a part of its start.
        self.started_as = self.started_as.or(started.started_as);
        Ok(())
    }

    async fn slots(&self, phase: Phase) -> Result<Vec<String>, StartError> {
        let Procedure { workspace, context, request, .. } = *self.procedure;
        slots::of_source(workspace, context, self.replication, request.urls.as_ref(), phase).await
    }

    async fn task(&self) -> Result<TaskStatus, StartError> {
        let read = self.procedure.context.read_context().reader(&self.replication.address, &self.replication.location);
        Ok(read_existing(&read, &self.replication.task).await?)
    }

    fn now(&self) -> i64 {
        self.procedure.context.cloud.unix_now()
    }

    async fn save(&self) -> Result<(), StartError> {
        Ok(self.procedure.context.journal.write(vec![self.record.record(&self.replication.address)?]).await?)
    }

    fn tell(&self, phase: Phase, state: &'static str, text: Option<String>) {
        let address = self.replication.address.clone();
        self.procedure.context.events.send(Event::ReplicationPhase { address, phase: phase.as_str(), state, text });
    }

    fn notices(&self, texts: Vec<String>) {
        for text in texts {
            self.notice(text);
        }
    }

    fn notice(&self, text: String) {
        let address = Some(self.replication.address.clone());
        self.procedure.context.events.send(Event::Notice { address, text });
    }
}
