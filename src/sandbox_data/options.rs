//! How real data is kept.

use std::path::PathBuf;
use std::time::Duration;

use infra_base::file_id::FileId;
use infra_postgres::{Authority, Launcher, PostgresError};

/// How real data is kept.
#[derive(Clone, Debug)]
pub struct DataOptions {
    /// The directory for the servers' files.
    pub directory: PathBuf,
    /// How a supervisor of a server is started.
    pub launcher: Launcher,
    /// How long a second of AWS lasts.
    pub second: Duration,
}

impl DataOptions {
    /// Returns the directory of one server. `resource_id` is unique among all instances, also those that are deleted.
    pub(crate) fn server(&self, resource_id: &str) -> PathBuf {
        self.servers().join(resource_id)
    }

    /// Returns the directory of all servers.
    pub(crate) fn servers(&self) -> PathBuf {
        self.directory.join("servers")
    }

    /// Returns the file to which a replication task writes its log.
    pub(crate) fn task_log(&self, task: &FileId) -> PathBuf {
        task.file_in(&self.directory.join("tasks"), "log")
    }

    /// Returns the authority that signs the servers' certificates.
    pub(crate) fn authority(&self) -> Result<Authority, PostgresError> {
        Authority::open_or_create(&self.directory.join("authority"))
    }
}
