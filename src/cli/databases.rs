//! Where the databases of the stack are, for this program.

use std::path::PathBuf;

use infra_connect::Endpoint;
use infra_sandbox::Disk;
use infra_sandbox_data::{databases, locate};
use infra_workflow::{AtEndpoint, DatabaseLocator};

use super::options::GlobalOptions;

/// Returns how the databases are reached that the options select.
pub(super) fn locator(options: &GlobalOptions) -> Box<dyn DatabaseLocator> {
    match (options.sandbox, options.has_real_data()) {
        (true, true) => Box::new(OnThisMachine { directory: options.state_root() }),
        (true, false) => Box::new(WithoutData),
        (false, _) => Box::new(AtEndpoint),
    }
}

/// The databases of a sandbox without database servers: they are empty.
struct WithoutData;

impl DatabaseLocator for WithoutData {
    fn have_data(&self) -> bool {
        false
    }

    fn locate(&self, _: Endpoint) -> Result<Endpoint, String> {
        Err("the databases of the sandbox are empty; `--sandbox-data postgres` starts real ones".to_owned())
    }
}

/// The database servers of a sandbox.
struct OnThisMachine {
    directory: PathBuf,
}

impl DatabaseLocator for OnThisMachine {
    fn have_data(&self) -> bool {
        true
    }

    fn locate(&self, endpoint: Endpoint) -> Result<Endpoint, String> {
        let world = Disk::read(&self.directory).map_err(|error| error.to_string())?;
        locate(&databases(&world), endpoint)
    }
}
