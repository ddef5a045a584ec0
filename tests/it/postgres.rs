//! Two PostgreSQL servers, started once for all tests and ended with this process, however it ends.
//!
//! The source speaks without TLS; the target speaks with it, too. Each test makes databases of its own on them.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{OnceLock, mpsc};
use std::time::{Duration, Instant};

use migrate_infra::migration::compare::Endpoint;
use tokio_postgres::{Client, NoTls};

/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_mins(1);
/// The user who may do everything.
pub const ADMIN: &str = "admin";
/// The password of every user.
pub const PASSWORD: &str = "Gehe1m/7@x";

/// The two servers.
pub struct Servers {
    /// Ports of source and target.
    pub ports: [u16; 2],
    /// Where certificates are: `ca.crt`, `server.crt` for the host `localhost`, `other.crt`.
    pub place: PathBuf,
}

/// Two databases, one on each server.
pub struct Pair {
    /// Their name.
    pub name: String,
    /// Clients of the admin on source and target.
    pub clients: [Client; 2],
}

impl Pair {
    /// Makes two databases and runs some statements in them.
    pub async fn new(both: &str, source: &str, target: &str) -> Self {
        Self::with(["", ""], both, source, target).await
    }

    /// Makes two databases with options of `CREATE DATABASE`.
    pub async fn with(options: [&str; 2], both: &str, source: &str, target: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("compare_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let mut clients = Vec::new();
        for (at, own) in [source, target].into_iter().enumerate() {
            let postgres = client(at, "postgres").await;
            postgres.batch_execute(&format!("CREATE DATABASE {name} {}", options[at])).await.expect("a database");
            let client = client(at, &name).await;
            client.batch_execute(both).await.expect("the statements for both sides");
            client.batch_execute(own).await.expect("the statements for one side");
            clients.push(client);
        }
        Self { name, clients: clients.try_into().unwrap_or_else(|_| panic!("two clients")) }
    }

    /// How a user reaches the databases.
    pub fn endpoints(&self, user: &str) -> [Endpoint; 2] {
        servers().ports.map(|port| Endpoint::new("127.0.0.1", port, user, PASSWORD, &self.name))
    }
}

/// A client of the admin on source (0) or target (1).
pub async fn client(side: usize, database: &str) -> Client {
    let mut config = tokio_postgres::Config::new();
    config.host("127.0.0.1").port(servers().ports[side]).user(ADMIN).password(PASSWORD).dbname(database);
    let (client, connection) = config.connect(NoTls).await.expect("the server lets its admin in");
    tokio::spawn(connection);
    client
}

/// The two servers, which are started when they are asked for first.
pub fn servers() -> &'static Servers {
    static SERVERS: OnceLock<Servers> = OnceLock::new();
    SERVERS.get_or_init(start)
}

/// The kernel ends the servers when the *thread* that started them ends, so that thread stays.
fn start() -> Servers {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        // The test that waits has gone if nobody listens.
        let _ = tell.send(std::panic::catch_unwind(launch));
        loop {
            std::thread::park();
        }
    });
    match told.recv().expect("the thread that starts the servers answers") {
        Ok(servers) => servers,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

fn launch() -> Servers {
    let place = directory();
    removed_in_the_end(&place);
    let owner = Owner::find();
    fs::write(place.join("password"), PASSWORD).expect("a file");
    owner.gets(&place);
    owner.gets(&place.join("password"));
    let source = place.join("source");
    let mut initdb = owner.command(&program("initdb"));
    initdb.args(["--username", ADMIN, "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync"]);
    done(initdb.arg("--pwfile").arg(place.join("password")).arg("--pgdata").arg(&source));
    done(Command::new("cp").arg("-a").arg(&source).arg(place.join("target")));
    certificates(&place);
    for file in ["server.key", "server.crt"] {
        fs::copy(place.join(file), place.join("target").join(file)).expect("a copy");
        owner.gets(&place.join("target").join(file));
    }
    fs::set_permissions(place.join("target/server.key"), fs::Permissions::from_mode(0o600)).expect("permissions");
    let rules = "hostnossl all tls_only 127.0.0.1/32 reject\nhost all all 127.0.0.1/32 scram-sha-256\n";
    for side in ["source", "target"] {
        fs::write(place.join(side).join("pg_hba.conf"), rules).expect("rules");
    }
    let ports = [serve(&owner, &place, "source", "ssl=off"), serve(&owner, &place, "target", "ssl=on")];
    Servers { ports, place }
}

/// Starts one server and waits until it answers.
#[expect(clippy::zombie_processes, reason = "the kernel ends it with this process")]
fn serve(owner: &Owner, place: &Path, side: &str, tls: &str) -> u16 {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port();
    let log = place.join(format!("{side}.log"));
    let output = fs::File::create(&log).expect("a log");
    let mut command = owner.command(&program("postgres"));
    command.arg("-D").arg(place.join(side)).args(["-p", &port.to_string()]);
    let settings = [
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "fsync=off",
        "full_page_writes=off",
        "max_connections=300",
        "log_line_prefix=%d: ",
        "lc_messages=C",
        tls,
    ];
    for setting in settings {
        command.args(["-c", setting]);
    }
    let mut server = command.stdin(Stdio::null()).stdout(output.try_clone().expect("a log")).stderr(output).spawn().expect("setpriv of util-linux");
    let began = Instant::now();
    loop {
        let text = fs::read_to_string(&log).expect("the log");
        if text.contains("ready to accept connections") {
            return port;
        }
        let ended = server.try_wait().expect("the server's status");
        assert!(ended.is_none() && began.elapsed() < PATIENCE, "PostgreSQL did not start ({ended:?}):\n{text}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A certificate for `localhost` with the one that vouches for it, and one that has nothing to do with them.
fn certificates(place: &Path) {
    let openssl = |arguments: &str| {
        let mut command = Command::new("openssl");
        done(command.current_dir(place).args(arguments.split(' ')));
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(&format!("req -x509 {key} -keyout ca.key -out ca.crt -subj /CN=test-ca -days 30"));
    openssl(&format!("req -x509 {key} -keyout other.key -out other.crt -subj /CN=other-ca -days 30"));
    openssl(&format!("req {key} -keyout server.key -out server.csr -subj /CN=localhost"));
    fs::write(place.join("names"), "subjectAltName=DNS:localhost\n").expect("a file");
    openssl("x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -extfile names -out server.crt");
}

/// Runs a command to its end.
fn done(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?} can not be run: {error}"));
    assert!(output.status.success(), "{command:?}:\n{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
}

/// Where a program of PostgreSQL is.
fn program(name: &str) -> PathBuf {
    let mut places: Vec<PathBuf> = std::env::var_os("PATH").iter().flat_map(std::env::split_paths).collect();
    let mut versions: Vec<PathBuf> =
        fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path().join("bin")).collect();
    versions.sort();
    places.extend(versions.into_iter().rev());
    let found = places.into_iter().map(|place| place.join(name)).find(|file| file.exists());
    found.unwrap_or_else(|| panic!("`{name}` of PostgreSQL is needed for this test: `apt-get install postgresql`, or add its directory to PATH"))
}

/// Who runs the servers: PostgreSQL refuses to be run by root.
struct Owner(Option<(u32, u32)>);

impl Owner {
    fn find() -> Self {
        if fs::metadata("/proc/self").expect("this process").uid() != 0 {
            return Self(None);
        }
        let users = fs::read_to_string("/etc/passwd").expect("the users of this machine");
        let ids = |name: &str| {
            let mut parts = users.lines().find(|line| line.split(':').next() == Some(name))?.split(':').skip(2).map(str::parse);
            Some((parts.next()?.ok()?, parts.next()?.ok()?))
        };
        Self(Some(ids("postgres").or_else(|| ids("nobody")).expect("a user `postgres` or `nobody`, because root can not run PostgreSQL")))
    }

    fn gets(&self, path: &Path) {
        if let Some((user, group)) = self.0 {
            chown(path, Some(user), Some(group)).expect("root may give files away");
        }
    }

    /// A command that the kernel ends at once when the thread that started it ends.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "QUIT"]).env("LC_ALL", "C");
        if let Some((user, group)) = self.0 {
            command.args(["--reuid", &user.to_string(), "--regid", &group.to_string(), "--clear-groups"]);
        }
        command.arg(program);
        // A directory that the other user may enter.
        command.current_dir("/");
        command
    }
}

/// Has a directory removed when this process has ended, however it ended: the databases of a run are large.
#[expect(clippy::zombie_processes, reason = "it outlives this process")]
fn removed_in_the_end(place: &Path) {
    let mut guardian = Command::new("sh");
    guardian.args(["-c", "cat; sleep 2; rm -rf -- \"$0\""]).arg(place).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    // In a group of its own, so that Ctrl-C does not end it, too.
    let mut guardian = guardian.process_group(0).spawn().expect("a shell");
    // The kernel closes the pipe with this process, and that is the sign.
    std::mem::forget(guardian.stdin.take());
}

/// A directory that another user can reach, which is kept as long as this process: those of earlier ones that are still there are removed.
fn directory() -> PathBuf {
    const PREFIX: &str = "migrate-infra-postgres-";
    for entry in fs::read_dir(std::env::temp_dir()).expect("the directory for temporary files").flatten() {
        let process = entry.file_name().to_str().and_then(|name| name.strip_prefix(PREFIX)?.parse::<u32>().ok());
        if process.is_some_and(|id| !Path::new(&format!("/proc/{id}")).exists()) {
            // Another test process may have removed it in this moment.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    let place = std::env::temp_dir().join(format!("{PREFIX}{}", std::process::id()));
    fs::create_dir_all(&place).expect("a directory for the servers");
    fs::set_permissions(&place, fs::Permissions::from_mode(0o755)).expect("permissions");
    place
}
