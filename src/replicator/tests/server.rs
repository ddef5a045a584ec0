//! A PostgreSQL server with logical replication, started once for all tests. The kernel ends it with this process.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use infra_postgres::{ConnectionInfo, Programs, Tls};
use infra_test_server::{ADMIN, Server, Setup};
use tokio_postgres::Client;

/// The password of every user.
pub const PASSWORD: &str = "Gehe1m/7@x";

const SETTINGS: &[&str] = &[
    "full_page_writes=off",
    "wal_level=logical",
    "max_replication_slots=60",
    "max_wal_senders=20",
    "max_connections=400",
    "lc_messages=C",
];

/// Two new databases: a source and a target.
pub struct Pair {
    /// The source.
    pub source: ConnectionInfo,
    /// The target.
    pub target: ConnectionInfo,
    /// A client of the admin on the source.
    pub on_source: Client,
    /// A client of the admin on the target.
    pub on_target: Client,
}

impl Pair {
    /// Creates two databases and runs statements in the source.
    pub async fn new(on_source: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let names = [format!("source_{number}"), format!("target_{number}")];
        let admin = info("postgres").connect().await.expect("the server lets its admin in");
        for name in &names {
            admin.batch_execute(&format!("CREATE DATABASE {name}")).await.expect("a database");
        }
        let [source, target] = names.map(|name| info(&name));
        let clients = [source.connect().await, target.connect().await].map(|client| client.expect("a connection"));
        let [source_client, target_client] = clients;
        source_client.batch_execute(on_source).await.expect("the statements of the test are valid");
        Self { source, target, on_source: source_client, on_target: target_client }
    }

    /// Runs statements on the source.
    pub async fn source(&self, statements: &str) {
        self.on_source.batch_execute(statements).await.expect("the statements of the test are valid");
    }

    /// Runs statements on the target.
    pub async fn target(&self, statements: &str) {
        self.on_target.batch_execute(statements).await.expect("the statements of the test are valid");
    }
}

/// Returns the first column of the only row of a query, as text.
pub async fn value(client: &Client, query: &str) -> String {
    try_value(client, query).await.expect("the query of the test is valid")
}

/// Returns the same, unless the query fails, for example because there is no such table.
pub async fn try_value(client: &Client, query: &str) -> Result<String, tokio_postgres::Error> {
    let query = format!("SELECT (SELECT coalesce(x::text, '(null)') FROM ({query}) AS q(x))");
    let row = client.query_one(&query, &[]).await?;
    Ok(row.try_get::<_, Option<String>>(0)?.unwrap_or_else(|| "(no row)".to_owned()))
}

/// Returns how to connect to a database as the admin.
pub fn info(database: &str) -> ConnectionInfo {
    static SERVER: OnceLock<Server> = OnceLock::new();
    ConnectionInfo {
        host: "127.0.0.1".to_owned(),
        address: None,
        port: SERVER.get_or_init(start).port,
        user: ADMIN.to_owned(),
        password: PASSWORD.into(),
        database: database.to_owned(),
        tls: Tls::Off,
        application_name: "test".to_owned(),
    }
}

fn start() -> Server {
    let programs = Programs::all();
    let installation = programs.choose(None).unwrap_or_else(|missing| panic!("{missing}"));
    Server::start(Setup::new(installation.directory.clone(), "replicator-", Some(PASSWORD), SETTINGS))
}
