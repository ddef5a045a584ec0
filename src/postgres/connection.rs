//! How to reach a database: address, user, password, TLS.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use infra_connect::transport::{Encryption, Transport, is_loopback, is_this_machine};
use tokio_postgres::{Client, Config};

use super::client_tls;
use super::connect_error::ConnectError;
use super::tls_mode::Tls;

/// How long the connection to a server can take, from the name lookup to the end of the login.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A password. `Debug` does not show it, and there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// Wraps a password.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the text, for a file that only its owner can read or for a connection.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

impl From<&str> for Password {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Password {
    fn from(text: String) -> Self {
        Self(text)
    }
}

/// A database of a server, and who connects to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionInfo {
    /// The name of the server. TLS verifies it; without `address` it is resolved as well.
    pub host: String,
    /// The address of the server, for a name that no DNS server knows, such as the endpoint of a modelled instance.
    pub address: Option<IpAddr>,
    /// The port.
    pub port: u16,
    /// The user.
    pub user: String,
    /// The password of the user.
    pub password: Password,
    /// The name of the database.
    pub database: String,
    /// Encryption.
    pub tls: Tls,
    /// What `pg_stat_activity.application_name` shows.
    pub application_name: String,
}

impl ConnectionInfo {
    /// Returns the same with another database.
    pub fn with_database(&self, database: impl Into<String>) -> Self {
        Self { database: database.into(), ..self.clone() }
    }

    /// Returns the same with another user and the user's password.
    pub fn with_user(&self, user: impl Into<String>, password: impl Into<Password>) -> Self {
        Self { user: user.into(), password: password.into(), ..self.clone() }
    }

    /// Returns the same with another encryption.
    pub fn with_tls(&self, tls: Tls) -> Self {
        Self { tls, ..self.clone() }
    }

    /// Returns the same with another name of the application.
    pub fn with_application_name(&self, name: impl Into<String>) -> Self {
        Self { application_name: name.into(), ..self.clone() }
    }

    /// Returns the configuration of the client.
    fn config(&self) -> Config {
        let mut config = Config::new();
        config
            .host(&self.host)
            .port(self.port)
            .user(&self.user)
            .password(self.password.reveal())
            .dbname(&self.database)
            .application_name(&self.application_name)
            .connect_timeout(CONNECT_TIMEOUT);
        if let Some(address) = self.address {
            config.hostaddr(address);
        }
        Transport::prepare(&mut config);
        config
    }

    /// Connects. A task of the runtime serves the connection until the client is dropped or the server closes it.
    ///
    /// # Errors
    /// There is no server, it refuses the connection, or the time limit has passed. A server that is neither verified
    /// nor on this machine gets no password in clear text.
    pub async fn connect(&self) -> Result<Client, ConnectError> {
        let failed = |source| ConnectError::Connect {
            user: self.user.clone(),
            database: self.database.clone(),
            host: self.host.clone(),
            port: self.port,
            source,
        };
        let (encryption, is_verified) = match self.tls {
            Tls::Off => (Encryption::Never, false),
            Tls::Require => (Encryption::Always, false),
            Tls::VerifyCa(_) | Tls::VerifyFull(_) => (Encryption::Always, true),
        };
        let is_local = self.address.map_or_else(|| is_this_machine(&self.host), is_loopback);
        let transport = Transport::new(client_tls::connector(&self.tls)?, encryption, is_verified, is_local);
        let config = self.config();
        let opened = tokio::time::timeout(CONNECT_TIMEOUT, config.connect(transport)).await;
        let (client, connection) = opened.map_err(|_| self.silent())?.map_err(failed)?;
        tokio::spawn(serve(connection));
        Ok(client)
    }

    fn silent(&self) -> ConnectError {
        ConnectError::Silent { host: self.host.clone(), port: self.port, limit: CONNECT_TIMEOUT }
    }
}

/// The client reports what breaks a connection to its caller, so that the log is enough here.
async fn serve<F: Future<Output = Result<(), tokio_postgres::Error>>>(connection: F) {
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a database connection ended");
    }
}
