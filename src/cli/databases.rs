//! Where the databases of the stack are, for this program.

use std::path::PathBuf;

use async_trait::async_trait;
use infra_config::Config;
use infra_connect::Endpoint;
use infra_migration::topology::Database;
use infra_sandbox::Disk;
use infra_sandbox_data::{databases, locate};
use infra_workflow::{AtEndpoint, DatabaseLocator, ThroughCommand};

use super::options::GlobalOptions;
use super::ui::stderr;

/// Returns how the databases are reached that the options select. Those of the sandbox are on this machine, so that no
/// configured command is run for them.
pub(super) fn locator(options: &GlobalOptions, config: &Config) -> Box<dyn DatabaseLocator> {
    match (options.sandbox, options.has_real_data()) {
        (true, true) => Box::new(OnThisMachine { directory: options.state_root() }),
        (true, false) => Box::new(WithoutData),
        (false, _) => match ThroughCommand::of(&config.databases, stderr) {
            Some(through) => Box::new(through),
            None => Box::new(AtEndpoint),
        },
    }
}

/// The databases of a sandbox without database servers: they are empty.
struct WithoutData;

#[async_trait]
impl DatabaseLocator for WithoutData {
    fn have_data(&self) -> bool {
        false
    }

    async fn locate(&self, _: &Database, _: Endpoint) -> Result<Endpoint, String> {
        Err("the databases of the sandbox are empty; `--sandbox-data postgres` starts real ones".to_owned())
    }
}

/// The database servers of a sandbox.
struct OnThisMachine {
    directory: PathBuf,
}

#[async_trait]
impl DatabaseLocator for OnThisMachine {
    fn have_data(&self) -> bool {
        true
    }

    async fn locate(&self, _: &Database, endpoint: Endpoint) -> Result<Endpoint, String> {
        let world = Disk::read(&self.directory).map_err(|error| error.to_string())?;
        locate(&databases(&world), endpoint)
    }
}
