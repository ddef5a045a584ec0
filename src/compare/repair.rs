//! A proposal to mend a difference.

use serde::{Deserialize, Serialize};

/// A difference, and the statements that mend it on the target.
///
/// *Caveats*: The statements are proposals. They change the schema and the sequences, never rows. They do not remove
/// tables or columns that only the target has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repair {
    /// The difference, for people.
    pub difference: String,
    /// The statements, in their order.
    pub statements: Vec<String>,
}
