//! What the catalogs of a database say about its tables.

use std::collections::BTreeMap;

use tokio_postgres::{Client, Error, Row};

use crate::model::TableName;

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: TableName,
    /// Whether it is the parent of partitions.
    pub is_partitioned: bool,
    /// Whether it is a partition.
    pub is_partition: bool,
    /// Whether its changes are not in the write-ahead log.
    pub is_unlogged: bool,
    /// What the log has of an updated or deleted row.
    pub replica_identity: ReplicaIdentity,
    /// Its columns, in order.
    pub columns: Vec<Column>,
    /// The columns of the primary key; empty without one.
    pub primary_key: Vec<String>,
    /// Unique indexes other than the primary key, without those on expressions or on a part of the rows.
    pub unique_indexes: Vec<UniqueIndex>,
}

/// What the log has of an updated or deleted row (`pg_class.relreplident`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplicaIdentity {
    /// The primary key, if there is one.
    Default,
    /// Nothing.
    Nothing,
    /// All columns.
    Full,
    /// The columns of an index.
    Index,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type with modifiers, as `format_type` writes it.
    pub type_name: String,
    /// The name of its type in `pg_type`.
    pub base_type: String,
    /// Whether its type belongs to PostgreSQL.
    pub is_built_in: bool,
    /// `pg_type.typtype`: base, composite, domain, enum, pseudo, range or multirange.
    pub type_kind: char,
    /// Whether its type is an array.
    pub is_array: bool,
    /// The modifier of the type; -1 without one.
    pub modifier: i32,
    /// Whether it refuses NULL.
    pub not_null: bool,
    /// Whether it is computed from other columns.
    pub is_generated: bool,
    /// Whether it is an identity column that refuses values (`a`) or accepts them (`d`).
    pub identity: Option<char>,
    /// Whether it has a default.
    pub has_default: bool,
}

/// A unique index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UniqueIndex {
    /// Its name.
    pub name: String,
    /// Its columns.
    pub columns: Vec<String>,
}

impl Table {
    /// Returns a column.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Returns the columns that identify a row: the primary key, or a unique index without columns that can be NULL.
    pub fn key(&self) -> Option<&[String]> {
        if !self.primary_key.is_empty() {
            return Some(&self.primary_key);
        }
        let not_null = |name: &String| self.column(name).is_some_and(|column| column.not_null);
        let index = self.unique_indexes.iter().find(|index| index.columns.iter().all(not_null))?;
        Some(&index.columns)
    }
}

/// Reads all tables that a user can have created, or one.
///
/// Foreign tables, views and the tables of sessions are no tables for DMS; its own tables are not migrated either.
pub async fn read(client: &Client, only: Option<&TableName>) -> Result<Vec<Table>, Error> {
    const TABLES: &str = "SELECT c.oid, n.nspname, c.relname, c.relkind = 'p', c.relispartition, \
         c.relpersistence = 'u', c.relreplident \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' \
         AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_toast%' \
         AND c.relname NOT LIKE 'awsdms\\_%' \
         AND ($1::text IS NULL OR (n.nspname = $1 AND c.relname = $2)) ORDER BY 2, 3";
    const COLUMNS: &str = "SELECT a.attrelid, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), t.typname, \
         t.typnamespace = 'pg_catalog'::regnamespace, t.typtype, t.typcategory = 'A', a.atttypmod, a.attnotnull, \
         a.attgenerated <> '', a.attidentity, a.atthasdef AND a.attgenerated = '', \
         coalesce(e.typnamespace = 'pg_catalog'::regnamespace, true) \
         FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid \
         LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND t.typcategory = 'A' \
         WHERE a.attrelid = ANY ($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attrelid, a.attnum";
    const INDEXES: &str = "SELECT i.indrelid, c.relname, i.indisprimary, \
         (SELECT array_agg(a.attname::text ORDER BY k.position) \
          FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k(number, position) \
          JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number \
          WHERE k.position <= i.indnkeyatts) \
         FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid \
         WHERE i.indrelid = ANY ($1) AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL \
         ORDER BY i.indrelid, c.relname";
    let (schema, name) = only.map(|table| (table.schema.as_str(), table.name.as_str())).unzip();
    let mut tables: BTreeMap<u32, Table> = BTreeMap::new();
    let mut order: Vec<u32> = Vec::new();
    for row in client.query(TABLES, &[&schema, &name]).await? {
        let oid = row.try_get(0)?;
        order.push(oid);
        tables.insert(oid, table(&row)?);
    }
    for row in client.query(COLUMNS, &[&order]).await? {
        if let Some(table) = tables.get_mut(&row.try_get::<_, u32>(0)?) {
            table.columns.push(column(&row)?);
        }
    }
    for row in client.query(INDEXES, &[&order]).await? {
        let Some(table) = tables.get_mut(&row.try_get::<_, u32>(0)?) else { continue };
        let columns: Vec<String> = row.try_get(3)?;
        if row.try_get(2)? {
            table.primary_key = columns;
        } else {
            table.unique_indexes.push(UniqueIndex { name: row.try_get(1)?, columns });
        }
    }
    Ok(order.iter().filter_map(|oid| tables.remove(oid)).collect())
}

/// Reads one table; `None` if there is none.
pub async fn read_table(client: &Client, name: &TableName) -> Result<Option<Table>, Error> {
    Ok(read(client, Some(name)).await?.pop())
}

fn table(row: &Row) -> Result<Table, Error> {
    Ok(Table {
        name: TableName { schema: row.try_get(1)?, name: row.try_get(2)? },
        is_partitioned: row.try_get(3)?,
        is_partition: row.try_get(4)?,
        is_unlogged: row.try_get(5)?,
        replica_identity: match character(row, 6)? {
            'n' => ReplicaIdentity::Nothing,
            'f' => ReplicaIdentity::Full,
            'i' => ReplicaIdentity::Index,
            _ => ReplicaIdentity::Default,
        },
        columns: Vec::new(),
        primary_key: Vec::new(),
        unique_indexes: Vec::new(),
    })
}

fn column(row: &Row) -> Result<Column, Error> {
    let identity = character(row, 10)?;
    Ok(Column {
        name: row.try_get(1)?,
        type_name: row.try_get(2)?,
        base_type: row.try_get(3)?,
        is_built_in: row.try_get::<_, bool>(4)? && row.try_get::<_, bool>(12)?,
        type_kind: character(row, 5)?,
        is_array: row.try_get(6)?,
        modifier: row.try_get(7)?,
        not_null: row.try_get(8)?,
        is_generated: row.try_get(9)?,
        identity: matches!(identity, 'a' | 'd').then_some(identity),
        has_default: row.try_get(11)?,
    })
}

/// Reads a value of PostgreSQL's one-byte type.
fn character(row: &Row, at: usize) -> Result<char, Error> {
    let byte: i8 = row.try_get(at)?;
    Ok(char::from(byte.unsigned_abs()))
}
