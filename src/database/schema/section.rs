//! The sections of an archive.

use std::fmt;

/// A section of an archive ("pg_dump", option `--section`, PostgreSQL documentation).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// Everything but rows and post-data: types, tables, functions, views, and privileges.
    PreData,
    /// "definitions of indexes, triggers, rules, and constraints other than validated check constraints".
    PostData,
}

impl Section {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::PreData => "pre-data",
            Self::PostData => "post-data",
        }
    }
}

impl fmt::Display for Section {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
