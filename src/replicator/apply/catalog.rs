//! The tables of the target, and where the changes of each table of the source go.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use tokio_postgres::Client;

use super::lob::LobKind;
use crate::model::{Lsn, TableName};

/// Where the changes of one table of the source go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The table of the source.
    pub source: TableName,
    /// The table of the target.
    pub target: TableName,
    /// The columns of the primary key on the source, by their names there. Without a key, "AWS DMS ignores DELETE and
    /// UPDATE record operations for that table".
    pub key: Vec<String>,
    /// Whether the table is a partition. "AWS DMS does not replicate changes that result from partition or subpartition
    /// operations (`ADD`, `DROP`, or `TRUNCATE`)."
    pub partition: bool,
    /// Columns with another name on the target, and columns that are not replicated.
    pub columns: BTreeMap<String, Option<String>>,
    /// Changes that were committed up to this position are ignored: the load of the table contains them.
    pub after: Lsn,
}

impl Route {
    /// Returns a route to the table of the same name.
    pub fn same(source: TableName, key: &[&str]) -> Self {
        let key = key.iter().map(|column| (*column).to_owned()).collect();
        Self { target: source.clone(), source, key, partition: false, columns: BTreeMap::new(), after: Lsn::default() }
    }
}

/// Converts values from the types of the source to those of the target, as DMS does on its way through its own types.
pub trait Convert: Send + Sync {
    /// Returns the value for the target.
    ///
    /// # Errors
    /// Returns why the value cannot be converted. `DataErrorPolicy` decides what follows.
    fn convert<'a>(
        &self,
        table: &TableName,
        column: &str,
        type_name: &str,
        text: &'a str,
    ) -> Result<Cow<'a, str>, String>;

    /// Returns the kind of a large value. The name of a type alone does not show that it is a composite.
    fn lob(&self, _table: &TableName, _column: &str, type_name: &str) -> Option<LobKind> {
        LobKind::of(type_name)
    }
}

/// Leaves every value as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Verbatim;

impl Convert for Verbatim {
    fn convert<'a>(&self, _: &TableName, _: &str, _: &str, text: &'a str) -> Result<Cow<'a, str>, String> {
        Ok(Cow::Borrowed(text))
    }
}

/// The catalog of the target could not be read.
#[derive(Debug, thiserror::Error)]
#[error("could not read the catalog of the target")]
pub struct CatalogError(#[from] tokio_postgres::Error);

/// The tables to which changes are applied.
#[derive(Clone, Debug, Default)]
pub struct TargetCatalog {
    tables: HashMap<TableName, Arc<Table>>,
}

/// A table of the target.
#[derive(Clone, Debug)]
pub(super) struct Table {
    /// Where its changes come from.
    pub route: Route,
    /// Its columns, with their types. Empty if it does not exist.
    pub columns: BTreeMap<String, String>,
    /// Whether it has a unique constraint or index besides its primary key.
    pub has_unique: bool,
}

impl Table {
    /// Returns the name of a column of the source on the target, or nothing if it is not replicated.
    pub fn target_column<'a>(&'a self, column: &'a str) -> Option<&'a str> {
        self.route.columns.get(column).map_or(Some(column), Option::as_deref)
    }

    /// Whether a column of the source is part of the primary key there.
    pub fn is_key(&self, column: &str) -> bool {
        self.route.key.iter().any(|key| key == column)
    }
}

const COLUMNS: &str = "
    SELECT n.nspname::text, c.relname::text, a.attname::text, pg_catalog.format_type(a.atttypid, NULL)
    FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN (SELECT DISTINCT * FROM unnest($1::text[], $2::text[])) wanted (schema_name, table_name)
      ON wanted.schema_name = n.nspname AND wanted.table_name = c.relname
    WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p')";

const UNIQUE: &str = "
    SELECT DISTINCT n.nspname::text, c.relname::text
    FROM pg_catalog.pg_index i
    JOIN pg_catalog.pg_class c ON c.oid = i.indrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN unnest($1::text[], $2::text[]) wanted (schema_name, table_name)
      ON wanted.schema_name = n.nspname AND wanted.table_name = c.relname
    WHERE i.indisunique AND NOT i.indisprimary";

impl TargetCatalog {
    /// Reads the tables of the routes from the catalog of the target. A table that does not exist fails with its first
    /// change.
    ///
    /// # Errors
    /// Returns an error if the catalog cannot be read.
    pub async fn read(client: &Client, routes: Vec<Route>) -> Result<Self, CatalogError> {
        let schemas: Vec<&str> = routes.iter().map(|route| route.target.schema.as_str()).collect();
        let names: Vec<&str> = routes.iter().map(|route| route.target.name.as_str()).collect();
        let mut columns: HashMap<TableName, BTreeMap<String, String>> = HashMap::new();
        for row in client.query(COLUMNS, &[&schemas, &names]).await? {
            let table = TableName { schema: row.try_get(0)?, name: row.try_get(1)? };
            columns.entry(table).or_default().insert(row.try_get(2)?, row.try_get(3)?);
        }
        let mut unique = Vec::new();
        for row in client.query(UNIQUE, &[&schemas, &names]).await? {
            unique.push(TableName { schema: row.try_get(0)?, name: row.try_get(1)? });
        }
        let table = |route: Route| {
            let columns = columns.get(&route.target).cloned().unwrap_or_default();
            let has_unique = unique.contains(&route.target);
            (route.source.clone(), Arc::new(Table { route, columns, has_unique }))
        };
        Ok(Self { tables: routes.into_iter().map(table).collect() })
    }

    /// Whether changes of a table of the source are applied.
    pub fn contains(&self, source: &TableName) -> bool {
        self.tables.contains_key(source)
    }

    pub(super) fn get(&self, source: &TableName) -> Option<&Arc<Table>> {
        self.tables.get(source)
    }
}
