//! Compares indexes and constraints by definition, not by name. DMS creates tables and primary keys, but no other
//! objects of a schema.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use infra_connect::DatabaseError;
use serde::{Deserialize, Serialize};

use super::canonical::canonical;
use super::catalog::Name;
use super::database::Database;
use super::error::Side;
use super::sql::Query;

/// The type of the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IndexKind {
    /// An index other than that of the primary key. A unique constraint counts as an index.
    Index,
    /// A check constraint, a foreign key or an exclusion constraint.
    Constraint,
}

/// An index or a constraint that only one side has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexDifference {
    /// The schema of its table.
    pub schema: String,
    /// The table.
    pub table: String,
    /// The type of the object.
    pub kind: IndexKind,
    /// The definition, as PostgreSQL writes it, without the name.
    pub definition: String,
    /// The side that has it. An object that only the target has is a note, unless it can reject rows.
    pub only_on: Side,
    /// Whether it can reject rows, as a unique index or a constraint does.
    #[serde(default)]
    pub rejects_rows: bool,
    /// The statements that mend it on the target: those that create it, or that drop it there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statements: Vec<String>,
}

impl IndexDifference {
    /// Returns whether this is a note, not a difference: the target is allowed to have more indexes than the source.
    pub fn is_note(&self) -> bool {
        self.only_on == Side::Target && !self.rejects_rows
    }
}

impl fmt::Display for IndexDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            IndexKind::Index => "index",
            IndexKind::Constraint => "constraint",
        };
        write!(f, "{}.{}: only the {} has the {kind} `{}`", self.schema, self.table, self.only_on, self.definition)
    }
}

/// An index or a constraint of one side.
#[derive(Clone, Debug)]
pub(super) struct Index {
    kind: IndexKind,
    definition: String,
    rejects_rows: bool,
    create: String,
    drop: String,
}

/// The objects of each table. Objects that mean the same have the same key, and count separately.
pub(super) type Indexes = BTreeMap<Name, BTreeMap<(IndexKind, String), Vec<Index>>>;

/// Invalid indexes are excluded: their creation failed. The definition starts after the name, at `USING`. The index of
/// a primary key is part of the table; only its deferrability is compared here. An index that belongs to the index of
/// a partitioned table is compared with that one.
const INDEXES: &str = "SELECT n.nspname::text, c.relname::text, true, \
    CASE WHEN i.indisprimary THEN 'PRIMARY KEY ' WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END \
    || substr(pg_get_indexdef(i.indexrelid), position(' USING ' IN pg_get_indexdef(i.indexrelid)) + 1) \
    || CASE WHEN k.condeferred THEN ' DEFERRABLE INITIALLY DEFERRED' WHEN k.condeferrable THEN ' DEFERRABLE' \
    ELSE '' END, i.indisunique, \
    CASE WHEN k.oid IS NULL THEN replace(pg_get_indexdef(i.indexrelid), ' ON ONLY ', ' ON ') \
    ELSE format('ALTER TABLE %I.%I ADD CONSTRAINT %I %s', n.nspname, c.relname, k.conname, \
    pg_get_constraintdef(k.oid)) END, CASE WHEN k.oid IS NULL THEN format('DROP INDEX %I.%I', n.nspname, x.relname) \
    ELSE format('ALTER TABLE %I.%I DROP CONSTRAINT %I', n.nspname, c.relname, k.conname) END \
    FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid \
    JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
    LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x') \
    WHERE (NOT i.indisprimary OR k.condeferrable) AND k.contype IS DISTINCT FROM 'x' AND i.indisvalid \
    AND NOT x.relispartition AND c.relkind IN ('r', 'p', 'm')";

/// A constraint that a partition has from its table is compared with that one.
fn constraints(version: i32) -> String {
    let is_own = if version >= 110_000 { "k.conparentid = 0" } else { "true" };
    format!(
        "SELECT n.nspname::text, c.relname::text, false, pg_get_constraintdef(k.oid), true, \
         format('ALTER TABLE %I.%I ADD CONSTRAINT %I %s', n.nspname, c.relname, k.conname, \
         pg_get_constraintdef(k.oid)), format('ALTER TABLE %I.%I DROP CONSTRAINT %I', n.nspname, c.relname, k.conname) \
         FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE k.contype IN ('c', 'f', 'x') AND {is_own} AND NOT (c.relispartition AND k.coninhcount > 0)"
    )
}

/// Reads indexes and constraints of all tables.
pub(super) async fn read(database: &Database) -> Result<Indexes, DatabaseError> {
    let mut indexes = Indexes::new();
    for sql in [INDEXES.to_owned(), constraints(database.info.version)] {
        for row in database.rows(&Query::plain(sql)).await? {
            let kind = if row.get(2) { IndexKind::Index } else { IndexKind::Constraint };
            // The definition is NULL if the object was dropped at the same time.
            let Some(definition) = row.get::<_, Option<String>>(3) else { continue };
            let key = (kind, canonical(&definition));
            let index = Index {
                kind,
                definition,
                rejects_rows: row.get(4),
                create: row.get::<_, Option<String>>(5).unwrap_or_default(),
                drop: row.get(6),
            };
            indexes.entry((row.get(0), row.get(1))).or_default().entry(key).or_default().push(index);
        }
    }
    Ok(indexes)
}

/// Returns the statements that create the indexes and constraints of a table that only the source has. Foreign keys
/// come last.
pub(super) fn created(name: &Name, source: &Indexes) -> Vec<String> {
    let indexes = source.get(name).into_iter().flatten().flat_map(|(_, indexes)| indexes);
    indexes.map(|index| index.create.clone()).collect()
}

/// Returns the objects that only one side has, for tables that both sides have.
pub(super) fn differences(tables: &BTreeSet<&Name>, source: &Indexes, target: &Indexes) -> Vec<IndexDifference> {
    let mut differences = Vec::new();
    for name in tables {
        for (side, of, other) in [(Side::Source, source, target), (Side::Target, target, source)] {
            for (key, indexes) in of.get(*name).into_iter().flatten() {
                let count = other.get(*name).and_then(|indexes| indexes.get(key)).map_or(0, Vec::len);
                let (schema, table) = (*name).clone();
                differences.extend(indexes.iter().skip(count).map(|index| IndexDifference {
                    schema: schema.clone(),
                    table: table.clone(),
                    kind: index.kind,
                    definition: index.definition.clone(),
                    only_on: side,
                    rejects_rows: index.rejects_rows,
                    statements: match side {
                        Side::Source => vec![index.create.clone()],
                        Side::Target if index.rejects_rows => vec![index.drop.clone()],
                        Side::Target => Vec::new(),
                    },
                }));
            }
        }
    }
    differences
}
