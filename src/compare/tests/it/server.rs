//! PostgreSQL servers for the tests, which end with this process.
//!
//! `COMPARE_TEST_SOURCE` and `COMPARE_TEST_TARGET` name the directories with the programs of each side, to compare two
//! versions; otherwise the newest installed version is used for both.

use std::fs;
use std::sync::OnceLock;

use infra_test_server::{ADMIN, Setup, directory, programs, succeed};
use tokio_postgres::{Client, NoTls};

const SETTINGS: &[&str] =
    &["full_page_writes=off", "max_connections=200", "shared_buffers=64MB", "wal_level=logical", "max_wal_senders=8"];

/// A server that trusts every user of this machine.
pub struct Server {
    /// Its port on the loopback interface.
    pub port: u16,
    server: infra_test_server::Server,
}

/// Returns the servers of the two sides. The first call starts them.
pub fn sides() -> &'static [Server; 2] {
    static SERVERS: OnceLock<[Server; 2]> = OnceLock::new();
    SERVERS.get_or_init(|| {
        let start = |variable| std::thread::spawn(move || Server::start(variable));
        let sides = [start("COMPARE_TEST_SOURCE"), start("COMPARE_TEST_TARGET")];
        sides.map(|side| side.join().expect("the server starts"))
    })
}

impl Server {
    fn start(variable: &str) -> Self {
        let programs = programs(&[variable, "MIGRATE_INFRA_TEST_POSTGRES"]);
        infra_test_server::Server::start(Setup::new(programs, "compare-", None, SETTINGS)).into()
    }

    /// Starts a read replica of this server, which has everything that was committed before.
    pub fn replica(&self) -> Self {
        let data = directory("compare-").join("data");
        let mut backup = self.server.command("pg_basebackup");
        backup.args(["-h", "127.0.0.1", "-U", ADMIN, "-p", &self.port.to_string(), "-R", "-X", "stream"]);
        succeed(backup.args(["-c", "fast", "--no-sync", "-D"]).arg(&data));
        infra_test_server::Server::on(self.server.setup.clone(), data).into()
    }

    /// Copies a database of this server to another one with `pg_dump` and `psql`, with the programs of the newer side.
    pub fn copy_schema(&self, database: &str, to: &Self) {
        let mut dump = to.server.command("pg_dump");
        dump.args(["-h", "127.0.0.1", "-U", ADMIN, "-p", &self.port.to_string(), "-d", database]);
        let text = succeed(&mut dump);
        // Older versions of psql do not know these commands.
        let known = |line: &&str| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict");
        let text = text.lines().filter(known).collect::<Vec<_>>().join("\n");
        let file = directory("compare-").join("dump.sql");
        fs::write(&file, text).expect("a file");
        let mut psql = to.server.command("psql");
        psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-U", ADMIN]);
        succeed(psql.args(["-p", &to.port.to_string(), "-d", database, "-f"]).arg(file));
    }

    /// Connects as the admin.
    pub async fn client(&self, database: &str) -> Client {
        let mut config = tokio_postgres::Config::new();
        config.host("127.0.0.1").port(self.port).user(ADMIN).dbname(database);
        let (client, connection) = config.connect(NoTls).await.expect("the server lets its admin in");
        tokio::spawn(connection);
        client
    }
}

impl From<infra_test_server::Server> for Server {
    fn from(server: infra_test_server::Server) -> Self {
        Self { port: server.port, server }
    }
}
