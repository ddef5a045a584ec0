//! Restores dumps, and loads schemas.

use std::path::Path;

use infra_postgres::ConnectionInfo;
use tokio::process::Command;

use super::format::{DumpFormat, dump_format};
use super::programs::{Programs, run};
use crate::error::Error;

/// Loads a file of SQL into a database: all of it, or nothing.
///
/// It runs with `psql`, because files of `pg_dump` contain commands of it (`\restrict`, and `COPY` with its data).
pub async fn load_schema(connection: &ConnectionInfo, programs: &Programs, file: &Path) -> Result<(), Error> {
    let mut command = Command::new(&programs.psql);
    command.args([
        "--no-psqlrc",
        "--quiet",
        "--no-password",
        "--single-transaction",
        "--set=ON_ERROR_STOP=1",
        "--file",
    ]);
    command.arg(file);
    run(command, "psql", connection).await
}

/// Loads a dump into a database: all of it, or nothing.
///
/// Owners and grants are left out: their roles do not exist here, and the user of the connection becomes the owner.
///
/// # Errors
/// The file is not a dump, or the program failed; its output is part of the error.
pub async fn load_dump(connection: &ConnectionInfo, programs: &Programs, dump: &Path) -> Result<DumpFormat, Error> {
    restore(connection, programs, dump, &[]).await
}

/// Loads the schema of a dump, without its rows. A dump that is SQL cannot be divided: its rows are loaded, too.
///
/// # Errors
/// The same as those of [`load_dump`].
pub async fn load_dump_schema(
    connection: &ConnectionInfo,
    programs: &Programs,
    dump: &Path,
) -> Result<DumpFormat, Error> {
    restore(connection, programs, dump, &["--schema-only"]).await
}

async fn restore(
    connection: &ConnectionInfo,
    programs: &Programs,
    dump: &Path,
    options: &[&str],
) -> Result<DumpFormat, Error> {
    let format = dump_format(dump)?;
    let name = match format {
        DumpFormat::Plain => {
            load_schema(connection, programs, dump).await?;
            return Ok(format);
        }
        DumpFormat::Custom => "custom",
        DumpFormat::Directory => "directory",
        DumpFormat::Tar => "tar",
    };
    let mut command = Command::new(&programs.pg_restore);
    command
        .args(["--no-password", "--no-owner", "--no-privileges", "--single-transaction", "--format", name])
        .args(options)
        .arg("--dbname")
        // A name with `=` would be read as a connection string ("pg_restore", option `--dbname`).
        .arg(format!("dbname='{}'", connection.database.replace('\\', "\\\\").replace('\'', "\\'")))
        .arg(dump);
    run(command, "pg_restore", connection).await?;
    Ok(format)
}
