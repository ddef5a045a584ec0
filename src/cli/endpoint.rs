//! Where calls go: AWS, another URL, or the sandbox inside this process.

use std::path::PathBuf;
use std::time::Duration;

use infra_aws::Endpoint;
use infra_base::clock::Clock;
use infra_base::crash_point::CrashPoints;
use infra_base::endpoint_url::{self, EndpointUrlError};
use infra_postgres::Launcher;
use infra_sandbox::world::real_data::DataSource;
use infra_sandbox::{Disk, DiskError, Sandbox, Script, ScriptError, World};
use infra_sandbox_data::{DataError, DataOptions, DataPlane};
use infra_workflow::EndpointSource;

use super::options::{GlobalOptions, SandboxData, Timing};

/// The hidden command that supervises a database server of the sandbox.
pub(super) const SUPERVISE: &str = "supervise-database-server";
/// How long a second of AWS lasts with `--sandbox-timing fast`.
const FAST_SECOND: f64 = 1.0 / 60.0;

/// Why the endpoint cannot be opened.
#[derive(Debug)]
pub(super) enum EndpointError {
    /// Calls cannot be sent to the URL of the option.
    Url(EndpointUrlError),
    /// The script cannot be read.
    Script(ScriptError),
    /// The sandbox cannot be opened.
    Disk(DiskError),
    /// The sandbox cannot be saved.
    Save(String),
    /// The sandbox has databases with other data.
    OtherData(DataSource),
    /// Servers cannot work while the time is paused.
    PausedTime,
    /// The databases cannot be real.
    Data(DataError),
}

impl std::fmt::Display for EndpointError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            // It is not repeated: it can contain a password.
            Self::Url(_) => f.write_str("`--endpoint-url` cannot be used"),
            Self::Script(error) => error.fmt(f),
            Self::Disk(error) => error.fmt(f),
            Self::Save(_) => f.write_str("cannot save the sandbox"),
            Self::OtherData(current) => {
                write!(f, "the databases of this sandbox were created with `--sandbox-data {}`", current.as_str())
            }
            Self::PausedTime => f.write_str(
                "`--sandbox-timing instant` skips the time in which database servers work; use `fast` or `real`",
            ),
            Self::Data(_) => f.write_str("the databases of the sandbox cannot be used"),
        }
    }
}

impl std::error::Error for EndpointError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Data(error) => Some(error),
            Self::Url(error) => Some(error),
            _ => None,
        }
    }
}

/// The endpoint that the options select.
pub(super) struct SelectedEndpoint {
    url: Option<String>,
    sandbox: Option<SandboxOptions>,
}

struct SandboxOptions {
    directory: PathBuf,
    script: Option<PathBuf>,
    timing: Timing,
    data: Option<DataSource>,
}

impl SelectedEndpoint {
    /// Returns the endpoint that the options select.
    pub(super) fn of(options: &GlobalOptions) -> Self {
        let sandbox = options.sandbox.then(|| SandboxOptions {
            directory: options.state_root(),
            script: options.sandbox_script.clone(),
            timing: options.timing(),
            data: options.sandbox_data.map(SandboxData::source),
        });
        Self { url: options.endpoint_url.clone(), sandbox }
    }
}

impl EndpointSource for SelectedEndpoint {
    fn open(&self) -> Result<(Endpoint, Clock), Box<dyn std::error::Error + Send + Sync>> {
        if let Some(url) = &self.url {
            endpoint_url::check(url).map_err(EndpointError::Url)?;
        }
        match &self.sandbox {
            Some(sandbox) => Ok(sandbox.open()?),
            None => Ok((Endpoint::Network { url: self.url.clone() }, Clock::real())),
        }
    }
}

impl SandboxOptions {
    fn open(&self) -> Result<(Endpoint, Clock), EndpointError> {
        let clock = clock_of(self.timing);
        let script = self.script.as_deref().map(Script::read).transpose().map_err(EndpointError::Script)?;
        let (disk, mut world) = Disk::open(&self.directory).map_err(EndpointError::Disk)?;
        let has_new_data = self.select_data(&mut world)?;
        let has_script = script.is_some();
        if let Some(script) = script {
            world.load_script(script);
        }
        if has_script || has_new_data {
            // Saved at once, so that both continue even if this command is killed.
            disk.save(&world).map_err(|error| EndpointError::Save(error.to_string()))?;
        }
        let is_real = world.data == DataSource::Postgres;
        let sandbox = Sandbox::new(world, clock, Some(disk), CrashPoints::default());
        if is_real {
            let second = Duration::from_secs_f64(if self.timing == Timing::Fast { FAST_SECOND } else { 1.0 });
            let launcher = launcher().map_err(|error| EndpointError::Data(DataError::Threads(error)))?;
            let options = DataOptions { directory: self.directory.join("postgres"), launcher, second };
            DataPlane::attach(&sandbox, options).map_err(EndpointError::Data)?;
        }
        Ok((Endpoint::InProcess(sandbox.in_process()), clock))
    }

    /// Applies `--sandbox-data`. Returns whether that changed the world.
    fn select_data(&self, world: &mut World) -> Result<bool, EndpointError> {
        let current = world.data;
        let has_databases = world.regions.values().any(|region| !region.rds.instances.is_empty());
        match self.data {
            Some(data) if data != current && has_databases => return Err(EndpointError::OtherData(current)),
            Some(data) => world.data = data,
            None => {}
        }
        if world.data == DataSource::Postgres && self.timing == Timing::Instant {
            return Err(EndpointError::PausedTime);
        }
        Ok(world.data != current)
    }
}

/// Returns a clock on which time passes as it does where the options send calls.
pub(super) fn clock(options: &GlobalOptions) -> Clock {
    if options.sandbox { clock_of(options.timing()) } else { Clock::real() }
}

fn clock_of(timing: Timing) -> Clock {
    match timing {
        Timing::Fast => Clock::scaled(FAST_SECOND),
        Timing::Instant | Timing::Real => Clock::real(),
    }
}

/// Returns how this program supervises a database server.
pub(super) fn launcher() -> std::io::Result<Launcher> {
    Ok(Launcher { program: std::env::current_exe()?, arguments: vec![SUPERVISE.into()] })
}
