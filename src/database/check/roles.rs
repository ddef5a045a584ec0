//! Roles that own something, have been granted something, or have settings.

use std::collections::BTreeSet;

use super::finding::{Findings, Topic};
use crate::database::Database;
use crate::error::Error;

pub(super) async fn check(source: Database<'_>, target: Database<'_>, findings: &mut Findings) -> Result<(), Error> {
    // Dependencies on roles of everything in this database: `o` owner, `a` in a list of grants, `r` in a policy
    // ("pg_shdepend", PostgreSQL documentation). The role that initialized the server is pinned, and not listed.
    const USED: &str = "SELECT r.rolname::text, bool_or(d.deptype = 'o') FROM pg_catalog.pg_shdepend d \
         JOIN pg_catalog.pg_roles r ON r.oid = d.refobjid WHERE d.refclassid = 'pg_authid'::regclass \
         AND d.dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()) \
         AND r.rolname !~ '^(pg_|rds)' GROUP BY 1 ORDER BY 1";
    const KNOWN: &str = "SELECT rolname::text, rolname = current_user FROM pg_catalog.pg_roles";
    let mut known = BTreeSet::new();
    let mut user = String::new();
    for row in target.query("read the roles", KNOWN, &[]).await? {
        let name: String = row.get(0)?;
        if row.get(1)? {
            user.clone_from(&name);
        }
        known.insert(name);
    }
    let side = target.label();
    for row in source.query("read the roles", USED, &[]).await? {
        let (role, owns): (String, bool) = (row.get(0)?, row.get(1)?);
        if !known.contains(&role) {
            let action = "create it before the schema is transferred: grants to it are left out otherwise";
            findings.warn(Topic::Roles, side, &role, "the server has no such role", action);
        }
        if owns && role != user {
            // The transfer does not keep owners.
            let what = format!("it owns objects on the source, which `{user}` owns here");
            let action = "transfer the schema as this role, or grant it what the service needs";
            findings.warn(Topic::Roles, side, &role, what, action);
        }
    }
    settings(source, target, findings).await
}

/// `pg_dump` leaves settings of roles and of the database to `pg_dumpall` ("pg_dumpall", PostgreSQL documentation).
async fn settings(source: Database<'_>, target: Database<'_>, findings: &mut Findings) -> Result<(), Error> {
    const SETTINGS: &str = "SELECT coalesce(r.rolname::text, 'every role'), split_part(setting, '=', 1), setting \
         FROM pg_catalog.pg_db_role_setting s CROSS JOIN LATERAL unnest(s.setconfig) AS setting \
         LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole \
         WHERE s.setdatabase = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()) \
         AND setting !~ '^default_transaction_read_only=' ORDER BY 1, 2";
    let mut there = BTreeSet::new();
    for row in target.query("read the settings of roles", SETTINGS, &[]).await? {
        there.insert((row.get::<String>(0)?, row.get::<String>(2)?));
    }
    for row in source.query("read the settings of roles", SETTINGS, &[]).await? {
        let (role, name, setting): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if !there.contains(&(role.clone(), setting)) {
            let what = format!("`{name}` is set for it in the source database, and differs or is missing here");
            let action = format!("ALTER ROLE … IN DATABASE … SET {name}, or ALTER DATABASE … SET {name}");
            findings.warn(Topic::RoleSettings, target.label(), role, what, action);
        }
    }
    Ok(())
}
