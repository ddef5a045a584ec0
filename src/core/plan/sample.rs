//! A resource for the tests of plans.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::state::{Entry, Status};

/// A resource of a kind that no program has.
pub(super) fn entry() -> Entry {
    Entry {
        kind: "fake.thing".into(),
        region: "us-east-1".into(),
        account: None,
        status: Status::Ready,
        spec: json!({}),
        attrs: None,
        needs: Vec::new(),
        tags: BTreeMap::new(),
        removed_tags: BTreeSet::new(),
        tagged_as: None,
        token: "t".into(),
        open: None,
    }
}
