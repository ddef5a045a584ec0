//! The tables of a database, as the catalogs describe them.

use std::collections::BTreeMap;

use infra_connect::TableName;

use crate::database::Database;
use crate::error::Error;
use crate::sql::USER_SCHEMA;

/// A table.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) name: TableName,
    /// Whether it is the parent of partitions, and has no rows itself.
    pub(super) is_partitioned: bool,
    pub(super) is_partition: bool,
    pub(super) is_unlogged: bool,
    /// `d`: the primary key, `n`: nothing, `f`: all columns, `i`: an index (`pg_class.relreplident`).
    pub(super) replica_identity: char,
    /// The columns of the primary key; empty without one.
    pub(super) primary_key: Vec<String>,
    /// Unique indexes other than the primary key.
    pub(super) unique_indexes: Vec<String>,
    /// Unique indexes with `coalesce` in an expression.
    pub(super) coalesce_indexes: Vec<String>,
    /// Constraints that are checked at the end of a transaction, or can be.
    pub(super) deferrable: Vec<String>,
    /// Whether other tables inherit from it, which are no partitions.
    pub(super) has_heirs: bool,
    /// Its size without TOAST and indexes, in bytes.
    pub(super) bytes: u64,
    /// How often rows were updated or deleted, as far as the statistics know.
    pub(super) updates: u64,
    pub(super) is_readable: bool,
    /// Whether policies hide rows from the user.
    pub(super) hides_rows: bool,
    pub(super) columns: Vec<Column>,
}

impl Table {
    pub(super) fn has_primary_key(&self) -> bool {
        !self.primary_key.is_empty()
    }

    /// Returns a column.
    pub(super) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// A column.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) name: String,
    /// The type with modifiers, as `format_type` writes it.
    pub(super) type_name: String,
    /// The name of the type, or of what a domain is based on, in `pg_type`.
    pub(super) base: String,
    /// `pg_type.typtype` of the column's own type: base, composite, domain, enum, range, multirange.
    pub(super) kind: char,
    pub(super) is_array: bool,
    pub(super) is_built_in: bool,
    /// The modifier of the type; -1 without one.
    pub(super) modifier: i32,
    pub(super) is_generated: bool,
    pub(super) is_not_null: bool,
    /// Whether it is an identity column that refuses values.
    pub(super) is_always_identity: bool,
}

/// Reads the tables with their columns, in the order of their names. Tables of DMS and of this crate are left out.
pub(super) async fn read(database: Database<'_>) -> Result<Vec<Table>, Error> {
    const WHAT: &str = "read the tables";
    const COLUMNS: &str = "SELECT a.attrelid, a.attname::text, format_type(a.atttypid, a.atttypmod), \
         coalesce(b.typname, t.typname)::text, t.typtype, t.typcategory = 'A', \
         t.typnamespace = 'pg_catalog'::regnamespace, \
         CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END, a.attgenerated <> '', a.attidentity = 'a', \
         a.attnotnull \
         FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid \
         LEFT JOIN pg_catalog.pg_type b ON t.typtype = 'd' AND b.oid = t.typbasetype \
         WHERE a.attrelid = ANY ($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attrelid, a.attnum";
    let sql = format!(
        "SELECT c.oid, n.nspname::text, c.relname::text, c.relkind = 'p', c.relispartition, c.relpersistence = 'u', \
         c.relreplident, coalesce((SELECT array_agg(x.relname::text ORDER BY x.relname) FROM pg_catalog.pg_index i \
         JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid WHERE i.indrelid = c.oid AND i.indisunique \
         AND NOT i.indisprimary), '{{}}'), \
         coalesce((SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_catalog.pg_index i \
         JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey) \
         WHERE i.indrelid = c.oid AND i.indisprimary), '{{}}'), \
         coalesce(pg_relation_size(c.oid), 0), coalesce(pg_stat_get_tuples_updated(c.oid), 0) + \
         coalesce(pg_stat_get_tuples_deleted(c.oid), 0), \
         coalesce(has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'), false), \
         row_security_active(c.oid), \
         coalesce((SELECT array_agg(x.relname::text ORDER BY x.relname) FROM pg_catalog.pg_index i \
         JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid WHERE i.indrelid = c.oid AND i.indisunique \
         AND i.indexprs IS NOT NULL AND pg_get_indexdef(i.indexrelid) ~* '\\ycoalesce\\y'), '{{}}'), \
         coalesce((SELECT array_agg(o.conname::text ORDER BY o.conname) FROM pg_catalog.pg_constraint o \
         WHERE o.conrelid = c.oid AND o.condeferrable), '{{}}'), \
         c.relkind = 'r' AND EXISTS (SELECT FROM pg_catalog.pg_inherits h WHERE h.inhparent = c.oid) \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND {USER_SCHEMA} AND c.relname !~ '^awsdms_' \
         ORDER BY 2, 3"
    );
    let mut order: Vec<u32> = Vec::new();
    let mut tables: BTreeMap<u32, Table> = BTreeMap::new();
    let character = |byte: i8| char::from(byte.unsigned_abs());
    for row in database.query(WHAT, &sql, &[]).await? {
        let oid = row.get(0)?;
        order.push(oid);
        let table = Table {
            name: TableName::new(row.get::<String>(1)?, row.get::<String>(2)?),
            is_partitioned: row.get(3)?,
            is_partition: row.get(4)?,
            is_unlogged: row.get(5)?,
            replica_identity: character(row.get(6)?),
            unique_indexes: row.get(7)?,
            primary_key: row.get(8)?,
            bytes: row.number(9)?,
            updates: row.number(10)?,
            is_readable: row.get(11)?,
            hides_rows: row.get(12)?,
            coalesce_indexes: row.get(13)?,
            deferrable: row.get(14)?,
            has_heirs: row.get(15)?,
            columns: Vec::new(),
        };
        tables.insert(oid, table);
    }
    for row in database.query("read the columns", COLUMNS, &[&order]).await? {
        let Some(table) = tables.get_mut(&row.get(0)?) else { continue };
        table.columns.push(Column {
            name: row.get(1)?,
            type_name: row.get(2)?,
            base: row.get(3)?,
            kind: character(row.get(4)?),
            is_array: row.get(5)?,
            is_built_in: row.get(6)?,
            modifier: row.get(7)?,
            is_generated: row.get(8)?,
            is_always_identity: row.get(9)?,
            is_not_null: row.get(10)?,
        });
    }
    Ok(order.iter().filter_map(|oid| tables.remove(oid)).collect())
}
