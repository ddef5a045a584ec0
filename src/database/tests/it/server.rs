//! Two PostgreSQL servers for the tests, which end with this process. Each test has databases of its own.
//!
//! `MIGRATE_INFRA_TEST_SOURCE` and `MIGRATE_INFRA_TEST_TARGET` name the directories of their programs; the programs
//! `pg_dump` and `pg_restore` are those of the target, or in the directory that `MIGRATE_INFRA_TEST_PROGRAMS` names.

use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use infra_database::schema::Access;
pub use infra_test_server::ADMIN;
use infra_test_server::{Cut, Setup, programs};
use tokio::sync::OnceCell;
use tokio_postgres::{Client, Config, NoTls};

/// A user like the master user of RDS: no superuser.
pub const MASTER: &str = "master";
pub const PASSWORD: &str = "s3cret-of-the-test";

const SETTINGS: &[&str] = &[
    "wal_level=logical",
    "max_connections=100",
    "max_prepared_transactions=10",
    "max_replication_slots=20",
    "shared_buffers=64MB",
    "autovacuum=off",
];

/// A server. Its superuser stands for what only the provider of a database can do.
pub struct Server {
    pub label: &'static str,
    server: infra_test_server::Server,
    ready: OnceCell<()>,
}

/// A database of one test.
#[derive(Clone)]
pub struct TestDatabase {
    pub server: &'static Server,
    pub name: String,
}

/// Returns the server that is migrated from.
pub fn source() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| Server::start("source", "MIGRATE_INFRA_TEST_SOURCE"))
}

/// Returns the server that is migrated to.
pub fn target() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| Server::start("target", "MIGRATE_INFRA_TEST_TARGET"))
}

/// Returns a name that no other test uses. Roles belong to a whole server.
pub fn unique(prefix: &str) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    format!("{prefix}_{}", NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// Creates a database on each server.
pub async fn pair() -> [TestDatabase; 2] {
    [source().database().await, target().database().await]
}

impl Server {
    fn start(label: &'static str, variable: &str) -> Self {
        let setup = Setup::new(programs(&[variable]), "database-", Some(PASSWORD), SETTINGS);
        Self { label, server: infra_test_server::Server::start(setup), ready: OnceCell::new() }
    }

    /// Returns the directory of the programs.
    pub fn programs(&self) -> &Path {
        &self.server.setup.programs
    }

    /// Creates a database whose owner is the master user.
    pub async fn database(&'static self) -> TestDatabase {
        self.create("").await
    }

    /// Creates a database with another encoding and locale.
    pub async fn latin_database(&'static self) -> TestDatabase {
        self.create("TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'").await
    }

    async fn create(&'static self, options: &str) -> TestDatabase {
        self.ready
            .get_or_init(|| async {
                // As "Understanding the rds_superuser role" (RDS user guide) describes the master user; REPLICATION
                // stands for membership of `rds_replication`.
                let set = format!(
                    "CREATE ROLE {MASTER} LOGIN CREATEDB CREATEROLE REPLICATION PASSWORD '{PASSWORD}'; \
                     GRANT pg_monitor, pg_signal_backend TO {MASTER}"
                );
                let admin = self.connect(ADMIN, "postgres", "test").await;
                admin.batch_execute(&set).await.expect("the admin can create roles");
                let version = "SELECT current_setting('server_version_num')::int4 >= 150000";
                if admin.query_one(version, &[]).await.expect("a version").get(0) {
                    // RDS lets `rds_superuser` set it.
                    let grant = format!("GRANT SET ON PARAMETER session_replication_role TO {MASTER}");
                    admin.batch_execute(&grant).await.expect("the admin can grant");
                }
            })
            .await;
        let name = unique("payments");
        let admin = self.connect(ADMIN, "postgres", "test").await;
        for attempt in 0.. {
            // A template can be in use by another test for a moment.
            match admin.batch_execute(&format!("CREATE DATABASE {name} OWNER {MASTER} {options}")).await {
                Ok(()) => break,
                Err(error) => assert!(attempt < 50, "{error:?}"),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        TestDatabase { server: self, name }
    }

    async fn connect(&self, user: &str, database: &str, application: &str) -> Client {
        self.try_connect(user, database, application).await.expect("the server accepts connections")
    }

    async fn try_connect(
        &self,
        user: &str,
        database: &str,
        application: &str,
    ) -> Result<Client, tokio_postgres::Error> {
        try_connect_at(self.server.port, user, database, application).await
    }
}

async fn try_connect_at(
    port: u16,
    user: &str,
    database: &str,
    application: &str,
) -> Result<Client, tokio_postgres::Error> {
    let mut config = Config::new();
    config.host("127.0.0.1").port(port).user(user).password(PASSWORD).dbname(database);
    let (client, connection) = config.application_name(application).connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

impl TestDatabase {
    /// Connects as the master user.
    pub async fn client(&self) -> Client {
        self.client_as(MASTER, "migrate-infra").await
    }

    /// Connects as the master user, with a connection that breaks.
    pub async fn client_through(&self, cut: &Cut) -> Client {
        let port = cut.in_front_of(self.server.server.port).await;
        try_connect_at(port, MASTER, &self.name, "cut").await.expect("the server accepts connections")
    }

    /// Connects as somebody else.
    pub async fn client_as(&self, user: &str, application: &str) -> Client {
        self.server.connect(user, &self.name, application).await
    }

    /// Returns the environment with which programs connect.
    pub fn variables(&self) -> [(&'static str, String); 5] {
        [
            ("PGHOST", "127.0.0.1".to_owned()),
            ("PGPORT", self.server.server.port.to_string()),
            ("PGUSER", MASTER.to_owned()),
            ("PGPASSWORD", PASSWORD.to_owned()),
            ("PGDATABASE", self.name.clone()),
        ]
    }

    /// Returns how the programs of the crate connect.
    pub fn access(&self) -> Access {
        self.variables().into_iter().fold(Access::new(), |access, (name, value)| access.set(name, value))
    }

    /// Creates a role that can log in, as the master user.
    pub async fn role(&self, prefix: &str) -> String {
        let role = unique(prefix);
        let create = format!("CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'");
        self.client().await.batch_execute(&create).await.expect("the master user can create roles");
        role
    }
}
