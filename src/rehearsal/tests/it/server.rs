//! A PostgreSQL server for the tests, which ends with this process. Each test has databases of its own.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use infra_postgres::{ConnectionInfo, Tls};
use infra_rehearsal::Database;
use infra_test_server::{ADMIN, Setup};

/// A user who is not a superuser, and owns the databases of the tests.
const OWNER: &str = "payments";
const PASSWORD: &str = "s3cret-of-the-test";

/// A server.
pub struct Server(infra_test_server::Server);

/// Returns the server that all tests share.
pub fn shared() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(Server::start)
}

/// Creates a database on the shared server.
pub async fn database() -> Database {
    shared().database().await
}

/// Returns the directory of the programs.
pub fn programs() -> PathBuf {
    infra_test_server::programs(&["MIGRATE_INFRA_TEST_POSTGRES"])
}

impl Server {
    /// Starts a server of its own, for tests that kill it.
    pub fn start() -> Self {
        let settings = ["max_connections=200", "shared_buffers=128MB", "max_wal_size=2GB"];
        Self(infra_test_server::Server::start(Setup::new(programs(), "rehearsal-", Some(PASSWORD), &settings)))
    }

    /// Creates a database whose owner is not a superuser.
    pub async fn database(&self) -> Database {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("payments_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let admin = self.connection(ADMIN, "postgres").connect().await.expect("the admin can connect");
        // Concurrent tests create the role at the same time; one of them succeeds.
        let _ = admin.batch_execute(&format!("CREATE ROLE {OWNER} LOGIN PASSWORD '{PASSWORD}'")).await;
        for attempt in 0.. {
            // A template can be in use by another test for a moment.
            match admin.batch_execute(&format!("CREATE DATABASE {name} OWNER {OWNER}")).await {
                Ok(()) => break,
                Err(error) => assert!(attempt < 50, "{error:?}"),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Database { id: name.as_str().into(), connection: self.connection(OWNER, &name) }
    }

    fn connection(&self, user: &str, database: &str) -> ConnectionInfo {
        ConnectionInfo {
            host: "127.0.0.1".into(),
            address: None,
            port: self.0.port,
            user: user.into(),
            password: PASSWORD.into(),
            database: database.into(),
            tls: Tls::Off,
            application_name: "rehearsal-test".into(),
        }
    }

    /// Kills all processes of the server with `kill -9`, and starts it again.
    pub fn kill_and_restart(&self) {
        self.0.kill_and_restart();
    }
}

/// Connects as the owner.
pub async fn client(database: &Database) -> tokio_postgres::Client {
    database.connection.connect().await.expect("the owner can connect")
}
