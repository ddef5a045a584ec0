//! What carries changes from the source to the target.

use serde::{Deserialize, Serialize};

/// The task that carries changes from the source to the target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Carrier {
    /// The one that has loaded the tables.
    #[default]
    Load,
    /// The fallback that a switchover back to the source has started.
    Fallback,
}
