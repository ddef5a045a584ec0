//! The roles of an RDS instance, as far as PostgreSQL without the changes of RDS can have them.
//!
//! The RDS guide ("Understanding the rds_superuser role") describes the master user as `LOGIN NOSUPERUSER INHERIT
//! CREATEDB CREATEROLE NOREPLICATION VALID UNTIL 'infinity'`, with the privileges of `rds_superuser`. Where this
//! differs:
//!
//! - *Replication.* RDS lets the members of `rds_replication` use replication slots. PostgreSQL asks for the attribute
//!   REPLICATION of the role itself, which no membership passes on. So the master user has the attribute, and
//!   `grant_replication` gives it to other members of `rds_replication`.
//! - *`session_replication_role`.* RDS lets `rds_superuser` set it. PostgreSQL 15 and later can grant that. PostgreSQL
//!   14 lets only superusers set it: there, such a statement of the master user fails.
//! - *Extensions.* RDS lets `rds_superuser` create each extension that it supports. PostgreSQL lets the owner of a
//!   database create those that are marked as trusted. `create_extension` creates others before the master user needs
//!   them; then `CREATE EXTENSION IF NOT EXISTS` succeeds.
//! - *Subscriptions.* RDS lets `rds_superuser` create them. PostgreSQL 16 and later can grant that; older versions
//!   cannot.

use infra_connect::{ident, literal};

/// The owner of the server. RDS uses the same name.
pub(super) const SUPERUSER: &str = "rdsadmin";

/// Returns what the server stores in place of a password. Statements contain it instead of the password, which
/// therefore gets into no log of the server.
pub(super) fn verifier(password: &str) -> String {
    postgres_protocol::password::scram_sha_256(password.as_bytes())
}

/// Returns the statements that set up a new server.
pub(super) fn setup(major: u16, master: &str, password_verifier: &str, database: Option<&str>) -> Vec<String> {
    let user = ident(master);
    let mut statements: Vec<String> = ["rds_superuser", "rds_replication", "rds_password", "rds_iam"]
        .map(|role| format!("CREATE ROLE {role} NOLOGIN"))
        .into();
    let mut member_of = vec!["pg_monitor", "pg_signal_backend", "rds_replication", "rds_password"];
    if major >= 15 {
        member_of.push("pg_checkpoint");
        statements.push("GRANT SET ON PARAMETER session_replication_role TO rds_superuser".to_owned());
    }
    if major >= 16 {
        member_of.push("pg_create_subscription");
    }
    statements.push(format!("GRANT {} TO rds_superuser WITH ADMIN OPTION", member_of.join(", ")));
    statements.push(format!(
        "CREATE ROLE {user} LOGIN CREATEDB CREATEROLE REPLICATION VALID UNTIL 'infinity' PASSWORD {}",
        literal(password_verifier)
    ));
    statements.push(format!("GRANT rds_superuser, rds_replication TO {user} WITH ADMIN OPTION"));
    // "If this parameter isn't specified, a database named postgres is created in the DB instance" (`DBName` of
    // CreateDBInstance); RDS has it in any case.
    for name in ["template1", "postgres"] {
        statements.push(format!("ALTER DATABASE {name} OWNER TO {user}"));
    }
    if let Some(name) = database.filter(|name| *name != "postgres") {
        statements.push(format!("CREATE DATABASE {} OWNER {user}", ident(name)));
    }
    statements
}

/// Returns the statement that changes the password of a role.
pub(super) fn set_password(role: &str, password: &str) -> String {
    format!("ALTER ROLE {} PASSWORD {}", ident(role), literal(&verifier(password)))
}

/// Gives the attribute REPLICATION to the members of `rds_replication` that can log in, and takes it from others.
pub(super) const GRANT_REPLICATION: &str = "
    DO $$
    DECLARE role record;
    BEGIN
        FOR role IN
            SELECT rolname, pg_has_role(oid, 'rds_replication', 'MEMBER') AS member
            FROM pg_roles
            WHERE rolcanlogin AND NOT rolsuper
              AND rolreplication <> pg_has_role(oid, 'rds_replication', 'MEMBER')
        LOOP
            EXECUTE format('ALTER ROLE %I %s', role.rolname,
                CASE WHEN role.member THEN 'REPLICATION' ELSE 'NOREPLICATION' END);
        END LOOP;
    END $$";
