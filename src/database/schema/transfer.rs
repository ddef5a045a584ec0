//! Reads a schema, and creates what the target does not have.

use std::collections::BTreeSet;
use std::path::Path;

use tokio_postgres::Client;

use super::access::Access;
use super::archive::{Entry, Schema, parse};
use super::comparison::Comparison;
use super::difference::Difference;
use super::error::SchemaError;
use super::privileges::{SkippedPrivilege, divide};
use super::programs::{Programs, command, run};
use super::section::Section;
use crate::database::Database;
use crate::error::{Error, SqlError};

/// What is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Extensions that are not created, for example because the target has no use for them.
    pub excluded_extensions: Vec<String>,
}

/// What [`transfer`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transferred {
    /// What was created, or granted again, as `TABLE public.payments`.
    pub created: Vec<String>,
    /// The number of objects that existed already.
    pub skipped: usize,
    /// Grants that were left out.
    pub skipped_privileges: Vec<SkippedPrivilege>,
    /// Objects that exist on both sides and could not be proved to be equal ([`Comparison::unproven`]).
    pub unproven: Vec<Difference>,
}

/// The settings with which `pg_restore` executes (`_doSetFixedOutputState` in `pg_backup_archiver.c`), for one
/// transaction. A name in a statement is then always qualified, and a function can be created before what it uses.
const SETTINGS: &str = "SELECT pg_catalog.set_config('search_path', '', true); SET LOCAL check_function_bodies = off; \
     SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; \
     SET LOCAL standard_conforming_strings = on; SET LOCAL xmloption = content; SET LOCAL row_security = off; \
     SET LOCAL client_min_messages = warning; SET LOCAL synchronous_commit = on";

/// The advisory lock of a transfer in a database. A session whose client was killed finishes its statement first, for
/// example a long `CREATE INDEX`; the repetition waits for it, and then finds what it created.
const LOCK: i64 = 0x6D69_6772_6174_6531;

/// How much of a statement an error shows.
const SHOWN: usize = 400;

/// Reads the schema of a database with `pg_dump`. The archive is kept in `directory` as `<label>.dump`.
///
/// It waits at most one minute for a lock on a table that somebody changes.
///
/// *Killed*: The archive is written beside its place and then moved: it is complete, or that of an earlier call.
///
/// # Errors
/// A program is too old or failed, or the directory cannot be written to.
pub async fn read(
    programs: &Programs,
    database: Database<'_>,
    access: &Access,
    options: &Options,
    directory: &Path,
) -> Result<Schema, SchemaError> {
    let [version] = programs.check([database]).await?;
    let file = directory.join(format!("{}.dump", database.label()));
    let written = directory.join(format!("{}.dump.new", database.label()));
    let name = written.to_string_lossy();
    let arguments = [
        "--schema-only",
        "--format=custom",
        "--encoding=UTF8",
        "--no-password",
        "--no-publications",
        "--no-subscriptions",
        "--no-security-labels",
        "--lock-wait-timeout=60s",
        "--exclude-schema=migrate_infra",
        "--exclude-table=*.awsdms_*",
        "--file",
        &name,
    ];
    run(command(&programs.pg_dump, access, arguments), &programs.pg_dump).await?;
    std::fs::rename(&written, &file).map_err(|source| SchemaError::File { path: file.clone(), source })?;
    let [pre_data, post_data] = [Section::PreData, Section::PostData];
    Ok(Schema {
        version,
        pre_data: entries(programs, &file, pre_data, options).await?,
        post_data: entries(programs, &file, post_data, options).await?,
    })
}

/// Turns a section of an archive into objects.
async fn entries(
    programs: &Programs,
    archive: &Path,
    section: Section,
    options: &Options,
) -> Result<Vec<Entry>, SchemaError> {
    let (program, access) = (&programs.pg_restore, Access::new());
    let (section, archive) = (format!("--section={section}"), archive.to_string_lossy());
    let common = ["--no-owner", "--no-publications", "--no-subscriptions", "--no-tablespaces", &section];
    let restore = async |more: &[&str]| {
        let arguments = common.iter().chain(more).copied().chain([archive.as_ref()]);
        run(command(program, &access, arguments), program).await
    };
    let contents = restore(&["--list"]).await?;
    let sql = restore(&["--verbose", "--file=-"]).await?;
    let mut entries = parse(program, &contents, &sql)?;
    entries.retain(|entry| is_wanted(entry, options) && !is_of_dms(entry));
    Ok(entries)
}

fn is_wanted(entry: &Entry, options: &Options) -> bool {
    match entry.kind.as_str() {
        "EXTENSION" => !options.excluded_extensions.contains(&entry.name),
        // `CREATE EXTENSION` sets the comment; changing it needs the owner of the extension.
        "COMMENT" => !entry.name.starts_with("EXTENSION "),
        // Each database has it. Its statement is then only a comment.
        "SCHEMA" => entry.name != "public" && entry.name != crate::HELPER_SCHEMA,
        // Rows, which the load brings.
        "MATERIALIZED VIEW DATA" => false,
        _ => true,
    }
}

/// Returns whether it is an object of DMS, or a grant on one or a comment about one, such as `FUNCTION awsdms_f()`.
fn is_of_dms(entry: &Entry) -> bool {
    let name = match entry.kind.as_str() {
        "ACL" | "COMMENT" => entry.name.split_once(' ').map_or("", |(_, name)| name),
        _ => &entry.name,
    };
    name.starts_with("awsdms_")
}

/// Creates what the target does not have of a section.
///
/// *Guarantees*: What exists in the same words is skipped. If anything exists in other words, nothing is created.
/// Grants are executed again when they differ, for the roles that the target has; none is revoked that only the target
/// has.
///
/// *Killed*: Pre-data is one transaction. Each object of post-data is a transaction of its own, because indexes of
/// large tables take long; repeat it to get the rest. The repetition waits until the server has finished a statement of
/// the killed one.
///
/// # Errors
/// [`SchemaError::Different`] and [`SchemaError::Incomplete`] before anything is changed;
/// [`SchemaError::Statement`] for the first object that the target refuses; those of [`read`].
pub async fn transfer(
    section: Section,
    source: &Schema,
    programs: &Programs,
    (label, client, access): (&str, &mut Client, &Access),
    options: &Options,
    directory: &Path,
) -> Result<Transferred, SchemaError> {
    lock(Database::new(label, client), "pg_advisory_lock").await?;
    let result = transfer_locked(section, source, programs, (label, &mut *client, access), options, directory).await;
    let unlocked = lock(Database::new(label, client), "pg_advisory_unlock").await;
    let result = result?;
    unlocked?;
    Ok(result)
}

async fn lock(database: Database<'_>, function: &str) -> Result<(), Error> {
    database.run("lock the schema", &format!("SELECT pg_catalog.{function}({LOCK})")).await
}

async fn transfer_locked(
    section: Section,
    source: &Schema,
    programs: &Programs,
    (label, client, access): (&str, &mut Client, &Access),
    options: &Options,
    directory: &Path,
) -> Result<Transferred, SchemaError> {
    let database = Database::new(label, client);
    let target = read(programs, database, access, options, directory).await?;
    let roles = roles(database).await?;
    if section == Section::PostData {
        let before = Comparison::of(Section::PreData, source, &target);
        if !before.missing.is_empty() {
            let objects = before.missing.iter().map(ToString::to_string).collect();
            let missing_section = Section::PreData;
            return Err(SchemaError::Incomplete { missing_section, side: label.to_owned(), objects });
        }
        refuse_differences(label, before.different)?;
    }
    let comparison = Comparison::of(section, source, &target);
    refuse_differences(label, comparison.different)?;
    let mut result = Transferred { skipped: comparison.equal, unproven: comparison.unproven, ..Transferred::default() };
    match section {
        Section::PreData => {
            let all = comparison.missing.iter().chain(&comparison.different_privileges);
            create(label, client, all, &roles, &mut result).await?;
        }
        Section::PostData => {
            for entry in comparison.missing.iter().chain(&comparison.different_privileges) {
                create(label, client, [entry], &roles, &mut result).await?;
            }
        }
    }
    Ok(result)
}

fn refuse_differences(label: &str, objects: Vec<Difference>) -> Result<(), SchemaError> {
    if objects.is_empty() { Ok(()) } else { Err(SchemaError::Different { side: label.to_owned(), objects }) }
}

async fn roles(database: Database<'_>) -> Result<BTreeSet<String>, Error> {
    let rows = database.query("read the roles", "SELECT rolname::text FROM pg_catalog.pg_roles", &[]).await?;
    rows.iter().map(|row| row.get(0)).collect()
}

/// Creates objects in one transaction.
async fn create(
    label: &str,
    client: &mut Client,
    entries: impl IntoIterator<Item = &Entry>,
    roles: &BTreeSet<String>,
    result: &mut Transferred,
) -> Result<(), SchemaError> {
    const WHAT: &str = "begin or commit a part of the schema";
    let failed = |error: &tokio_postgres::Error| Error::Sql {
        what: WHAT.to_owned(),
        side: label.to_owned(),
        source: SqlError::of(error),
    };
    let (mut created, mut skipped) = (Vec::new(), Vec::new());
    let transaction = client.build_transaction().read_only(false).start().await.map_err(|error| failed(&error))?;
    transaction.batch_execute(SETTINGS).await.map_err(|error| failed(&error))?;
    for entry in entries {
        let statements = if entry.is_privileges() {
            let (statements, left_out) = divide(entry, roles);
            skipped.extend(left_out);
            statements
        } else {
            vec![entry.statement.clone()]
        };
        if statements.is_empty() {
            continue;
        }
        for statement in statements {
            transaction.batch_execute(&statement).await.map_err(|error| SchemaError::Statement {
                object: entry.to_string(),
                statement: start_of(&statement),
                side: label.to_owned(),
                source: SqlError::of(&error),
            })?;
        }
        created.push(entry.to_string());
    }
    transaction.commit().await.map_err(|error| failed(&error))?;
    result.created.extend(created);
    result.skipped_privileges.extend(skipped);
    Ok(())
}

/// Returns the start of a statement in one line.
fn start_of(statement: &str) -> String {
    let line = statement.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.len() <= SHOWN { line } else { format!("{}…", &line[..line.floor_char_boundary(SHOWN)]) }
}
