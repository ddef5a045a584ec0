//! What changes without being made anew: addresses that were renamed, and drift that is meant to be.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::model::Config;
use super::validate::Validator;
use crate::address::Address;

/// A resource that has another address than it had. Its tags in AWS keep the old one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Renamed {
    /// The address that it had.
    pub from: String,
    /// The address that it has.
    pub to: String,
}

/// What is changed outside of this tool and is meant to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Drift {
    /// Fields that others may change, each with a reason. In the address and the field, `*` stands for any text:
    /// `ignore = [{ address = "*/service/load-balancer", field = "settings.idle_timeout_seconds", reason = "tuned by hand" }]`.
    pub ignore: Vec<Ignored>,
}

/// A field that others may change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ignored {
    /// The address of the resource; `*` stands for any text.
    pub address: String,
    /// The field, as `drift` shows it; `*` stands for any text.
    pub field: String,
    /// Why it may be changed.
    pub reason: String,
}

impl Ignored {
    /// Returns whether this field, as `drift` shows it, is meant.
    pub fn covers(&self, field: &str) -> bool {
        wildmatch::WildMatch::new(&self.field).matches(field)
    }
}

impl Config {
    /// Returns why others may change this field, if they may.
    pub fn may_drift(&self, address: &Address, field: &str) -> Option<&str> {
        let fits = |one: &&Ignored| address.matches(&one.address) && one.covers(field);
        self.drift.ignore.iter().find(fits).map(|one| one.reason.as_str())
    }

    /// Returns the addresses that were renamed: what they were, and what they are.
    pub fn renamed(&self) -> Vec<(Address, Address)> {
        self.moved.iter().map(|one| (Address::new(&one.from), Address::new(&one.to))).collect()
    }
}

impl Validator<'_> {
    /// Checks what can be checked without the graph.
    pub(super) fn changes(&mut self, config: &Config) {
        for (index, ignored) in config.drift.ignore.iter().enumerate() {
            if ignored.reason.trim().is_empty() {
                let at = index.to_string();
                let message = format!("`{}` of `{}` may drift, and nobody says why", ignored.field, ignored.address);
                self.report(&["drift", "ignore", &at, "reason"], message, "say why it may be changed, for whoever reads this next");
            }
        }
        for (index, renamed) in config.moved.iter().enumerate() {
            let at = index.to_string();
            if renamed.from == renamed.to {
                self.report(&["moved", &at, "to"], format!("`{}` is moved to itself", renamed.from), "take the entry out, or correct it");
            }
            if config.moved[..index].iter().any(|other| other.from == renamed.from || other.to == renamed.to) {
                let message = format!("`{}` to `{}`: another entry moves the same", renamed.from, renamed.to);
                self.report(&["moved", &at], message, "one entry for each address");
            }
        }
    }
}
