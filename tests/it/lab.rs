//! A laboratory: an embedded AWS, a state in memory, and runs of the engine that can be killed at any point.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use migrate_infra::address::{Address, Region, RunId};
use migrate_infra::aws::{Cancel, Cloud, Endpoint, Meter, Objects};
use migrate_infra::clock::Clock;
use migrate_infra::engine::{Context, Outcome, Report, adopt, down, rollback, up};
use migrate_infra::events::Events;
use migrate_infra::fuse::Fuse;
use migrate_infra::graph::Graph;
use migrate_infra::plan::{Findings, Plan, Wish, plan_down, plan_rollback, plan_wish};
use migrate_infra::resource::{Handle, Resource};
use migrate_infra::sandbox::world::s3::Bucket;
use migrate_infra::sandbox::{Fault, Faults, Moment, Sandbox, World};
use migrate_infra::state::{Fenced, FileStore, Journal, Lock, MemoryStore, Place as StatePlace, Record, State, StateError, Store, Writer, open};

use crate::full_disk::Filling;
use crate::recorder::Recorder;

/// The stack that all tests use.
pub const STACK: &str = "payment-migration/test-001";

/// A graph in one region, for tests.
pub struct Sketch {
    graph: Graph,
    region: Region,
    tags: BTreeMap<String, String>,
}

impl Sketch {
    /// An empty graph in `us-east-1`.
    pub fn new() -> Self {
        let tags = [("Environment", "migration-source-test-001"), ("MigrationPhase", "setup"), ("CostCenter", "payment-processing")];
        Self { graph: Graph::default(), region: "us-east-1".into(), tags: tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into() }
    }

    /// Gives all that is added from here on another tag.
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

/// What a run came to: its report, unless it was killed, and the calls that it made.
pub struct Ran {
    /// `None` when it was killed.
    pub report: Option<Report>,
    /// Its calls.
    pub meter: Arc<Meter>,
}

impl Ran {
    /// Returns the report of a run that was not killed.
    pub fn report(&self) -> &Report {
        self.report.as_ref().expect("the run was killed")
    }

    /// Fails the test unless everything was done.
    pub fn must_succeed(&self) -> &Self {
        let report = self.report();
        let failures: Vec<String> = report
            .failures
            .iter()
            .map(|failure| format!("{} {}: {}", failure.action, failure.address, migrate_infra::resource::describe(&failure.error)))
            .collect();
        assert_eq!(report.outcome, Outcome::Done, "{failures:#?}, remaining {:?}", report.remaining);
        self
    }
}

/// One embedded AWS and one state, which outlive the runs made on them.
#[derive(Clone)]
pub struct Lab {
    /// The world, as it is between runs.
    pub world: World,
    /// The state's bytes.
    pub store: MemoryStore,
    /// Who listens to the runs, if anybody.
    pub listener: Option<Events>,
    /// Who records the requests of the runs, if anybody.
    pub recorder: Option<Recorder>,
    /// What a rollback leaves as it is.
    pub skipped: Vec<Address>,
    /// What is adopted or forgotten, with its id.
    pub adopted: Option<(Address, String)>,
    /// What is replaced although nothing forces it: a pattern.
    pub replaced: String,
    /// What `up` is narrowed to, if anything: a pattern.
    pub targets: String,
    /// What a look at the world has found, when `up` goes by that.
    pub findings: Option<Findings>,
    /// How many bytes the disk has room for, if it is a small one.
    pub room: Option<usize>,
    /// Where the state is, when it is not in memory.
    pub keep: Option<Keep>,
}

/// Where a state is that is locked as in the real program.
#[derive(Clone)]
pub enum Keep {
    /// In this directory.
    Directory(PathBuf),
    /// In a bucket of the same AWS, which is made when it is missing.
    Bucket,
}

/// The bucket that shared states are in.
pub const BUCKET: &str = "state-of-everybody";

/// The place of a state in the bucket, which is made when it is missing.
pub fn in_bucket(world: &mut World) -> impl Fn(&Cloud) -> StatePlace + use<> {
    world.s3.buckets.entry(BUCKET.to_owned()).or_insert_with(|| Bucket::new(BUCKET, "us-east-1", "111122223333"));
    |cloud| StatePlace::Shared {
        objects: Objects::new(cloud.clients(&"us-east-1".into()).0, BUCKET, "team/stack/", None),
        lease: Duration::from_mins(1),
    }
}

impl Default for Lab {
    /// An empty AWS; whoever records what this thread's tests send records this one, too.
    fn default() -> Self {
        Self {
            world: World::default(),
            store: MemoryStore::default(),
            listener: None,
            recorder: Recorder::of_this_thread(),
            skipped: Vec::new(),
            adopted: None,
            replaced: String::new(),
            targets: String::new(),
            findings: None,
            room: None,
            keep: None,
        }
    }
}

/// Which way a run goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Create.
    Up,
    /// Delete.
    Down,
    /// Undo what the last unfinished `up` did.
    Rollback,
    /// Take what is to be adopted into the state.
    Adopt,
    /// Drop what is to be adopted from the state.
    Forget,
}

impl Lab {
    /// A new one with copies of world and state.
    pub fn fork(&self) -> Self {
        Self { store: self.store.copy(), ..self.clone() }
    }

    /// Brings everything up.
    pub async fn up(&mut self, graph: &Graph) -> Ran {
        self.run(graph, Way::Up, Fuse::default()).await
    }

    /// Takes everything down.
    pub async fn down(&mut self) -> Ran {
        self.run(&Graph::default(), Way::Down, Fuse::default()).await
    }

    /// Makes one run that dies when the fuse blows.
    pub async fn run(&mut self, graph: &Graph, way: Way, fuse: Fuse) -> Ran {
        self.run_in_weather(graph, way, fuse, Faults::default()).await
    }

    /// Makes one run whose calls are struck by faults.
    pub async fn run_struck(&mut self, graph: &Graph, way: Way, faults: Faults) -> Ran {
        self.run_in_weather(graph, way, Fuse::default(), faults).await
    }

    /// Makes one run that dies when the fuse blows, and whose calls are struck by faults.
    pub async fn run_in_weather(&mut self, graph: &Graph, way: Way, fuse: Fuse, faults: Faults) -> Ran {
        let clock = Clock::real();
        if matches!(self.keep, Some(Keep::Bucket)) {
            let _ = in_bucket(&mut self.world);
        }
        let sandbox = Sandbox::with_faults(self.world.clone(), clock, None, fuse.clone(), faults);
        let meter = Arc::new(Meter::default());
        let go = self.go(graph, way, clock, &sandbox, fuse.clone(), Arc::clone(&meter));
        let report = tokio::select! {
            biased;
            () = fuse.blown() => None,
            report = go => report,
        };
        self.world = sandbox.snapshot();
        Ran { report, meter }
    }

    async fn go(&self, graph: &Graph, way: Way, clock: Clock, sandbox: &Arc<Sandbox>, fuse: Fuse, meter: Arc<Meter>) -> Option<Report> {
        let plug = self.recorder.as_ref().map_or_else(|| sandbox.plug(), |recorder| recorder.tap(sandbox.plug()));
        let cloud = Cloud::connect(Endpoint::Plugged(plug), &"us-east-1".into(), clock).await.ok()?;
        let (mut store, lock): (Box<dyn Store>, Option<Lock>) = match (&self.keep, self.room) {
            (None, None) => (Box::new(self.store.with_fuse(fuse)), None),
            (None, Some(room)) => (Box::new(Filling::new(self.store.with_fuse(fuse), room)), None),
            (Some(Keep::Directory(directory)), _) => {
                let lock = Lock::take_with_fuse(directory, "test", &fuse).ok()?;
                (Box::new(FileStore::with_fuse(directory, fuse)), Some(lock))
            }
            (Some(Keep::Bucket), _) => {
                let place = in_bucket(&mut World::default())(&cloud);
                let lock = place.lock("test").await.ok()?;
                (place.store(), Some(lock))
            }
        };
        if let Some(lock) = &lock {
            store = Box::new(Fenced::new(store, lock.lease()));
        }
        let state = match open(store.as_mut()).await {
            Err(StateError::Io { .. }) if self.keep.is_some() => return None,
            other => other.expect("the state can always be read"),
        };
        let (journal, writer) = Journal::start(state, store);
        if !journal.read(State::has_begun) {
            let genesis = Record::Genesis { format: 1, lineage: "test".into(), stack: STACK.into(), account: cloud.account().clone() };
            journal.write(vec![genesis]).await.ok()?;
        }
        let plan = match way {
            Way::Up | Way::Adopt => journal.read(|state| self.plan(graph, state)),
            Way::Forget => return self.forget(journal, writer).await,
            Way::Down => journal.read(|state| plan_down(state, &|_| true)).expect("everything is chosen"),
            Way::Rollback => journal.read(|state| plan_rollback(state, &self.skipped, &|_| true).plan),
        };
        let events = if std::env::var_os("LAB_EVENTS").is_some() {
            Events::to(|event| eprintln!("{}", serde_json::to_string(&event).unwrap_or_default()))
        } else {
            self.listener.clone().unwrap_or_else(Events::nowhere)
        };
        let context = Context {
            cloud: Arc::new(cloud),
            journal: journal.clone(),
            events,
            cancel: Cancel::default(),
            meter,
            stack: STACK.into(),
            parallelism: 32,
        };
        let report = match way {
            Way::Up => up(&context, plan).await,
            Way::Adopt => {
                let (address, id) = self.adopted.as_ref().expect("something to adopt");
                adopt(&context, plan.steps.iter().find(|step| step.address == *address).expect("it has a step").clone(), id).await
            }
            Way::Forget => unreachable!("it needs no plan"),
            Way::Down => down(&context, plan).await,
            Way::Rollback => rollback(&context, plan).await,
        };
        drop(context);
        writer.finish(journal).await.ok()?;
        if let Some(lock) = lock {
            lock.release().await.ok()?;
        }
        report.ok()
    }

    /// A fork of this in which a run was killed at a point; nothing when it ended before.
    pub async fn killed(&self, graph: &Graph, way: Way, point: u64) -> Option<Self> {
        let mut lab = self.fork();
        let fuse = Fuse::blowing_at(point);
        lab.run(graph, way, fuse.clone()).await;
        fuse.is_dead().then_some(lab)
    }

    /// Everything there is, in order, without the revisions of task definitions and the interfaces of tasks: going back makes a new revision, and
    /// new tasks.
    pub fn things(&self) -> Vec<String> {
        let mut things: Vec<String> = self.world.inventory();
        things.retain(|id| !id.contains(":task-definition/") && !id.contains(" eni-"));
        things.sort();
        things
    }

    /// Does something that belongs to no plan, and dies when the fuse blows. Returns what it came to unless it was killed, and its calls.
    pub async fn act<T>(&mut self, fuse: Fuse, faults: Faults, act: impl AsyncFnOnce(Context) -> T) -> (Option<T>, Arc<Meter>) {
        let clock = Clock::real();
        let sandbox = Sandbox::with_faults(self.world.clone(), clock, None, fuse.clone(), faults);
        let meter = Arc::new(Meter::default());
        let counting = Arc::clone(&meter);
        let go = async {
            let plug = self.recorder.as_ref().map_or_else(|| sandbox.plug(), |recorder| recorder.tap(sandbox.plug()));
            let cloud = Cloud::connect(Endpoint::Plugged(plug), &"us-east-1".into(), clock).await.ok()?;
            let mut store = self.store.with_fuse(fuse.clone());
            let state = open(&mut store).await.expect("the state can always be read");
            let (journal, writer) = Journal::start(state, Box::new(store));
            let events = self.listener.clone().unwrap_or_else(Events::nowhere);
            let cancel = Cancel::default();
            let cloud = Arc::new(cloud);
            let context = Context { cloud, journal: journal.clone(), events, cancel, meter: counting, stack: STACK.into(), parallelism: 32 };
            let done = act(context).await;
            writer.finish(journal).await.ok()?;
            Some(done)
        };
        let done = tokio::select! {
            biased;
            () = fuse.blown() => None,
            done = go => done,
        };
        self.world = sandbox.snapshot();
        (done, meter)
    }

    /// What `forget` writes: one batch.
    async fn forget(&self, journal: Journal, writer: Writer) -> Option<Report> {
        let (address, _) = self.adopted.clone().expect("something to forget");
        if journal.read(|state| state.get(&address).is_some()) {
            let run = RunId("forget".to_owned());
            let started =
                Record::RunStarted { run: run.clone(), command: "forget".into(), environments: [].into(), version: "0".into(), at: "now".into() };
            let finished = Record::RunFinished { run, outcome: "done".into(), at: "now".into() };
            journal.write(vec![started, Record::Deleted { address }, finished]).await.ok()?;
        }
        writer.finish(journal).await.ok()?;
        let nothing = (Vec::new(), Vec::new(), Vec::new());
        Some(Report {
            outcome: Outcome::Done,
            changed: 1,
            deleted: 0,
            put_right: 0,
            failures: nothing.0,
            remaining: nothing.1,
            durations: nothing.2,
            elapsed: Duration::ZERO,
        })
    }

    /// What the next `up` would do.
    pub fn plan(&self, graph: &Graph, state: &State) -> Plan {
        let replaced = |address: &Address| address.matches(&self.replaced);
        let wish = Wish { replace: &replaced, findings: self.findings.as_ref(), ..Wish::of(&|_| true) };
        let mut plan = plan_wish(graph, state, &wish).expect("everything is chosen");
        if !self.targets.is_empty() {
            plan.only(|address| address.matches(&self.targets));
        }
        plan
    }

    /// Lets a day pass: what goes by itself, such as the interfaces of what was deleted, is gone.
    pub fn rest(&mut self) {
        const DAY: u64 = 24 * 60 * 60 * 1000;
        self.world.advance(self.world.now + DAY);
    }

    /// Returns the state as the next run would read it.
    pub fn state(&self) -> State {
        open(&mut self.store.copy()).now_or_never().expect("memory answers at once").expect("the state can always be read")
    }

    /// Returns the JSON attributes of a resource.
    pub fn attrs(&self, address: &str) -> serde_json::Value {
        self.state().attrs(&Address::new(address)).cloned().unwrap_or_else(|| panic!("{address} is not in the state"))
    }
}

/// What every kind must do, shown on a graph that contains it: up makes it, a second up makes no mutating call, down leaves
/// nothing, a second down is a clean no-op, and a kill at any point of either is made good by the same command.
pub async fn holds_its_promises(graph: &Graph) {
    holds_its_promises_on(&Lab::default(), graph).await;
}

/// The same in a world that is not empty: what was there before stays, and nothing else.
pub async fn holds_its_promises_on(ground: &Lab, graph: &Graph) {
    let bare = ground.world.inventory();
    let mut lab = ground.fork();
    lab.up(graph).await.must_succeed();
    let made = lab.world.inventory();
    assert!(made.len() > bare.len(), "up made nothing");
    let again = lab.up(graph).await;
    again.must_succeed();
    assert_eq!(again.meter.mutations(), 0, "a second up changed something: {:?}", again.meter.by_call());
    let up = lab.fork();
    lab.down().await.must_succeed();
    lab.rest();
    assert_eq!(lab.world.inventory(), bare, "down left something");
    assert!(lab.state().resources.is_empty());
    let again = lab.down().await;
    again.must_succeed();
    assert_eq!(again.meter.mutations(), 0);
    let points = survives_kills(graph, ground, Way::Up, made.len(), &bare).await + survives_kills(graph, &up, Way::Down, bare.len(), &bare).await;
    let calls = survives_faults(graph, ground, Way::Up, made.len()).await + survives_faults(graph, &up, Way::Down, bare.len()).await;
    println!("{points} points killed and recovered, {calls} calls struck before and after their effect");
}

/// How a call fails before its effect, and how it fails after it: what the tool learns is much the same, what AWS did is not.
pub const BEFORE: [Fault; 3] = [Fault::ConnectionLost(Moment::Before), Fault::Status(503, Moment::Before), Fault::TimedOut(Moment::Before)];
pub const AFTER: [Fault; 4] =
    [Fault::ConnectionLost(Moment::After), Fault::Malformed, Fault::Status(500, Moment::After), Fault::TimedOut(Moment::After)];

/// Lets each mutating call of a run fail once before its effect and once after it. The same run must find out what became of it,
/// go on, and end as if nothing had happened. Returns the number of calls.
pub async fn survives_faults(graph: &Graph, before: &Lab, way: Way, things: usize) -> u64 {
    for at in 1.. {
        let turn = usize::try_from(at).expect("a small number");
        for fault in [&BEFORE[turn % BEFORE.len()], &AFTER[turn % AFTER.len()]] {
            let mut lab = before.fork();
            let faults = Faults::aimed(at, fault.clone());
            let ran = lab.run_struck(graph, way, faults.clone()).await;
            ran.must_succeed();
            if !faults.has_struck() {
                return at - 1;
            }
            lab.rest();
            let inventory = lab.world.inventory();
            assert_eq!(inventory.len(), things, "call {at} of {way:?} struck by {fault:?}: {inventory:#?}");
            if way == Way::Up {
                let quiet = lab.up(graph).await;
                quiet.must_succeed();
                assert_eq!(quiet.meter.mutations(), 0, "call {at} struck by {fault:?}: {:?}", quiet.meter.by_call());
            }
        }
    }
    unreachable!("the loop ends with the first run that is not struck")
}

/// Kills a run at each of its points, runs the same command again, and checks that the end is as if nothing had happened:
/// as many things as without the kill, all of them in the state, and only what was `bare` left after `down`. Returns the
/// number of points.
pub async fn survives_kills(graph: &Graph, before: &Lab, way: Way, things: usize, bare: &[String]) -> u64 {
    for point in 1.. {
        let mut lab = before.fork();
        let fuse = Fuse::blowing_at(point);
        let killed = lab.run(graph, way, fuse.clone()).await;
        if !fuse.is_dead() {
            killed.must_succeed();
            crate::points::killed_at(point - 1);
            return point - 1;
        }
        lab.run(graph, way, Fuse::default()).await.must_succeed();
        lab.rest();
        let inventory = lab.world.inventory();
        assert_eq!(inventory.len(), things, "killed at point {point} of {way:?}: {inventory:#?}");
        if way == Way::Up {
            let quiet = lab.up(graph).await;
            quiet.must_succeed();
            assert_eq!(quiet.meter.mutations(), 0, "killed at point {point}: {:?}", quiet.meter.by_call());
            lab.down().await.must_succeed();
            lab.rest();
            assert_eq!(lab.world.inventory(), bare, "killed at point {point} of up, then down");
        }
    }
    unreachable!("the loop ends with the first run that is not killed")
}
