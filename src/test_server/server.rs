//! A server.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, mpsc};
use std::time::{Duration, Instant};

use super::directory::directory;
use super::user::{command, give, succeed};

/// The superuser of every server.
pub const ADMIN: &str = "admin";
/// How long a server can take to start.
const START: Duration = Duration::from_mins(1);

/// How a server is set up.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The directory of the programs.
    pub programs: PathBuf,
    /// With what the name of its directory begins.
    pub prefix: &'static str,
    /// The password of the superuser. Without one, the server trusts every user of this machine.
    pub password: Option<&'static str>,
    /// The locale.
    pub locale: &'static str,
    /// Settings, as `name=value`.
    pub settings: Vec<String>,
}

impl Setup {
    /// Returns a setup with the locale `C.UTF-8`.
    pub fn new(programs: PathBuf, prefix: &'static str, password: Option<&'static str>, settings: &[&str]) -> Self {
        let settings = settings.iter().map(|&setting| setting.to_owned()).collect();
        Self { programs, prefix, password, locale: "C.UTF-8", settings }
    }
}

/// A server that runs on the loopback interface.
#[derive(Debug)]
pub struct Server {
    /// Its port.
    pub port: u16,
    /// How it is set up.
    pub setup: Setup,
    data: PathBuf,
    process: Mutex<Child>,
}

impl Server {
    /// Initializes and starts a server.
    ///
    /// # Panics
    /// It does not start.
    pub fn start(setup: Setup) -> Self {
        let directory = directory(setup.prefix);
        let data = directory.join("data");
        let mut initdb = command(&setup.programs.join("initdb"));
        initdb.args(["--username", ADMIN, "--encoding", "UTF8", "--locale", setup.locale, "--no-sync"]);
        match setup.password {
            Some(password) => {
                let file = directory.join("password");
                fs::write(&file, password).expect("a file");
                give(&file);
                initdb.args(["--auth", "scram-sha-256", "--pwfile"]).arg(file);
            }
            None => drop(initdb.args(["--auth", "trust"])),
        }
        succeed(initdb.arg("--pgdata").arg(&data));
        Self::on(setup, data)
    }

    /// Starts a server on data that exist, in a directory of [`directory`](crate::directory()).
    ///
    /// # Panics
    /// It does not start.
    pub fn on(setup: Setup, data: PathBuf) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
        let process = launch(&setup, &data, port).unwrap_or_else(|log| failed(&log));
        Self { port, setup, data, process: Mutex::new(process) }
    }

    /// Returns a command that runs a program of the server's version.
    pub fn command(&self, program: &str) -> Command {
        command(&self.setup.programs.join(program))
    }

    /// Kills all processes of the server with `kill -9`, and starts it again.
    ///
    /// # Panics
    /// It does not start.
    pub fn kill_and_restart(&self) {
        let mut process = self.process.lock().expect("no test panicked with the lock");
        // The parent first, so that it does not end its children in an orderly way.
        let family: Vec<u32> = std::iter::once(process.id()).chain(children(process.id())).collect();
        let ids: Vec<String> = family.iter().map(u32::to_string).collect();
        Command::new("kill").arg("-9").args(&ids).stderr(Stdio::null()).status().expect("kill runs");
        process.wait().expect("the server has ended");
        let began = Instant::now();
        *process = loop {
            match launch(&self.setup, &self.data, self.port) {
                Ok(process) => break process,
                // Processes of the killed server can still hold its memory.
                Err(_) if began.elapsed() < START => {}
                Err(log) => failed(&log),
            }
        };
    }
}

#[expect(clippy::panic, reason = "it fails as the test does")]
fn failed(log: &str) -> ! {
    panic!("PostgreSQL did not start:\n{log}")
}

/// Starts the process from a thread that stays, because the kernel ends the process with that thread. Returns the log
/// if it does not become ready.
fn launch(setup: &Setup, data: &Path, port: u16) -> Result<Child, String> {
    let mut server = command(&setup.programs.join("postgres"));
    server.arg("-D").arg(data).args(["-p", &port.to_string()]);
    for setting in ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off"] {
        server.args(["-c", setting]);
    }
    for setting in &setup.settings {
        server.args(["-c", setting]);
    }
    let log = data.with_extension("log");
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let _ = sender.send(spawn(&mut server, &log));
        loop {
            std::thread::park();
        }
    });
    receiver.recv().expect("the thread sends the process")
}

fn spawn(server: &mut Command, log: &Path) -> Result<Child, String> {
    let output = fs::File::create(log).expect("a log");
    server.stdout(output.try_clone().expect("a log")).stderr(output);
    let mut child = server.spawn().expect("setpriv runs");
    let began = Instant::now();
    loop {
        let text = fs::read_to_string(log).expect("the log");
        if text.contains("ready to accept") {
            return Ok(child);
        }
        if child.try_wait().expect("a status").is_some() || began.elapsed() > START {
            return Err(text);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn children(of: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").expect("/proc").flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    ids.filter(|id| {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1)) == Some(of.to_string().as_str())
    })
    .collect()
}
