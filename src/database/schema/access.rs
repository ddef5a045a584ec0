//! How the programs reach a database.

use std::ffi::{OsStr, OsString};
use std::fmt;

/// The environment variables of libpq with which a program connects: `PGHOST`, `PGPORT`, `PGUSER`, `PGPASSWORD`,
/// `PGDATABASE`, `PGSSLMODE` and others ("Environment Variables", PostgreSQL documentation, libpq).
///
/// They are given to the child process only. Its environment can be read by the same user; its arguments could be read
/// by every user. `Debug` shows names without values.
#[derive(Clone, Default)]
pub struct Access(Vec<(OsString, OsString)>);

impl Access {
    /// Returns no variables.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a variable.
    pub fn set(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.0.push((name.into(), value.into()));
        self
    }

    pub(super) fn variables(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.0.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}
