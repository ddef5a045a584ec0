//! The tables of one side, with their columns and primary keys.

use std::collections::BTreeMap;

use super::database::Database;
use super::error::CompareError;
use super::options::Options;
use super::sql::Query;

/// The schema and the name of a table.
pub(super) type Name = (String, String);

/// A column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    /// The type with its length or precision, as PostgreSQL writes it.
    pub(super) kind: String,
    /// The type without its length or precision.
    pub(super) plain_kind: String,
    /// The name of the type, or of the type that a domain is based on, if it is a built-in type.
    pub(super) base: Option<String>,
    /// Whether its collation orders by bytes.
    pub(super) bytewise: bool,
    /// The collation, quoted, unless it is the one of the database or of the type.
    pub(super) collation: Option<String>,
    pub(super) not_null: bool,
    /// The default.
    pub(super) default: Option<String>,
    /// `ALWAYS` or `BY DEFAULT` if it is an identity column.
    pub(super) identity: Option<String>,
    /// The expression of a generated column, with `STORED` or `VIRTUAL`.
    pub(super) generated: Option<String>,
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Table {
    pub(super) name: Name,
    /// The key by which it is partitioned.
    pub(super) partition_key: Option<String>,
    /// The table that it is a partition of.
    pub(super) partition_of: Option<Name>,
    pub(super) unlogged: bool,
    /// The number of rows according to the statistics.
    pub(super) rows: u64,
    /// Whether the user is allowed to read it.
    pub(super) readable: bool,
    pub(super) columns: Vec<Column>,
    /// The columns of the primary key.
    pub(super) key: Vec<String>,
    /// The name of the constraint of the primary key.
    pub(super) key_name: Option<String>,
}

/// Ordinary and partitioned tables. Temporary tables belong to a session.
const TABLES: &str = "SELECT c.oid, n.nspname::text, c.relname::text, \
    CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END, greatest(c.reltuples, 0)::int8, \
    coalesce(has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'), false), \
    pn.nspname::text, p.relname::text, c.relpersistence = 'u' \
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
    LEFT JOIN pg_inherits i ON i.inhrelid = c.oid AND c.relispartition \
    LEFT JOIN pg_class p ON p.oid = i.inhparent LEFT JOIN pg_namespace pn ON pn.oid = p.relnamespace \
    WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' \
    AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%' ORDER BY c.oid";

/// A column orders by bytes when its collation, or the one of the database that it falls back to, is the C library's
/// `C`. Generated columns exist since PostgreSQL 12.
fn columns(version: i32) -> String {
    let generated = if version >= 120_000 { "a.attgenerated::text" } else { "''" };
    format!(
        "WITH RECURSIVE base(type, at) AS (SELECT oid, oid FROM pg_type UNION ALL \
         SELECT b.type, t.typbasetype FROM base b JOIN pg_type t ON t.oid = b.at AND t.typtype = 'd') \
         SELECT a.attrelid, a.attname::text, format_type(a.atttypid, a.atttypmod), \
         CASE WHEN bt.typnamespace = 'pg_catalog'::regnamespace THEN bt.typname::text END, \
         coalesce(CASE WHEN co.collname = 'default' THEN d.datcollate IN ('C', 'POSIX') \
         AND coalesce(to_jsonb(d) ->> 'datlocprovider', 'c') = 'c' \
         ELSE co.collprovider = 'c' AND co.collcollate IN ('C', 'POSIX') END, false), \
         CASE WHEN a.attcollation <> t.typcollation AND co.collname <> 'default' THEN \
         CASE WHEN cn.nspname = 'pg_catalog' THEN '' ELSE quote_ident(cn.nspname) || '.' END \
         || quote_ident(co.collname) END, \
         a.attnotnull, pg_get_expr(e.adbin, e.adrelid), a.attidentity::text, {generated}, format_type(a.atttypid, -1) \
         FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid JOIN pg_class c ON c.oid = a.attrelid \
         JOIN base b ON b.type = t.oid JOIN pg_type bt ON bt.oid = b.at AND bt.typtype <> 'd' \
         JOIN pg_database d ON d.datname = current_database() \
         LEFT JOIN pg_collation co ON co.oid = a.attcollation LEFT JOIN pg_namespace cn ON cn.oid = co.collnamespace \
         LEFT JOIN pg_attrdef e ON e.adrelid = a.attrelid AND e.adnum = a.attnum \
         WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p') \
         AND c.relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace) \
         ORDER BY a.attrelid, a.attnum"
    )
}

/// Columns of an index that are not part of its key exist since PostgreSQL 11.
fn keys(version: i32) -> String {
    let count = if version >= 110_000 { "i.indnkeyatts" } else { "i.indnatts" };
    format!(
        "SELECT i.indrelid, a.attname::text, x.relname::text FROM pg_index i \
         JOIN pg_class x ON x.oid = i.indexrelid \
         CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k(number, at) \
         JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number \
         WHERE i.indisprimary AND k.at <= {count} ORDER BY i.indrelid, k.at"
    )
}

/// Reads the tables that the options select. A partition is selected with its table.
pub(super) async fn read(database: &Database, options: &Options) -> Result<BTreeMap<Name, Table>, CompareError> {
    let version = database.info.version;
    let mut tables: BTreeMap<u32, Table> = BTreeMap::new();
    for row in database.catalog("tables", &Query::plain(TABLES)).await? {
        let parent: Option<String> = row.get(6);
        let table = Table {
            name: (row.get(1), row.get(2)),
            partition_key: row.get(3),
            rows: row.get::<_, i64>(4).unsigned_abs(),
            readable: row.get(5),
            partition_of: parent.zip(row.get(7)),
            unlogged: row.get(8),
            ..Table::default()
        };
        tables.insert(row.get(0), table);
    }
    for row in database.catalog("columns", &Query::plain(columns(version))).await? {
        let Some(table) = tables.get_mut(&row.get(0)) else { continue };
        let (expression, generated): (Option<String>, String) = (row.get(7), row.get(9));
        let storage = match generated.as_str() {
            "s" => Some("STORED"),
            "v" => Some("VIRTUAL"),
            _ => None,
        };
        let is_generated = storage.is_some();
        table.columns.push(Column {
            name: row.get(1),
            kind: row.get(2),
            plain_kind: row.get(10),
            base: row.get(3),
            bytewise: row.get(4),
            collation: row.get(5),
            not_null: row.get(6),
            identity: match row.get::<_, &str>(8) {
                "a" => Some("ALWAYS".to_owned()),
                "d" => Some("BY DEFAULT".to_owned()),
                _ => None,
            },
            generated: storage.zip(expression.clone()).map(|(storage, text)| format!("({text}) {storage}")),
            default: expression.filter(|_| !is_generated),
        });
    }
    for row in database.catalog("primary keys", &Query::plain(keys(version))).await? {
        if let Some(table) = tables.get_mut(&row.get(0)) {
            table.key.push(row.get(1));
            table.key_name = row.get(2);
        }
    }
    let tables: BTreeMap<Name, Table> = tables.into_values().map(|table| (table.name.clone(), table)).collect();
    let is_covered = |table: &Table| {
        let mut at = table;
        while let Some(parent) = at.partition_of.as_ref().and_then(|parent| tables.get(parent)) {
            at = parent;
        }
        options.covers(&at.name.0, &at.name.1) && !options.excludes(&table.name.0, &table.name.1)
    };
    Ok(tables
        .iter()
        .filter(|(_, table)| is_covered(table))
        .map(|(name, table)| (name.clone(), table.clone()))
        .collect())
}
