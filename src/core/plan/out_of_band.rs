//! Changes that were made outside this tool.

use serde::{Deserialize, Serialize};

/// A change that was made to a resource outside this tool, which `up` corrects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutOfBand {
    /// These fields were changed.
    Changed(Vec<String>),
    /// It was deleted.
    Deleted,
}

impl std::fmt::Display for OutOfBand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Changed(fields) => {
                let fields: Vec<String> = fields.iter().map(|field| format!("`{field}`")).collect();
                write!(f, "{} changed outside of this tool", fields.join(", "))
            }
            Self::Deleted => f.write_str("it was deleted outside of this tool"),
        }
    }
}
