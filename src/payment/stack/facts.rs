//! What is known of the migration, and shapes the stack.

use std::collections::{BTreeMap, BTreeSet};

use infra_base::address::{AccountId, Location, Region};
use serde::{Deserialize, Serialize};

/// What is known of the migration, and shapes the stack. The default is the stack before any migration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MigrationFacts {
    /// Whether the database of the target is the primary.
    pub is_target_primary: bool,
    /// Whether the migration to the target is finished: its database is the primary, and nothing leads back. What only
    /// the migration needed is no part of the stack any more.
    pub is_finished: bool,
    /// What was measured in the source of the replication into an environment.
    pub measured: BTreeMap<String, MeasuredSource>,
    /// The account of the stack.
    pub stack_account: Option<AccountId>,
    /// The accounts of the environments and of the routing, of those that are not in the account of the stack.
    pub other_accounts: BTreeMap<String, AccountId>,
    /// The environments into which a replication has loaded everything. Its task does not stop any more.
    pub loaded: BTreeSet<String>,
}

/// What is known of one replication.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct KnownReplication<'a> {
    pub(super) measured: Option<&'a MeasuredSource>,
    pub(super) is_loaded: bool,
}

impl MigrationFacts {
    /// Returns the account of a location.
    pub(super) fn account_of(&self, location: &Location) -> Option<AccountId> {
        location.account.clone().or_else(|| self.stack_account.clone())
    }

    /// Returns a region of the account of an environment, or of the routing.
    pub(super) fn location(&self, environment: &str, region: &Region) -> Location {
        Location { region: region.clone(), account: self.other_accounts.get(environment).cloned() }
    }

    /// Returns what is known of the replication into an environment.
    pub(super) fn replication(&self, environment: &str) -> KnownReplication<'_> {
        KnownReplication { measured: self.measured.get(environment), is_loaded: self.loaded.contains(environment) }
    }
}

/// What was measured in the source database of a replication. The settings of its task follow from it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeasuredSource {
    /// How large values are migrated.
    pub lobs: LobSettings,
    /// Whether changes can be applied in batches.
    pub batch_apply: bool,
    /// Tables that are not replicated, because their partitions are, as schema and name.
    pub excluded_tables: Vec<(String, String)>,
    /// Whether columns with large values refuse NULL.
    #[serde(default)]
    pub requires_lobs: bool,
    /// Columns that the target computes, as schema, table and name.
    pub computed_columns: Vec<(String, String, String)>,
}

/// How large values are migrated ("Setting LOB support for source databases in an AWS DMS task").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LobSettings {
    /// Limited LOB mode. A larger value stops the task.
    Limited {
        /// `LobMaxSize`.
        kilobytes: u32,
    },
    /// Full LOB mode: any size, and slow.
    #[default]
    Full,
}
