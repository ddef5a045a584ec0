//! The place of a rehearsal: a new sandbox with real databases, and the workspace of the stack on it.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use infra_aws::{Endpoint as Cloud, Need};
use infra_base::clock::Clock;
use infra_base::crash_point::CrashPoints;
use infra_connect::Endpoint;
use infra_migration::topology::Database;
use infra_postgres::Server;
use infra_sandbox::world::dms::TaskState;
use infra_sandbox::world::real_data::LiveTask;
use infra_sandbox::{Disk, Sandbox, World};
use infra_sandbox_data::{DataOptions, DataPlane, databases, locate};
use infra_workflow::{DatabaseLocator, EndpointSource, Workspace};

use crate::error::RehearseError;
use crate::options::RehearsalOptions;

/// The place of a rehearsal.
pub(crate) struct Stage {
    pub(crate) sandbox: Arc<Sandbox>,
    pub(crate) workspace: Arc<Workspace>,
    pub(crate) clock: Clock,
}

/// All steps work on the same sandbox.
struct SharedSandbox {
    sandbox: Arc<Sandbox>,
    clock: Clock,
}

impl EndpointSource for SharedSandbox {
    fn open(&self) -> Result<(Cloud, Clock), Box<dyn std::error::Error + Send + Sync>> {
        Ok((Cloud::InProcess(self.sandbox.in_process()), self.clock))
    }
}

/// The database servers of a sandbox in this process.
pub struct SandboxDatabases(pub Arc<Sandbox>);

#[async_trait]
impl DatabaseLocator for SandboxDatabases {
    fn have_data(&self) -> bool {
        true
    }

    async fn locate(&self, _: &Database, endpoint: Endpoint) -> Result<Endpoint, String> {
        locate(&self.0.mutate_out_of_band(|world| databases(world)), endpoint)
    }
}

impl Stage {
    /// Creates a new sandbox. What an earlier rehearsal left is deleted.
    pub(crate) async fn open(options: &RehearsalOptions) -> Result<Self, RehearseError> {
        let directory = &options.directory;
        clear(directory).await?;
        let (disk, mut world) = Disk::open(directory)?;
        if let Some(script) = options.script.clone() {
            world.load_script(script);
        }
        let clock = Clock::scaled(1.0 / options.speed);
        let sandbox = Sandbox::new(world, clock, Some(disk), CrashPoints::default());
        let data = DataOptions {
            directory: directory.join("postgres"),
            launcher: options.launcher.clone(),
            second: options.second(),
        };
        let same = Arc::clone(&sandbox);
        let attached = tokio::task::spawn_blocking(move || DataPlane::attach(&same, data)).await;
        attached.map_err(|error| RehearseError::Ended(error.to_string()))??;
        let workspace = Workspace {
            config: options.config.clone(),
            state_root: directory.join("state"),
            sandbox: true,
            is_aws: false,
            parallelism: options.parallelism,
            endpoint: Box::new(SharedSandbox { sandbox: Arc::clone(&sandbox), clock }),
            databases: Box::new(SandboxDatabases(Arc::clone(&sandbox))),
            need: Need::Everything,
            stack_account: OnceLock::new(),
            stack_in_state: OnceLock::new(),
            warn: |text| tracing::warn!("{text}"),
        };
        Ok(Self { sandbox, workspace: Arc::new(workspace), clock })
    }

    /// Returns something of each replication task that is running.
    pub(crate) fn running_tasks<T>(&self, read: impl Fn(&LiveTask) -> T) -> Vec<T> {
        self.world(|world| {
            let tasks = world.regions.values().flat_map(|region| region.dms.tasks.values());
            let running = tasks.filter(|task| task.state == TaskState::Running);
            running.filter_map(|task| task.live.as_ref()).map(read).collect()
        })
    }

    /// Reads the world.
    pub(crate) fn world<T>(&self, read: impl FnOnce(&World) -> T) -> T {
        self.sandbox.mutate_out_of_band(|world| read(world))
    }
}

/// Deletes what an earlier rehearsal left.
async fn clear(directory: &Path) -> Result<(), RehearseError> {
    let servers = directory.join("postgres/servers");
    for entry in std::fs::read_dir(&servers).into_iter().flatten().flatten() {
        Server::remove(&entry.path()).await?;
    }
    let failed = |action| {
        let path = directory.to_owned();
        move |source| RehearseError::File { action, path, source }
    };
    match std::fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed("delete")(error)),
        _ => {}
    }
    infra_base::file::create_directory(directory).map_err(failed("create"))
}
