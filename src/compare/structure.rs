//! Compares everything but the rows: indexes, constraints, sequences and other objects.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join;

use super::catalog::{Name, Table};
use super::database::Database;
use super::incomplete::{Gaps, NotCompared};
use super::indexes::{self, IndexDifference};
use super::large_objects::{self, LargeObjects};
use super::objects::{self, KINDS, ObjectDifference, ObjectKind, Objects, Versions};
use super::options::Options;
use super::repairs::Creation;
use super::schema;
use super::sequences::{self, SequenceDifference};
use super::table_statements;

/// Both sides, with their tables.
pub(super) struct Sides<'a> {
    pub(super) databases: (&'a Database, &'a Database),
    pub(super) tables: (&'a BTreeMap<Name, Table>, &'a BTreeMap<Name, Table>),
    pub(super) options: &'a Options,
}

/// The differences apart from those of tables and their rows.
#[derive(Debug, Default)]
pub(super) struct Structure {
    pub(super) sequences: Vec<SequenceDifference>,
    pub(super) indexes: Vec<IndexDifference>,
    pub(super) large_objects: Option<LargeObjects>,
    pub(super) objects: Vec<ObjectDifference>,
    pub(super) incomplete: Vec<NotCompared>,
    pub(super) creation: Creation,
}

impl Sides<'_> {
    /// Compares the structure. A part that cannot be read costs only itself.
    pub(super) async fn compare(&self) -> Structure {
        let mut structure = Structure::default();
        let mut gaps = Gaps::default();
        let common: BTreeSet<&Name> = self.tables.0.keys().filter(|name| self.tables.1.contains_key(*name)).collect();
        let read = join(indexes::read(self.databases.0), indexes::read(self.databases.1)).await;
        if let Some((source, target)) = gaps.both("indexes and constraints", read) {
            structure.indexes = indexes::differences(&common, &source, &target);
            for name in self.tables.0.keys().filter(|name| !common.contains(*name)) {
                let statements = indexes::created(name, &source);
                structure.creation.indexes.insert(format!("{}.{}", name.0, name.1), statements);
            }
        }
        let partitioned = self.tables.0.iter().filter(|(_, table)| table.partition_key.is_some());
        structure.creation.partitioned = partitioned.map(|(name, _)| format!("{}.{}", name.0, name.1)).collect();
        structure.objects = self.partitions(&common);
        let definitions = self.objects(&mut structure.objects, &mut gaps).await;
        if self.options.large_objects {
            let compared = large_objects::compare(self.databases.0, self.databases.1).await;
            structure.large_objects = gaps.one("large objects", compared);
        }
        // Sequences are read last, as late as possible: a snapshot does not cover them.
        let options = self.options;
        let read = join(sequences::read(self.databases.0, options), sequences::read(self.databases.1, options)).await;
        if let Some((source, target)) = gaps.both("sequences", read) {
            structure.sequences = sequences::differences(&source, &target, self.databases.0.info.is_replica);
            for name in source.keys() {
                let creation = objects::sequence_creation(name, &definitions);
                structure.creation.sequences.insert(format!("{}.{}", name.0, name.1), creation);
            }
        }
        structure.incomplete = gaps.0;
        structure
    }

    /// Compares what the partitions that both sides have have of their own.
    fn partitions(&self, common: &BTreeSet<&Name>) -> Vec<ObjectDifference> {
        let mut findings = Vec::new();
        for name in common {
            let (Some(source), Some(target)) = (self.tables.0.get(*name), self.tables.1.get(*name)) else { continue };
            if source.partition_of.is_none() || target.partition_of.is_none() {
                continue;
            }
            for difference in schema::partition_differences(source, target) {
                findings.push(ObjectDifference {
                    kind: ObjectKind::Partition,
                    name: format!("{}.{}", name.0, name.1),
                    finding: Some(difference.to_string()),
                    source: None,
                    target: None,
                    note: difference.is_note(),
                    statements: table_statements::of_table((Some(source), Some(target)), &[difference]),
                });
            }
        }
        findings
    }

    /// Compares all kinds of objects, and returns the definitions of the sequences of the source.
    async fn objects(&self, findings: &mut Vec<ObjectDifference>, gaps: &mut Gaps) -> Objects {
        let names: (BTreeSet<&Name>, BTreeSet<&Name>) =
            (self.tables.0.keys().collect(), self.tables.1.keys().collect());
        let versions = Versions(self.databases.0.info.version, self.databases.1.info.version);
        let mut sequences = Objects::new();
        for kind in KINDS {
            let read = join(
                objects::read(kind, self.databases.0, self.options, &names.0),
                objects::read(kind, self.databases.1, self.options, &names.1),
            );
            if let Some((source, target)) = gaps.both(kind.label, read.await) {
                findings.extend(objects::differences(kind, &source, &target, versions));
                if kind.is(ObjectKind::Sequence) {
                    sequences = source;
                }
            }
        }
        sequences
    }
}
