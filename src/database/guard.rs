//! A guard: the database that is not the primary refuses writes of the service's role.
//!
//! *Guarantees*: After [`close`] returned without remaining sessions, no session of the role writes, neither one from
//! before nor a new one, unless the session itself asks for it.
//!
//! *Caveats*: `default_transaction_read_only` is a default. A client that sets it to `off`, in a statement or in the
//! options of its connection, or that begins a transaction as `READ WRITE`, can write; the replication does that on
//! purpose. The setting belongs to the role that logs in: `SET ROLE` neither brings nor removes it. Read-only
//! transactions can still use `nextval`, and write to temporary tables ("SET TRANSACTION", PostgreSQL documentation).

use std::time::Duration;

use infra_connect::ident;

use crate::database::Database;
use crate::drain::{Ended, terminate};
use crate::error::Error;

/// A session of the role that was not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remaining {
    /// The process of the server.
    pub pid: i32,
    /// The name that the client gave itself.
    pub application: String,
    /// Why it remains.
    pub why: Ended,
}

/// What [`close`] and [`open`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The processes of the sessions that were ended.
    pub ended: Vec<i32>,
    /// Sessions from before that still exist, and whose default is therefore the previous one.
    pub remaining: Vec<Remaining>,
}

/// A session appears in `pg_stat_activity` a moment after it has read its settings (`InitPostgres` in PostgreSQL 14
/// to 18: `process_settings` comes before `pgstat_bestart`). So one look can miss a session from before. The pause
/// between two looks is much longer than that moment.
const SECOND_LOOK: Duration = Duration::from_millis(250);

/// The number of looks. A session that must not be ended is found by each of them.
const LOOKS: u32 = 20;

/// Makes the database refuse writes of a role: sets the role's default for this database, then ends the sessions of
/// the role from before, except those of the applications that the caller excludes by their exact names.
///
/// *Killed*: The default can be set while sessions from before exist. Repeat it: sessions of the role are ended again,
/// also those that are guarded already.
///
/// # Errors
/// The role does not exist, or the user must not change it: that needs CREATEROLE, and from PostgreSQL 16 on, the
/// ADMIN option on the role ("ALTER ROLE", PostgreSQL documentation).
pub async fn close(database: Database<'_>, role: &str, excluded_applications: &[&str]) -> Result<Report, Error> {
    set(database, role, "SET default_transaction_read_only = on").await?;
    end_sessions(database, role, excluded_applications).await
}

/// Makes new sessions of a role refuse writes, and leaves its sessions from before. It gives them time to end their
/// transactions before [`close`] ends them.
///
/// *Killed*: The default is set or not. Repeat it.
///
/// # Errors
/// The same as those of [`close`].
pub async fn close_for_new_sessions(database: Database<'_>, role: &str) -> Result<(), Error> {
    set(database, role, "SET default_transaction_read_only = on").await
}

/// Lets a role write again: removes the default, then ends the sessions of the role that began with it, with the same
/// exception. A pool of connections that was opened under the guard could not write otherwise.
///
/// *Killed*: The default can be removed while sessions that cannot write exist. Repeat it.
///
/// # Errors
/// The same as those of [`close`].
pub async fn open(database: Database<'_>, role: &str, excluded_applications: &[&str]) -> Result<Report, Error> {
    set(database, role, "RESET default_transaction_read_only").await?;
    end_sessions(database, role, excluded_applications).await
}

/// Returns whether new sessions of the role get the default that refuses writes.
///
/// # Errors
/// The role does not exist.
pub async fn is_guarded(database: Database<'_>, role: &str) -> Result<bool, Error> {
    let sql = "SELECT EXISTS (SELECT FROM pg_catalog.pg_db_role_setting s, unnest(s.setconfig) AS setting \
         WHERE s.setrole = r.oid AND s.setdatabase = (SELECT oid FROM pg_catalog.pg_database \
         WHERE datname = current_database()) AND setting = 'default_transaction_read_only=on') \
         FROM pg_catalog.pg_roles r WHERE r.rolname = $1";
    let rows = database.query("read the settings of the role", sql, &[&role]).await?;
    rows.first().ok_or_else(|| missing(database, role))?.get(0)
}

fn missing(database: Database<'_>, role: &str) -> Error {
    Error::Missing { kind: "role", name: role.to_owned(), side: database.label().to_owned() }
}

async fn set(database: Database<'_>, role: &str, setting: &str) -> Result<(), Error> {
    is_guarded(database, role).await?;
    let row = database.query_one("read the name of the database", "SELECT current_database()::text", &[]).await?;
    let name: String = row.get(0)?;
    let sql = format!("ALTER ROLE {} IN DATABASE {} {setting}", ident(role), ident(&name));
    database.run("change the default of the role", &sql).await
}

async fn end_sessions(database: Database<'_>, role: &str, excluded: &[&str]) -> Result<Report, Error> {
    // Sessions that started after the change have the new default. `backend_start` is hidden from users without
    // `pg_read_all_stats`; then each session counts as one from before.
    const OLD: &str = "SELECT pid, coalesce(application_name, '') FROM pg_catalog.pg_stat_activity \
         WHERE datname = current_database() AND usename = $1 AND pid <> pg_backend_pid() \
         AND coalesce(backend_type, 'client backend') = 'client backend' \
         AND NOT coalesce(application_name, '') = ANY ($2) \
         AND coalesce(backend_start <= $3::text::timestamptz, true) ORDER BY pid";
    let row = database.query_one("read the time", "SELECT clock_timestamp()::text", &[]).await?;
    let changed_at: String = row.get(0)?;
    let mut report = Report::default();
    for look in 0..LOOKS {
        if look > 0 {
            tokio::time::sleep(SECOND_LOOK).await;
        }
        let mut old: Vec<(i32, String)> = Vec::new();
        for row in database.query("read the sessions of the role", OLD, &[&role, &excluded, &changed_at]).await? {
            old.push((row.get(0)?, row.get(1)?));
        }
        if old.is_empty() && look > 0 {
            report.remaining.clear();
            return Ok(report);
        }
        let pids: Vec<i32> = old.iter().map(|(pid, _)| *pid).collect();
        let results = terminate(database, &pids).await?;
        report.remaining.clear();
        for ((pid, application), (_, result)) in old.into_iter().zip(results) {
            match result {
                Ended::Ended if !report.ended.contains(&pid) => report.ended.push(pid),
                Ended::Ended | Ended::Gone => {}
                why => report.remaining.push(Remaining { pid, application, why }),
            }
        }
        let is_final = |one: &Remaining| matches!(one.why, Ended::Refused(_));
        if look > 0 && !report.remaining.is_empty() && report.remaining.iter().all(is_final) {
            break;
        }
    }
    Ok(report)
}
