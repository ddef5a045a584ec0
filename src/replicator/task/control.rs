//! What the caller wants of a running task.

use crate::model::TableName;

/// What the caller wants of a running task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Control {
    /// Whether the task is to stop.
    pub stop: bool,
    /// The tables to load again (`ReloadTables`), each request at the end of the list.
    pub reload: Vec<TableName>,
}
