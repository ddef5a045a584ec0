//! Where the progress is kept.

use crate::machine::Progress;

/// Why the progress was not stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// It may or may not be stored. It is tried again.
    #[error("the progress could not be stored: {0}")]
    Unavailable(String),
    /// Another program owns the journal now. The driver ends at once and changes nothing any more.
    #[error("another program owns the journal: {0}")]
    Lost(String),
}

/// Makes progress durable.
pub trait Journal: Send {
    /// Stores the progress in place of the one before. It is durable when this returns without an error: the driver
    /// then carries out what it says.
    ///
    /// It may be repeated with the same or another progress after an error; the last one counts. It must not succeed
    /// for a driver that another one has replaced. It can be dropped; then it may or may not be stored, and must not be
    /// stored *later* than what is stored next.
    fn write(&mut self, progress: &Progress) -> impl Future<Output = Result<(), JournalError>> + Send;
}
