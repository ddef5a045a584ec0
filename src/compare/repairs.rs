//! All statements that mend the target, in an order in which they can be run.

use std::collections::{BTreeMap, BTreeSet};

use super::error::Side;
use super::indexes::IndexKind;
use super::objects::{ObjectDifference, ObjectKind, SequenceCreation};
use super::repair::Repair;
use super::result::Comparison;
use super::sequences::{SequenceDifference, SequenceState};
use super::sql::{literal, quoted_name};

/// When a statement can run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// What is in the way of other statements: constraints with the same name.
    Removed,
    /// What tables are made of.
    Foundations,
    Functions,
    Tables,
    Partitions,
    Indexes,
    /// After those of single partitions: the server gives names to the indexes that it creates on partitions.
    PartitionedIndexes,
    ForeignKeys,
    Code,
    /// What rows and users are allowed to do.
    Access,
    /// Positions of sequences, when nothing uses them up any more.
    Positions,
}

/// What is needed to mend sequences and tables that the target does not have.
#[derive(Debug, Default)]
pub(super) struct Creation {
    /// The sequences of the source, by `schema.sequence`.
    pub(super) sequences: BTreeMap<String, SequenceCreation>,
    /// The indexes and constraints of tables that the target does not have, by `schema.table`.
    pub(super) indexes: BTreeMap<String, Vec<String>>,
    /// The tables of the source that are partitioned, as `schema.table`.
    pub(super) partitioned: BTreeSet<String>,
}

/// Returns the repairs for all differences.
pub(super) fn repairs(comparison: &Comparison, creation: &Creation) -> Vec<Repair> {
    let indexes_of = |table: &str| {
        if creation.partitioned.contains(table) { Phase::PartitionedIndexes } else { Phase::Indexes }
    };
    let mut repairs: Vec<(Phase, Repair)> = Vec::new();
    let mut add = |phase, difference: String, statements: Vec<String>| {
        if !statements.is_empty() {
            repairs.push((phase, Repair { difference, statements }));
        }
    };
    for table in &comparison.tables {
        let name = format!("{}.{}", table.schema, table.table);
        let texts: Vec<String> = table.schema_differences.iter().map(ToString::to_string).collect();
        add(Phase::Tables, format!("{name}: {}", texts.join("; ")), table.statements.clone());
        for statement in creation.indexes.get(&name).into_iter().flatten() {
            let phase = if is_foreign_key(statement) { Phase::ForeignKeys } else { indexes_of(&name) };
            add(phase, format!("{name}: the target has no such table"), vec![statement.clone()]);
        }
    }
    for index in &comparison.indexes {
        let phase = match (index.only_on, index.kind) {
            (Side::Target, _) => Phase::Removed,
            (Side::Source, IndexKind::Constraint) if index.definition.starts_with("FOREIGN KEY") => Phase::ForeignKeys,
            (Side::Source, _) => indexes_of(&format!("{}.{}", index.schema, index.table)),
        };
        add(phase, index.to_string(), index.statements.clone());
    }
    for object in &comparison.objects {
        add(phase(object), object.to_string(), object.statements.clone());
    }
    for sequence in &comparison.sequences {
        let Some(created) = creation.sequences.get(sequence.name()) else { continue };
        let name = quoted_name(&created.name);
        let position = match sequence {
            SequenceDifference::Missing { source, .. } => {
                add(Phase::Foundations, sequence.to_string(), created.create.clone());
                // The sequence of an identity column is created with its column, and has the name of the column.
                let of_column = created.of_column.as_ref().filter(|_| created.create.is_empty());
                let it = of_column.cloned().unwrap_or_else(|| literal(&name));
                created
                    .owned
                    .iter()
                    .filter(|_| !created.create.is_empty())
                    .cloned()
                    .chain([setval(&it, *source)])
                    .collect()
            }
            SequenceDifference::Behind { source, .. } => vec![setval(&literal(&name), *source)],
            SequenceDifference::Increment { source, .. } => vec![format!("ALTER SEQUENCE {name} INCREMENT {source}")],
            SequenceDifference::Unreadable { .. } => Vec::new(),
        };
        add(Phase::Positions, sequence.to_string(), position);
    }
    repairs.sort_by_key(|(phase, _)| *phase);
    repairs.into_iter().map(|(_, repair)| repair).collect()
}

fn is_foreign_key(statement: &str) -> bool {
    statement.contains(" FOREIGN KEY ")
}

fn phase(object: &ObjectDifference) -> Phase {
    match object.kind {
        ObjectKind::Database
        | ObjectKind::Schema
        | ObjectKind::Extension
        | ObjectKind::Enum
        | ObjectKind::Domain
        | ObjectKind::CompositeType
        | ObjectKind::Sequence => Phase::Foundations,
        ObjectKind::Partition => Phase::Partitions,
        ObjectKind::Function => Phase::Functions,
        ObjectKind::View | ObjectKind::Trigger => Phase::Code,
        ObjectKind::RowSecurity | ObjectKind::Policy | ObjectKind::Grant => Phase::Access,
    }
}

/// Returns the statement that sets a sequence to a position.
fn setval(sequence: &str, state: SequenceState) -> String {
    format!("SELECT setval({sequence}, {}, {})", state.last_value, state.is_called)
}
