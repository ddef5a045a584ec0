//! Whether row-level security is on. Without it, policies have no effect.

use super::difference::ObjectKind;
use super::kind::{Kind, Weight, replaced};

/// The tables with row-level security. A table that is not listed has none.
pub(super) const ROW_SECURITY: Kind = Kind {
    kind: ObjectKind::RowSecurity,
    label: "row security",
    sql: |_| {
        "SELECT n.nspname::text, c.relname::text, 'table', format('%I.%I', n.nspname, c.relname), \
         concat_ws(', ', CASE WHEN c.relrowsecurity THEN 'enabled' END, \
         CASE WHEN c.relforcerowsecurity THEN 'forced' END), \
         array_remove(ARRAY[CASE WHEN c.relrowsecurity THEN format('ALTER TABLE %I.%I ENABLE ROW LEVEL SECURITY', \
         n.nspname, c.relname) END, CASE WHEN c.relforcerowsecurity THEN \
         format('ALTER TABLE %I.%I FORCE ROW LEVEL SECURITY', n.nspname, c.relname) END], NULL), \
         format('ALTER TABLE %I.%I DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY', n.nspname, c.relname), \
         NULL::text[] FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind IN ('r', 'p') AND (c.relrowsecurity OR c.relforcerowsecurity)"
            .to_owned()
    },
    weights: [Weight::Difference; 3],
    change: replaced,
};
