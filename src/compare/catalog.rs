//! The tables of one side, with their columns and primary keys.

use std::collections::BTreeMap;

use super::database::Database;
use super::error::CompareError;
use super::options::Options;
use super::sql::Query;

/// The schema and the name of a table.
pub(super) type Name = (String, String);

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    /// The type with its length or precision, as PostgreSQL writes it.
    pub(super) kind: String,
    /// The name of the type if it is a built-in type.
    pub(super) built_in: Option<String>,
    /// Whether its collation orders by bytes.
    pub(super) bytewise: bool,
    pub(super) not_null: bool,
    /// The default, or the expression of a generated column.
    pub(super) default: Option<String>,
}

/// A table.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Table {
    pub(super) name: Name,
    pub(super) partitioned: bool,
    /// The number of rows according to the statistics.
    pub(super) rows: u64,
    /// Whether the user is allowed to read it.
    pub(super) readable: bool,
    pub(super) columns: Vec<Column>,
    /// The columns of the primary key.
    pub(super) key: Vec<String>,
}

/// Ordinary and partitioned tables. Partitions are part of their table, and temporary tables belong to a session.
const TABLES: &str = "SELECT c.oid, n.nspname::text, c.relname::text, c.relkind = 'p', greatest(c.reltuples, 0)::int8, \
    coalesce(has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'), false) \
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't' \
    AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%' ORDER BY c.oid";

/// A column orders by bytes when its collation, or the one of the database that it falls back to, is the C library's
/// `C`.
const COLUMNS: &str = "SELECT a.attrelid, a.attname::text, format_type(a.atttypid, a.atttypmod), \
    CASE WHEN t.typnamespace = 'pg_catalog'::regnamespace THEN t.typname::text END, \
    coalesce(CASE WHEN co.collname = 'default' THEN d.datcollate IN ('C', 'POSIX') \
    AND coalesce(to_jsonb(d) ->> 'datlocprovider', 'c') = 'c' \
    ELSE co.collprovider = 'c' AND co.collcollate IN ('C', 'POSIX') END, false), \
    a.attnotnull, pg_get_expr(e.adbin, e.adrelid) \
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid JOIN pg_class c ON c.oid = a.attrelid \
    JOIN pg_database d ON d.datname = current_database() \
    LEFT JOIN pg_collation co ON co.oid = a.attcollation \
    LEFT JOIN pg_attrdef e ON e.adrelid = a.attrelid AND e.adnum = a.attnum \
    WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p') AND NOT c.relispartition \
    AND c.relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace) \
    ORDER BY a.attrelid, a.attnum";

const KEYS: &str = "SELECT i.indrelid, a.attname::text FROM pg_index i \
    CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k(number, at) \
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number \
    WHERE i.indisprimary AND k.at <= i.indnkeyatts ORDER BY i.indrelid, k.at";

/// Reads the tables that the options select.
pub(super) async fn read(database: &Database, options: &Options) -> Result<BTreeMap<Name, Table>, CompareError> {
    let mut tables: BTreeMap<u32, Table> = BTreeMap::new();
    for row in database.catalog("tables", &Query::plain(TABLES)).await? {
        let name: Name = (row.get(1), row.get(2));
        if options.covers(&name.0, &name.1) {
            let table = Table {
                name,
                partitioned: row.get(3),
                rows: row.get::<_, i64>(4).unsigned_abs(),
                readable: row.get(5),
                columns: Vec::new(),
                key: Vec::new(),
            };
            tables.insert(row.get(0), table);
        }
    }
    for row in database.catalog("columns", &Query::plain(COLUMNS)).await? {
        if let Some(table) = tables.get_mut(&row.get(0)) {
            table.columns.push(Column {
                name: row.get(1),
                kind: row.get(2),
                built_in: row.get(3),
                bytewise: row.get(4),
                not_null: row.get(5),
                default: row.get(6),
            });
        }
    }
    for row in database.catalog("primary keys", &Query::plain(KEYS)).await? {
        if let Some(table) = tables.get_mut(&row.get(0)) {
            table.key.push(row.get(1));
        }
    }
    Ok(tables.into_values().map(|table| (table.name.clone(), table)).collect())
}
