//! The sections of a schema.

use std::fmt;

/// A section of a schema: those of an archive ("pg_dump", option `--section`, PostgreSQL documentation), of which
/// post-data is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// Everything but rows and post-data: types, tables, functions, views, and privileges.
    PreData,
    /// The keys by which rows are found: primary keys, and what is unique in tables without one. In an archive they are
    /// post-data.
    Keys,
    /// "definitions of indexes, triggers, rules, and constraints other than validated check constraints", without the
    /// keys.
    PostData,
}

impl Section {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::PreData => "pre-data",
            Self::Keys => "keys",
            Self::PostData => "post-data",
        }
    }
}

impl fmt::Display for Section {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
