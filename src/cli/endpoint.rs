//! Where calls go: AWS, another URL, or the sandbox inside this process.

use std::path::PathBuf;

use infra_aws::Endpoint;
use infra_base::clock::Clock;
use infra_base::crash_point::CrashPoints;
use infra_sandbox::{Disk, DiskError, Sandbox, Script, ScriptError};
use infra_workflow::EndpointSource;

use super::options::{GlobalOptions, Timing};

/// Why the endpoint cannot be opened.
#[derive(Debug)]
pub(super) enum EndpointError {
    /// The option is not a URL.
    NotAUrl(String),
    /// The script cannot be read.
    Script(ScriptError),
    /// The sandbox cannot be opened.
    Disk(DiskError),
    /// The sandbox cannot be saved.
    Save(String),
}

impl std::fmt::Display for EndpointError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotAUrl(text) => write!(f, "`--endpoint-url {text}` is not a URL"),
            Self::Script(error) => error.fmt(f),
            Self::Disk(error) => error.fmt(f),
            Self::Save(_) => f.write_str("cannot save the script in the sandbox"),
        }
    }
}

impl std::error::Error for EndpointError {}

/// The endpoint that the options select.
pub(super) struct SelectedEndpoint {
    url: Option<String>,
    sandbox: Option<SandboxOptions>,
}

struct SandboxOptions {
    directory: PathBuf,
    script: Option<PathBuf>,
    timing: Timing,
}

impl SelectedEndpoint {
    /// Returns the endpoint that the options select.
    pub(super) fn of(options: &GlobalOptions) -> Self {
        let sandbox = options.sandbox.then(|| SandboxOptions {
            directory: options.state_root(),
            script: options.sandbox_script.clone(),
            timing: options.timing(),
        });
        Self { url: options.endpoint_url.clone(), sandbox }
    }
}

impl EndpointSource for SelectedEndpoint {
    fn open(&self) -> Result<(Endpoint, Clock), Box<dyn std::error::Error + Send + Sync>> {
        if let Some(url) = self.url.as_ref().filter(|url| !is_url(url)) {
            return Err(EndpointError::NotAUrl(url.clone()).into());
        }
        match &self.sandbox {
            Some(sandbox) => Ok(sandbox.open()?),
            None => Ok((Endpoint::Network { url: self.url.clone() }, Clock::real())),
        }
    }
}

impl SandboxOptions {
    fn open(&self) -> Result<(Endpoint, Clock), EndpointError> {
        let clock = match self.timing {
            Timing::Fast => Clock::scaled(1.0 / 60.0),
            Timing::Instant | Timing::Real => Clock::real(),
        };
        let script = self.script.as_deref().map(Script::read).transpose().map_err(EndpointError::Script)?;
        let (disk, mut world) = Disk::open(&self.directory).map_err(EndpointError::Disk)?;
        if let Some(script) = script {
            world.load_script(script);
            // Saved at once, so that the script continues even if this command is killed.
            disk.save(&world).map_err(|error| EndpointError::Save(error.to_string()))?;
        }
        let sandbox = Sandbox::new(world, clock, Some(disk), CrashPoints::default());
        Ok((Endpoint::InProcess(sandbox.in_process()), clock))
    }
}

fn is_url(text: &str) -> bool {
    let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    host.is_some_and(|host| !host.is_empty() && !host.starts_with(['/', ':']) && !host.contains(char::is_whitespace))
}
