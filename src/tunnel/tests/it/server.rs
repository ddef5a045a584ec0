//! A PostgreSQL server, and commands.

use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use infra_connect::{Endpoint, open};
use infra_test_server::{ADMIN, Server, Setup, programs};
use infra_tunnel::{Place, Tunnels};

const PASSWORD: &str = "Gehe1m/7@x";

pub fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let programs = programs(&["MIGRATE_INFRA_TEST_POSTGRES"]);
        Server::start(Setup::new(programs, "tunnel-", Some(PASSWORD), &["lc_messages=C"]))
    })
}

/// Returns the database as it is known: under a name that leads nowhere from here.
pub fn endpoint() -> Endpoint {
    Endpoint::new("db.source.invalid", 5432, ADMIN, PASSWORD, "postgres")
}

pub fn place() -> Place {
    let text = |text: &str| text.to_owned();
    Place { host: text("db.source.invalid"), port: 5432, region: text("us-east-1"), environment: text("source") }
}

/// Returns tunnels through a shell script. `$0` is its first argument.
pub fn script(text: &str, arguments: &[&str]) -> Tunnels {
    let command = ["sh", "-c", text].iter().chain(arguments).map(|&word| word.to_owned()).collect();
    Tunnels::new(command, std::env::vars_os().collect(), Duration::from_secs(5), |text| eprintln!("notice: {text}"))
}

/// Returns the database's name, which only a server that answers can tell.
pub async fn ask(endpoint: &Endpoint) -> String {
    let connection = open(endpoint, "source").await.expect("a connection");
    let row = connection.client().query_one("SELECT current_database()::text", &[]).await.expect("a row");
    row.get(0)
}

/// Returns whether a process exists, also as one that nobody has waited for.
pub fn is_running(pid: &str) -> bool {
    let status = std::fs::read_to_string(Path::new("/proc").join(pid.trim()).join("stat")).unwrap_or_default();
    !status.is_empty() && status.rsplit(')').next().is_some_and(|rest| !rest.trim_start().starts_with('Z'))
}

pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(10), "not within 10 s: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
