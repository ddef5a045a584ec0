//! The reasons why a schema could not be transferred.

use std::io;
use std::path::PathBuf;

use super::difference::Difference;
use super::section::Section;
use crate::error::{Error, SqlError};

/// The reason why a schema could not be transferred.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// The database refused a query.
    #[error(transparent)]
    Database(#[from] Error),
    /// A program is older than a server. `pg_dump` "cannot dump from PostgreSQL servers newer than its own major
    /// version" ("pg_dump", "Notes").
    #[error(
        "`{}` has version {found}, and the {side} server {needed}; install version {needed} or later",
        .program.display()
    )]
    ProgramTooOld {
        /// The program.
        program: PathBuf,
        /// Its major version.
        found: u32,
        /// The major version of the server.
        needed: u32,
        /// The label of the server.
        side: String,
    },
    /// A program could not be started.
    #[error("could not start `{}`", .program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A program failed.
    #[error("`{}` failed ({status}): {cause}", .program.display())]
    Program {
        /// The program.
        program: PathBuf,
        /// How it ended.
        status: String,
        /// The first error that it reported.
        cause: String,
    },
    /// The output of a program has another form than that of PostgreSQL 14 to 18.
    #[error("the output of `{}` was not understood: {what}", .program.display())]
    Output {
        /// The program.
        program: PathBuf,
        /// What was expected.
        what: String,
    },
    /// The archive could not be written or moved.
    #[error("could not write `{}`", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The target has objects of the same names that differ. Nothing was changed.
    #[error("{} of the {side} database differ, the first is {}", count(.objects.len()), first(.objects))]
    Different {
        /// The label of the target.
        side: String,
        /// The objects.
        objects: Vec<Difference>,
    },
    /// The target has foreign keys that the source does not have. Nothing was dropped.
    #[error(
        "the {side} database has foreign keys that the source does not have, so they could not be created again: {}",
        .names.join(", ")
    )]
    ForeignKeys {
        /// The label of the target.
        side: String,
        /// The foreign keys.
        names: Vec<String>,
    },
    /// Objects of the section before are missing. Nothing was changed.
    #[error(
        "{} of the section {missing_section} are missing in the {side} database, the first is {}; transfer that \
         section first", count(.objects.len()), .objects.first().map_or("", String::as_str)
    )]
    Incomplete {
        /// The section that must be transferred first.
        missing_section: Section,
        /// The label of the target.
        side: String,
        /// What is missing, as `TABLE public.payments`.
        objects: Vec<String>,
    },
    /// The target refused an object.
    #[error("could not create {object} in the {side} database with `{statement}`")]
    Statement {
        /// The object, as `TABLE public.payments`.
        object: String,
        /// The start of its statement.
        statement: String,
        /// The label of the target.
        side: String,
        /// The cause.
        #[source]
        source: SqlError,
    },
}

fn count(objects: usize) -> String {
    if objects == 1 { "1 object".to_owned() } else { format!("{objects} objects") }
}

fn first(objects: &[Difference]) -> String {
    objects.first().map(ToString::to_string).unwrap_or_default()
}
