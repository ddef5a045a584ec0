//! What a command works on.

use serde::{Deserialize, Serialize};

use infra_base::address::Address;

/// The environments and resources that a command works on. A saved plan stores it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// Only these environments; empty means all of them.
    pub environments: Vec<String>,
    /// Only resources whose address matches one of these patterns, and their dependencies.
    pub targets: Vec<String>,
    /// Resources to replace, even if nothing requires it.
    pub replace: Vec<String>,
    /// Resources to delete although they hold data, if the configuration no longer contains them.
    #[serde(default)]
    pub delete: Vec<String>,
}

impl Selection {
    /// Returns whether an address is among the targets.
    pub fn targets(&self, address: &Address) -> bool {
        self.targets.iter().any(|pattern| address.matches(pattern))
    }

    /// Returns whether an address is to be replaced.
    pub fn replaces(&self, address: &Address) -> bool {
        self.replace.iter().any(|pattern| address.matches(pattern))
    }

    /// Returns whether an address may be deleted although it holds data.
    pub fn deletes(&self, address: &Address) -> bool {
        self.delete.iter().any(|pattern| address.matches(pattern))
    }

    /// Returns whether an environment is selected.
    pub fn includes(&self, environment: &str) -> bool {
        self.environments.is_empty() || self.environments.iter().any(|one| one == environment)
    }
}

/// The command and the selection that a refusal is about, so that the caller can suggest a corrected command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The command.
    pub command: &'static str,
    /// What it works on.
    pub selection: Selection,
}
