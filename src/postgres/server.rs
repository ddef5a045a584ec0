//! A server of this machine, running or not.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use infra_base::file;

use super::configuration::{Applied, Configuration};
use super::connect_error::ConnectError;
use super::connection::ConnectionInfo;
use super::error::PostgresError;
use super::files;
use super::initialize::{ServerSpec, initialize};
use super::layout::{Description, Layout, StoredParameters};
use super::lock::Lock;
use super::postmaster::{POLL, Postmaster};
use super::programs::{Programs, Version};
use super::roles::SUPERUSER;
use super::tls_mode::Tls;

/// How long a server can take to start, with recovery, and how long others can hold it.
const LIMIT: Duration = Duration::from_mins(2);
/// How often a supervisor is launched for one start.
const LAUNCHES: u32 = 3;
/// How often the removal of the directory is tried.
const REMOVALS: u32 = 10;
/// What `pg_stat_activity` shows for connections of this crate.
const APPLICATION: &str = "migrate-infra";

/// How the program is started that calls [`super::supervise`]: the server's directory is the last argument.
#[derive(Debug, Clone)]
pub struct Launcher {
    /// The program.
    pub program: PathBuf,
    /// The arguments before the directory.
    pub arguments: Vec<OsString>,
}

/// A server that exists. It runs while at least one [`Running`](crate::Running) exists on this machine.
#[derive(Debug, Clone)]
pub struct Server {
    layout: Layout,
    launcher: Launcher,
    description: Description,
}

impl Server {
    /// Creates a server in a directory. One that exists stays as it is.
    ///
    /// *Guarantees*: It can be repeated after a crash at any point. Two calls at the same time create one server.
    pub async fn create(
        directory: &Path,
        spec: ServerSpec,
        launcher: Launcher,
    ) -> Result<(Self, Applied), PostgresError> {
        files::create_directory(directory, 0o711)?;
        let layout = Layout::new(directory);
        let same = layout.clone();
        let applied = blocking(move || initialize(&same, &spec)).await?;
        Ok((Self::open(&layout.directory, launcher)?, applied))
    }

    /// Opens the server in a directory.
    pub fn open(directory: &Path, launcher: Launcher) -> Result<Self, PostgresError> {
        let layout = Layout::new(directory);
        let description = layout.existing()?;
        Ok(Self { layout, launcher, description })
    }

    /// Returns whether there is a server in a directory.
    pub fn exists(directory: &Path) -> bool {
        Layout::new(directory).description_file().exists()
    }

    /// Returns the directory.
    pub fn directory(&self) -> &Path {
        &self.layout.directory
    }

    /// Returns the version of the programs.
    pub fn version(&self) -> Version {
        self.description.installation.version
    }

    /// Returns whether connections can be encrypted. A server that was built without TLS cannot do it.
    pub fn offers_tls(&self) -> bool {
        self.description.installation.offers_tls
    }

    /// Returns the file with the certificate that clients trust.
    pub fn trusted_certificate(&self) -> PathBuf {
        self.layout.trusted_certificate()
    }

    /// Returns the file to which the server writes its log.
    pub fn log(&self) -> PathBuf {
        self.layout.server_log()
    }

    /// Returns whether the server runs and lets its superuser in.
    pub async fn is_answering(&self) -> bool {
        self.connect_superuser("postgres").await.is_ok()
    }

    /// Stops the server although it has users, until the next start. They lose their connections.
    pub async fn stop(&self) -> Result<(), PostgresError> {
        let layout = self.layout.clone();
        blocking(move || {
            let _start = Lock::exclusive(&layout.start_lock(), LIMIT)?;
            stop(&layout)
        })
        .await
    }

    /// Stops the server of a directory and deletes its files, also those of a server that was not completely created or
    /// removed.
    pub async fn remove(directory: &Path) -> Result<(), PostgresError> {
        let layout = Layout::new(directory);
        blocking(move || remove(&layout)).await
    }

    /// Changes the parameters. Dynamic ones have effect when the server reads its files: use
    /// `Running::set_parameters` for a running one. Static ones have effect after `Running::restart`.
    pub async fn set_parameters(&self, parameters: BTreeMap<String, String>) -> Result<Applied, PostgresError> {
        let this = self.clone();
        blocking(move || {
            let _start = Lock::exclusive(&this.layout.start_lock(), LIMIT)?;
            let started = this.layout.parameters()?.started;
            this.configure(&StoredParameters { wanted: parameters, started })
        })
        .await
    }

    /// Returns what the parameters mean now.
    pub async fn parameters(&self) -> Result<Applied, PostgresError> {
        let this = self.clone();
        blocking(move || {
            let description = this.layout.existing()?;
            let parameters = this.layout.parameters()?;
            Ok(Configuration::of(&parameters, &description.size, &description.installation)?.applied)
        })
        .await
    }

    /// Returns how a user connects, with the most TLS that the server offers: with its certificate verified.
    ///
    /// The port is the one of the running server, or the last one.
    pub fn connection(
        &self,
        user: &str,
        password: impl Into<super::Password>,
        database: &str,
    ) -> Result<ConnectionInfo, PostgresError> {
        let port = Postmaster::find(&self.layout.data(&self.description)).and_then(|postmaster| postmaster.port);
        let port = port.map_or_else(|| self.layout.port(), |port| Ok(Some(port)))?;
        Ok(ConnectionInfo {
            host: self.description.endpoint.clone(),
            address: Some(std::net::Ipv4Addr::LOCALHOST.into()),
            port: port.unwrap_or(0),
            user: user.to_owned(),
            password: password.into(),
            database: database.to_owned(),
            tls: if self.offers_tls() { Tls::VerifyFull(self.trusted_certificate()) } else { Tls::Off },
            application_name: APPLICATION.to_owned(),
        })
    }

    /// Returns how the superuser connects. It belongs to the sandbox, as `rdsadmin` belongs to RDS.
    pub fn superuser_connection(&self, database: &str) -> Result<ConnectionInfo, PostgresError> {
        let password = files::read(&self.layout.superuser_password())?.unwrap_or_default();
        Ok(self.connection(SUPERUSER, password, database)?.with_tls(Tls::Off))
    }

    /// Returns the name of the master user.
    pub fn master_user(&self) -> &str {
        &self.description.master_user
    }

    pub(super) async fn connect_superuser(&self, database: &str) -> Result<tokio_postgres::Client, PostgresError> {
        Ok(self.superuser_connection(database)?.connect().await?)
    }

    /// Restarts the server, so that all parameters have effect, and waits until it is ready.
    pub(super) async fn restart(&self) -> Result<(), PostgresError> {
        let this = self.clone();
        blocking(move || {
            let _start = Lock::exclusive(&this.layout.start_lock(), LIMIT)?;
            let wanted = this.layout.parameters()?.wanted;
            this.configure(&StoredParameters { started: wanted.clone(), wanted })?;
            if let Some(postmaster) = Postmaster::find(&this.layout.data(&this.description)) {
                postmaster.interrupt();
                if !postmaster.ends_within(LIMIT) {
                    return Err(PostgresError::Timeout { what: "the server does not stop".to_owned(), limit: LIMIT });
                }
            }
            this.ensure_running()
        })
        .await?;
        self.await_answer().await
    }

    /// Gives the server a new supervisor if it has lost its own. Somebody must use the server.
    pub(super) async fn ensure_supervised(&self) -> Result<(), PostgresError> {
        let this = self.clone();
        blocking(move || {
            // A lock would bring back the directory's file.
            if !this.layout.description_file().exists() {
                return Ok(());
            }
            // Whoever holds the lock now sees as well whether the server is looked after.
            let Some(_start) = Lock::try_exclusive(&this.layout.start_lock())? else { return Ok(()) };
            if this.layout.stopped().exists() || this.is_supervised()? {
                return Ok(());
            }
            this.ensure_running()
        })
        .await
    }

    /// Launches a supervisor if the server has lost its own, so that somebody stops the server. Does not wait.
    pub(super) fn leave_supervised(&self) {
        let data = self.layout.data(&self.description);
        let is_wanted = self.layout.description_file().exists() && !self.layout.stopped().exists();
        if is_wanted && Postmaster::find(&data).is_some() && matches!(self.is_supervised(), Ok(false)) {
            match self.launch() {
                Ok(child) => reap(child),
                Err(error) => tracing::warn!(directory = %self.directory().display(), %error, "no supervisor"),
            }
        }
    }

    pub(super) fn start_blocking(&self) -> Result<(Self, Lock), PostgresError> {
        // A directory that is gone must not come back with nothing but locks in it.
        if !self.layout.description_file().exists() {
            return Err(PostgresError::Missing(self.layout.directory.clone()));
        }
        let users = Lock::shared(&self.layout.users_lock(), LIMIT)?;
        let _start = Lock::exclusive(&self.layout.start_lock(), LIMIT)?;
        let mut server = Self { description: self.layout.existing()?, ..self.clone() };
        server.find_programs()?;
        files::remove(&self.layout.stopped())?;
        server.ensure_running()?;
        Ok((server, users))
    }

    /// Looks for the programs again if they were uninstalled or updated. The data fit all minor versions of a major
    /// one.
    fn find_programs(&mut self) -> Result<(), PostgresError> {
        let known = &self.description.installation;
        if known.program("postgres").exists() {
            return Ok(());
        }
        let major = known.version.major;
        let all = Programs::all();
        let found = all.choose(Some(major))?;
        if found.version.major != major {
            let log =
                format!("its data are of PostgreSQL {major}, whose programs are gone: {}", known.directory.display());
            return Err(PostgresError::Start { directory: self.layout.directory.clone(), log });
        }
        let owner = super::owner::Owner::current();
        self.description.installation = super::reachable::reachable(found, owner)?;
        self.layout.write_description(&self.description)?;
        // Another build can have other libraries.
        self.configure(&self.layout.parameters()?).map(|_| ())
    }

    /// Writes the configuration and remembers the parameters. Who calls it holds the start lock.
    fn configure(&self, parameters: &StoredParameters) -> Result<Applied, PostgresError> {
        let description = self.layout.existing()?;
        let configuration = Configuration::of(parameters, &description.size, &description.installation)?;
        configuration.write(&description.installation, &self.layout.data(&description))?;
        self.layout.write_parameters(parameters)?;
        Ok(configuration.applied)
    }

    fn is_supervised(&self) -> Result<bool, PostgresError> {
        Ok(Lock::try_exclusive(&self.layout.supervisor_lock())?.is_none())
    }

    /// Waits until the server is looked after and ready; launches a supervisor if there is none. Who calls it holds the
    /// start lock and a lock of the users, so that no supervisor can be about to stop the server because nobody uses
    /// it.
    fn ensure_running(&self) -> Result<(), PostgresError> {
        let data = self.layout.data(&self.description);
        let began = Instant::now();
        let mut launched: Option<Child> = None;
        let mut launches = 0;
        loop {
            let status = match &mut launched {
                Some(child) => child.try_wait().map_err(PostgresError::io("wait for", &self.launcher.program))?,
                None => None,
            };
            if status.is_some_and(|status| !status.success()) {
                let log = files::end_of(&self.layout.supervisor_log());
                return Err(PostgresError::Start { directory: self.layout.directory.clone(), log });
            }
            if status.is_some() {
                launched = None;
            }
            if self.is_supervised()? {
                if Postmaster::find(&data).is_some_and(|postmaster| postmaster.is_ready) {
                    launched.into_iter().for_each(reap);
                    return Ok(());
                }
            } else if launched.is_none() {
                launches += 1;
                if launches > LAUNCHES {
                    let log = "its supervisor ends at once".to_owned();
                    return Err(PostgresError::Start { directory: self.layout.directory.clone(), log });
                }
                launched = Some(self.launch()?);
            }
            if began.elapsed() > LIMIT {
                launched.into_iter().for_each(reap);
                let log = files::end_of(&self.layout.server_log());
                return Err(PostgresError::Start { directory: self.layout.directory.clone(), log });
            }
            std::thread::sleep(POLL);
        }
    }

    fn launch(&self) -> Result<Child, PostgresError> {
        let path = self.layout.supervisor_log();
        let log = file::open(&path, std::fs::File::options().create(true).truncate(true).write(true));
        let log = log.map_err(PostgresError::io("open", &path))?;
        let mut command = Command::new(&self.launcher.program);
        command.args(&self.launcher.arguments).arg(&self.layout.directory);
        // Ctrl-C in the terminal is for this process, and the directory of this process can be deleted.
        command.process_group(0).current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        command.spawn().map_err(PostgresError::io("run", &self.launcher.program))
    }

    /// Waits until the superuser can connect. A killed process still holds its locks for a moment, so what looked like
    /// a running server with a supervisor can be gone by now. Who calls it holds a lock of the users.
    pub(super) async fn await_answer(&self) -> Result<(), PostgresError> {
        let began = Instant::now();
        loop {
            match self.connect_superuser("postgres").await {
                Ok(_) => return Ok(()),
                Err(PostgresError::Connect(error))
                    if is_temporary(&error) && began.elapsed() < LIMIT && !self.layout.stopped().exists() =>
                {
                    self.ensure_supervised().await?;
                    tokio::time::sleep(POLL).await;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// Returns whether a connection can succeed later: nothing listens, nothing answers, or the server starts up or shuts
/// down (class 57).
fn is_temporary(error: &ConnectError) -> bool {
    matches!(error, ConnectError::Connect { .. } | ConnectError::Silent { .. })
        && error.sql_state().is_none_or(|state| state.code().starts_with("57"))
}

/// Awaits a process in the background: an ended one that is not awaited keeps its number.
fn reap(mut child: Child) {
    std::thread::spawn(move || child.wait());
}

/// Stops the server and keeps it stopped. Who calls it holds the start lock.
fn stop(layout: &Layout) -> Result<(), PostgresError> {
    let Some(description) = layout.description()? else { return Ok(()) };
    files::write(&layout.stopped(), "", 0o644)?;
    // The supervisor sees the file, stops the server and releases its lock. Without one, the server is stopped here.
    let _supervisor = Lock::exclusive(&layout.supervisor_lock(), LIMIT)?;
    if let Some(postmaster) = Postmaster::find(&layout.data(&description)) {
        postmaster.stop();
    }
    Ok(())
}

fn remove(layout: &Layout) -> Result<(), PostgresError> {
    // The data can be elsewhere although the description was not written yet.
    let mut roots = vec![layout.elsewhere()];
    if layout.start_lock().exists() {
        let _start = Lock::exclusive(&layout.start_lock(), LIMIT)?;
        stop(layout)?;
        roots.extend(layout.description()?.and_then(|description| description.elsewhere));
        for root in &roots {
            files::remove(root)?;
        }
        // From here on there is no server, and the rest can be repeated.
        files::remove(&layout.description_file())?;
        return remove_directory(&layout.directory);
    }
    roots.iter().try_for_each(|root| files::remove(root))
}

/// Removes a directory in which a process that has just ended or started can still create a file.
fn remove_directory(directory: &Path) -> Result<(), PostgresError> {
    for _ in 0..REMOVALS {
        if files::remove(directory).is_ok() {
            return Ok(());
        }
        std::thread::sleep(POLL);
    }
    files::remove(directory)
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PostgresError> + Send + 'static,
) -> Result<T, PostgresError> {
    tokio::task::spawn_blocking(work).await?
}
