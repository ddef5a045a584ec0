//! Reads the tables of a database.

use std::collections::BTreeMap;

use tokio_postgres::{Client, Row};

use super::kind::Kinds;
use super::table::{Column, ForeignKey, Partitions, Table, TableId, Unique};
use crate::error::Error;

/// Ordinary and partitioned tables of the application: not partitions, not tables of an extension, and neither those of
/// DMS ("Control table task settings", AWS DMS user guide) nor those of this program.
const TABLES: &str = "SELECT c.oid, n.nspname::text, c.relname::text, c.relkind = 'p', \
    (SELECT array_agg(k.number::int2) FROM pg_partitioned_table p, unnest(p.partattrs::int2[]) AS k(number) \
    WHERE p.partrelid = c.oid), \
    (SELECT array_agg(pg_get_expr(p.relpartbound, p.oid) ORDER BY p.oid) FROM pg_inherits i \
    JOIN pg_class p ON p.oid = i.inhrelid WHERE i.inhparent = c.oid AND p.relispartition) \
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't' \
    AND n.nspname NOT IN ('information_schema', 'migrate_infra') AND n.nspname NOT LIKE 'pg\\_%' \
    AND c.relname NOT LIKE 'awsdms\\_%' \
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid \
    AND d.deptype = 'e') ORDER BY 2, 3";

const COLUMNS: &str = "SELECT a.attrelid, a.attnum, a.attname::text, a.atttypid, a.atttypmod, \
    format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity <> '' OR \
    coalesce(a.attgenerated = '' AND pg_get_expr(d.adbin, d.adrelid) LIKE '%nextval(%', false), a.attgenerated <> '' \
    FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
    WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attrelid = ANY ($1) ORDER BY a.attrelid, a.attnum";

/// Unique indexes: the constraints are among them. An expression depends on its columns (`pg_depend`). Included columns
/// are not part of what is unique.
const UNIQUES: &str = "SELECT i.indrelid, c.relname::text, i.indisprimary, \
    array(SELECT k.number::int2 FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k(number, at) \
    WHERE k.at <= i.indnkeyatts AND k.number > 0 ORDER BY k.at) \
    || array(SELECT DISTINCT d.refobjsubid::int2 FROM pg_depend d WHERE i.indexprs IS NOT NULL \
    AND d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid AND d.refobjid = i.indrelid \
    AND d.refobjsubid > 0 AND NOT d.refobjsubid = ANY (i.indkey::int2[])) \
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
    WHERE i.indisunique AND i.indrelid = ANY ($1) ORDER BY 1, NOT i.indisprimary, 2";

/// The columns in indexes, directly or in an expression. A value in an index has a largest size ("B-Tree Indexes",
/// PostgreSQL documentation: one third of a page).
const INDEXED: &str = "SELECT d.refobjid, d.refobjsubid::int2 FROM pg_depend d \
    JOIN pg_index i ON i.indexrelid = d.objid AND i.indrelid = d.refobjid \
    WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0 \
    AND d.refobjid = ANY ($1) \
    UNION SELECT i.indrelid, k.number::int2 FROM pg_index i, unnest(i.indkey::int2[]) AS k(number) \
    WHERE k.number > 0 AND i.indrelid = ANY ($1)";

const FOREIGN_KEYS: &str = "SELECT k.conrelid, k.conname::text, k.conkey, n.nspname::text, p.relname::text, \
    array(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY AS f(number, at) \
    JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = f.number ORDER BY f.at) \
    FROM pg_constraint k JOIN pg_class p ON p.oid = k.confrelid JOIN pg_namespace n ON n.oid = p.relnamespace \
    WHERE k.contype = 'f' AND k.conrelid = ANY ($1) AND k.conparentid = 0 ORDER BY 1, 2";

const CHECKS: &str = "SELECT conrelid, conname::text, pg_get_constraintdef(oid) FROM pg_constraint \
    WHERE contype = 'c' AND conrelid = ANY ($1) ORDER BY 1, 2";

/// Reads all tables, ordered by name.
pub(crate) async fn read(client: &Client) -> Result<Vec<Table>, Error> {
    let failed = |error: tokio_postgres::Error| Error::database("read the tables of the database", &error);
    let kinds = Kinds::read(client).await?;
    let mut tables: BTreeMap<u32, Entry> = BTreeMap::new();
    for row in client.query(TABLES, &[]).await.map_err(failed)? {
        tables.insert(row.get(0), Entry::new(&row));
    }
    let oids: Vec<u32> = tables.keys().copied().collect();
    for row in client.query(COLUMNS, &[&oids]).await.map_err(failed)? {
        if let Some(entry) = tables.get_mut(&row.get(0)) {
            entry.add_column(&row, &kinds);
        }
    }
    for row in client.query(UNIQUES, &[&oids]).await.map_err(failed)? {
        if let Some(entry) = tables.get_mut(&row.get(0)) {
            let columns = entry.positions(&row.get::<_, Vec<i16>>(3));
            if row.get(2) {
                entry.table.key.clone_from(&columns);
            }
            entry.table.uniques.push(Unique { name: row.get(1), columns });
        }
    }
    for row in client.query(INDEXED, &[&oids]).await.map_err(failed)? {
        if let Some(entry) = tables.get_mut(&row.get(0)) {
            for column in entry.positions(&[row.get(1)]) {
                entry.table.columns[column].is_indexed = true;
            }
        }
    }
    for row in client.query(FOREIGN_KEYS, &[&oids]).await.map_err(failed)? {
        if let Some(entry) = tables.get_mut(&row.get(0)) {
            let columns = entry.positions(&row.get::<_, Vec<i16>>(2));
            let parent = TableId { schema: row.get(3), name: row.get(4) };
            let key = ForeignKey { name: row.get(1), columns, parent, parent_columns: row.get(5) };
            entry.table.foreign_keys.push(key);
        }
    }
    for row in client.query(CHECKS, &[&oids]).await.map_err(failed)? {
        if let Some(entry) = tables.get_mut(&row.get(0)) {
            entry.table.checks.push((row.get(1), row.get(2)));
        }
    }
    let mut tables: Vec<Table> = tables.into_values().map(Entry::finish).collect();
    tables.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(tables)
}

/// A table while it is read: the catalogs name columns by their numbers.
struct Entry {
    table: Table,
    numbers: Vec<i16>,
    partition_numbers: Vec<i16>,
}

impl Entry {
    fn new(row: &Row) -> Self {
        let bounds = row.get::<_, Option<Vec<Option<String>>>>(5).unwrap_or_default().into_iter().flatten().collect();
        let table = Table {
            id: TableId { schema: row.get(1), name: row.get(2) },
            columns: Vec::new(),
            key: Vec::new(),
            uniques: Vec::new(),
            foreign_keys: Vec::new(),
            checks: Vec::new(),
            partitions: row.get::<_, bool>(3).then_some(Partitions { column: None, bounds }),
        };
        Self { table, numbers: Vec::new(), partition_numbers: row.get::<_, Option<Vec<i16>>>(4).unwrap_or_default() }
    }

    fn add_column(&mut self, row: &Row, kinds: &Kinds) {
        let kind = kinds.resolve(row.get(3), row.get(4), row.get(5));
        let not_null = row.get::<_, bool>(6) || kind.not_null;
        self.numbers.push(row.get(1));
        self.table.columns.push(Column {
            name: row.get(2),
            kind,
            not_null,
            is_assigned: row.get(7),
            is_generated: row.get(8),
            is_indexed: false,
        });
    }

    fn positions(&self, numbers: &[i16]) -> Vec<usize> {
        numbers.iter().filter_map(|number| self.numbers.iter().position(|other| other == number)).collect()
    }

    fn finish(mut self) -> Table {
        let columns = self.positions(&self.partition_numbers);
        if let (Some(partitions), [column]) = (&mut self.table.partitions, columns.as_slice()) {
            partitions.column = Some(*column);
        }
        self.table
    }
}
