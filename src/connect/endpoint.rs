//! The address of a database and the credentials, from a URL or from the parts in a secret.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::config::{ChannelBinding, TargetSessionAttrs};

use super::rds;

/// The default time limit for opening a connection, from the name lookup to the end of the login.
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The TLS mode, with the same meaning as in libpq ("SSL Support", PostgreSQL documentation).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SslMode {
    /// Never use TLS.
    Disable,
    /// Use TLS only if the server does not accept the connection without it.
    Allow,
    /// Use TLS if the server supports it. Only against a file of root certificates that is named, it is verified.
    Prefer,
    /// Always use TLS. Without a root certificate, nothing is verified; with one, this is the same as `VerifyCa`. For
    /// an endpoint of RDS there is one: this program contains it.
    Require,
    /// Always use TLS, and verify the certificate against the root certificates. Without one, there is no connection.
    VerifyCa,
    /// The same as `VerifyCa`, and the certificate must be issued for this host.
    VerifyFull,
}

impl SslMode {
    /// Returns the value of `sslmode` in a URL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Allow => "allow",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }

    pub(super) const ALL: [Self; 6] =
        [Self::Disable, Self::Allow, Self::Prefer, Self::Require, Self::VerifyCa, Self::VerifyFull];
}

/// The source of trusted certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Roots {
    /// `~/.postgresql/root.crt` if it exists, and for an endpoint of RDS the authorities of RDS, or those of the
    /// operating system for an RDS Proxy.
    Default,
    /// The certificates of the operating system.
    System,
    /// A file with certificates in PEM format.
    File(PathBuf),
    /// None.
    Nothing,
}

/// A database and the credentials for it. No text that this type creates contains the password.
#[derive(Clone)]
pub struct Endpoint {
    /// The host name or address of the server.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The user name.
    pub user: String,
    /// The name of the database.
    pub database: String,
    /// The TLS mode.
    pub ssl_mode: SslMode,
    /// The time limit for opening a connection, from the name lookup to the end of the login.
    pub connect_timeout: Duration,
    pub(super) password: Option<String>,
    pub(super) roots: Roots,
    pub(super) link: Link,
}

/// How the connection is made and kept, apart from address, user and trust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    /// The address to connect to; the host is then only the name in the certificate.
    pub(super) address: Option<IpAddr>,
    /// The port to connect to, if it is not that of the server: the near end of a tunnel.
    pub(super) tunnel_port: Option<u16>,
    pub(super) application_name: String,
    /// Settings for the session, as `-c name=value`.
    pub(super) options: Option<String>,
    /// When the system begins to examine an idle connection, how often, and after how many failures it ends it. `None`
    /// means never.
    pub(super) keepalives: Option<(Duration, Duration, u32)>,
    /// How long sent data may stay unacknowledged.
    pub(super) tcp_user_timeout: Duration,
    pub(super) channel_binding: ChannelBinding,
    pub(super) target_session_attrs: TargetSessionAttrs,
    /// Whether TLS begins at once, without a request for it (PostgreSQL 17 and later).
    pub(super) is_tls_direct: bool,
    /// The files of the certificate of the client and of its key.
    pub(super) certificate: Option<(PathBuf, PathBuf)>,
    /// The oldest and the newest version of TLS.
    pub(super) tls_versions: (TlsVersion, TlsVersion),
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TlsVersion {
    V1_2,
    V1_3,
}

impl Default for Link {
    fn default() -> Self {
        Self {
            address: None,
            tunnel_port: None,
            application_name: "migrate-infra".to_owned(),
            options: None,
            keepalives: Some((Duration::from_secs(30), Duration::from_secs(10), 3)),
            tcp_user_timeout: Duration::from_mins(1),
            channel_binding: ChannelBinding::Prefer,
            target_session_attrs: TargetSessionAttrs::Any,
            is_tls_direct: false,
            certificate: None,
            tls_versions: (TlsVersion::V1_2, TlsVersion::V1_3),
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("user", &self.user)
            .field("password", &self.password.as_ref().map(|_| "***"))
            .field("database", &self.database)
            .field("ssl_mode", &self.ssl_mode)
            .field("roots", &self.roots)
            .field("connect_timeout", &self.connect_timeout)
            .field("link", &self.link)
            .finish()
    }
}

impl Endpoint {
    /// Creates an endpoint from its parts, for example those of a secret. Hosts of RDS must prove by a certificate of
    /// RDS that they are the host: the password never leaves before. TLS is preferred for other hosts, as in libpq.
    pub fn new(
        host: impl Into<String>,
        port: u16,
        user: impl Into<String>,
        password: impl Into<String>,
        database: impl Into<String>,
    ) -> Self {
        let host = host.into();
        let ssl_mode = if rds::is_rds(&host) { SslMode::VerifyFull } else { SslMode::Prefer };
        let (user, database, password) = (user.into(), database.into(), Some(password.into()));
        Self {
            host,
            port,
            user,
            database,
            ssl_mode,
            connect_timeout: DEFAULT_CONNECT_TIMEOUT,
            password,
            roots: Roots::Default,
            link: Link::default(),
        }
    }

    /// Sets a file of trusted certificates in PEM format, for example the global bundle of RDS.
    pub fn with_root_certificates(mut self, file: impl Into<PathBuf>) -> Self {
        self.roots = Roots::File(file.into());
        self
    }

    /// Connects through a tunnel that ends at this address. Host and port stay those of the server: they are in
    /// messages, and the certificate of the server must be for this host if it is verified.
    pub fn through(mut self, address: SocketAddr) -> Self {
        self.link.address = Some(address.ip());
        self.link.tunnel_port = Some(address.port());
        self
    }

    /// Returns the near end of the tunnel, if it connects through one.
    pub fn tunnel(&self) -> Option<SocketAddr> {
        Some(SocketAddr::new(self.link.address?, self.link.tunnel_port?))
    }

    /// Sets what `pg_stat_activity.application_name` shows.
    pub fn with_application_name(mut self, name: impl Into<String>) -> Self {
        self.link.application_name = name.into();
        self
    }

    /// Returns what `pg_stat_activity.application_name` shows. The default is `migrate-infra`.
    pub fn application_name(&self) -> &str {
        &self.link.application_name
    }

    /// Trusts no certificates, whatever was set before and whatever the user trusts: for a server on this machine,
    /// whose certificate nobody has issued. The server is not verified, and the modes that verify it fail.
    pub fn without_root_certificates(mut self) -> Self {
        self.roots = Roots::Nothing;
        self
    }

    /// Returns the certificates in PEM format that another program of PostgreSQL must trust in the same way, and that
    /// are in no file: those of RDS.
    pub fn built_in_roots(&self) -> Option<&'static [u8]> {
        let is_verified = matches!(self.ssl_mode, SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull);
        let region = rds::region(&self.host).filter(|_| is_verified && self.roots == Roots::Default)?;
        (!rds::is_proxy(&self.host) && rds::roots_for(&region).is_some()).then_some(rds::ROOTS)
    }

    /// Returns whether the host is an endpoint of RDS.
    pub fn is_rds(&self) -> bool {
        rds::is_rds(&self.host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_printed() {
        let text = format!("{:?}", Endpoint::new("h", 1, "u", "hush7", "d"));
        assert!(!text.contains("hush7") && text.contains("***"), "{text}");
    }
}
