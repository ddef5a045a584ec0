//! The part that works on real data, on a thread of its own.

use std::sync::{Arc, Weak, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use infra_postgres::Programs;
use infra_sandbox::world::real_data::DataSource;
use infra_sandbox::{Sandbox, World};
use tokio::sync::watch;

use crate::connection_tests::ConnectionTests;
use crate::error::DataError;
use crate::faults::ActiveFaults;
use crate::options::DataOptions;
use crate::servers::Servers;
use crate::tasks::Tasks;

/// How often it looks at the world.
const LOOK: Duration = Duration::from_millis(20);
/// How long the servers of an existing world can take to start.
const START: Duration = Duration::from_mins(3);

/// The part that works on real data. It ends when it is dropped; then the servers stop, unless another process uses
/// them.
pub struct DataPlane {
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl DataPlane {
    /// Makes the data of a new sandbox real, as long as the sandbox exists, and waits until the servers of the
    /// instances that exist answer.
    ///
    /// # Errors
    /// PostgreSQL is not installed, or a server cannot be started.
    pub fn attach(sandbox: &Arc<Sandbox>, options: DataOptions) -> Result<(), DataError> {
        let plane = Self::open(sandbox, options)?;
        // Nothing else is attached to a sandbox.
        let _ = sandbox.attach(Box::new(plane));
        Ok(())
    }

    fn open(sandbox: &Arc<Sandbox>, options: DataOptions) -> Result<Self, DataError> {
        Programs::all().choose(None)?;
        sandbox.mutate_out_of_band(|world| world.data = DataSource::Postgres);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("sandbox-data")
            .enable_all()
            .build()
            .map_err(DataError::Threads)?;
        let (stop, stopping) = watch::channel(false);
        let (ready, is_ready) = mpsc::channel();
        let watched = Arc::downgrade(sandbox);
        let work = move || runtime.block_on(run(watched, Arc::new(options), stopping, ready));
        let thread = std::thread::Builder::new().name("sandbox-data".to_owned()).spawn(work);
        let plane = Self { stop, thread: Some(thread.map_err(DataError::Threads)?) };
        match is_ready.recv() {
            Ok(Ok(())) => Ok(plane),
            Ok(Err(why)) => Err(DataError::Ended(why)),
            Err(_) => Err(DataError::Ended("its thread ended".to_owned())),
        }
    }
}

impl Drop for DataPlane {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take().filter(|thread| thread.thread().id() != std::thread::current().id()) {
            // A panic in it has been reported already.
            let _ = thread.join();
        }
    }
}

async fn run(
    sandbox: Weak<Sandbox>,
    options: Arc<DataOptions>,
    mut stopping: watch::Receiver<bool>,
    ready: mpsc::Sender<Result<(), String>>,
) {
    let mut servers = Servers::new(sandbox.clone(), Arc::clone(&options));
    let mut tasks = Tasks::new(sandbox.clone(), options);
    let mut tests = ConnectionTests::default();
    let mut ready = Some(ready);
    let began = Instant::now();
    if let Some(sandbox) = sandbox.upgrade() {
        forget_last_process(&sandbox);
        servers.remove_others(&sandbox.mutate_out_of_band(|world| Servers::wanted(world)));
    }
    while let Some(sandbox) = sandbox.upgrade() {
        let is_ready = ready.is_none();
        let (wanted, starting, wanted_tasks, wanted_tests, faults) = sandbox.mutate_out_of_band(|world| {
            // Until its databases answer, a task does not start.
            let wanted_tasks = if is_ready { tasks.wanted(world) } else { Vec::new() };
            let wanted_tests = ConnectionTests::wanted(world);
            (Servers::wanted(world), is_starting(world), wanted_tasks, wanted_tests, ActiveFaults::of(world))
        });
        servers.reconcile(&wanted);
        tasks.reconcile(wanted_tasks, &faults);
        tests.reconcile(&sandbox, wanted_tests);
        if !starting || began.elapsed() > START {
            let result = if starting { Err("a database server does not start".to_owned()) } else { Ok(()) };
            // The caller has given up if it does not listen.
            let _ = ready.take().map(|ready| ready.send(result));
        }
        drop(sandbox);
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            changed = stopping.changed() => if changed.is_err() || *stopping.borrow() { break },
        }
    }
    tasks.close().await;
    servers.close().await;
}

/// What the world says of its servers is from the last process.
fn forget_last_process(sandbox: &Sandbox) {
    sandbox.mutate_out_of_band(|world| {
        let instances = world.regions.values_mut().flat_map(|region| region.rds.instances.values_mut());
        for server in instances.filter_map(|instance| instance.server.as_mut()) {
            (server.answers, server.failure) = (false, None);
        }
    });
}

/// Returns whether a server that has run before does not answer yet.
fn is_starting(world: &World) -> bool {
    let instances = world.regions.values().flat_map(|region| region.rds.instances.values());
    instances
        .filter(|instance| instance.status(world.now) != "deleting")
        .filter_map(|instance| instance.server.as_ref())
        .any(|server| server.port.is_some() && !server.answers && server.failure.is_none())
}
