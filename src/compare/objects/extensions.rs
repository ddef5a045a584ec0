//! Extensions. Another version of an extension is a note: a newer server has newer ones.

use super::difference::ObjectKind;
use super::kind::{Kind, Weight, nothing};

pub(super) const EXTENSIONS: Kind = Kind {
    kind: ObjectKind::Extension,
    label: "extensions",
    sql: |_| {
        "SELECT n.nspname::text, e.extname::text, 'always', quote_ident(e.extname), 'version ' || e.extversion, \
         ARRAY[format('CREATE EXTENSION IF NOT EXISTS %I WITH SCHEMA %I', e.extname, n.nspname)], NULL::text, \
         NULL::text[] FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace"
            .to_owned()
    },
    weights: [Weight::Difference, Weight::Note, Weight::Note],
    change: nothing,
};
