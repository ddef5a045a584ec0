//! Opening one connection, and saying well why it cannot be opened.

use std::io;
use std::time::Duration;

use tokio_postgres::config::SslMode as Wire;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Config, Error};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::endpoint::{Endpoint, SslMode, is_rds};
use super::error::{CompareError, Side};
use super::options::Options;
use super::reason::Trouble;
use super::session::Session;
use super::tls;

/// Opens sessions to one of the two databases.
#[derive(Clone)]
pub(super) struct Connector {
    pub(super) side: Side,
    endpoint: Endpoint,
    tls: MakeRustlsConnect,
}

/// What kept a connection from being opened.
enum Obstacle {
    Name(String),
    Slow,
    Library(Error),
}

impl Connector {
    pub(super) fn new(side: Side, endpoint: &Endpoint) -> Result<Self, CompareError> {
        let tls = tls::connector(endpoint).map_err(|trouble| refused(side, endpoint, trouble, CERTIFICATES))?;
        Ok(Self { side, endpoint: endpoint.clone(), tls })
    }

    /// The user, to name in a hint.
    pub(super) fn user(&self) -> &str {
        &self.endpoint.user
    }

    /// Opens a session whose texts look the same on every server, and which cannot write.
    pub(super) async fn open(&self, options: &Options) -> Result<Session, CompareError> {
        let session = tokio::time::timeout(self.endpoint.connect_timeout, self.dial()).await.unwrap_or(Err(Obstacle::Slow));
        let session = session.map_err(|obstacle| self.explain(obstacle))?;
        session.prepare(options).await.map_err(|trouble| refused(self.side, &self.endpoint, trouble, "look into the log of the server"))?;
        Ok(session)
    }

    async fn dial(&self) -> Result<Session, Obstacle> {
        // Looked up here only to tell a name that nobody knows from a server that does not answer.
        let found = tokio::net::lookup_host((self.endpoint.host.as_str(), self.endpoint.port)).await;
        found.map_err(|error| Obstacle::Name(error.to_string()))?.next().ok_or_else(|| Obstacle::Name("it has no address".to_owned()))?;
        let first = match self.endpoint.ssl_mode {
            SslMode::Disable => Wire::Disable,
            SslMode::Prefer => Wire::Prefer,
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => Wire::Require,
        };
        match self.dial_with(first).await {
            // What libpq calls `prefer`: without TLS, when it did not work with it.
            Err(error) if first == Wire::Prefer && (broke_tls(&error) || error.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION)) => {
                self.dial_with(Wire::Disable).await
            }
            answer => answer,
        }
        .map_err(Obstacle::Library)
    }

    async fn dial_with(&self, mode: Wire) -> Result<Session, Error> {
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

    fn explain(&self, obstacle: Obstacle) -> CompareError {
        let private = format!(
            "if it is in a private subnet it can not be reached from here: open a tunnel (for example port forwarding by Session Manager) and name its \
             end with `--{}-url`",
            self.side
        );
        let (trouble, hint) = match obstacle {
            Obstacle::Name(message) => (Trouble::new(format!("its name is not known here: {message}")), format!("check the name; {private}")),
            Obstacle::Slow => (Trouble::new(format!("no answer within {} s", self.endpoint.connect_timeout.as_secs_f32())), private),
            Obstacle::Library(error) => (Trouble::of(&error), self.hint(&error, &private)),
        };
        refused(self.side, &self.endpoint, trouble, &hint)
    }

    fn hint(&self, error: &Error, private: &str) -> String {
        const STATES: [(SqlState, &str); 4] = [
            (SqlState::INVALID_PASSWORD, "check user and password; after a rotation only the secret has the new one"),
            (
                SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
                "the server does not let this user in from here like this; if it wants TLS: `sslmode=require`",
            ),
            (SqlState::INVALID_CATALOG_NAME, "name an existing database at the end of the URL"),
            (SqlState::TOO_MANY_CONNECTIONS, "compare with fewer connections, or end others"),
        ];
        let known = STATES.iter().find(|(state, _)| error.code() == Some(state));
        match (known, io_kind(error)) {
            (Some((_, hint)), _) => (*hint).to_owned(),
            (None, Some(io::ErrorKind::ConnectionRefused)) => {
                format!("nothing listens there: check the port, and that a tunnel is still open; {private}")
            }
            (None, Some(_)) if broke_tls(error) && is_rds(&self.endpoint.host) => CERTIFICATES.to_owned(),
            (None, Some(_)) if broke_tls(error) => "check the certificate of the server, and the one in `sslrootcert=FILE`".to_owned(),
            (None, Some(_)) => private.to_owned(),
            (None, None) => "check host, port and `sslmode`, and look into the log of the server".to_owned(),
        }
    }
}

const CERTIFICATES: &str = "name the certificates that are trusted with `sslrootcert=FILE`; those of RDS are at \
     https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem";

fn refused(side: Side, endpoint: &Endpoint, source: Trouble, hint: &str) -> CompareError {
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

fn broke_tls(error: &Error) -> bool {
    let inner = io_error(error).and_then(io::Error::get_ref);
    matches!(inner, Some(inner) if inner.is::<rustls::Error>())
}
