//! A stack with real databases, inside this process, for tests that work on both.

use std::sync::Arc;
use std::time::{Duration, Instant};

use migrate_infra::aws::Endpoint;
use migrate_infra::clock::Clock;
use migrate_infra::crash_point::CrashPoints;
use migrate_infra::migration::compare::Endpoint as DatabaseEndpoint;
use migrate_infra::postgres::{ConnectionInfo, Tls};
use migrate_infra::sandbox::world::rds::Instance;
use migrate_infra::sandbox::{Disk, Sandbox, World};
use migrate_infra::sandbox_data::{DataOptions, DataPlane, database_of, databases, locate};
use migrate_infra::workflow::{DatabaseLocator, EndpointSource, Workspace};
use tempfile::TempDir;

use super::harness::options;

const PATIENCE: Duration = Duration::from_mins(1);

struct Shared {
    sandbox: Arc<Sandbox>,
    clock: Clock,
}

impl EndpointSource for Shared {
    fn open(&self) -> Result<(Endpoint, Clock), Box<dyn std::error::Error + Send + Sync>> {
        Ok((Endpoint::InProcess(self.sandbox.in_process()), self.clock))
    }
}

/// The database servers of the sandbox.
struct Servers(Arc<Sandbox>);

impl DatabaseLocator for Servers {
    fn have_data(&self) -> bool {
        true
    }

    fn locate(&self, endpoint: DatabaseEndpoint) -> Result<DatabaseEndpoint, String> {
        locate(&self.0.mutate_out_of_band(|world| databases(world)), endpoint)
    }
}

/// A stack with real databases, inside this process.
pub struct Stack {
    pub sandbox: Arc<Sandbox>,
    pub workspace: Workspace,
}

impl Stack {
    pub fn new(directory: &TempDir) -> Self {
        let options = options(directory, &[]);
        let clock = Clock::scaled(1.0 / options.speed);
        let (disk, world) = Disk::open(&options.directory).expect("a directory");
        let sandbox = Sandbox::new(world, clock, Some(disk), CrashPoints::default());
        let data = DataOptions {
            directory: options.directory.join("postgres"),
            launcher: options.launcher,
            second: Duration::from_secs_f64(1.0 / options.speed),
        };
        DataPlane::attach(&sandbox, data).expect("PostgreSQL is installed");
        let workspace = Workspace {
            config: options.config,
            state_root: options.directory.join("state"),
            sandbox: true,
            is_aws: false,
            parallelism: options.parallelism,
            endpoint: Box::new(Shared { sandbox: Arc::clone(&sandbox), clock }),
            databases: Box::new(Servers(Arc::clone(&sandbox))),
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

/// Waits until something holds.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < PATIENCE, "{what} does not come true");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
