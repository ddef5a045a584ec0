//! What a look at the cloud has found that the state does not say.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::diff::Change;
use crate::address::Address;

/// One thing that is not as the state says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "found", rename_all = "snake_case")]
pub enum Finding {
    /// It does not exist any more.
    Gone,
    /// It exists, and is not as it was left.
    Differs {
        /// Each field that differs: how it was left, and how it is.
        changes: Vec<Change>,
        /// The first call that puts it right, as `service:Operation`.
        call: String,
    },
    /// Something of somebody else has its place.
    Foreign {
        /// Its AWS id or name.
        id: String,
        /// Whose it is.
        owner: String,
    },
    /// It is on the way somewhere, or does not work.
    Unsettled {
        /// In words.
        what: String,
    },
}

/// What is not as the state says, by address. What is not mentioned is as it was left.
pub type Findings = BTreeMap<Address, Finding>;
