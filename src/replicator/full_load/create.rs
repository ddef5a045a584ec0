//! Creates target tables as DMS does, and prepares existing ones.

use tokio_postgres::{Client, Error};

use crate::catalog::Table;
use crate::model::TableName;
use crate::settings::{LobMode, TablePreparation};
use crate::sql::{ident, ident_list, qualified};
use crate::types::{Rules, Transfer};

/// Returns the statement that creates a bare table.
///
/// "AWS DMS creates the target schema objects necessary to perform a data migration. However, AWS DMS takes a
/// minimalist approach and creates only those objects required to efficiently migrate the data. In other words, AWS
/// DMS creates tables, primary keys, and in some cases unique indexes, but it doesn't create any other objects"
/// ("Converting schema"). Thus there are no defaults, identities, generation expressions, foreign keys, checks,
/// triggers or sequences, and the parents of partitions are ordinary tables.
pub fn create_table(table: &Table, target: &TableName, rules: &Rules) -> String {
    let columns: Vec<String> = table
        .columns
        .iter()
        .map(|column| {
            // In full LOB mode a row is written first without its LOBs: they "must be nullable on the target".
            let is_lob = matches!(rules.transfer(column), Transfer::Lob(_) | Transfer::NotMigrated);
            let in_key = table.primary_key.contains(&column.name);
            let not_null = if column.not_null && (!is_lob || in_key) { " NOT NULL" } else { "" };
            format!("{} {}{not_null}", ident(&column.name), rules.target_type(column))
        })
        .collect();
    format!("CREATE TABLE {} ({})", qualified(target), columns.join(", "))
}

/// Returns the statement that creates the key: the primary key, or else a unique index.
pub fn create_key(table: &Table, target: &TableName) -> Option<String> {
    let name = qualified(target);
    if !table.primary_key.is_empty() {
        let columns = ident_list(table.primary_key.iter().map(String::as_str));
        return Some(format!("ALTER TABLE {name} ADD PRIMARY KEY ({columns})"));
    }
    let columns = ident_list(table.key()?.iter().map(String::as_str));
    Some(format!("CREATE UNIQUE INDEX ON {name} ({columns})"))
}

/// What is left to do after the load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// The statement that creates the key.
    pub key: Option<String>,
}

/// Prepares the target table for its load.
pub async fn prepare(
    client: &Client,
    table: &Table,
    target: &TableName,
    rules: &Rules,
    preparation: TablePreparation,
    key_after_load: bool,
) -> Result<Prepared, Error> {
    let exists = exists(client, target).await?;
    match (preparation, exists) {
        (TablePreparation::Nothing, true) => return Ok(Prepared { key: None }),
        // "DROP and TRUNCATE operations fail when there are foreign key constraints" ("… as a target"): there is no
        // CASCADE.
        (TablePreparation::Truncate, true) => {
            client.batch_execute(&format!("TRUNCATE TABLE {}", qualified(target))).await?;
            return Ok(Prepared { key: None });
        }
        (TablePreparation::DropAndCreate, true) => {
            client.batch_execute(&format!("DROP TABLE {}", qualified(target))).await?;
        }
        // A table that does not exist is created in every mode.
        (_, false) => {}
    }
    ensure_schema(client, &target.schema).await?;
    client.batch_execute(&create_table(table, target, rules)).await?;
    let key = create_key(table, target);
    match key {
        Some(statement) if !key_after_load => {
            client.batch_execute(&statement).await?;
            Ok(Prepared { key: None })
        }
        key => Ok(Prepared { key }),
    }
}

async fn exists(client: &Client, table: &TableName) -> Result<bool, Error> {
    let statement = "SELECT EXISTS (SELECT FROM pg_catalog.pg_class c \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p'))";
    client.query_one(statement, &[&table.schema, &table.name]).await?.try_get(0)
}

/// Several loaders can create the same schema at the same time, and `IF NOT EXISTS` needs the privilege to create one.
async fn ensure_schema(client: &Client, schema: &str) -> Result<(), Error> {
    let statement = "SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1)";
    if client.query_one(statement, &[&schema]).await?.try_get(0)? {
        return Ok(());
    }
    match client.batch_execute(&format!("CREATE SCHEMA IF NOT EXISTS {}", ident(schema))).await {
        Err(error) if error.code() == Some(&tokio_postgres::error::SqlState::UNIQUE_VIOLATION) => Ok(()),
        other => other,
    }
}

/// Returns the columns of a table that full LOB mode writes after their rows.
pub fn late_columns<'a>(table: &'a Table, rules: &Rules) -> Vec<&'a str> {
    if !matches!(rules.lobs, LobMode::Full { .. }) {
        return Vec::new();
    }
    let key = table.key().unwrap_or_default();
    let is_late = |column: &&crate::catalog::Column| {
        matches!(rules.transfer(column), Transfer::Lob(_)) && !key.contains(&column.name)
    };
    table.columns.iter().filter(is_late).map(|column| column.name.as_str()).collect()
}
