//! Why a connection to a database cannot be opened.

use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::error::SqlState;

/// No connection. Passwords are not part of it.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The server is not reachable, or refuses the user.
    #[error("could not connect as `{user}` to the database `{database}` at {host}:{port}")]
    Connect {
        /// The user.
        user: String,
        /// The database.
        database: String,
        /// The name of the server.
        host: String,
        /// The port.
        port: u16,
        /// The reason.
        #[source]
        source: tokio_postgres::Error,
    },
    /// The server did not complete the login within the time limit.
    #[error("the server at {host}:{port} did not complete the login within {} s", limit.as_secs())]
    Silent {
        /// The name of the server.
        host: String,
        /// The port.
        port: u16,
        /// The time limit.
        limit: Duration,
    },
    /// The trusted certificates cannot be used.
    #[error("could not use the trusted certificates in {}: {reason}", file.display())]
    Roots {
        /// The PEM file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// TLS cannot be set up.
    #[error("could not set up TLS")]
    Tls(#[from] rustls::Error),
}

impl ConnectError {
    /// Returns the SQLSTATE, if the server answered with one.
    pub fn sql_state(&self) -> Option<&SqlState> {
        match self {
            Self::Connect { source, .. } => source.code(),
            Self::Silent { .. } | Self::Roots { .. } | Self::Tls(_) => None,
        }
    }
}
