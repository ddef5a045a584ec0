//! The tables that a replication selects.

use crate::database::Database;
use crate::error::Error;
use crate::sql::USER_SCHEMA;

/// Returns whether a pattern of schema and name selects a table of the user. `%` stands for any text, and `_` for any
/// character, as in the selection rules of DMS.
///
/// # Errors
/// The catalogs could not be read.
pub async fn any_selected(database: Database<'_>, patterns: &[(&str, &str)]) -> Result<bool, Error> {
    let (schemas, names): (Vec<&str>, Vec<&str>) = patterns.iter().copied().unzip();
    let sql = format!(
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         JOIN unnest($1::text[], $2::text[]) AS p(schema, name) ON n.nspname LIKE p.schema AND c.relname LIKE p.name \
         WHERE c.relkind IN ('r', 'p') AND c.relname !~ '^awsdms_' AND {USER_SCHEMA})"
    );
    database.query_one("look for tables to replicate", &sql, &[&schemas, &names]).await?.get(0)
}
