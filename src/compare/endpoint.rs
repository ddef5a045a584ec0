//! The address of a database and the credentials, from a URL or from the parts in a secret.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use url::{Host, Url};

/// The default time limit for opening a connection, from the name lookup to the end of the login.
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The TLS mode, with the same meaning as in libpq ("SSL Support", PostgreSQL documentation).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SslMode {
    /// Never use TLS.
    Disable,
    /// Use TLS if the server supports it, without verification.
    Prefer,
    /// Always use TLS. Without a root certificate, nothing is verified; with one, this is the same as `VerifyCa`.
    Require,
    /// Always use TLS, and verify the certificate against the root certificates.
    VerifyCa,
    /// The same as `VerifyCa`, and the certificate must be issued for this host.
    VerifyFull,
}

impl SslMode {
    /// Returns the value of `sslmode` in a URL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }

    const ALL: [Self; 5] = [Self::Disable, Self::Prefer, Self::Require, Self::VerifyCa, Self::VerifyFull];
}

/// The source of trusted certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Roots {
    /// `~/.postgresql/root.crt` if it exists, otherwise the certificates of the operating system.
    Default,
    /// The certificates of the operating system.
    System,
    /// A file with certificates in PEM format.
    File(PathBuf),
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
    /// The time limit for opening a connection.
    pub connect_timeout: Duration,
    pub(super) password: Option<String>,
    pub(super) roots: Roots,
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
            .finish()
    }
}

/// The reason why a text is not a URL of a database. It never repeats the text, which can contain a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the URL of the database {0}")]
pub struct UrlError(String);

impl Endpoint {
    /// Creates an endpoint from its parts, for example those of a secret. TLS is required for hosts of RDS, where
    /// `rds.force_ssl` is on by default since PostgreSQL 15. It is preferred for other hosts, as in libpq.
    pub fn new(
        host: impl Into<String>,
        port: u16,
        user: impl Into<String>,
        password: impl Into<String>,
        database: impl Into<String>,
    ) -> Self {
        let host = host.into();
        let ssl_mode = if is_rds(&host) { SslMode::Require } else { SslMode::Prefer };
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
        }
    }

    /// Reads `postgres://user:password@host:port/database?sslmode=…&sslrootcert=…&connect_timeout=…`.
    ///
    /// # Errors
    /// The text is not such a URL, or it contains an unknown option.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let error = |message: &str| UrlError(message.to_owned());
        let url = Url::parse(text).map_err(|error| {
            UrlError(format!(
                "is invalid ({error}): in a user name or password, percent-encode characters such as `@ / # ? %`, for \
                 example `%40` for `@`"
            ))
        })?;
        if !["postgres", "postgresql"].contains(&url.scheme()) {
            return Err(error("does not start with `postgres://`"));
        }
        let host = match url.host() {
            Some(Host::Domain(name)) if !name.is_empty() => {
                decode(name).ok_or_else(|| error("has a host that is not valid UTF-8"))?
            }
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Ipv6(address)) => address.to_string(),
            Some(Host::Domain(_)) | None => return Err(error("has no host")),
        };
        if host.contains([',', '/']) {
            return Err(error("contains several hosts or a socket; specify one host"));
        }
        let user = decode(url.username()).filter(|user| !user.is_empty()).ok_or_else(|| error("has no user"))?;
        let password = url
            .password()
            .map(|text| decode(text).ok_or_else(|| error("has a password that is not valid UTF-8")))
            .transpose()?;
        let database = decode(url.path().trim_start_matches('/'))
            .ok_or_else(|| error("has a database that is not valid UTF-8"))?;
        let database = if database.is_empty() { user.clone() } else { database };
        let mut endpoint = Self { password, ..Self::new(host, url.port().unwrap_or(5432), user, "", database) };
        for (key, value) in url.query_pairs() {
            endpoint.set(&key, &value)?;
        }
        if endpoint.roots == Roots::System && endpoint.ssl_mode != SslMode::VerifyFull {
            return Err(error(
                "has `sslrootcert=system`, which requires `sslmode=verify-full`: without a check of the host name, any \
                 public certificate would be accepted",
            ));
        }
        Ok(endpoint)
    }

    /// Sets a file of trusted certificates in PEM format, for example the global bundle of RDS.
    pub fn with_root_certificates(mut self, file: impl Into<PathBuf>) -> Self {
        self.roots = Roots::File(file.into());
        self
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), UrlError> {
        match key {
            "sslmode" => {
                let known = SslMode::ALL.iter().find(|mode| mode.as_str() == value);
                self.ssl_mode = *known.ok_or_else(|| {
                    UrlError(format!(
                        "has an unknown `sslmode`; the modes are {}",
                        SslMode::ALL.map(|mode| format!("`{}`", mode.as_str())).join(", ")
                    ))
                })?;
            }
            "sslrootcert" if value == "system" => self.roots = Roots::System,
            "sslrootcert" => self.roots = Roots::File(PathBuf::from(value)),
            "connect_timeout" => {
                let seconds = value.parse::<u64>().ok().filter(|seconds| *seconds > 0);
                self.connect_timeout = Duration::from_secs(
                    seconds
                        .ok_or_else(|| UrlError("has a `connect_timeout` that is not a number of seconds".into()))?,
                );
            }
            _ => {
                return Err(UrlError(
                    "has an unknown option; the options are `sslmode`, `sslrootcert` and `connect_timeout`".into(),
                ));
            }
        }
        Ok(())
    }
}

/// Returns whether a host name is an endpoint of RDS. Those in China end with `.cn`.
pub(super) fn is_rds(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    host.trim_end_matches(".cn").ends_with(".rds.amazonaws.com")
}

/// Decodes percent-encoding.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            let value = digit()? * 16 + digit()?;
            bytes.push(u8::try_from(value).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_url_is_read() {
        let url = "postgresql://db%40min:p%40ss%2F%25w@[::1]:6543/pay%20ments\
                   ?sslmode=verify-ca&sslrootcert=%2Ftmp%2Fca.pem&connect_timeout=3";
        let read = Endpoint::parse(url).unwrap();
        assert_eq!(
            (read.host.as_str(), read.port, read.user.as_str(), read.database.as_str()),
            ("::1", 6543, "db@min", "pay ments")
        );
        assert_eq!((read.password.as_deref(), read.ssl_mode), (Some("p@ss/%w"), SslMode::VerifyCa));
        assert_eq!((read.roots, read.connect_timeout), (Roots::File("/tmp/ca.pem".into()), Duration::from_secs(3)));
    }

    #[test]
    fn the_defaults_of_a_url_are_those_of_libpq() {
        let read = Endpoint::parse("postgres://app@db.internal").unwrap();
        assert_eq!((read.port, read.database.as_str(), read.ssl_mode), (5432, "app", SslMode::Prefer));
        assert_eq!(read.password, None);
    }

    #[test]
    fn tls_is_required_for_rds() {
        for host in ["a.b.eu-west-1.rds.amazonaws.com", "a.b.cn-north-1.rds.amazonaws.com.cn", "A.B.RDS.amazonaws.com."]
        {
            assert_eq!(
                Endpoint::parse(&format!("postgres://u:p@{host}/d")).unwrap().ssl_mode,
                SslMode::Require,
                "{host}"
            );
            assert_eq!(Endpoint::new(host, 5432, "u", "p", "d").ssl_mode, SslMode::Require, "{host}");
        }
        assert_eq!(Endpoint::parse("postgres://u:p@x.rds.amazonaws.com.evil.org/d").unwrap().ssl_mode, SslMode::Prefer);
        assert_eq!(
            Endpoint::parse("postgres://u:p@x.rds.amazonaws.com/d?sslmode=disable").unwrap().ssl_mode,
            SslMode::Disable
        );
    }

    #[test]
    fn an_error_in_a_url_does_not_show_its_password() {
        let wrong = [
            ("mysql://u:hush7@h/d", "does not start"),
            ("postgres://u:hush7@/d", "is invalid"),
            ("postgres:///d?password=hush7", "has no host"),
            ("postgres://:hush7@h/d", "has no user"),
            ("postgres://u:hush7#x@h/d", "is invalid"),
            ("postgres://u:hush7%zz@h/d", "has a password that is not valid UTF-8"),
            ("postgres://u:hush7@h/d?sslmode=hush7", "has an unknown `sslmode`"),
            ("postgres://u:hush7@h/d?hush7=1", "has an unknown option"),
            ("postgres://u:hush7@a,b/d", "contains several hosts"),
            ("postgres://u:hush7@h/d?connect_timeout=hush7", "not a number of seconds"),
            ("postgres://u:hush7@h/d?sslrootcert=system&sslmode=require", "requires `sslmode=verify-full`"),
        ];
        for (url, expected) in wrong {
            let error = Endpoint::parse(url).unwrap_err().to_string();
            assert!(error.contains(expected) && !error.contains("hush7"), "{url}: {error}");
        }
    }

    #[test]
    fn a_password_is_not_printed() {
        let text = format!("{:?}", Endpoint::new("h", 1, "u", "hush7", "d"));
        assert!(!text.contains("hush7") && text.contains("***"), "{text}");
    }
}
