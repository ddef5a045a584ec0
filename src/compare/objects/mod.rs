//! What an application depends on apart from tables: types, functions, views, triggers, policies, grants and so on.
//!
//! One kind of object is one file with one query, and one line in [`KINDS`].

mod compare;
mod composites;
mod database;
mod difference;
mod domains;
mod enums;
mod extensions;
mod functions;
mod grants;
mod kind;
mod partitions;
mod policies;
mod row_security;
mod schemas;
mod sequence_definitions;
mod triggers;
mod views;

pub(super) use compare::{Versions, differences};
pub use difference::{ObjectDifference, ObjectKind};
pub(super) use kind::{Kind, Objects, read};
pub(super) use sequence_definitions::{SequenceCreation, creation as sequence_creation};

/// All kinds, in the order in which they depend on each other.
pub(super) const KINDS: &[&Kind] = &[
    &database::DATABASE,
    &schemas::SCHEMAS,
    &extensions::EXTENSIONS,
    &enums::ENUMS,
    &domains::DOMAINS,
    &composites::COMPOSITES,
    &sequence_definitions::SEQUENCES,
    &functions::FUNCTIONS,
    &partitions::PARTITIONS,
    &views::VIEWS,
    &triggers::TRIGGERS,
    &row_security::ROW_SECURITY,
    &policies::POLICIES,
    &grants::GRANTS,
];
