//! One connection, with an error that names it.

use super::connection::Connection;
use super::connector::Connector;
use super::database_error::DatabaseError;
use super::endpoint::Endpoint;
use super::failure::ConnectFailure;

/// The reason why a database could not be reached. It contains no password.
#[derive(Clone, Debug, thiserror::Error)]
#[error("could not connect to the {label} database at {host}:{port}")]
pub struct ConnectError {
    /// The label of the database that the caller gave.
    pub label: String,
    /// The host.
    pub host: String,
    /// The port.
    pub port: u16,
    hint: String,
    /// The cause.
    #[source]
    pub source: DatabaseError,
}

impl ConnectError {
    /// Returns what the user can do.
    pub fn hint(&self) -> String {
        self.hint.clone()
    }
}

/// Opens a connection. `label` is the word for the database in errors, for example `source`.
///
/// # Errors
/// There is no server, it refuses the connection, or the time limit of the endpoint has passed.
pub async fn open(endpoint: &Endpoint, label: &str) -> Result<Connection, ConnectError> {
    let opened = match Connector::new(endpoint) {
        Ok(connector) => connector.connect().await,
        Err(failure) => Err(failure),
    };
    opened.map_err(|failure| to_connect_error(endpoint, label, &failure))
}

fn to_connect_error(endpoint: &Endpoint, label: &str, failure: &ConnectFailure) -> ConnectError {
    ConnectError {
        label: label.to_owned(),
        host: endpoint.host.clone(),
        port: endpoint.port,
        hint: failure.hint(endpoint, "connect to its local end"),
        source: failure.cause(),
    }
}
