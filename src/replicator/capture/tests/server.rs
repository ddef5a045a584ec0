//! A PostgreSQL server for the tests of this crate's capture and application. It ends with this process, however it
//! ends.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use infra_postgres::Programs;
use infra_test_server::{ADMIN, Server, Setup};
use tokio_postgres::{Client, NoTls};

const SETTINGS: &[&str] = &["wal_level=logical", "max_replication_slots=100", "max_connections=200", "lc_messages=C"];

/// Creates a database with a name of its own and returns the name.
pub async fn database() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let name = format!("replicator_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    connect("postgres").await.batch_execute(&format!("CREATE DATABASE {name}")).await.expect("a database");
    name
}

/// Connects to a database.
pub async fn connect(database: &str) -> Client {
    static SERVER: OnceLock<Server> = OnceLock::new();
    let port = SERVER.get_or_init(start).port;
    let mut config = tokio_postgres::Config::new();
    config.host("127.0.0.1").port(port).user(ADMIN).dbname(database);
    let (client, connection) = config.connect(NoTls).await.expect("the server lets its admin in");
    tokio::spawn(connection);
    client
}

fn start() -> Server {
    let programs = Programs::all();
    let installation = programs.choose(None).unwrap_or_else(|missing| panic!("{missing}"));
    let setup = Setup::new(installation.directory.clone(), "replicator-tests-", None, SETTINGS);
    Server::start(Setup { locale: "C", ..setup })
}
