//! Two servers for the tests, which end with this process. Each test has a database and a role of its own.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use infra_base::side::Side;
use infra_test_server::{ADMIN, Server, Setup, programs};
use tokio::sync::OnceCell;
use tokio_postgres::{Client, Config, NoTls};

/// A user like the master user of RDS: no superuser.
pub const MASTER: &str = "master";
/// The name of the connections of the switchover.
pub const SWITCHOVER: &str = "switchover";

const SETTINGS: &[&str] = &[
    "wal_level=logical",
    "max_connections=150",
    "max_prepared_transactions=10",
    "max_replication_slots=30",
    "max_wal_senders=30",
    "max_worker_processes=40",
    "max_logical_replication_workers=20",
    "max_sync_workers_per_subscription=0",
    "wal_retrieve_retry_interval=100ms",
    "shared_buffers=32MB",
    "autovacuum=off",
];

fn server(side: Side) -> &'static Server {
    static SOURCE: OnceLock<Server> = OnceLock::new();
    static TARGET: OnceLock<Server> = OnceLock::new();
    let (cell, variable) = match side {
        Side::Source => (&SOURCE, "MIGRATE_INFRA_TEST_SOURCE"),
        Side::Target => (&TARGET, "MIGRATE_INFRA_TEST_TARGET"),
    };
    cell.get_or_init(|| Server::start(Setup::new(programs(&[variable]), "switchover-", None, SETTINGS)))
}

/// Returns the port of a side.
pub fn port(side: Side) -> u16 {
    server(side).port
}

/// Connects; the error is that of the server.
pub async fn connect(
    side: Side,
    database: &str,
    user: &str,
    application: &str,
) -> Result<Client, tokio_postgres::Error> {
    connect_at(port(side), database, user, application).await
}

/// Does the same at a port of this machine.
pub async fn connect_at(
    port: u16,
    database: &str,
    user: &str,
    application: &str,
) -> Result<Client, tokio_postgres::Error> {
    let mut config = Config::new();
    config.host("127.0.0.1").port(port).user(user).dbname(database).application_name(application);
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// Creates a database and a role of the service on both servers, with the same name. Returns the name.
pub async fn create() -> String {
    static READY: OnceCell<()> = OnceCell::const_new();
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let sides = [Side::Source, Side::Target];
    READY
        .get_or_init(|| async {
            for side in sides {
                let create = format!(
                    "CREATE ROLE {MASTER} LOGIN CREATEDB CREATEROLE REPLICATION; \
                     GRANT pg_monitor, pg_signal_backend TO {MASTER}"
                );
                let admin = connect(side, "postgres", ADMIN, "test").await.expect("the server accepts connections");
                admin.batch_execute(&create).await.expect("the admin can create roles");
            }
        })
        .await;
    let name = format!("payments_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    for side in sides {
        let master = connect(side, "postgres", MASTER, "test").await.expect("the server accepts connections");
        let template = "TEMPLATE template0";
        master.batch_execute(&format!("CREATE DATABASE {name} {template}")).await.expect("a database");
        master.batch_execute(&format!("CREATE ROLE {name} LOGIN")).await.expect("a role of the service");
    }
    name
}
