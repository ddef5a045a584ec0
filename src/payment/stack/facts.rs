//! What is known of the migration, and shapes the stack.

/// What is known of the migration, and shapes the stack. The default is the stack before any migration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MigrationFacts {
    /// Whether the migration to the target is finished: its database is the primary, and nothing leads back. What only
    /// the migration needed is no part of the stack any more.
    pub is_finished: bool,
}
