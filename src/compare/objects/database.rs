//! The database itself.

use super::difference::ObjectKind;
use super::kind::{Kind, Weight, nothing};

/// Texts can have another order on the target. This is a note: rows and keys are the same.
pub(super) const DATABASE: Kind = Kind {
    kind: ObjectKind::Database,
    label: "properties of the database",
    sql: |_| {
        "SELECT '', '', 'always', 'itself', 'LC_COLLATE ' || datcollate || ', LC_CTYPE ' || datctype, NULL::text[], \
         NULL::text, NULL::text[] FROM pg_database WHERE datname = current_database()"
            .to_owned()
    },
    weights: [Weight::Note; 3],
    change: nothing,
};
