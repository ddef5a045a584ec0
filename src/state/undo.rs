//! What a rollback would undo: all that `up` has done since it last ended well.
//!
//! It is kept by [`State::apply`](super::State::apply), so it is as durable as the journal and the same in replay.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::record::Op;
use super::snapshot::Entry;
use crate::address::Address;
use crate::graph::Need;

/// What a resource was before it was changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Previous {
    /// Its specification; references are resolved.
    pub spec: Value,
    /// What it needed.
    pub needs: Vec<Need>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// What was known of it.
    pub attrs: Value,
}

/// What a rollback would undo.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Undo {
    /// What was made, or may have been made.
    pub created: BTreeSet<Address>,
    /// What was changed in place, with what it was before.
    pub changed: BTreeMap<Address, Previous>,
    /// What was deleted, because the configuration no longer had it. It can not be brought back.
    pub deleted: BTreeSet<Address>,
}

impl Undo {
    /// Returns whether there is nothing to undo.
    pub fn is_empty(&self) -> bool {
        self.created.is_empty() && self.changed.is_empty() && self.deleted.is_empty()
    }

    /// An `up` is about to do something to a resource, which was `before`.
    pub(super) fn intend(&mut self, address: &Address, op: Op, before: Option<&Entry>) {
        if self.created.contains(address) {
            return;
        }
        match (op, before.filter(|entry| entry.attrs.is_some())) {
            (Op::Delete, _) => {
                self.deleted.insert(address.clone());
            }
            (Op::Create | Op::Update, None) => {
                self.created.insert(address.clone());
            }
            (Op::Create | Op::Update, Some(entry)) => {
                let previous = || Previous {
                    spec: entry.spec.clone(),
                    needs: entry.needs.clone(),
                    tags: entry.tags.clone(),
                    attrs: entry.attrs.clone().unwrap_or_default(),
                };
                self.changed.entry(address.clone()).or_insert_with(previous);
            }
        }
    }

    /// An `up` of these environments ended well: what it did, and what earlier ones did there, stays.
    pub(super) fn settle(&mut self, environments: &BTreeSet<String>) {
        let elsewhere = |address: &Address| !environments.contains(address.environment());
        self.created.retain(elsewhere);
        self.changed.retain(|address, _| elsewhere(address));
        self.deleted.retain(elsewhere);
    }

    /// A resource is gone, or never came to be.
    pub(super) fn gone(&mut self, address: &Address) {
        self.created.remove(address);
        self.changed.remove(address);
    }
}
