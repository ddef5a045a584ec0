//! Compares indexes and constraints by definition, not by name. DMS creates tables and primary keys, but no other
//! objects of a schema.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::catalog::Name;
use super::database::Database;
use super::error::{CompareError, Side};
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
    /// The side that has it. An object that only the target has is a note, not a difference.
    pub only_on: Side,
}

impl IndexDifference {
    /// Returns whether this is a note, not a difference: the target is allowed to have more than the source.
    pub fn is_note(&self) -> bool {
        self.only_on == Side::Target
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

/// The objects of each table by definition, with their number: equal indexes count separately.
pub(super) type Indexes = BTreeMap<Name, BTreeMap<(IndexKind, String), usize>>;

/// Invalid indexes are excluded: their creation failed. The definition starts after the name, at `USING`.
const INDEXES: &str = "SELECT n.nspname::text, c.relname::text, true, \
    CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END \
    || substr(pg_get_indexdef(i.indexrelid), position(' USING ' IN pg_get_indexdef(i.indexrelid)) + 1) \
    FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
    WHERE NOT i.indisprimary AND i.indisvalid AND NOT c.relispartition AND c.relkind IN ('r', 'p') \
    UNION ALL SELECT n.nspname::text, c.relname::text, false, pg_get_constraintdef(k.oid) \
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
    WHERE k.contype IN ('c', 'f', 'x') AND NOT c.relispartition AND k.conparentid = 0";

/// Reads indexes and constraints of all tables.
pub(super) async fn read(database: &Database) -> Result<Indexes, CompareError> {
    let mut indexes = Indexes::new();
    for row in database.catalog("indexes and constraints", &Query::plain(INDEXES)).await? {
        let kind = if row.get(2) { IndexKind::Index } else { IndexKind::Constraint };
        // The definition is NULL if the object was dropped at the same time.
        if let Some(definition) = row.get::<_, Option<String>>(3) {
            *indexes.entry((row.get(0), row.get(1))).or_default().entry((kind, definition)).or_default() += 1;
        }
    }
    Ok(indexes)
}

/// Returns the objects that only one side has, for tables that both sides have.
pub(super) fn differences(tables: &BTreeSet<Name>, source: &Indexes, target: &Indexes) -> Vec<IndexDifference> {
    let mut differences = Vec::new();
    for name in tables {
        for (side, of, other) in [(Side::Source, source, target), (Side::Target, target, source)] {
            for ((kind, definition), count) in of.get(name).into_iter().flatten() {
                let other_count = other
                    .get(name)
                    .and_then(|indexes| indexes.get(&(*kind, definition.clone())))
                    .copied()
                    .unwrap_or_default();
                let (schema, table) = name.clone();
                let difference =
                    IndexDifference { schema, table, kind: *kind, definition: definition.clone(), only_on: side };
                differences.extend(std::iter::repeat_n(difference, count.saturating_sub(other_count)));
            }
        }
    }
    differences
}
