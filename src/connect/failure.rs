//! The reason why a connection could not be opened, and what to do.

use std::io;
use std::time::Duration;

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use super::database_error::DatabaseError;
use super::endpoint::Endpoint;
use super::rds;
use super::refusal::Refusal;

/// The reason why a connection could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ConnectFailure {
    /// The certificates cannot be used.
    #[error(transparent)]
    Certificates(DatabaseError),
    /// The name of the host has no address.
    #[error("its host name cannot be resolved: {0}")]
    Lookup(String),
    /// The connection was not open within the time limit.
    #[error("no response within {} s", .0.as_secs_f32())]
    Timeout(Duration),
    /// The server refused the connection, it broke, or this program did not continue with the server.
    #[error(transparent)]
    Client(ClientFailure),
}

/// What is known of an error of the client library, without its text: that can contain what a server chooses.
#[derive(Debug, thiserror::Error)]
#[error("{cause}")]
pub struct ClientFailure {
    cause: DatabaseError,
    code: Option<SqlState>,
    kind: Option<io::ErrorKind>,
    is_tls: bool,
    refusal: Option<Refusal>,
}

impl ClientFailure {
    /// Keeps what is known of an error. A text that contains the password is not kept.
    pub(super) fn of(error: &Error, password: Option<&str>) -> Self {
        Self {
            cause: DatabaseError::of(error).without(password.unwrap_or_default()),
            code: error.code().cloned(),
            kind: io_error(error).map(io::Error::kind),
            is_tls: is_tls_failure(error),
            refusal: refusal(error),
        }
    }
}

impl ConnectFailure {
    /// Returns the SQLSTATE, if the server answered with one.
    pub fn code(&self) -> Option<&SqlState> {
        match self {
            Self::Client(failure) => failure.code.as_ref(),
            Self::Certificates(_) | Self::Lookup(_) | Self::Timeout(_) => None,
        }
    }

    /// Returns the cause, without data.
    pub fn cause(&self) -> DatabaseError {
        match self {
            Self::Certificates(error) => error.clone(),
            Self::Client(failure) => failure.cause.clone(),
            Self::Lookup(_) | Self::Timeout(_) => DatabaseError::new(self.to_string()),
        }
    }

    /// Returns what to do. `tunnel` completes the sentence "open a tunnel, and …", for example with the name of an
    /// option.
    pub fn hint(&self, endpoint: &Endpoint, tunnel: &str) -> String {
        let private = format!(
            "a database in a private subnet is not reachable from here: open a tunnel, for example with the port \
             forwarding of Session Manager, and {tunnel}"
        );
        if let (Some(tunnel), Self::Timeout(_)) = (endpoint.tunnel(), self) {
            return format!(
                "the tunnel at {tunnel} does not lead to a server that answers: check the command of the tunnel"
            );
        }
        match self {
            Self::Certificates(_) => certificates(endpoint),
            Self::Lookup(_) => format!("check the host name; {private}"),
            Self::Timeout(_) => private,
            Self::Client(failure) => hint(failure, endpoint, private),
        }
    }
}

/// Returns how to name trusted certificates, and where those of RDS are.
fn certificates(endpoint: &Endpoint) -> String {
    let place = match rds::region(&endpoint.host) {
        Some(region) => rds::bundle_url(&region),
        None => "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem".to_owned(),
    };
    format!(
        "name the file of trusted certificates, with `sslrootcert=FILE` in a URL (`sslrootcert=system` for those of \
         the operating system) or `root_certificates` in the configuration; those of RDS are at {place}"
    )
}

fn hint(failure: &ClientFailure, endpoint: &Endpoint, private: String) -> String {
    const STATES: [(SqlState, &str); 4] = [
        (
            SqlState::INVALID_PASSWORD,
            "check user and password; after a rotation, only the secret contains the current password",
        ),
        (
            SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
            "the server does not accept this user from this address; if it requires TLS, use `sslmode=require`",
        ),
        (SqlState::INVALID_CATALOG_NAME, "the URL must end with the name of an existing database"),
        (SqlState::TOO_MANY_CONNECTIONS, "close other connections"),
    ];
    if let Some(refusal) = failure.refusal {
        return refusal.hint().to_owned();
    }
    let hint_for_state = STATES.iter().find(|(state, _)| failure.code.as_ref() == Some(state));
    match (hint_for_state, failure.kind) {
        (Some((_, hint)), _) => (*hint).to_owned(),
        (None, Some(io::ErrorKind::ConnectionRefused)) => {
            format!("no server listens on this port: check the port, and that the tunnel is still open; {private}")
        }
        (None, Some(_)) if failure.is_tls && endpoint.is_rds() => certificates(endpoint),
        (None, Some(_)) if failure.is_tls => {
            "check the certificate of the server and the trusted certificates in `sslrootcert=FILE`".to_owned()
        }
        (None, Some(kind)) if !matches!(kind, io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput) => private,
        (None, _) => "check host, port and `sslmode`, and the log of the server".to_owned(),
    }
}

/// Returns whether the handshake of TLS failed.
pub(super) fn is_tls_failure(error: &Error) -> bool {
    let inner = io_error(error).and_then(io::Error::get_ref);
    matches!(inner, Some(inner) if inner.is::<rustls::Error>())
}

/// Returns why this program did not continue with the server.
pub(super) fn refusal(error: &Error) -> Option<Refusal> {
    io_error(error).and_then(io::Error::get_ref).and_then(|inner| inner.downcast_ref::<Refusal>()).copied()
}

fn io_error(error: &Error) -> Option<&io::Error> {
    let mut at: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(error);
    while let Some(inner) = at {
        if let Some(found) = inner.downcast_ref::<io::Error>() {
            return Some(found);
        }
        at = inner.source();
    }
    None
}
