//! Where a database is and how to log in: from a URL, or from the parts that a secret holds.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use url::{Host, Url};

/// How long a connection may take to be there, from name lookup to the end of the login.
const PATIENCE: Duration = Duration::from_secs(10);

/// What TLS is asked for, with the meaning that libpq gives these words ("SSL Support", PostgreSQL documentation).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SslMode {
    /// Never.
    Disable,
    /// When the server has it; nothing is verified.
    Prefer,
    /// Always. Nothing is verified, unless a root certificate is named: then as `VerifyCa`.
    Require,
    /// Always, with a certificate that the root certificate vouches for.
    VerifyCa,
    /// As `VerifyCa`, and the certificate is for this host.
    VerifyFull,
}

impl SslMode {
    /// The word in a URL.
    pub fn word(self) -> &'static str {
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

/// Where trusted certificates come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Roots {
    /// Not said: `~/.postgresql/root.crt` when it exists, else the operating system's.
    Unsaid,
    /// The operating system's.
    System,
    /// A file with certificates in PEM form.
    File(PathBuf),
}

/// A database and how to log in to it. The password is in no text that this type makes.
#[derive(Clone)]
pub struct Endpoint {
    /// Name or address of the server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Who logs in.
    pub user: String,
    /// The database.
    pub database: String,
    /// What TLS is asked for.
    pub ssl_mode: SslMode,
    /// How long a connection may take to be there.
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

/// Why a text is no URL of a database. It never repeats the text, which may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the URL of the database {0}")]
pub struct UrlError(String);

impl Endpoint {
    /// An endpoint from its parts, as they stand in a secret. TLS is required for a host of RDS (its parameter `rds.force_ssl` is on by default
    /// since PostgreSQL 15), and preferred for others, as libpq does.
    pub fn new(host: impl Into<String>, port: u16, user: impl Into<String>, password: impl Into<String>, database: impl Into<String>) -> Self {
        let host = host.into();
        let ssl_mode = if is_rds(&host) { SslMode::Require } else { SslMode::Prefer };
        let (user, database, password) = (user.into(), database.into(), Some(password.into()));
        Self { host, port, user, database, ssl_mode, connect_timeout: PATIENCE, password, roots: Roots::Unsaid }
    }

    /// Reads `postgres://user:password@host:port/database?sslmode=…&sslrootcert=…&connect_timeout=…`.
    ///
    /// # Errors
    /// When the text is no such URL, or asks for something that is not known here.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let error = |message: &str| UrlError(message.to_owned());
        let url = Url::parse(text).map_err(|error| {
            UrlError(format!("can not be read ({error}): characters such as `@ / # ? %` in a user or password are written as `%40` and so on"))
        })?;
        if !["postgres", "postgresql"].contains(&url.scheme()) {
            return Err(error("does not begin with `postgres://`"));
        }
        let host = match url.host() {
            Some(Host::Domain(name)) if !name.is_empty() => decode(name).ok_or_else(|| error("names a host that is not text"))?,
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Ipv6(address)) => address.to_string(),
            Some(Host::Domain(_)) | None => return Err(error("names no host")),
        };
        if host.contains([',', '/']) {
            return Err(error("names several hosts or a socket; name one host"));
        }
        let user = decode(url.username()).filter(|user| !user.is_empty()).ok_or_else(|| error("names no user"))?;
        let password = url.password().map(|text| decode(text).ok_or_else(|| error("has a password that is not text"))).transpose()?;
        let database = decode(url.path().trim_start_matches('/')).ok_or_else(|| error("names a database that is not text"))?;
        let database = if database.is_empty() { user.clone() } else { database };
        let mut endpoint = Self { password, ..Self::new(host, url.port().unwrap_or(5432), user, "", database) };
        for (key, value) in url.query_pairs() {
            endpoint.set(&key, &value)?;
        }
        if endpoint.roots == Roots::System && endpoint.ssl_mode != SslMode::VerifyFull {
            return Err(error("has `sslrootcert=system`, which needs `sslmode=verify-full`: anybody can get a certificate of some name"));
        }
        Ok(endpoint)
    }

    /// Names a file of trusted certificates in PEM form, for example the global bundle of RDS.
    pub fn trusting(mut self, file: impl Into<PathBuf>) -> Self {
        self.roots = Roots::File(file.into());
        self
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), UrlError> {
        match key {
            "sslmode" => {
                let known = SslMode::ALL.iter().find(|mode| mode.word() == value);
                self.ssl_mode = *known.ok_or_else(|| {
                    UrlError(format!("has an unknown `sslmode`: one of {}", SslMode::ALL.map(|mode| format!("`{}`", mode.word())).join(", ")))
                })?;
            }
            "sslrootcert" if value == "system" => self.roots = Roots::System,
            "sslrootcert" => self.roots = Roots::File(PathBuf::from(value)),
            "connect_timeout" => {
                let seconds = value.parse::<u64>().ok().filter(|seconds| *seconds > 0);
                self.connect_timeout =
                    Duration::from_secs(seconds.ok_or_else(|| UrlError("has a `connect_timeout` that is no number of seconds".into()))?);
            }
            _ => return Err(UrlError("has an unknown option: `sslmode`, `sslrootcert` and `connect_timeout` are known".into())),
        }
        Ok(())
    }
}

/// Endpoints of RDS end so, those in China with `.cn` behind.
pub(super) fn is_rds(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    host.trim_end_matches(".cn").ends_with(".rds.amazonaws.com")
}

/// Undoes percent-encoding.
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
        let url = "postgresql://db%40min:p%40ss%2F%25w@[::1]:6543/pay%20ments?sslmode=verify-ca&sslrootcert=%2Ftmp%2Fca.pem&connect_timeout=3";
        let read = Endpoint::parse(url).unwrap();
        assert_eq!((read.host.as_str(), read.port, read.user.as_str(), read.database.as_str()), ("::1", 6543, "db@min", "pay ments"));
        assert_eq!((read.password.as_deref(), read.ssl_mode), (Some("p@ss/%w"), SslMode::VerifyCa));
        assert_eq!((read.roots, read.connect_timeout), (Roots::File("/tmp/ca.pem".into()), Duration::from_secs(3)));
    }

    #[test]
    fn what_a_url_does_not_say_is_as_libpq_has_it() {
        let read = Endpoint::parse("postgres://app@db.internal").unwrap();
        assert_eq!((read.port, read.database.as_str(), read.ssl_mode), (5432, "app", SslMode::Prefer));
        assert_eq!(read.password, None);
    }

    #[test]
    fn rds_is_asked_for_tls() {
        for host in ["a.b.eu-west-1.rds.amazonaws.com", "a.b.cn-north-1.rds.amazonaws.com.cn", "A.B.RDS.amazonaws.com."] {
            assert_eq!(Endpoint::parse(&format!("postgres://u:p@{host}/d")).unwrap().ssl_mode, SslMode::Require, "{host}");
            assert_eq!(Endpoint::new(host, 5432, "u", "p", "d").ssl_mode, SslMode::Require, "{host}");
        }
        assert_eq!(Endpoint::parse("postgres://u:p@x.rds.amazonaws.com.evil.org/d").unwrap().ssl_mode, SslMode::Prefer);
        assert_eq!(Endpoint::parse("postgres://u:p@x.rds.amazonaws.com/d?sslmode=disable").unwrap().ssl_mode, SslMode::Disable);
    }

    #[test]
    fn a_mistake_in_a_url_is_told_without_its_password() {
        let wrong = [
            ("mysql://u:hush7@h/d", "does not begin"),
            ("postgres://u:hush7@/d", "can not be read"),
            ("postgres:///d?password=hush7", "names no host"),
            ("postgres://:hush7@h/d", "names no user"),
            ("postgres://u:hush7#x@h/d", "can not be read"),
            ("postgres://u:hush7%zz@h/d", "has a password that is not text"),
            ("postgres://u:hush7@h/d?sslmode=hush7", "has an unknown `sslmode`"),
            ("postgres://u:hush7@h/d?hush7=1", "has an unknown option"),
            ("postgres://u:hush7@a,b/d", "names several hosts"),
            ("postgres://u:hush7@h/d?connect_timeout=hush7", "no number of seconds"),
            ("postgres://u:hush7@h/d?sslrootcert=system&sslmode=require", "needs `sslmode=verify-full`"),
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
