//! LocalStack, run from a virtual environment without Docker; see tests/localstack/README.md.
//!
//! `MIGRATE_INFRA_TEST_ENDPOINT` names a running one instead. When none can be started the test fails and says why.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{OnceLock, mpsc};
use std::time::{Duration, Instant};

/// How long the virtual environment may take to install and the server to start.
const PATIENCE: Duration = Duration::from_mins(15);
/// The URL of the emulator that this process has started or was told of.
static URL: OnceLock<String> = OnceLock::new();
/// Each test takes an account of its own; LocalStack derives the account from the access key.
static ACCOUNTS: AtomicU64 = AtomicU64::new(111_122_223_333);

/// An account of a running emulator.
pub struct Emulator {
    /// Where it listens.
    pub url: String,
    /// The account.
    pub account: String,
}

impl Emulator {
    /// Returns an account of the emulator that the environment names, or of one that is started on a free port, once for all tests.
    pub fn account() -> Self {
        let url = URL.get_or_init(|| std::env::var("MIGRATE_INFRA_TEST_ENDPOINT").unwrap_or_else(|_| start())).clone();
        Self { url, account: ACCOUNTS.fetch_add(1, Ordering::Relaxed).to_string() }
    }

    /// The program, pointed at the emulator.
    pub fn point(&self, command: &mut Command) {
        command.env("AWS_ENDPOINT_URL", &self.url).env("AWS_ACCESS_KEY_ID", &self.account).env("AWS_SECRET_ACCESS_KEY", "test");
    }
}

/// Starts a server that ends with this process, however it ends, and waits until it answers.
///
/// The kernel ends it when the *thread* that started it does, so that thread must outlive the test that needs the server first.
fn start() -> String {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        // The test that waits has gone if nobody listens.
        let _ = tell.send(std::panic::catch_unwind(launch));
        loop {
            std::thread::park();
        }
    });
    match told.recv().expect("the thread that starts the emulator answers") {
        Ok(url) => url,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

#[expect(clippy::zombie_processes, reason = "the kernel ends it with this process")]
fn launch() -> String {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port();
    let state = state_directory();
    let ready = state.join("ready");
    let output = fs::File::create(state.join("output.log")).expect("a log");
    let mut server = starter()
        .args(["--port", &port.to_string(), "--die-with-parent", "--state"])
        .arg(state.join("state"))
        .arg("--ready-file")
        .arg(&ready)
        .stdin(Stdio::null())
        .stdout(output.try_clone().expect("a log"))
        .stderr(output)
        .spawn()
        .expect("python3 is needed to run the emulator: install Python 3.11 or later");
    let began = Instant::now();
    while !ready.exists() {
        let ended = server.try_wait().expect("the server's status");
        assert!(ended.is_none(), "the emulator did not start ({ended:?}):\n{}", log(&state));
        assert!(began.elapsed() < PATIENCE, "the emulator is not ready after {} s:\n{}", PATIENCE.as_secs(), log(&state));
        std::thread::sleep(Duration::from_millis(200));
    }
    format!("http://127.0.0.1:{port}")
}

/// A directory that is kept as long as the server, which is as long as this process: those of earlier ones are removed.
fn state_directory() -> PathBuf {
    const PREFIX: &str = "localstack-state-";
    let place = Path::new(env!("CARGO_TARGET_TMPDIR"));
    for entry in fs::read_dir(place).expect("the directory for temporary files").flatten() {
        let process = entry.file_name().to_str().and_then(|name| name.strip_prefix(PREFIX)?.parse::<u32>().ok());
        if process.is_some_and(|id| !Path::new(&format!("/proc/{id}")).exists()) {
            // Another test process may have removed it in this moment.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    let state = place.join(format!("{PREFIX}{}", std::process::id()));
    fs::create_dir_all(&state).expect("a directory for the server");
    state
}

fn starter() -> Command {
    let mut command = Command::new("python3");
    command.arg("tests/localstack/start.py").arg("--venv").arg(venv());
    command
}

/// Returns the Python of the virtual environment, which is made when it is missing.
pub fn python() -> PathBuf {
    let made = starter().arg("--install-only").output().expect("python3 is needed: install Python 3.11 or later");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    venv().join("bin/python")
}

/// The virtual environment is kept with other things that are built, so that it is installed once.
fn venv() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("localstack-venv")
}

fn log(state: &Path) -> String {
    let read = |path: PathBuf| fs::read_to_string(path).unwrap_or_default();
    let text = format!("{}{}", read(state.join("output.log")), read(state.join("state/localstack.log")));
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(60)..].join("\n")
}
