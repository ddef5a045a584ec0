//! LocalStack, run from a virtual environment without Docker; see tests/localstack/README.md.
//!
//! `MIGRATE_INFRA_TEST_ENDPOINT` names a running instance instead. If none can be started, the test fails and reports
//! why.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{OnceLock, mpsc};
use std::time::{Duration, Instant};

/// How long the installation of the virtual environment and the start of the server can take.
const START_TIMEOUT: Duration = Duration::from_mins(15);
/// What to do about a missing Python.
const PYTHON_MISSING: &str = "the tests against LocalStack need Python 3.11, 3.12 or 3.13 with venv: \
                              `apt-get install python3 python3-venv`";
/// The URL of the emulator that this process uses.
static URL: OnceLock<String> = OnceLock::new();
/// Each test has its own account; LocalStack derives the account from the access key.
static ACCOUNTS: AtomicU64 = AtomicU64::new(111_122_223_333);

/// An account of a running emulator.
#[derive(Clone)]
pub struct Emulator {
    /// Its endpoint.
    pub url: String,
    /// The account.
    pub account: String,
}

impl Emulator {
    /// Returns an account of the emulator that the environment variable names, or of one that the first call starts on
    /// a free port for all tests.
    pub fn account() -> Self {
        let url = URL.get_or_init(|| std::env::var("MIGRATE_INFRA_TEST_ENDPOINT").unwrap_or_else(|_| start())).clone();
        Self { url, account: ACCOUNTS.fetch_add(1, Ordering::Relaxed).to_string() }
    }

    /// Makes a command of the program use the emulator.
    pub fn point(&self, command: &mut Command) {
        command
            .env("AWS_ENDPOINT_URL", &self.url)
            .env("AWS_ACCESS_KEY_ID", &self.account)
            .env("AWS_SECRET_ACCESS_KEY", "test");
    }
}

/// Starts a server that ends with this process, however it ends, and waits until it accepts requests.
///
/// The kernel ends it when the *thread* that started it ends, so that thread must outlive the test that needs the
/// server first.
fn start() -> String {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        // The send fails if the waiting test has ended.
        let _ = sender.send(std::panic::catch_unwind(launch));
        loop {
            std::thread::park();
        }
    });
    match receiver.recv().expect("the thread that starts the emulator sends a result") {
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
        .expect(PYTHON_MISSING);
    let began = Instant::now();
    while !ready.exists() {
        let ended = server.try_wait().expect("the server's status");
        assert!(ended.is_none(), "the emulator did not start ({ended:?}):\n{}", log(&state));
        assert!(
            began.elapsed() < START_TIMEOUT,
            "the emulator is not ready after {} s:\n{}",
            START_TIMEOUT.as_secs(),
            log(&state)
        );
        std::thread::sleep(Duration::from_millis(200));
    }
    format!("http://127.0.0.1:{port}")
}

/// Creates a directory for the server, for as long as this process runs, and removes those of earlier processes.
fn state_directory() -> PathBuf {
    const PREFIX: &str = "localstack-state-";
    let place = Path::new(env!("CARGO_TARGET_TMPDIR"));
    for entry in fs::read_dir(place).expect("the directory for temporary files").flatten() {
        let process = entry.file_name().to_str().and_then(|name| name.strip_prefix(PREFIX)?.parse::<u32>().ok());
        if process.is_some_and(|id| !Path::new(&format!("/proc/{id}")).exists()) {
            // Another test process can remove it at the same time.
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

/// Returns the Python of the virtual environment, which is created if it is missing.
///
/// # Errors
/// Names what is missing, and how to install it.
pub fn python() -> Result<PathBuf, String> {
    let output =
        starter().arg("--install-only").output().map_err(|error| format!("{PYTHON_MISSING} (`python3`: {error})"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(venv().join("bin/python"))
}

/// The virtual environment is in the target directory, so that it is installed once.
fn venv() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("localstack-venv")
}

fn log(state: &Path) -> String {
    let read = |path: PathBuf| fs::read_to_string(path).unwrap_or_default();
    let text = format!("{}{}", read(state.join("output.log")), read(state.join("state/localstack.log")));
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(60)..].join("\n")
}
