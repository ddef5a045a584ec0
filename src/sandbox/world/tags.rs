//! Tags of resources.

use std::collections::BTreeMap;

/// Tags by key.
pub type Tags = BTreeMap<String, String>;
