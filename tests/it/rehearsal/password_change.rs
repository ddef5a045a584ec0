//! A changed master password on real databases: RDS applies it, and a running replication breaks at its next
//! connection, until its secret has the password, too.

use std::sync::Arc;
use std::time::{Duration, Instant};

use migrate_infra::aws::{Endpoint, intended};
use migrate_infra::clock::Clock;
use migrate_infra::crash_point::CrashPoints;
use migrate_infra::events::Events;
use migrate_infra::postgres::{ConnectionInfo, Tls};
use migrate_infra::sandbox::world::rds::Instance;
use migrate_infra::sandbox::{Disk, Sandbox, World};
use migrate_infra::sandbox_data::{DataOptions, DataPlane, database_of};
use migrate_infra::workflow::{EndpointSource, Workspace, unattended};
use tempfile::TempDir;

use super::harness::options;

const NEW_PASSWORD: &str = "tG5kM2wQ8zR4xV7bN1cJ9hD3";
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

/// A stack with real databases, inside this process.
struct Stack {
    sandbox: Arc<Sandbox>,
    workspace: Workspace,
}

impl Stack {
    fn new(directory: &TempDir) -> Self {
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
            warn: |text| panic!("{text}"),
        };
        Self { sandbox, workspace }
    }

    fn world<T>(&self, read: impl FnOnce(&World) -> T) -> T {
        self.sandbox.mutate_out_of_band(|world| read(world))
    }

    /// Returns the DB instance of the source.
    fn source(&self) -> Instance {
        self.world(|world| {
            let mut all = world.regions.values().flat_map(|region| region.rds.instances.values());
            all.find(|instance| instance.identifier.contains("source")).expect("the source database").clone()
        })
    }

    /// Returns how to connect to the database of an environment with what its secret says.
    fn connection(&self, environment: &str) -> ConnectionInfo {
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
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < PATIENCE, "{what} does not come true");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn rows(connection: &ConnectionInfo) -> i64 {
    let client = connection.connect().await.expect("a connection");
    client.query_one("SELECT count(*) FROM payments", &[]).await.map_or(-1, |row| row.get(0))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_password_breaks_a_running_task_until_its_secret_has_it_too() {
    let directory = tempfile::tempdir().expect("a directory");
    let stack = tokio::task::block_in_place(|| Stack::new(&directory));
    unattended::up(&stack.workspace, Events::nowhere()).await.expect("the stack comes up");
    let (old, target) = (stack.connection("source"), stack.connection("target"));
    let client = old.connect().await.expect("a connection");
    client
        .batch_execute("CREATE TABLE payments (id bigint PRIMARY KEY); INSERT INTO payments VALUES (1)")
        .await
        .unwrap();
    unattended::start_replication(&stack.workspace, Events::nowhere()).await.expect("the replication runs");
    until("the load", async || rows(&target).await == 1).await;

    let cloud = stack.workspace.connect().await.expect("the sandbox");
    let (clients, _) = cloud.clients(&"us-east-1".into());
    let instance = stack.source();
    let change = clients.rds.modify_db_instance().db_instance_identifier(&instance.identifier);
    let change = change.master_user_password(NEW_PASSWORD).apply_immediately(true);
    intended("rds:ModifyDBInstance", change.send()).await.expect("the password is changed");
    until("the old password is refused", async || old.connect().await.is_err()).await;
    let new = old.clone().with_user(old.user.clone(), NEW_PASSWORD);
    let admin = new.connect().await.expect("the new password is accepted");
    // Connections that are open stay: "DMS reads the secret when it connects".
    client.batch_execute("INSERT INTO payments VALUES (2)").await.expect("the session lives on");
    until("the change arrives", async || rows(&target).await == 2).await;

    let dropped = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'aws-dms%'";
    let ended = admin.query(dropped, &[]).await.expect("the sessions of the task end");
    assert!(!ended.is_empty(), "the task has sessions");
    let log = || super::harness::logs(&directory.path().join("rehearsal"));
    until("the task is refused", async || log().contains("password authentication failed")).await;
    assert!(!log().contains(NEW_PASSWORD) && !log().contains(old.password.reveal()), "{}", log());
    admin.batch_execute("INSERT INTO payments VALUES (3)").await.unwrap();

    // A task that runs keeps the password that it was started with. With the new one, it resumes, and nothing is lost.
    let secret = stack.world(|world| {
        let all = world.regions.values().flat_map(|region| region.secretsmanager.secrets.values());
        let found = all
            .clone()
            .find(|secret| world.database_of_secret(&secret.arn).is_some_and(|one| one.host == instance.host));
        let found = found.expect("the secret");
        (found.arn.clone(), found.version("AWSCURRENT").expect("its value").1.value.clone())
    });
    let value = secret.1.replace(&format!("\"{}\"", old.password.reveal()), &format!("\"{NEW_PASSWORD}\""));
    let put = clients.secrets.put_secret_value().secret_id(&secret.0).secret_string(value);
    intended("secretsmanager:PutSecretValue", put.send()).await.expect("the secret is changed");
    assert_eq!(rows(&target).await, 2, "the task does not connect");
    unattended::stop_replication(&stack.workspace, Events::nowhere()).await.expect("the replication stops");
    unattended::start_replication(&stack.workspace, Events::nowhere()).await.expect("the replication resumes");
    until("the last row arrives", async || rows(&target).await == 3).await;
}
