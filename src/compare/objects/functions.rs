//! Functions and procedures. An aggregate is only known by its name and its arguments.
//!
//! Tables use functions and functions use tables, so functions are created first, without a check of their texts. This
//! is what `pg_dump` does.

use super::difference::ObjectKind;
use super::kind::{Kind, Weight, created, is_own};

pub(super) const FUNCTIONS: Kind = Kind {
    kind: ObjectKind::Function,
    label: "functions",
    sql: |version| {
        // The kinds of functions have a column of their own since PostgreSQL 11.
        let is_aggregate = if version >= 110_000 { "p.prokind = 'a'" } else { "p.proisagg" };
        format!(
            "SELECT n.nspname::text, p.proname::text, 'object', \
             format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)), \
             CASE WHEN {is_aggregate} THEN 'aggregate' ELSE pg_get_functiondef(p.oid) END, \
             CASE WHEN NOT {is_aggregate} THEN ARRAY['SET check_function_bodies = off', \
             rtrim(pg_get_functiondef(p.oid), E'\\n '), 'RESET check_function_bodies'] END, NULL::text, NULL::text[] \
             FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE {}",
            is_own("pg_proc", "p.oid", "n.nspname")
        )
    },
    weights: [Weight::Difference, Weight::Difference, Weight::Note],
    change: created,
};
