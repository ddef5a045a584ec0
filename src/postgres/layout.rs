//! The files of one server.
//!
//! | file | content |
//! |---|---|
//! | `server.json` | what was created. Written last: without it there is no server |
//! | `parameters.json` | the parameters that were asked for, and those of the last restart |
//! | `port` | the port, kept as long as it is free |
//! | `rdsadmin.password` | the password of the superuser |
//! | `start.lock` | held by who starts, stops, changes or removes the server |
//! | `ca.crt` | the certificate that clients trust |
//! | `users.lock` | shared by the processes that use the server; the supervisor takes it alone before it stops |
//! | `supervisor.lock` | held by the supervisor as long as it looks after the server |
//! | `stopped` | present while the server must not run although it has users |
//! | `server.log`, `supervisor.log` | what they print |
//! | `data/`, `tls/` | the data, and the certificate; elsewhere if the server's user cannot enter the directory |

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::error::PostgresError;
use super::files;
use super::formula::InstanceSize;
use super::owner::Owner;
use super::programs::Installation;

/// The version of `server.json`.
pub(super) const FORMAT: u32 = 1;
/// Where servers are placed whose own directory is closed to the server's user.
const ELSEWHERE: &str = "/var/tmp";

/// What was created.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Description {
    pub(super) format: u32,
    /// The name of the endpoint.
    pub(super) endpoint: String,
    /// The programs.
    pub(super) installation: Installation,
    /// The directory that contains `data` and `tls`, if it is not the server's own.
    pub(super) elsewhere: Option<PathBuf>,
    /// The master user.
    pub(super) master_user: String,
    /// The size of the instance, for formulas.
    pub(super) size: InstanceSize,
}

/// The parameters of a server.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct StoredParameters {
    /// Those that were asked for last.
    pub(super) wanted: BTreeMap<String, String>,
    /// Those of the last restart; the static ones among them are in effect.
    pub(super) started: BTreeMap<String, String>,
}

/// The directory of one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) directory: PathBuf,
}

impl Layout {
    /// Names the files in a directory by its real path, so that all processes agree. It need not exist.
    pub(super) fn new(directory: &Path) -> Self {
        let absolute = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
        let real = absolute.canonicalize().or_else(|error| match (absolute.parent(), absolute.file_name()) {
            (Some(parent), Some(name)) => parent.canonicalize().map(|parent| parent.join(name)),
            _ => Err(error),
        });
        Self { directory: real.unwrap_or(absolute) }
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    pub(super) fn start_lock(&self) -> PathBuf {
        self.file("start.lock")
    }

    pub(super) fn users_lock(&self) -> PathBuf {
        self.file("users.lock")
    }

    pub(super) fn supervisor_lock(&self) -> PathBuf {
        self.file("supervisor.lock")
    }

    pub(super) fn stopped(&self) -> PathBuf {
        self.file("stopped")
    }

    pub(super) fn server_log(&self) -> PathBuf {
        self.file("server.log")
    }

    pub(super) fn supervisor_log(&self) -> PathBuf {
        self.file("supervisor.log")
    }

    pub(super) fn trusted_certificate(&self) -> PathBuf {
        self.file("ca.crt")
    }

    pub(super) fn superuser_password(&self) -> PathBuf {
        self.file("rdsadmin.password")
    }

    pub(super) fn description_file(&self) -> PathBuf {
        self.file("server.json")
    }

    /// Reads the description; `None` if there is no server.
    ///
    /// What it says about other places is believed only as far as [`Self::place`] can have chosen them, because what is
    /// there is also removed.
    pub(super) fn description(&self) -> Result<Option<Description>, PostgresError> {
        let description: Option<Description> = Self::json(&self.description_file())?;
        match description.as_ref().and_then(|description| description.elsewhere.as_ref()) {
            Some(root) if !is_below_shared(root) => Err(PostgresError::Foreign(root.clone())),
            _ => Ok(description),
        }
    }

    /// Reads the description of a server that must exist.
    pub(super) fn existing(&self) -> Result<Description, PostgresError> {
        let description = self.description()?.ok_or_else(|| PostgresError::Missing(self.directory.clone()))?;
        if let Some(root) = &description.elsewhere {
            self.verify_origin(root)?;
        }
        Ok(description)
    }

    pub(super) fn write_description(&self, description: &Description) -> Result<(), PostgresError> {
        Self::write_json(&self.description_file(), description)
    }

    pub(super) fn parameters(&self) -> Result<StoredParameters, PostgresError> {
        Ok(Self::json(&self.file("parameters.json"))?.unwrap_or_default())
    }

    pub(super) fn write_parameters(&self, parameters: &StoredParameters) -> Result<(), PostgresError> {
        Self::write_json(&self.file("parameters.json"), parameters)
    }

    pub(super) fn port(&self) -> Result<Option<u16>, PostgresError> {
        Ok(files::read(&self.file("port"))?.and_then(|text| text.trim().parse().ok()))
    }

    pub(super) fn write_port(&self, port: u16) -> Result<(), PostgresError> {
        files::write(&self.file("port"), &port.to_string(), 0o644)
    }

    fn json<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<Option<T>, PostgresError> {
        let Some(text) = files::read(path)? else { return Ok(None) };
        let damaged = |source| PostgresError::Damaged { path: path.to_owned(), source };
        serde_json::from_str(&text).map(Some).map_err(damaged)
    }

    fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), PostgresError> {
        let damaged = |source| PostgresError::Damaged { path: path.to_owned(), source };
        files::write(path, &serde_json::to_string_pretty(value).map_err(damaged)?, 0o644)
    }

    /// Creates a directory for the data below `/var/tmp` if the server's user cannot enter this one, as it happens with
    /// a state in the home directory of root.
    ///
    /// *Caveat*: some systems delete old files in `/var/tmp`. Files that a running server uses are not old.
    pub(super) fn place(&self, owner: Owner) -> Result<Option<PathBuf>, PostgresError> {
        if owner.can_enter(&self.directory) {
            return Ok(None);
        }
        let root = shared_directory()?.join(digest(&self.directory));
        files::create_directory(&root, 0o711)?;
        files::write(&root.join("origin"), &self.directory.display().to_string(), 0o600)?;
        Ok(Some(root))
    }

    /// Returns the directory that contains `data` and `tls`.
    pub(super) fn root(&self, description: &Description) -> PathBuf {
        description.elsewhere.clone().unwrap_or_else(|| self.directory.clone())
    }

    /// Returns the directory of the data.
    pub(super) fn data(&self, description: &Description) -> PathBuf {
        self.root(description).join("data")
    }

    /// Returns where `place` would place the data outside this directory.
    pub(super) fn elsewhere(&self) -> PathBuf {
        shared_path().join(digest(&self.directory))
    }

    /// Refuses a copy of a server's directory whose data are elsewhere, because both would use the same data. A
    /// directory that was moved is accepted.
    fn verify_origin(&self, root: &Path) -> Result<(), PostgresError> {
        let file = root.join("origin");
        let Some(original) = files::read(&file)?.map(PathBuf::from) else { return Ok(()) };
        if original == self.directory {
            return Ok(());
        }
        if Self::new(&original).description_file().exists() {
            return Err(PostgresError::Copied { original, copy: self.directory.clone() });
        }
        files::write(&file, &self.directory.display().to_string(), 0o600)
    }
}

fn shared_path() -> PathBuf {
    Path::new(ELSEWHERE).join(format!("migrate-infra-{}", rustix::process::geteuid().as_raw()))
}

/// Returns whether a path is what [`Layout::place`] chooses: in the shared directory, with the name of a [`digest`].
fn is_below_shared(root: &Path) -> bool {
    let name = root.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let is_digest = name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    let shared = shared_path();
    let parents = [shared.canonicalize().unwrap_or_else(|_| shared.clone()), shared];
    is_digest && root.parent().is_some_and(|parent| parents.iter().any(|shared| shared == parent))
}

/// Returns the directory of this user below `/var/tmp`. Others can create files there too, so its owner is verified.
pub(super) fn shared_directory() -> Result<PathBuf, PostgresError> {
    use std::os::unix::fs::MetadataExt;
    let path = shared_path();
    files::create_directory(&path, 0o711)?;
    let data = fs::symlink_metadata(&path).map_err(PostgresError::io("read", &path))?;
    if !data.is_dir() || data.uid() != rustix::process::geteuid().as_raw() {
        return Err(PostgresError::Foreign(path));
    }
    path.canonicalize().map_err(PostgresError::io("find", &path))
}

/// Returns a short name for a path.
pub(super) fn digest(path: &Path) -> String {
    let hash = Sha256::digest(path.as_os_str().as_encoded_bytes());
    hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_named_in_a_file_was_removed_wherever_it_is() {
        assert!(is_below_shared(&shared_path().join("0123456789abcdef")));
        let below = shared_path();
        let wrong = ["/home/me", "/var/tmp", "/var/tmp/0123456789abcdef", "0123456789abcdef", "/"].map(PathBuf::from);
        let also = [below.join(".."), below.join("programs-16-1"), below.join("0123456789abcdef/data"), below];
        for root in wrong.iter().chain(&also) {
            assert!(!is_below_shared(root), "{root:?}");
        }
    }
}
