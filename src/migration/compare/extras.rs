//! Indexes and constraints, by what they do and not by their names. DMS makes tables and primary keys, and nothing else of a schema.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::catalog::Name;
use super::database::Database;
use super::error::{CompareError, Side};
use super::sql::Query;

/// What sort of thing it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExtraKind {
    /// An index, other than that of the primary key. Unique constraints are indexes, too.
    Index,
    /// A check, a foreign key or an exclusion.
    Constraint,
}

/// An index or a constraint that only one side has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtraFinding {
    /// The schema of its table.
    pub schema: String,
    /// Its table.
    pub table: String,
    /// What it is.
    pub kind: ExtraKind,
    /// What it does, in PostgreSQL's words.
    pub definition: String,
    /// Which side has it. What only the target has is a note, and no difference.
    pub only_on: Side,
}

impl ExtraFinding {
    /// Returns whether it is only worth knowing: the target may have more than the source.
    pub fn is_note(&self) -> bool {
        self.only_on == Side::Target
    }
}

impl fmt::Display for ExtraFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            ExtraKind::Index => "index",
            ExtraKind::Constraint => "constraint",
        };
        write!(f, "{}.{}: only the {} has the {kind} `{}`", self.schema, self.table, self.only_on, self.definition)
    }
}

/// What a table has, with how many of each: two equal indexes are two.
pub(super) type Extras = BTreeMap<Name, BTreeMap<(ExtraKind, String), usize>>;

/// An index whose building failed is not there. In its definition the name stands before `USING`.
const EXTRAS: &str = "SELECT n.nspname::text, c.relname::text, true, \
    CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END || substr(pg_get_indexdef(i.indexrelid), position(' USING ' IN pg_get_indexdef(i.indexrelid)) + 1) \
    FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
    WHERE NOT i.indisprimary AND i.indisvalid AND NOT c.relispartition AND c.relkind IN ('r', 'p') \
    UNION ALL SELECT n.nspname::text, c.relname::text, false, pg_get_constraintdef(k.oid) \
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
    WHERE k.contype IN ('c', 'f', 'x') AND NOT c.relispartition AND k.conparentid = 0";

/// Reads indexes and constraints of all tables.
pub(super) async fn read(database: &Database) -> Result<Extras, CompareError> {
    let mut extras = Extras::new();
    for row in database.catalog("indexes and constraints", &Query::plain(EXTRAS)).await? {
        let kind = if row.get(2) { ExtraKind::Index } else { ExtraKind::Constraint };
        // It has no definition any more when it was dropped in this moment.
        if let Some(definition) = row.get::<_, Option<String>>(3) {
            *extras.entry((row.get(0), row.get(1))).or_default().entry((kind, definition)).or_default() += 1;
        }
    }
    Ok(extras)
}

/// Tells what only one side has, for tables that both have.
pub(super) fn differences(tables: &BTreeSet<Name>, source: &Extras, target: &Extras) -> Vec<ExtraFinding> {
    let mut findings = Vec::new();
    for name in tables {
        for (side, of, other) in [(Side::Source, source, target), (Side::Target, target, source)] {
            for ((kind, definition), count) in of.get(name).into_iter().flatten() {
                let there = other.get(name).and_then(|extras| extras.get(&(*kind, definition.clone()))).copied().unwrap_or_default();
                let (schema, table) = name.clone();
                let finding = ExtraFinding { schema, table, kind: *kind, definition: definition.clone(), only_on: side };
                findings.extend(std::iter::repeat_n(finding, count.saturating_sub(there)));
            }
        }
    }
    findings
}
