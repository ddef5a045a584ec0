//! Materialized views, which are transferred without their rows.

use crate::database::Database;
use crate::error::Error;
use crate::sql::USER_SCHEMA;
use infra_connect::TableName;

/// A materialized view that could not be refreshed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unrefreshed {
    /// The view, as `public.totals`.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// Refreshes all materialized views, in the order in which they were created: a view is younger than what it reads.
/// Returns their names, and those that could not be refreshed.
///
/// *Caveats*: Their rows are those of this moment. Nothing replicates them.
///
/// # Errors
/// The catalog cannot be read.
pub async fn refresh(database: Database<'_>) -> Result<(Vec<String>, Vec<Unrefreshed>), Error> {
    let sql = format!(
        "SELECT n.nspname::text, c.relname::text FROM pg_catalog.pg_class c \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind = 'm' AND {USER_SCHEMA} ORDER BY c.oid"
    );
    let (mut refreshed, mut failed) = (Vec::new(), Vec::new());
    for row in database.query("read the materialized views", &sql, &[]).await? {
        let name = TableName::new(row.get::<String>(0)?, row.get::<String>(1)?);
        let refresh = format!("REFRESH MATERIALIZED VIEW {}", name.quoted());
        match database.run("refresh a materialized view", &refresh).await {
            Ok(()) => refreshed.push(name.to_string()),
            Err(Error::Sql { source, .. }) => {
                failed.push(Unrefreshed { name: name.to_string(), reason: source.to_string() });
            }
            Err(error) => return Err(error),
        }
    }
    Ok((refreshed, failed))
}
