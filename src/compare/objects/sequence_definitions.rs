//! The types and the limits of sequences. Positions, and sequences that are missing, are compared separately.

use super::difference::ObjectKind;
use super::kind::{Kind, Object, Objects, Weight, is_own};
use crate::catalog::Name;

/// A sequence of an identity column is created with its column.
pub(super) const SEQUENCES: Kind = Kind {
    kind: ObjectKind::Sequence,
    label: "definitions of sequences",
    sql: |_| {
        let definition = "format('AS %s INCREMENT %s MINVALUE %s MAXVALUE %s START %s CACHE %s %s', \
            format_type(s.seqtypid, NULL), s.seqincrement, s.seqmin, s.seqmax, s.seqstart, s.seqcache, \
            CASE WHEN s.seqcycle THEN 'CYCLE' ELSE 'NO CYCLE' END)";
        format!(
            "SELECT coalesce(tn.nspname, n.nspname)::text, coalesce(t.relname, c.relname)::text, \
             CASE WHEN t.oid IS NULL THEN 'object' ELSE 'table' END, n.nspname || '.' || c.relname, \
             format('AS %s MINVALUE %s MAXVALUE %s %s', format_type(s.seqtypid, NULL), s.seqmin, s.seqmax, \
             CASE WHEN s.seqcycle THEN 'CYCLE' ELSE 'NO CYCLE' END), \
             CASE WHEN d.deptype IS DISTINCT FROM 'i' THEN \
             ARRAY[format('CREATE SEQUENCE %I.%I %s', n.nspname, c.relname, {definition})] END, NULL::text, \
             array_remove(ARRAY[format('ALTER SEQUENCE %I.%I AS %s MINVALUE %s MAXVALUE %s %s', n.nspname, c.relname, \
             format_type(s.seqtypid, NULL), s.seqmin, s.seqmax, \
             CASE WHEN s.seqcycle THEN 'CYCLE' ELSE 'NO CYCLE' END), \
             CASE WHEN t.oid IS NOT NULL THEN format('ALTER SEQUENCE %I.%I OWNED BY %I.%I.%I', n.nspname, c.relname, \
             tn.nspname, t.relname, a.attname) END, \
             CASE WHEN t.oid IS NOT NULL THEN format('pg_get_serial_sequence(%L, %L)', \
             format('%I.%I', tn.nspname, t.relname), a.attname) END], NULL) \
             FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
             LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid \
             AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i') \
             LEFT JOIN pg_class t ON t.oid = d.refobjid LEFT JOIN pg_namespace tn ON tn.oid = t.relnamespace \
             LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid \
             WHERE c.relpersistence <> 't' AND {}",
            is_own("pg_class", "c.oid", "n.nspname")
        )
    },
    weights: [Weight::Ignored, Weight::Difference, Weight::Ignored],
    change: altered,
};

fn altered(source: &Object, _: &Object) -> Vec<String> {
    source.parts.first().cloned().into_iter().collect()
}

/// How a sequence is named and created.
#[derive(Debug, Default)]
pub(crate) struct SequenceCreation {
    /// The schema and the name.
    pub(crate) name: Name,
    /// The statements that create it. A sequence of an identity column has none.
    pub(crate) create: Vec<String>,
    /// The statement that gives it to its column.
    pub(crate) owned: Option<String>,
    /// The expression for the sequence of the same column on the target, if it belongs to one.
    pub(crate) of_column: Option<String>,
}

/// Returns how a sequence is created.
pub(crate) fn creation(name: &Name, sequences: &Objects) -> SequenceCreation {
    let object = sequences.get(&format!("{}.{}", name.0, name.1));
    SequenceCreation {
        name: name.clone(),
        create: object.map(|object| object.create.clone()).unwrap_or_default(),
        owned: object.and_then(|object| object.parts.get(1).cloned()),
        of_column: object.and_then(|object| object.parts.get(2).cloned()),
    }
}
