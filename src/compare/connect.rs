//! Opens one connection, and explains why it cannot be opened.

use std::io;
use std::time::Duration;

use tokio_postgres::config::SslMode as PgSslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Config, Error};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::endpoint::{Endpoint, SslMode, is_rds};
use super::error::{CompareError, Side};
use super::error_text::DatabaseError;
use super::options::Options;
use super::session::Session;
use super::tls;

/// Opens sessions to one of the two databases.
#[derive(Clone)]
pub(super) struct Connector {
    pub(super) side: Side,
    endpoint: Endpoint,
    tls: MakeRustlsConnect,
}

/// The reason why a connection could not be opened.
enum ConnectFailure {
    Lookup(String),
    Timeout,
    Client(Error),
}

impl Connector {
    pub(super) fn new(side: Side, endpoint: &Endpoint) -> Result<Self, CompareError> {
        let tls = tls::connector(endpoint).map_err(|error| connect_error(side, endpoint, error, CERTIFICATES))?;
        Ok(Self { side, endpoint: endpoint.clone(), tls })
    }

    /// Returns the user name.
    pub(super) fn user(&self) -> &str {
        &self.endpoint.user
    }

    /// Opens a read-only session with the same text formats on every server.
    pub(super) async fn open(&self, options: &Options) -> Result<Session, CompareError> {
        let session = tokio::time::timeout(self.endpoint.connect_timeout, self.connect())
            .await
            .unwrap_or(Err(ConnectFailure::Timeout));
        let session = session.map_err(|failure| self.to_compare_error(failure))?;
        session
            .prepare(options)
            .await
            .map_err(|error| connect_error(self.side, &self.endpoint, error, "check the log of the server"))?;
        Ok(session)
    }

    async fn connect(&self) -> Result<Session, ConnectFailure> {
        // This lookup only distinguishes an unknown name from a server that does not respond.
        let found = tokio::net::lookup_host((self.endpoint.host.as_str(), self.endpoint.port)).await;
        found
            .map_err(|error| ConnectFailure::Lookup(error.to_string()))?
            .next()
            .ok_or_else(|| ConnectFailure::Lookup("the name has no address".to_owned()))?;
        let first = match self.endpoint.ssl_mode {
            SslMode::Disable => PgSslMode::Disable,
            SslMode::Prefer => PgSslMode::Prefer,
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => PgSslMode::Require,
        };
        match self.connect_with(first).await {
            // libpq's `prefer`: try again without TLS if the connection with TLS fails.
            Err(error)
                if first == PgSslMode::Prefer
                    && (is_tls_failure(&error)
                        || error.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION)) =>
            {
                self.connect_with(PgSslMode::Disable).await
            }
            answer => answer,
        }
        .map_err(ConnectFailure::Client)
    }

    async fn connect_with(&self, mode: PgSslMode) -> Result<Session, Error> {
        let mut config = Config::new();
        config
            .host(&self.endpoint.host)
            .port(self.endpoint.port)
            .user(&self.endpoint.user)
            .dbname(&self.endpoint.database)
            .ssl_mode(mode)
            .application_name("migrate-infra")
            .keepalives_idle(Duration::from_secs(30))
            .keepalives_interval(Duration::from_secs(10))
            .keepalives_retries(3);
        if let Some(password) = &self.endpoint.password {
            config.password(password);
        }
        let (client, connection) = config.connect(self.tls.clone()).await?;
        Ok(Session::new(client, connection, self.tls.clone()))
    }

    fn to_compare_error(&self, failure: ConnectFailure) -> CompareError {
        let private = format!(
            "a database in a private subnet is not reachable from here: open a tunnel, for example with the port \
             forwarding of Session Manager, and pass its local end with `--{}-url`",
            self.side
        );
        let (error, hint) = match failure {
            ConnectFailure::Lookup(message) => (
                DatabaseError::new(format!("its host name cannot be resolved: {message}")),
                format!("check the host name; {private}"),
            ),
            ConnectFailure::Timeout => (
                DatabaseError::new(format!("no response within {} s", self.endpoint.connect_timeout.as_secs_f32())),
                private,
            ),
            ConnectFailure::Client(error) => (DatabaseError::of(&error), self.hint(&error, &private)),
        };
        connect_error(self.side, &self.endpoint, error, &hint)
    }

    fn hint(&self, error: &Error, private: &str) -> String {
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
            (SqlState::TOO_MANY_CONNECTIONS, "use fewer `--connections`, or close other connections"),
        ];
        let hint_for_state = STATES.iter().find(|(state, _)| error.code() == Some(state));
        match (hint_for_state, io_kind(error)) {
            (Some((_, hint)), _) => (*hint).to_owned(),
            (None, Some(io::ErrorKind::ConnectionRefused)) => {
                format!("no server listens on this port: check the port, and that the tunnel is still open; {private}")
            }
            (None, Some(_)) if is_tls_failure(error) && is_rds(&self.endpoint.host) => CERTIFICATES.to_owned(),
            (None, Some(_)) if is_tls_failure(error) => {
                "check the certificate of the server and the trusted certificates in `sslrootcert=FILE`".to_owned()
            }
            (None, Some(_)) => private.to_owned(),
            (None, None) => "check host, port and `sslmode`, and the log of the server".to_owned(),
        }
    }
}

const CERTIFICATES: &str = "name the file of trusted certificates with `sslrootcert=FILE`; those of RDS are at \
     https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem";

fn connect_error(side: Side, endpoint: &Endpoint, source: DatabaseError, hint: &str) -> CompareError {
    CompareError::Connect { side, host: endpoint.host.clone(), port: endpoint.port, hint: hint.to_owned(), source }
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

fn io_kind(error: &Error) -> Option<io::ErrorKind> {
    io_error(error).map(io::Error::kind)
}

fn is_tls_failure(error: &Error) -> bool {
    let inner = io_error(error).and_then(io::Error::get_ref);
    matches!(inner, Some(inner) if inner.is::<rustls::Error>())
}
