//! The process that looks after one server.
//!
//! It starts the server, starts it again after a crash, and stops it when nobody uses it any more. It is a process of
//! its own, in its own process group, because the commands that use a server come and go, and can be killed.
//!
//! Users hold a shared lock of `users.lock`. The supervisor takes it alone before it stops the server: a new user waits
//! until the server is down, and then starts it. It releases `supervisor.lock` before `users.lock`, so that this user
//! sees that nobody looks after the server.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitCode};
use std::time::{Duration, Instant};

use infra_base::file;

use super::error::PostgresError;
use super::files;
use super::layout::{Description, Layout};
use super::lock::Lock;
use super::owner::Owner;
use super::postmaster::{self, Postmaster};

/// How often the server and its users are looked at.
const POLL: Duration = Duration::from_millis(100);
/// How long a server runs without users. The next command often follows at once, and a killed one is often restarted.
const LINGER: Duration = Duration::from_secs(2);
/// How often a server is started without becoming ready before the supervisor gives up.
const ATTEMPTS: u32 = 3;
/// How long another supervisor can take to end.
const PREDECESSOR: Duration = Duration::from_secs(2);
/// A log that is longer is begun again when the server starts.
const LONGEST_LOG: u64 = 16 << 20;
/// The ports that are chosen from: below those that Linux gives to outgoing connections (32768 to 60999), so that a
/// port stays free while the server is stopped.
const PORTS: std::ops::Range<u16> = 20_000..32_000;
/// How many ports are tried.
const PORT_ATTEMPTS: u32 = 200;

/// Looks after the server in a directory until nobody uses it, and stops it. It blocks.
///
/// The program that calls it is started by [`super::Server::start`].
pub fn supervise(directory: &Path) -> ExitCode {
    match run(&Layout::new(directory)) {
        Ok(()) => ExitCode::SUCCESS,
        // Who waits for the start reads this, and adds the rest.
        Err(PostgresError::Start { log, .. }) => {
            say(&log);
            ExitCode::FAILURE
        }
        Err(error) => {
            let causes = std::iter::successors(std::error::Error::source(&error), |cause| cause.source());
            let causes: String = causes.map(|cause| format!(": {cause}")).collect();
            say(&format!("{error}{causes}"));
            ExitCode::FAILURE
        }
    }
}

/// Writes a line to the log. A full disk must not end what looks after the server.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

fn run(layout: &Layout) -> Result<(), PostgresError> {
    // A lock would bring back files of a removed server.
    layout.existing()?;
    let began = Instant::now();
    let lock = loop {
        match Lock::try_exclusive(&layout.supervisor_lock())? {
            Some(lock) => break lock,
            // Another supervisor looks after the server.
            None if began.elapsed() > PREDECESSOR => return Ok(()),
            None => std::thread::sleep(POLL),
        }
    };
    let description = layout.existing()?;
    let data = layout.data(&description);
    let mut supervisor = Supervisor { layout, description, data, child: None, failed_starts: 0, is_ready: false };
    let users = supervisor.look_after()?;
    // In this order; see above.
    drop(lock);
    drop(users);
    Ok(())
}

struct Supervisor<'a> {
    layout: &'a Layout,
    description: Description,
    data: PathBuf,
    /// The main process, if this process started it. Otherwise it was found and is only watched.
    child: Option<Child>,
    /// How often in a row the server ended before it was ready.
    failed_starts: u32,
    is_ready: bool,
}

impl Supervisor<'_> {
    /// Keeps the server running as long as it has users. Returns the lock that keeps new ones out, if that is why it
    /// ended.
    fn look_after(&mut self) -> Result<Option<Lock>, PostgresError> {
        let mut unused_since: Option<Instant> = None;
        loop {
            // The directory can have been deleted by hand.
            if self.layout.stopped().exists() || !self.layout.description_file().exists() {
                self.stop();
                return Ok(None);
            }
            self.keep_running()?;
            match Lock::try_exclusive(&self.layout.users_lock())? {
                None => unused_since = None,
                Some(users) if unused_since.get_or_insert_with(Instant::now).elapsed() >= LINGER => {
                    self.stop();
                    return Ok(Some(users));
                }
                Some(_) => {}
            }
            std::thread::sleep(POLL);
        }
    }

    /// Starts the server if it does not run.
    fn keep_running(&mut self) -> Result<(), PostgresError> {
        // An ended child must be awaited, or its number stays in use.
        let child_runs = match &mut self.child {
            Some(child) => {
                let status = child.try_wait().map_err(PostgresError::io("wait for", &self.data))?;
                if let Some(status) = status {
                    say(&format!("the server ended: {status}"));
                    self.child = None;
                }
                status.is_none()
            }
            None => false,
        };
        // One that an earlier supervisor has started is adopted.
        let found = Postmaster::find(&self.data);
        if found.is_some() || child_runs {
            if found.is_some_and(|postmaster| postmaster.is_ready) {
                (self.is_ready, self.failed_starts) = (true, 0);
            }
            return Ok(());
        }
        if !self.is_ready {
            self.failed_starts += 1;
            if self.failed_starts > ATTEMPTS {
                let log = files::end_of(&self.layout.server_log());
                return Err(PostgresError::Start { directory: self.layout.directory.clone(), log });
            }
        }
        self.is_ready = false;
        self.launch()
    }

    fn launch(&mut self) -> Result<(), PostgresError> {
        postmaster::clean(&self.data)?;
        let port = self.choose_port()?;
        let path = self.layout.server_log();
        let is_long = std::fs::metadata(&path).is_ok_and(|data| data.len() > LONGEST_LOG);
        let options = OpenOptions::new().create(true).append(!is_long).write(true).truncate(is_long).clone();
        let log = file::open(&path, &options);
        let log = log.map_err(PostgresError::io("open", &path))?;
        let errors = log.try_clone().map_err(PostgresError::io("open", &path))?;
        let program = self.description.installation.program("postgres");
        let mut command = Owner::current().command(&program);
        command.arg("-D").arg(&self.data).args(["-p", &port.to_string()]);
        // Ctrl-C in the terminal is for the commands.
        command.stdout(log).stderr(errors).process_group(0);
        self.child = Some(command.spawn().map_err(PostgresError::io("run", &program))?);
        Ok(())
    }

    /// Returns the port of the last start if it is free, otherwise another one.
    fn choose_port(&self) -> Result<u16, PostgresError> {
        let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
        // A port can look free and be taken by the time the server wants it.
        let kept = self.layout.port()?.filter(|_| self.failed_starts < 2);
        if let Some(port) = kept.filter(is_free) {
            return Ok(port);
        }
        let port = (0..PORT_ATTEMPTS).map(|_| fastrand::u16(PORTS)).find(is_free).ok_or_else(|| {
            let log = "there is no free port".to_owned();
            PostgresError::Start { directory: self.layout.directory.clone(), log }
        })?;
        self.layout.write_port(port)?;
        Ok(port)
    }

    fn stop(&mut self) {
        if let Some(postmaster) = Postmaster::find(&self.data) {
            postmaster.stop();
        }
        if let Some(mut child) = self.child.take() {
            // It has ended, or it has not written its file yet. Then it has not changed anything that matters.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
