//! What the model wants of a server.

use infra_sandbox::world::real_data::AppliedSettings;

/// What the model says about an instance.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct WantedServer {
    pub(crate) region: String,
    pub(crate) identifier: String,
    pub(crate) resource_id: String,
    pub(crate) host: String,
    pub(crate) master_username: String,
    pub(crate) db_name: Option<String>,
    pub(crate) settings: AppliedSettings,
    pub(crate) storage_gib: i32,
    /// The end of the last reboot.
    pub(crate) reboot: Option<u64>,
}

/// What should be with a server.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Wanted {
    /// It runs with these settings.
    Runs(Box<WantedServer>),
    /// Its instance is being deleted.
    Stopped,
    /// Its instance no longer exists.
    Removed,
}
