//! Runs of the engine on a sandbox and a state in memory. Each run can be killed at any crash point, and each call can
//! fail.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use migrate_infra::address::{Address, Region, RunId};
use migrate_infra::aws::{CallCounter, Cancel, Cloud, Endpoint, Need, Objects};
use migrate_infra::clock::Clock;
use migrate_infra::config::Config;
use migrate_infra::crash_point::CrashPoints;
use migrate_infra::engine::{Context, Outcome, Report, adopt, down, rollback, up};
use migrate_infra::events::{Event, Events};
use migrate_infra::graph::Graph;
use migrate_infra::plan::{DriftReport, Plan, PlanOptions, plan_down, plan_rollback, plan_with};
use migrate_infra::resource::{Handle, Resource};
use migrate_infra::resources::KINDS;
use migrate_infra::sandbox::world::s3::Bucket;
use migrate_infra::sandbox::{Fault, FaultPoint, Faults, Sandbox, World};
use migrate_infra::state::{
    Backend, FencedStore, FileStore, Journal, Lock, MemoryStore, Record, State, StateError, Store, Writer, open,
};
use migrate_infra::workflow::tenants;
use serde_json::Value;

use crate::harness::call_watcher;
use crate::harness::limited_store::LimitedStore;
use crate::harness::matrix::Matrix;
use crate::harness::request_recorder::RequestRecorder;

/// The stack that all tests use.
pub const STACK: &str = "payment-migration/test-001";

/// A graph in one region, for tests.
pub struct GraphBuilder {
    graph: Graph,
    region: Region,
    tags: BTreeMap<String, String>,
}

impl GraphBuilder {
    /// An empty graph in `us-east-1`.
    pub fn new() -> Self {
        let tags = [
            ("Environment", "migration-source-test-001"),
            ("MigrationPhase", "setup"),
            ("CostCenter", "payment-processing"),
        ];
        Self {
            graph: Graph::default(),
            region: "us-east-1".into(),
            tags: tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        }
    }

    /// An empty graph in another region.
    pub fn in_region(region: &str) -> Self {
        Self { region: region.into(), ..Self::new() }
    }

    /// Adds a tag to every resource that is added later.
    pub fn tagged(mut self, key: &str, value: &str) -> Self {
        self.tags.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Adds a resource.
    #[expect(clippy::needless_pass_by_value, reason = "it reads better in tests")]
    pub fn add<R: Resource>(&mut self, address: &str, spec: R) -> Handle<R> {
        self.graph.add(Address::new(address), &self.region, &self.tags, &spec)
    }

    /// Returns the finished graph.
    pub fn finish(self) -> Graph {
        self.graph.finish().expect("the test's graph is well formed")
    }
}

/// The result of a run: its report, unless it was killed, and the calls that it made.
pub struct RunResult {
    /// `None` when it was killed.
    pub report: Option<Report>,
    /// Its calls.
    pub calls: Arc<CallCounter>,
}

impl RunResult {
    /// Returns the report of a run that was not killed.
    pub fn report(&self) -> &Report {
        self.report.as_ref().expect("the run was killed")
    }

    /// Fails the test unless the run completed everything.
    pub fn must_succeed(&self) -> &Self {
        let report = self.report();
        let failures: Vec<String> = report
            .failures
            .iter()
            .map(|failure| {
                format!("{} {}: {}", failure.action, failure.address, migrate_infra::resource::describe(&failure.error))
            })
            .collect();
        assert_eq!(report.outcome, Outcome::Done, "{failures:#?}, remaining {:?}", report.remaining);
        self
    }
}

/// One sandbox and one state. Both outlive the runs on them.
#[derive(Clone)]
pub struct Fixture {
    /// The world of the sandbox between runs.
    pub world: World,
    /// The store of the state.
    pub store: MemoryStore,
    /// The configuration, if its environments have credentials of their own.
    pub config: Option<Config>,
    /// Receives the events of the runs.
    pub listener: Option<Events>,
    /// Records the requests of the runs.
    pub recorder: Option<RequestRecorder>,
    /// The addresses that a rollback skips.
    pub skipped: Vec<Address>,
    /// The address to import or to forget, with the id of its resource.
    pub adopted: Option<(Address, String)>,
    /// A pattern of addresses that `up` replaces even if no change requires it.
    pub replaced: String,
    /// A pattern of addresses that limits `up`; empty for no limit.
    pub targets: String,
    /// The drift that `up` takes into account.
    pub drift: Option<DriftReport>,
    /// The free bytes of the disk, if they are limited.
    pub room: Option<usize>,
    /// The backend of the state, if it is not in memory.
    pub state_location: Option<StateLocation>,
    /// Seconds of the runtime for one AWS second.
    pub scale: f64,
    /// What the graphs so far name by a value, not by a reference: resources that somebody else has created.
    pub named: BTreeSet<String>,
}

/// A backend of the state that is locked as in the real program.
#[derive(Clone)]
pub enum StateLocation {
    /// In this directory.
    Directory(PathBuf),
    /// In a bucket of the sandbox, which is created if it is missing.
    Bucket,
}

/// The bucket of shared states.
pub const BUCKET: &str = "shared-states";

/// Returns the backend of a state in the bucket, which is created if it is missing.
pub fn in_bucket(world: &mut World) -> impl Fn(&Cloud) -> Backend + use<> {
    world.s3.buckets.entry(BUCKET.to_owned()).or_insert_with(|| Bucket::new(BUCKET, "us-east-1", "111122223333"));
    |cloud| Backend::Shared {
        objects: Objects::new(
            cloud.clients(&"us-east-1".into()).0,
            BUCKET,
            "team/stack/",
            None,
            Some(&"111122223333".into()),
        ),
        lease: Duration::from_mins(1),
    }
}

impl Default for Fixture {
    /// An empty sandbox. A recorder of this thread records its requests, too.
    fn default() -> Self {
        Self {
            world: World::default(),
            store: MemoryStore::default(),
            config: None,
            listener: None,
            recorder: RequestRecorder::of_this_thread(),
            skipped: Vec::new(),
            adopted: None,
            replaced: String::new(),
            targets: String::new(),
            drift: None,
            room: None,
            state_location: None,
            scale: 1.0,
            named: BTreeSet::new(),
        }
    }
}

/// Collects the texts in a specification.
fn texts(spec: &Value, all: &mut BTreeSet<String>) {
    match spec {
        Value::String(text) => drop(all.insert(text.clone())),
        Value::Array(list) => {
            for one in list {
                texts(one, all);
            }
        }
        Value::Object(map) => {
            for one in map.values() {
                texts(one, all);
            }
        }
        _ => {}
    }
}

/// What a run does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunKind {
    /// Create.
    Up,
    /// Delete.
    Down,
    /// Undo the last unfinished `up`.
    Rollback,
    /// Import a resource into the state.
    Adopt,
    /// Remove a resource from the state.
    Forget,
}

impl Fixture {
    /// Returns a copy with a world and a state of its own.
    pub fn fork(&self) -> Self {
        Self { store: self.store.copy(), ..self.clone() }
    }

    /// Collects the notices of all later runs.
    pub fn record_notices(&mut self) -> Arc<Mutex<Vec<String>>> {
        let notices = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&notices);
        self.listener = Some(Events::to(move |event| {
            if let Event::Notice { text, .. } = event {
                seen.lock().expect("a list").push(text);
            }
        }));
        notices
    }

    /// Creates everything.
    pub async fn up(&mut self, graph: &Graph) -> RunResult {
        self.run(graph, RunKind::Up, CrashPoints::default()).await
    }

    /// Deletes everything.
    pub async fn down(&mut self) -> RunResult {
        self.run(&Graph::default(), RunKind::Down, CrashPoints::default()).await
    }

    /// Runs once; `crash_points` can kill the run.
    pub async fn run(&mut self, graph: &Graph, kind: RunKind, crash_points: CrashPoints) -> RunResult {
        self.run_with(graph, kind, crash_points, Faults::default()).await
    }

    /// Runs once; `faults` make its calls fail.
    pub async fn run_with_faults(&mut self, graph: &Graph, kind: RunKind, faults: Faults) -> RunResult {
        self.run_with(graph, kind, CrashPoints::default(), faults).await
    }

    /// Runs once; `crash_points` can kill the run, and `faults` make its calls fail.
    pub async fn run_with(
        &mut self,
        graph: &Graph,
        kind: RunKind,
        crash_points: CrashPoints,
        faults: Faults,
    ) -> RunResult {
        let clock = Clock::scaled(self.scale);
        for node in graph.nodes().values() {
            texts(&node.spec, &mut self.named);
        }
        if matches!(self.state_location, Some(StateLocation::Bucket)) {
            let _ = in_bucket(&mut self.world);
        }
        let sandbox = Sandbox::with_faults(self.world.clone(), clock, None, crash_points.clone(), faults);
        call_watcher::attach(&sandbox);
        let calls = Arc::new(CallCounter::default());
        let execute = self.execute(graph, kind, clock, &sandbox, crash_points.clone(), Arc::clone(&calls));
        let report = tokio::select! {
            biased;
            () = crash_points.crashed() => None,
            report = execute => report,
        };
        self.world = sandbox.snapshot();
        RunResult { report, calls }
    }

    async fn execute(
        &self,
        graph: &Graph,
        kind: RunKind,
        clock: Clock,
        sandbox: &Arc<Sandbox>,
        crash_points: CrashPoints,
        calls: Arc<CallCounter>,
    ) -> Option<Report> {
        let in_process =
            self.recorder.as_ref().map_or_else(|| sandbox.in_process(), |recorder| recorder.tap(sandbox.in_process()));
        let cloud = self.connect(Endpoint::InProcess(in_process), clock).await?;
        let (mut store, lock): (Box<dyn Store>, Option<Lock>) = match (&self.state_location, self.room) {
            (None, None) => (Box::new(self.store.with_crash_points(crash_points)), None),
            (None, Some(room)) => (Box::new(LimitedStore::new(self.store.with_crash_points(crash_points), room)), None),
            (Some(StateLocation::Directory(directory)), _) => {
                let lock = Lock::take_with_crash_points(directory, "test", &crash_points).ok()?;
                (Box::new(FileStore::with_crash_points(directory, crash_points)), Some(lock))
            }
            (Some(StateLocation::Bucket), _) => {
                let backend = in_bucket(&mut World::default())(&cloud);
                let lock = backend.lock("test").await.ok()?;
                (backend.store(), Some(lock))
            }
        };
        if let Some(lock) = &lock {
            store = Box::new(FencedStore::new(store, lock.lease()));
        }
        let state = match open(store.as_mut()).await {
            Err(StateError::Io { .. }) if self.state_location.is_some() => return None,
            other => other.expect("the state can always be read"),
        };
        let (journal, writer) = Journal::start(state, store);
        if !journal.read(State::has_begun) {
            let genesis = Record::Genesis {
                format: 1,
                lineage: "test".into(),
                stack: STACK.into(),
                account: cloud.account().clone(),
            };
            journal.write(vec![genesis]).await.ok()?;
        }
        let others = cloud.other_accounts();
        if journal.read(|state| state.other_accounts != others) {
            journal.write(vec![Record::Accounts { others }]).await.ok()?;
        }
        let plan = match kind {
            RunKind::Up | RunKind::Adopt => journal.read(|state| self.plan(graph, state)),
            RunKind::Forget => return self.forget(journal, writer).await,
            RunKind::Down => journal.read(|state| plan_down(KINDS, state, &|_| true)).expect("everything is chosen"),
            RunKind::Rollback => journal.read(|state| plan_rollback(KINDS, state, &self.skipped, &|_| true).plan),
        };
        let events = if std::env::var_os("MIGRATE_INFRA_TEST_EVENTS").is_some() {
            Events::to(|event| eprintln!("{}", serde_json::to_string(&event).unwrap_or_default()))
        } else {
            self.listener.clone().unwrap_or_else(Events::nowhere)
        };
        let cancel = Cancel::default();
        let waiting = events.clone();
        let tell = move |text| waiting.send(Event::Notice { address: None, text });
        cloud.wait_for_credentials(tell, &cancel);
        let context = Context {
            kinds: KINDS,
            cloud: Arc::new(cloud),
            journal: journal.clone(),
            events,
            cancel,
            calls,
            stack: STACK.into(),
            parallelism: 32,
            named: Arc::new(self.named.clone()),
        };
        let report = match kind {
            RunKind::Up => up(&context, plan).await,
            RunKind::Adopt => {
                let (address, id) = self.adopted.as_ref().expect("something to adopt");
                adopt(
                    &context,
                    plan.steps.iter().find(|step| step.address == *address).expect("it has a step").clone(),
                    id,
                )
                .await
            }
            RunKind::Forget => unreachable!("it needs no plan"),
            RunKind::Down => down(&context, plan).await,
            RunKind::Rollback => rollback(&context, plan).await,
        };
        drop(context);
        writer.finish(journal).await.ok()?;
        if let Some(lock) = lock {
            lock.release().await.ok()?;
        }
        report.ok()
    }

    async fn connect(&self, endpoint: Endpoint, clock: Clock) -> Option<Cloud> {
        let Some(config) = &self.config else {
            return Cloud::connect(endpoint, &"us-east-1".into(), clock).await.ok();
        };
        Cloud::connect_all(endpoint, &tenants(config), Need::Everything, clock).await.ok()
    }

    /// Returns a fork in which a run was killed, or `None` if the run reached its end.
    pub async fn killed(&self, graph: &Graph, kind: RunKind, crash_points: CrashPoints) -> Option<Self> {
        let mut fixture = self.fork();
        fixture.run(graph, kind, crash_points.clone()).await;
        crash_points.is_dead().then_some(fixture)
    }

    /// Returns everything that exists, in order, without the revisions of task definitions and the interfaces of tasks:
    /// a rollback creates a new revision and new tasks.
    pub fn stable_inventory(&self) -> Vec<String> {
        let mut inventory: Vec<String> = self.world.inventory();
        inventory.retain(|id| !id.contains(":task-definition/") && !id.contains(" eni-"));
        inventory.sort();
        inventory
    }

    /// Runs an action that belongs to no plan; `crash_points` can kill it. Returns its result, unless it was killed,
    /// and its calls.
    pub async fn with_context<T>(
        &mut self,
        crash_points: CrashPoints,
        faults: Faults,
        action: impl AsyncFnOnce(Context) -> T,
    ) -> (Option<T>, Arc<CallCounter>) {
        let clock = Clock::scaled(self.scale);
        let sandbox = Sandbox::with_faults(self.world.clone(), clock, None, crash_points.clone(), faults);
        call_watcher::attach(&sandbox);
        let calls = Arc::new(CallCounter::default());
        let counting = Arc::clone(&calls);
        let execute = async {
            let in_process = self
                .recorder
                .as_ref()
                .map_or_else(|| sandbox.in_process(), |recorder| recorder.tap(sandbox.in_process()));
            let cloud = self.connect(Endpoint::InProcess(in_process), clock).await?;
            let mut store = self.store.with_crash_points(crash_points.clone());
            let state = open(&mut store).await.expect("the state can always be read");
            let (journal, writer) = Journal::start(state, Box::new(store));
            let events = self.listener.clone().unwrap_or_else(Events::nowhere);
            let cancel = Cancel::default();
            let cloud = Arc::new(cloud);
            let context = Context {
                kinds: KINDS,
                cloud,
                journal: journal.clone(),
                events,
                cancel,
                calls: counting,
                stack: STACK.into(),
                parallelism: 32,
                named: Arc::new(self.named.clone()),
            };
            let done = action(context).await;
            writer.finish(journal).await.ok()?;
            Some(done)
        };
        let done = tokio::select! {
            biased;
            () = crash_points.crashed() => None,
            done = execute => done,
        };
        self.world = sandbox.snapshot();
        (done, calls)
    }

    /// Writes what `forget` writes: one batch.
    async fn forget(&self, journal: Journal, writer: Writer) -> Option<Report> {
        let (address, _) = self.adopted.clone().expect("something to forget");
        if journal.read(|state| state.get(&address).is_some()) {
            let run = RunId("forget".to_owned());
            let started = Record::RunStarted {
                run: run.clone(),
                command: "forget".into(),
                environments: [].into(),
                version: "0".into(),
                at: "now".into(),
            };
            let finished = Record::RunFinished { run, outcome: "done".into(), at: "now".into() };
            journal.write(vec![started, Record::Deleted { address }, finished]).await.ok()?;
        }
        writer.finish(journal).await.ok()?;
        let nothing = (Vec::new(), Vec::new(), Vec::new());
        Some(Report {
            outcome: Outcome::Done,
            changed: 1,
            deleted: 0,
            corrected: 0,
            failures: nothing.0,
            remaining: nothing.1,
            durations: nothing.2,
            elapsed: Duration::ZERO,
        })
    }

    /// Returns the plan of the next `up`.
    pub fn plan(&self, graph: &Graph, state: &State) -> Plan {
        let replaced = |address: &Address| address.matches(&self.replaced);
        let options =
            PlanOptions { replace: &replaced, drift: self.drift.as_ref(), ..PlanOptions::of(KINDS, &|_| true) };
        let mut plan = plan_with(graph, state, &options).expect("everything is chosen");
        if !self.targets.is_empty() {
            plan.target(|address| address.matches(&self.targets));
        }
        plan
    }

    /// Lets a day pass, so that AWS removes what it removes by itself, such as the interfaces of deleted resources.
    pub fn advance_a_day(&mut self) {
        const DAY: u64 = 24 * 60 * 60 * 1000;
        self.world.advance(self.world.now + DAY);
    }

    /// Returns the state as the next run reads it.
    pub fn state(&self) -> State {
        open(&mut self.store.copy())
            .now_or_never()
            .expect("memory answers at once")
            .expect("the state can always be read")
    }

    /// Returns the JSON attributes of a resource.
    pub fn attrs(&self, address: &str) -> serde_json::Value {
        self.state().attrs(&Address::new(address)).cloned().unwrap_or_else(|| panic!("{address} is not in the state"))
    }
}

/// Checks what every kind must do, on a graph that contains it: `up` creates it, a second `up` makes no mutating call,
/// `down` leaves nothing, a second `down` does nothing, and the same command corrects a kill at any point of either.
pub async fn check_lifecycle(graph: &Graph) {
    check_lifecycle_in(&Fixture::default(), graph).await;
}

/// Checks the same in a world that is not empty: what existed before stays, and nothing else.
pub async fn check_lifecycle_in(initial: &Fixture, graph: &Graph) {
    let bare = initial.world.inventory();
    let mut fixture = initial.fork();
    fixture.up(graph).await.must_succeed();
    let created = fixture.world.inventory();
    assert!(created.len() > bare.len(), "up created nothing");
    let second = fixture.up(graph).await;
    second.must_succeed();
    assert_eq!(second.calls.mutations(), 0, "a second up changed something: {:?}", second.calls.by_call());
    let up = fixture.fork();
    fixture.down().await.must_succeed();
    fixture.advance_a_day();
    assert_eq!(fixture.world.inventory(), bare, "down left something");
    assert!(fixture.state().resources.is_empty());
    let second = fixture.down().await;
    second.must_succeed();
    assert_eq!(second.calls.mutations(), 0);
    let points = survives_kills(graph, initial, RunKind::Up, created.len(), &bare).await
        + survives_kills(graph, &up, RunKind::Down, bare.len(), &bare).await;
    let calls = survives_faults(graph, initial, RunKind::Up, created.len()).await
        + survives_faults(graph, &up, RunKind::Down, bare.len()).await;
    println!("crash matrix of {points} points, fault matrix of {calls} calls");
}

/// Faults before a call takes effect, and faults after it. The caller learns much the same, but the effect on AWS
/// differs.
pub const BEFORE: [Fault; 3] = [
    Fault::ConnectionLost(FaultPoint::BeforeEffect),
    Fault::Status(503, FaultPoint::BeforeEffect),
    Fault::TimedOut(FaultPoint::BeforeEffect),
];
pub const AFTER: [Fault; 4] = [
    Fault::ConnectionLost(FaultPoint::AfterEffect),
    Fault::Malformed,
    Fault::Status(500, FaultPoint::AfterEffect),
    Fault::TimedOut(FaultPoint::AfterEffect),
];

/// Lets each mutating call of a run fail once before its effect and once after it; [`Matrix`] selects the calls. The
/// same run must find out what happened, continue, and end as if there had been no fault. Returns the number of calls.
pub async fn survives_faults(graph: &Graph, before: &Fixture, kind: RunKind, count: usize) -> u64 {
    let mut matrix = Matrix::new();
    while let Some(at) = matrix.next_point() {
        let turn = usize::try_from(at).expect("a small number");
        for fault in [&BEFORE[turn % BEFORE.len()], &AFTER[turn % AFTER.len()]] {
            let mut fixture = before.fork();
            let faults = Faults::at_call(at, fault.clone());
            let ran = fixture.run_with_faults(graph, kind, faults.clone()).await;
            ran.must_succeed();
            if !faults.was_injected() {
                matrix.ended(ran.calls.mutations());
                break;
            }
            fixture.advance_a_day();
            let inventory = fixture.world.inventory();
            assert_eq!(inventory.len(), count, "{fault:?} in call {at} of {kind:?}: {inventory:#?}");
            if kind == RunKind::Up {
                let quiet = fixture.up(graph).await;
                quiet.must_succeed();
                assert_eq!(quiet.calls.mutations(), 0, "{fault:?} in call {at}: {:?}", quiet.calls.by_call());
            }
        }
    }
    matrix.points()
}

/// Kills a run at its points, which [`Matrix`] selects, runs the same command again, and checks that the end is as if
/// nothing had happened: as many resources as without the kill, all of them in the state, and only `bare` is left after
/// `down`. Returns the number of points.
pub async fn survives_kills(graph: &Graph, before: &Fixture, kind: RunKind, count: usize, bare: &[String]) -> u64 {
    let mut matrix = Matrix::new();
    while let Some((point, crash_points)) = matrix.arm() {
        let mut fixture = before.fork();
        let killed = fixture.run(graph, kind, crash_points.clone()).await;
        if !crash_points.is_dead() {
            killed.must_succeed();
            continue;
        }
        fixture.run(graph, kind, CrashPoints::default()).await.must_succeed();
        fixture.advance_a_day();
        let inventory = fixture.world.inventory();
        assert_eq!(inventory.len(), count, "killed at point {point} of {kind:?}: {inventory:#?}");
        if kind == RunKind::Up {
            let quiet = fixture.up(graph).await;
            quiet.must_succeed();
            assert_eq!(quiet.calls.mutations(), 0, "killed at point {point}: {:?}", quiet.calls.by_call());
            fixture.down().await.must_succeed();
            fixture.advance_a_day();
            assert_eq!(fixture.world.inventory(), bare, "killed at point {point} of up, then down");
        }
    }
    matrix.points()
}
