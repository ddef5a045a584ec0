//! The programs of PostgreSQL, and how they learn where to connect to.

use std::path::PathBuf;
use std::process::Stdio;

use infra_postgres::{ConnectionInfo, Tls};
use tokio::process::Command;

use crate::error::Error;

/// Where the programs are. The caller knows the installations of this machine.
#[derive(Clone, Debug)]
pub struct Programs {
    /// `psql`.
    pub psql: PathBuf,
    /// `pg_restore`, not older than the `pg_dump` that made the dump.
    pub pg_restore: PathBuf,
}

/// The end of an error output that is shown.
const SHOWN: usize = 4_000;

/// Runs a program that connects to a database. The password is in the environment, which only the same user can read:
/// arguments are visible to every user ("Environment Variables", PostgreSQL documentation, libpq).
pub(super) async fn run(mut command: Command, name: &'static str, connection: &ConnectionInfo) -> Result<(), Error> {
    // Settings of the user's shell must not lead to another database.
    for (variable, _) in std::env::vars_os() {
        if variable.to_string_lossy().starts_with("PG") {
            command.env_remove(variable);
        }
    }
    command
        .env("PGHOST", &connection.host)
        .env("PGPORT", connection.port.to_string())
        .env("PGUSER", &connection.user)
        .env("PGDATABASE", &connection.database)
        .env("PGPASSWORD", connection.password.reveal())
        .env("PGAPPNAME", &connection.application_name)
        .env("PGCONNECT_TIMEOUT", infra_postgres::CONNECT_TIMEOUT.as_secs().to_string())
        .env("PGOPTIONS", "-c client_min_messages=warning")
        .env("LC_ALL", "C");
    if let Some(address) = connection.address {
        command.env("PGHOSTADDR", address.to_string());
    }
    match &connection.tls {
        Tls::Off => command.env("PGSSLMODE", "disable"),
        Tls::Require => command.env("PGSSLMODE", "require"),
        Tls::VerifyCa(roots) => command.env("PGSSLMODE", "verify-ca").env("PGSSLROOTCERT", roots),
        Tls::VerifyFull(roots) => command.env("PGSSLMODE", "verify-full").env("PGSSLROOTCERT", roots),
    };
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    let path = PathBuf::from(command.as_std().get_program());
    let output = command.output().await.map_err(|source| Error::Start { path, source })?;
    if output.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    let shown = stderr.char_indices().rev().take(SHOWN).last().map_or("", |(at, _)| &stderr[at..]);
    Err(Error::Program { program: name, status: output.status.to_string(), stderr: shown.to_owned() })
}
