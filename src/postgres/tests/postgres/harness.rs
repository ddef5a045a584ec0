//! Servers for tests.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use infra_postgres::{Authority, Installation, InstanceSize, Launcher, PostgresError, Programs, Server, ServerSpec};

pub const MASTER: &str = "payments";
pub const PASSWORD: &str = "Gehe1m/7@x'\\";
pub const DATABASE: &str = "ledger";
pub const ENDPOINT: &str = "prod.c1a2b3d4e5f6.eu-central-1.rds.amazonaws.com";

/// A directory for one server. Removing it stops a server that a failed test has left.
pub struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    /// A directory that the server's user can enter.
    pub fn open() -> Self {
        Self::with_mode(0o755)
    }

    /// A directory that only this user can enter.
    pub fn closed() -> Self {
        Self::with_mode(0o700)
    }

    fn with_mode(mode: u32) -> Self {
        let place = Self { directory: tempfile::tempdir().unwrap() };
        fs::set_permissions(place.directory.path(), fs::Permissions::from_mode(mode)).unwrap();
        place
    }

    pub fn server(&self) -> PathBuf {
        self.directory.path().join("server")
    }

    pub fn authority(&self) -> PathBuf {
        self.directory.path().join("authority")
    }

    pub async fn create(&self, parameters: &[(&str, &str)]) -> Server {
        Server::create(&self.server(), self.spec(parameters), launcher()).await.unwrap().0
    }

    pub fn open_server(&self) -> Result<Server, PostgresError> {
        Server::open(&self.server(), launcher())
    }

    pub fn spec(&self, parameters: &[(&str, &str)]) -> ServerSpec {
        ServerSpec {
            installation: installation(),
            endpoint: ENDPOINT.to_owned(),
            authority: Authority::open_or_create(&self.authority()).unwrap(),
            master_user: MASTER.to_owned(),
            master_password: PASSWORD.into(),
            database: Some(DATABASE.to_owned()),
            parameters: map(parameters),
            size: InstanceSize::default(),
            locale: None,
        }
    }

    /// Returns the number of the server's main process.
    pub fn postmaster(&self) -> u32 {
        self.find_postmaster().unwrap()
    }

    /// Returns the number in the file of the main process, which is absent or empty for a moment while the server
    /// starts.
    pub fn find_postmaster(&self) -> Option<u32> {
        let text = fs::read_to_string(self.data().join("postmaster.pid")).ok()?;
        text.lines().next()?.trim().parse().ok()
    }

    pub fn data(&self) -> PathBuf {
        let own = self.server().join("data");
        if own.exists() { own } else { self.elsewhere().join("data") }
    }

    /// Returns the directory outside this one that the server uses.
    pub fn elsewhere(&self) -> PathBuf {
        let text = fs::read_to_string(self.server().join("server.json")).unwrap();
        let description: serde_json::Value = serde_json::from_str(&text).unwrap();
        PathBuf::from(description["elsewhere"].as_str().unwrap())
    }

    /// Waits until nothing of the server runs: a moment longer than a server stays without users.
    pub async fn is_idle(&self) {
        let began = Instant::now();
        loop {
            let left = self.processes();
            if left.is_empty() {
                return;
            }
            assert!(began.elapsed() < Duration::from_secs(8), "still running: {}", describe(&left));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Returns the numbers of all processes that belong to the server: supervisors, and those in the data directory.
    pub fn processes(&self) -> Vec<u32> {
        let (server, data) = (self.server(), self.server().join("data"));
        let mut found: Vec<u32> = supervisors(&server);
        for pid in pids() {
            if fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|directory| directory == data) {
                found.push(pid);
            }
        }
        found
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if Server::exists(&self.server()) {
            let directory = self.server();
            let thread = std::thread::spawn(move || {
                tokio::runtime::Runtime::new().unwrap().block_on(Server::remove(&directory))
            });
            let removed = thread.join();
            assert!(std::thread::panicking() || matches!(removed, Ok(Ok(()))), "{removed:?}");
        }
    }
}

pub fn map(parameters: &[(&str, &str)]) -> BTreeMap<String, String> {
    parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

pub fn installation() -> Installation {
    static FOUND: std::sync::OnceLock<Installation> = std::sync::OnceLock::new();
    FOUND.get_or_init(|| Programs::all().choose(None).unwrap_or_else(|missing| panic!("{missing}")).clone()).clone()
}

pub fn launcher() -> Launcher {
    Launcher { program: program(), arguments: vec!["supervise".into()] }
}

pub fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_infra-postgres-test-program"))
}

/// Returns the processes that supervise a server.
pub fn supervisors(server: &Path) -> Vec<u32> {
    let wanted = server.canonicalize().unwrap_or(server.to_owned());
    let supervises = |pid: &u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let arguments: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
        arguments.len() >= 3 && arguments[1] == b"supervise" && arguments[2] == wanted.as_os_str().as_encoded_bytes()
    };
    pids().filter(supervises).collect()
}

fn describe(pids: &[u32]) -> String {
    let pids = pids.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
    let output = std::process::Command::new("ps").args(["-o", "pid,ppid,stat,args", "-p", &pids]).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn pids() -> impl Iterator<Item = u32> {
    fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Kills a process as `kill -9` does.
pub fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

/// Waits until something holds.
pub async fn eventually(what: &str, limit: Duration, mut holds: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < limit, "not within {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
