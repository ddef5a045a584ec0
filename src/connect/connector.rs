//! Opens connections to one endpoint.

use std::net::IpAddr;

use tokio_postgres::error::SqlState;
use tokio_postgres::{Config, Error};

use super::connection::Connection;
use super::endpoint::{Endpoint, SslMode};
use super::failure::{ClientFailure, ConnectFailure, is_tls_failure, refusal};
use super::tls::{self, Tls};
use super::transport::{Encryption, Transport, is_loopback, is_this_machine};

/// Opens connections to one endpoint. The certificates are read once.
#[derive(Clone)]
pub struct Connector {
    endpoint: Endpoint,
    tls: Tls,
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
        self.connect_with("").await
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

    /// Opens a connection within the time limit of the endpoint, with settings for its session (`-c name=value`)
    /// besides those of the endpoint.
    ///
    /// # Errors
    /// There is no server, it refuses the connection, or the time limit has passed.
    pub async fn connect_with(&self, settings: &str) -> Result<Connection, ConnectFailure> {
        self.within_limit(self.find(settings)).await
    }

    /// Tries the addresses of the host until a server answers.
    async fn find(&self, settings: &str) -> Result<Connection, ConnectFailure> {
        let mut failure = ConnectFailure::Lookup("the name has no address".to_owned());
        for address in self.addresses().await? {
            match self.connect_to(address, settings).await {
                Ok(connection) => return Ok(connection),
                Err(error) => {
                    // A server that has answered is the one: its neighbours get no password.
                    let has_answered = error.code().is_some() || refusal(&error).is_some() || is_tls_failure(&error);
                    failure = ConnectFailure::Client(ClientFailure::of(&error, self.endpoint.password.as_deref()));
                    if has_answered {
                        break;
                    }
                }
            }
        }
        Err(failure)
    }

    async fn addresses(&self) -> Result<Vec<IpAddr>, ConnectFailure> {
        if let Some(address) = self.endpoint.link.address {
            return Ok(vec![address]);
        }
        let found = tokio::net::lookup_host((self.endpoint.host.as_str(), self.endpoint.port)).await;
        let found = found.map_err(|error| ConnectFailure::Lookup(error.to_string()))?;
        Ok(found.map(|address| address.ip()).collect())
    }

    async fn connect_to(&self, address: IpAddr, settings: &str) -> Result<Connection, Error> {
        let always = if self.endpoint.link.is_tls_direct { Encryption::AtOnce } else { Encryption::Always };
        // libpq's `prefer` and `allow`: try again the other way if the connection cannot be opened the first way.
        let (first, second) = match self.endpoint.ssl_mode {
            SslMode::Disable => (Encryption::Never, None),
            SslMode::Allow => (Encryption::Never, Some(always)),
            SslMode::Prefer => (Encryption::IfSupported, Some(Encryption::Never)),
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => (always, None),
        };
        let is_refused = |error: &Error| {
            // A server with the wrong certificate does not become the right one without TLS.
            (is_tls_failure(error) && !self.tls.is_verified)
                || error.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION)
        };
        match (self.dial(address, first, settings).await, second) {
            (Err(error), Some(second)) if is_refused(&error) => self.dial(address, second, settings).await,
            (answer, _) => answer,
        }
    }

    /// Returns whether the server itself is at an address of this machine, under the name of this machine. The near end
    /// of a tunnel is not the server, and neither is a name that the file of hosts leads to one.
    fn is_local(&self, address: IpAddr) -> bool {
        let link = &self.endpoint.link;
        is_loopback(address) && is_this_machine(&self.endpoint.host) && link.tunnel_port.is_none()
    }

    async fn dial(&self, address: IpAddr, encryption: Encryption, settings: &str) -> Result<Connection, Error> {
        let link = &self.endpoint.link;
        let options = format!("{} {settings}", link.options.as_deref().unwrap_or_default());
        let options = options.trim();
        let mut config = Config::new();
        config
            .host(&self.endpoint.host)
            .hostaddr(address)
            .port(link.tunnel_port.unwrap_or(self.endpoint.port))
            .user(&self.endpoint.user)
            .dbname(&self.endpoint.database)
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
        if let Some(password) = &self.endpoint.password {
            config.password(password);
        }
        Transport::prepare(&mut config);
        let Tls { connector, is_verified } = self.tls.clone();
        let transport = Transport::new(connector, encryption, is_verified, self.is_local(address));
        let (client, connection) = config.connect(transport.clone()).await?;
        Ok(Connection::new(client, connection, transport))
    }
}
