//! The reasons why a comparison is impossible.

use super::error_text::DatabaseError;
pub use infra_base::side::Side;

/// The reason why two databases could not be compared. [`CompareError::hint`] states what to do.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CompareError {
    /// No session could be opened.
    #[error("could not connect to the {side} database at {host}:{port}")]
    Connect {
        /// Which database.
        side: Side,
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// What to do.
        hint: String,
        /// The cause.
        #[source]
        source: DatabaseError,
    },
    /// The system catalogs could not be read.
    #[error("could not read the {what} of the {side} database")]
    Catalog {
        /// Which database.
        side: Side,
        /// What was read.
        what: &'static str,
        /// The cause.
        #[source]
        source: DatabaseError,
    },
    /// Both URLs name the same database.
    #[error("source and target are the same database")]
    Same,
}

impl CompareError {
    /// Returns what the user can do.
    pub fn hint(&self) -> String {
        match self {
            Self::Connect { hint, .. } => hint.clone(),
            Self::Catalog { side, .. } => {
                format!(
                    "try again; if the error persists, check the log of the {side} server or raise the statement \
                     timeout"
                )
            }
            Self::Same => {
                "`--source-url` must name the database that the data comes from, `--target-url` the one that it is \
                 replicated to"
                    .to_owned()
            }
        }
    }
}
