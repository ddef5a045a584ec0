//! Conditions in SQL statements.

/// The condition for a namespace `n` that belongs to the user: not to the system, a session, or this crate.
pub(crate) const USER_SCHEMA: &str = "n.nspname NOT IN ('pg_catalog', 'information_schema', 'migrate_infra') \
     AND n.nspname !~ '^pg_(toast|temp)'";
