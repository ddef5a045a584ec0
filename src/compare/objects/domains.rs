//! Domains: types with a default and checks.

use super::difference::ObjectKind;
use super::kind::{Kind, Weight, is_own, nothing};

pub(super) const DOMAINS: Kind = Kind {
    kind: ObjectKind::Domain,
    label: "domains",
    sql: |_| {
        let definition = "format_type(t.typbasetype, t.typtypmod) \
            || CASE WHEN t.typcollation <> b.typcollation THEN ' COLLATE ' || quote_ident(co.collname) ELSE '' END \
            || coalesce(' DEFAULT ' || t.typdefault, '') || CASE WHEN t.typnotnull THEN ' NOT NULL' ELSE '' END \
            || coalesce((SELECT string_agg(' ' || pg_get_constraintdef(k.oid), '' \
            ORDER BY pg_get_constraintdef(k.oid)) FROM pg_constraint k \
            WHERE k.contypid = t.oid AND k.contype = 'c'), '')";
        format!(
            "SELECT n.nspname::text, t.typname::text, 'object', format('%I.%I', n.nspname, t.typname), {definition}, \
             ARRAY[format('CREATE DOMAIN %I.%I AS %s', n.nspname, t.typname, {definition})], NULL::text, NULL::text[] \
             FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace JOIN pg_type b ON b.oid = t.typbasetype \
             LEFT JOIN pg_collation co ON co.oid = t.typcollation WHERE t.typtype = 'd' AND {}",
            is_own("pg_type", "t.oid", "n.nspname")
        )
    },
    weights: [Weight::Difference, Weight::Difference, Weight::Note],
    change: nothing,
};
