//! A stack with real databases, inside this process, for tests that work on both.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use migrate_infra::aws::{Endpoint, Need};
use migrate_infra::clock::Clock;
use migrate_infra::crash_point::CrashPoints;
use migrate_infra::database::{Database as InDatabase, marker};
use migrate_infra::events::Events;
use migrate_infra::postgres::{ConnectionInfo, Tls};
use migrate_infra::rehearse::{RehearsalOptions, SandboxDatabases};
use migrate_infra::sandbox::world::rds::Instance;
use migrate_infra::sandbox::{Disk, Sandbox, World};
use migrate_infra::sandbox_data::{DataOptions, DataPlane, database_of};
use migrate_infra::state::State;
use migrate_infra::workflow::{EndpointSource, Workspace, unattended};
use tempfile::TempDir;

use super::harness::options;

const PATIENCE: Duration = Duration::from_mins(1);

/// One step, without what measures the work of databases, which is not as fast as the seconds of AWS here.
pub const ONE_STEP: &[&str] = &[
    "replication.table_preparation=truncate",
    "gates.validation.enabled=false",
    "gates.replication-lag.enabled=false",
    "gates.error-rate.enabled=false",
    "gates.latency.enabled=false",
    "gates.traffic-share.enabled=false",
    "gates.alarms.enabled=false",
    "cutover.steps=[100]",
    "cutover.bake_seconds=0",
    "cutover.lag_zero_timeout_seconds=0",
];

struct Shared {
    sandbox: Arc<Sandbox>,
    clock: Clock,
}

impl EndpointSource for Shared {
    fn open(&self) -> Result<(Endpoint, Clock), Box<dyn std::error::Error + Send + Sync>> {
        Ok((Endpoint::InProcess(self.sandbox.in_process()), self.clock))
    }
}

/// A stack with real databases, inside this process.
pub struct Stack {
    pub sandbox: Arc<Sandbox>,
    pub workspace: Workspace,
}

impl Stack {
    pub fn new(directory: &TempDir) -> Self {
        Self::with(directory, &[])
    }

    /// Does the same with overrides of the configuration.
    pub fn with(directory: &TempDir, sets: &[&str]) -> Self {
        let options = options(directory, sets);
        let speed = options.speed;
        Self::open(options, speed)
    }

    /// Opens a stack again that was dropped, with seconds of AWS of another length.
    pub fn at_speed(directory: &TempDir, sets: &[&str], speed: f64) -> Self {
        Self::open(options(directory, sets), speed)
    }

    fn open(options: RehearsalOptions, speed: f64) -> Self {
        let clock = Clock::scaled(1.0 / speed);
        let (disk, world) = Disk::open(&options.directory).expect("a directory");
        let sandbox = Sandbox::new(world, clock, Some(disk), CrashPoints::default());
        let data = DataOptions {
            directory: options.directory.join("postgres"),
            launcher: options.launcher,
            second: Duration::from_secs_f64(1.0 / speed),
        };
        DataPlane::attach(&sandbox, data).expect("PostgreSQL is installed");
        let workspace = Workspace {
            config: options.config,
            state_root: options.directory.join("state"),
            sandbox: true,
            is_aws: false,
            parallelism: options.parallelism,
            endpoint: Box::new(Shared { sandbox: Arc::clone(&sandbox), clock }),
            databases: Box::new(SandboxDatabases(Arc::clone(&sandbox))),
            need: Need::Everything,
            stack_account: OnceLock::new(),
            stack_in_state: OnceLock::new(),
            warn: |text| panic!("{text}"),
        };
        Self { sandbox, workspace }
    }

    pub fn world<T>(&self, read: impl FnOnce(&World) -> T) -> T {
        self.sandbox.mutate_out_of_band(|world| read(world))
    }

    /// Returns the DB instance of the source.
    pub fn source(&self) -> Instance {
        self.world(|world| {
            let mut all = world.regions.values().flat_map(|region| region.rds.instances.values());
            all.find(|instance| instance.identifier.contains("source")).expect("the source database").clone()
        })
    }

    /// Returns the state.
    pub async fn state(&self) -> State {
        self.workspace.read_state().await.expect("a state")
    }

    /// Brings the stack up, with these tables and the table of the markers in both databases, and this content in that
    /// of the source; then starts the replication.
    pub async fn replicate(&self, tables: &str, content: &str) {
        unattended::up(&self.workspace, Events::nowhere()).await.expect("the stack comes up");
        for side in ["source", "target"] {
            let client = self.connection(side).connect().await.expect("a connection");
            client.batch_execute(tables).await.expect("the tables");
            marker::prepare(InDatabase::new(side, &client)).await.expect("the table of the markers");
        }
        let client = self.connection("source").connect().await.expect("a connection");
        client.batch_execute(content).await.expect("the content");
        unattended::start_replication(&self.workspace, Events::nowhere()).await.expect("the replication runs");
    }

    /// Returns how to connect to the database of an environment with what its secret says.
    pub fn connection(&self, environment: &str) -> ConnectionInfo {
        self.world(|world| {
            let secrets = world.regions.values().flat_map(|region| region.secretsmanager.secrets.values());
            let named: Vec<String> =
                secrets.map(|one| one.name.clone()).filter(|name| name.contains(environment)).collect();
            let address = named.iter().find_map(|secret| world.database_of_secret(secret)).expect("a secret");
            database_of(world, &address, Tls::Require).expect("a server")
        })
    }
}

/// Returns the number of rows of a table, or -1 while it does not exist.
pub async fn rows(connection: &ConnectionInfo, table: &str) -> i64 {
    let client = connection.connect().await.expect("a connection");
    client.query_one(&format!("SELECT count(*) FROM {table}"), &[]).await.map_or(-1, |row| row.get(0))
}

/// Waits until something holds.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < PATIENCE, "{what} does not come true");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
