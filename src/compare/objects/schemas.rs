//! Schemas.

use super::difference::ObjectKind;
use super::kind::{Kind, Weight, is_own, nothing};

pub(super) const SCHEMAS: Kind = Kind {
    kind: ObjectKind::Schema,
    label: "schemas",
    sql: |_| {
        format!(
            "SELECT n.nspname::text, '', 'object', quote_ident(n.nspname), '', \
             ARRAY[format('CREATE SCHEMA %I', n.nspname)], NULL::text, NULL::text[] FROM pg_namespace n WHERE {}",
            is_own("pg_namespace", "n.oid", "n.nspname")
        )
    },
    weights: [Weight::Difference, Weight::Difference, Weight::Note],
    change: nothing,
};
