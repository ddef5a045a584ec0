//! Triggers, with when they are enabled. A trigger that only the target has changes or rejects rows there.

use super::difference::ObjectKind;
use super::kind::{Kind, Weight, replaced};

/// A trigger of a partitioned table has a copy on each partition, which is not listed.
pub(super) const TRIGGERS: Kind = Kind {
    kind: ObjectKind::Trigger,
    label: "triggers",
    sql: |_| {
        "SELECT n.nspname::text, c.relname::text, 'table', format('%I on %I.%I', t.tgname, n.nspname, c.relname), \
         pg_get_triggerdef(t.oid) || CASE t.tgenabled WHEN 'D' THEN ' (disabled)' WHEN 'R' THEN ' (replica)' \
         WHEN 'A' THEN ' (always)' ELSE '' END, \
         ARRAY[pg_get_triggerdef(t.oid)] || CASE t.tgenabled WHEN 'O' THEN ARRAY[]::text[] ELSE \
         ARRAY[format('ALTER TABLE %I.%I %s TRIGGER %I', n.nspname, c.relname, \
         CASE t.tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'ENABLE ALWAYS' END, t.tgname)] \
         END, format('DROP TRIGGER %I ON %I.%I', t.tgname, n.nspname, c.relname), NULL::text[] \
         FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE NOT t.tgisinternal AND NOT EXISTS (SELECT FROM pg_inherits i JOIN pg_trigger o \
         ON o.tgrelid = i.inhparent AND o.tgname = t.tgname WHERE i.inhrelid = c.oid AND c.relispartition)"
            .to_owned()
    },
    weights: [Weight::Difference; 3],
    change: replaced,
};
