//! Why there is no comparison at all.

use super::reason::Trouble;
pub use crate::config::Side;

/// Why two databases could not be compared. [`CompareError::hint`] says what to do.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CompareError {
    /// No session could be opened.
    #[error("the {side} database at {host}:{port} can not be used")]
    Connect {
        /// Which database.
        side: Side,
        /// Its host.
        host: String,
        /// Its port.
        port: u16,
        /// What to do about it.
        hint: String,
        /// Why.
        #[source]
        source: Trouble,
    },
    /// Its catalogs could not be read.
    #[error("the {what} of the {side} database can not be read")]
    Catalog {
        /// Which database.
        side: Side,
        /// What was asked for.
        what: &'static str,
        /// Why.
        #[source]
        source: Trouble,
    },
    /// Both URLs lead to the same database, which is always equal to itself.
    #[error("source and target are the same database")]
    Same,
}

impl CompareError {
    /// Returns what to do next.
    pub fn hint(&self) -> String {
        match self {
            Self::Connect { hint, .. } => hint.clone(),
            Self::Catalog { side, .. } => {
                format!("run it again; if it stays, look into the log of the {side} server, or raise the statement time-out")
            }
            Self::Same => "name two: `--source-url` is where the data comes from, `--target-url` where it goes to".to_owned(),
        }
    }
}
