//! Opens connections to one endpoint.

use tokio_postgres::config::{SslMode as PgSslMode, SslNegotiation};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Config, Error};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::connection::Connection;
use super::endpoint::{Endpoint, SslMode};
use super::failure::{ConnectFailure, is_tls_failure};
use super::tls;

/// Opens connections to one endpoint. The certificates are read once.
#[derive(Clone)]
pub struct Connector {
    endpoint: Endpoint,
    tls: MakeRustlsConnect,
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connector").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl Connector {
    /// Reads the certificates of an endpoint.
    ///
    /// # Errors
    /// They cannot be used.
    pub fn new(endpoint: &Endpoint) -> Result<Self, ConnectFailure> {
        let tls = tls::connector(endpoint).map_err(ConnectFailure::Certificates)?;
        Ok(Self { endpoint: endpoint.clone(), tls })
    }

    /// Returns the endpoint.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Opens a connection within the time limit of the endpoint.
    ///
    /// # Errors
    /// There is no server, it refuses the connection, or the time limit has passed.
    pub async fn connect(&self) -> Result<Connection, ConnectFailure> {
        self.within_limit(self.connect_with("")).await
    }

    /// Completes a connection within the time limit of the endpoint, with what a caller does before it is of use.
    ///
    /// # Errors
    /// The future failed, or the time limit has passed.
    pub async fn within_limit<T, E: From<ConnectFailure>>(
        &self,
        opened: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let limit = self.endpoint.connect_timeout;
        tokio::time::timeout(limit, opened).await.unwrap_or_else(|_| Err(ConnectFailure::Timeout(limit).into()))
    }

    /// Opens a connection without a time limit, with settings for its session (`-c name=value`) besides those of the
    /// endpoint.
    ///
    /// # Errors
    /// There is no server, or it refuses the connection.
    pub async fn connect_with(&self, settings: &str) -> Result<Connection, ConnectFailure> {
        // This lookup only distinguishes an unknown name from a server that does not respond.
        if self.endpoint.link.address.is_none() {
            let found = tokio::net::lookup_host((self.endpoint.host.as_str(), self.endpoint.port)).await;
            found
                .map_err(|error| ConnectFailure::Lookup(error.to_string()))?
                .next()
                .ok_or_else(|| ConnectFailure::Lookup("the name has no address".to_owned()))?;
        }
        // libpq's `prefer` and `allow`: try again the other way if the connection cannot be opened the first way.
        let (first, second) = match self.endpoint.ssl_mode {
            SslMode::Disable => (PgSslMode::Disable, None),
            SslMode::Allow => (PgSslMode::Disable, Some(PgSslMode::Require)),
            SslMode::Prefer => (PgSslMode::Prefer, Some(PgSslMode::Disable)),
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => (PgSslMode::Require, None),
        };
        let is_refused = |error: &Error| {
            is_tls_failure(error) || error.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION)
        };
        match (self.dial(first, settings).await, second) {
            (Err(error), Some(second)) if is_refused(&error) => self.dial(second, settings).await,
            (answer, _) => answer,
        }
        .map_err(ConnectFailure::Client)
    }

    async fn dial(&self, mode: PgSslMode, settings: &str) -> Result<Connection, Error> {
        let link = &self.endpoint.link;
        let options = format!("{} {settings}", link.options.as_deref().unwrap_or_default());
        let options = options.trim();
        let mut config = Config::new();
        config
            .host(&self.endpoint.host)
            .port(link.tunnel_port.unwrap_or(self.endpoint.port))
            .user(&self.endpoint.user)
            .dbname(&self.endpoint.database)
            .ssl_mode(mode)
            .application_name(&link.application_name)
            .channel_binding(link.channel_binding)
            .target_session_attrs(link.target_session_attrs)
            .keepalives(link.keepalives.is_some())
            .tcp_user_timeout(link.tcp_user_timeout);
        // Some poolers refuse this parameter, even an empty one.
        if !options.is_empty() {
            config.options(options);
        }
        if let Some((idle, interval, count)) = link.keepalives {
            config.keepalives_idle(idle).keepalives_interval(interval).keepalives_retries(count);
        }
        if let Some(address) = link.address {
            config.hostaddr(address);
        }
        if link.is_tls_direct {
            config.ssl_negotiation(SslNegotiation::Direct);
        }
        if let Some(password) = &self.endpoint.password {
            config.password(password);
        }
        let (client, connection) = config.connect(self.tls.clone()).await?;
        Ok(Connection::new(client, connection, self.tls.clone()))
    }
}
