//! Composite types, apart from those of tables.

use super::difference::ObjectKind;
use super::kind::{Kind, Weight, is_own, nothing};

pub(super) const COMPOSITES: Kind = Kind {
    kind: ObjectKind::CompositeType,
    label: "composite types",
    sql: |_| {
        let definition = "coalesce(string_agg(quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod), \
            ', ' ORDER BY a.attnum), '')";
        format!(
            "SELECT n.nspname::text, c.relname::text, 'object', format('%I.%I', n.nspname, c.relname), {definition}, \
             ARRAY[format('CREATE TYPE %I.%I AS (%s)', n.nspname, c.relname, {definition})], NULL::text, NULL::text[] \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
             WHERE c.relkind = 'c' AND {} GROUP BY n.nspname, c.relname, c.oid",
            is_own("pg_type", "c.reltype", "n.nspname")
        )
    },
    weights: [Weight::Difference, Weight::Difference, Weight::Note],
    change: nothing,
};
