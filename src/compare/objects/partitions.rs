//! Partitions with their bounds. The target may have more of them.

use super::difference::ObjectKind;
use super::kind::{Kind, Object, Weight};

pub(super) const PARTITIONS: Kind = Kind {
    kind: ObjectKind::Partition,
    label: "partitions",
    sql: |_| {
        "SELECT n.nspname::text, c.relname::text, 'table', format('%I.%I', n.nspname, c.relname), \
         format('PARTITION OF %I.%I %s%s', pn.nspname, p.relname, pg_get_expr(c.relpartbound, c.oid), \
         ' PARTITION BY ' || pg_get_partkeydef(c.oid)), \
         ARRAY[format('CREATE TABLE %I.%I PARTITION OF %I.%I %s%s', n.nspname, c.relname, pn.nspname, p.relname, \
         pg_get_expr(c.relpartbound, c.oid), ' PARTITION BY ' || pg_get_partkeydef(c.oid))], \
         format('ALTER TABLE %I.%I DETACH PARTITION %I.%I', pn.nspname, p.relname, n.nspname, c.relname), \
         ARRAY[format('ALTER TABLE %I.%I ATTACH PARTITION %I.%I %s', pn.nspname, p.relname, n.nspname, c.relname, \
         pg_get_expr(c.relpartbound, c.oid))] \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_inherits i ON i.inhrelid = c.oid \
         JOIN pg_class p ON p.oid = i.inhparent JOIN pg_namespace pn ON pn.oid = p.relnamespace \
         WHERE c.relispartition AND c.relkind IN ('r', 'p')"
            .to_owned()
    },
    weights: [Weight::Difference, Weight::Difference, Weight::Note],
    change: attached,
};

/// Attaches the partition with other bounds.
fn attached(source: &Object, target: &Object) -> Vec<String> {
    target.drop.iter().chain(&source.parts).cloned().collect()
}
