//! Faults that a script causes while changes are applied. Their consequences are real.

use std::time::Duration;

use crate::model::TableName;

/// What happens to a change before it is applied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// The target is slow. The transaction stays open meanwhile.
    Delay(Duration),
    /// The table fails, with this text. `TableErrorPolicy` decides what follows.
    Table(String),
    /// The target ends the session. The open transaction is lost, and the error is recoverable.
    Disconnect,
}

/// Decides about faults.
pub trait Faults: Send + Sync {
    /// Is asked once for each change of a table, in the order of the changes. The table is the one of the source.
    fn before_apply(&self, table: &TableName) -> Fault;
}

/// No fault at all.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoFaults;

impl Faults for NoFaults {
    fn before_apply(&self, _table: &TableName) -> Fault {
        Fault::None
    }
}
