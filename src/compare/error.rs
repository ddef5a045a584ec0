//! The reasons why a comparison is impossible.

pub use infra_base::side::Side;
use infra_connect::DatabaseError;

/// `too_many_connections` ("Appendix A. PostgreSQL Error Codes", PostgreSQL documentation).
const TOO_MANY_CONNECTIONS: &str = "53300";

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
    /// A connection pooler is between this program and the server.
    #[error("{pooler} is between this program and the {side} database at {host}:{port}")]
    Pooler {
        /// Which database.
        side: Side,
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// The name of the pooler, as far as it is known.
        pooler: &'static str,
    },
    /// The server is too old.
    #[error("the {side} server is PostgreSQL {version}, and a comparison needs at least PostgreSQL 10")]
    Version {
        /// Which database.
        side: Side,
        /// Its version.
        version: String,
    },
    /// Both URLs name the same database.
    #[error("source and target are the same database")]
    Same,
    /// One of the databases is a read replica of the other, or both are replicas of a third one.
    #[error("source and target are the same database: at least one is a read replica with the data of the other")]
    Replica,
}

impl CompareError {
    /// Returns what the user can do.
    pub fn hint(&self) -> String {
        match self {
            Self::Connect { hint, .. } => hint.clone(),
            Self::Catalog { side, .. } => {
                format!("try again; if the error persists, check the log of the {side} server")
            }
            Self::Pooler { side, .. } => {
                format!(
                    "a comparison keeps sessions and their snapshot for a long time, which takes them from the \
                     application: connect to the server itself with `--{side}-url`"
                )
            }
            Self::Version { .. } => "upgrade the server first".to_owned(),
            Self::Replica => {
                "a database is not proved by its own replica: `--source-url` and `--target-url` must name servers \
                 that got the data on different ways"
                    .to_owned()
            }
            Self::Same => {
                "`--source-url` must name the database that the data comes from, `--target-url` the one that it is \
                 replicated to"
                    .to_owned()
            }
        }
    }

    /// Returns whether the server allows no further session, for the user, the database or at all.
    pub(super) fn is_too_many_connections(&self) -> bool {
        matches!(self, Self::Connect { source, .. } if source.code.as_deref() == Some(TOO_MANY_CONNECTIONS))
    }

    /// Returns the side that the error is about; the source if it is about both.
    pub(super) fn side(&self) -> Side {
        match self {
            Self::Connect { side, .. }
            | Self::Catalog { side, .. }
            | Self::Pooler { side, .. }
            | Self::Version { side, .. } => *side,
            Self::Same | Self::Replica => Side::Source,
        }
    }

    /// Returns the cause alone.
    pub(super) fn into_cause(self) -> DatabaseError {
        match self {
            Self::Connect { source, .. } | Self::Catalog { source, .. } => source,
            other => DatabaseError::new(other.to_string()),
        }
    }
}
