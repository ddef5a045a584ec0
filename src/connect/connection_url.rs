//! Reads the URL of a database, with the parameters of libpq ("34.1.2. Parameter Key Words", PostgreSQL documentation).

use url::{Host, Url};

use super::endpoint::{Endpoint, Roots, SslMode};
use super::url_options::{self, Parts};

/// The reason why a text is not a URL of a database. It never repeats the text, which can contain a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the URL of the database {0}")]
pub struct UrlError(pub(super) String);

impl Endpoint {
    /// Reads `postgres://user:password@host:port/database?sslmode=…&connect_timeout=…`.
    ///
    /// # Errors
    /// The text is not such a URL, or it contains a parameter that is unknown or not supported. The error names a
    /// parameter of libpq that is not supported.
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
        let decoded = |text: &str, what: &str| {
            decode(text).ok_or_else(|| UrlError(format!("has a {what} that is not valid UTF-8")))
        };
        let filled = |text: String| Some(text).filter(|text| !text.is_empty());
        let mut parts = Parts {
            host: match url.host() {
                Some(Host::Domain(name)) => filled(decoded(name, "host")?),
                Some(Host::Ipv4(address)) => Some(address.to_string()),
                Some(Host::Ipv6(address)) => Some(address.to_string()),
                None => None,
            },
            port: url.port(),
            user: filled(decoded(url.username(), "user")?),
            password: url.password().map(|text| decoded(text, "password")).transpose()?,
            database: filled(decoded(url.path().trim_start_matches('/'), "database")?),
        };
        let mut options = Vec::new();
        for pair in url.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            options.push((decoded(name, "parameter")?, decoded(value, "parameter")?));
        }
        options.retain(|(name, value)| !url_options::is_part(name, value, &mut parts));
        // A parameter without a value is as if it were not there.
        let host = parts.host.and_then(filled).ok_or_else(|| error("has no host"))?;
        let texts = [Some(&host), parts.user.as_ref(), parts.database.as_ref()];
        if texts.into_iter().flatten().any(|text| text.contains(char::is_control)) {
            return Err(error("has a control character in its host, user or database"));
        }
        let values = options.iter().map(|(_, value)| value);
        if parts.password.iter().chain(values).any(|text| text.contains('\0')) {
            return Err(error("contains the character `%00`, which PostgreSQL does not accept"));
        }
        if host.contains([',', '/', '@']) {
            return Err(error("contains several hosts or a socket; specify one host"));
        }
        let user = parts.user.and_then(filled).ok_or_else(|| error("has no user"))?;
        let database = parts.database.and_then(filled).unwrap_or_else(|| user.clone());
        let mut endpoint = Self::new(host, parts.port.unwrap_or(5432), user, "", database);
        endpoint.password = parts.password;
        for (name, value) in &options {
            url_options::set(&mut endpoint, name, value).map_err(UrlError)?;
        }
        if endpoint.roots == Roots::System && endpoint.ssl_mode != SslMode::VerifyFull {
            return Err(error(
                "has `sslrootcert=system`, which requires `sslmode=verify-full`: without a check of the host name, any \
                 public certificate would be accepted",
            ));
        }
        if endpoint.link.is_tls_direct
            && matches!(endpoint.ssl_mode, SslMode::Disable | SslMode::Allow | SslMode::Prefer)
        {
            return Err(error("has `sslnegotiation=direct`, which requires `sslmode=require` or a mode that verifies"));
        }
        Ok(endpoint)
    }
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
    use std::time::Duration;

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
    fn rds_is_verified_unless_the_url_says_otherwise() {
        for host in ["a.b.eu-west-1.rds.amazonaws.com", "a.b.cn-north-1.rds.amazonaws.com.cn", "A.B.RDS.amazonaws.com."]
        {
            assert_eq!(
                Endpoint::parse(&format!("postgres://u:p@{host}/d")).unwrap().ssl_mode,
                SslMode::VerifyFull,
                "{host}"
            );
            assert_eq!(Endpoint::new(host, 5432, "u", "p", "d").ssl_mode, SslMode::VerifyFull, "{host}");
        }
        assert_eq!(Endpoint::parse("postgres://u:p@x.rds.amazonaws.com.evil.org/d").unwrap().ssl_mode, SslMode::Prefer);
        for mode in [SslMode::Disable, SslMode::Require] {
            let url = format!("postgres://u:p@x.rds.amazonaws.com/d?sslmode={}", mode.as_str());
            assert_eq!(Endpoint::parse(&url).unwrap().ssl_mode, mode);
        }
    }

    #[test]
    fn a_control_character_in_a_host_reached_the_terminal() {
        for url in
            ["postgres://u@h%1b%5b2J/d", "postgres://u%0a@h/d", "postgres://u@h/d%07", "postgres:///d?user=u&host=%9b"]
        {
            assert!(Endpoint::parse(url).is_err(), "{url}");
        }
        assert!(Endpoint::parse("postgres://u@h/d?user=%c2%9b").is_err());
    }

    #[test]
    fn a_parameter_without_a_value_made_an_empty_host() {
        for (url, expected) in [("postgres:///d?host=&user=u", "no host"), ("postgres://h/d?user=", "no user")] {
            let error = Endpoint::parse(url).unwrap_err().to_string();
            assert!(error.contains(expected), "{url}: {error}");
        }
        assert_eq!(Endpoint::parse("postgres://u@h/d?dbname=").unwrap().database, "u");
    }

    #[test]
    fn a_nul_in_a_password_failed_only_at_the_connection() {
        for url in ["postgres://u:p%00@h/d", "postgres://u@h/d?password=%00", "postgres://u@h/d?options=a%00user%00b"] {
            let error = Endpoint::parse(url).unwrap_err().to_string();
            assert!(error.contains("`%00`"), "{url}: {error}");
        }
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
            ("postgres://u:hush7@h/d?sslmode=hush7", "an unsupported value for `sslmode`"),
            ("postgres://u:hush7@h/d?hush7=1", "has an unknown option"),
            ("postgres://u:hush7@a,b/d", "contains several hosts"),
            ("postgres://u:hush7@h/d?connect_timeout=hush7", "not a number of seconds"),
            ("postgres://u:hush7@h/d?sslrootcert=system&sslmode=require", "requires `sslmode=verify-full`"),
            ("postgres://u:hush7@h/d?sslnegotiation=direct", "requires `sslmode=require`"),
        ];
        for (url, expected) in wrong {
            let error = Endpoint::parse(url).unwrap_err().to_string();
            assert!(error.contains(expected) && !error.contains("hush7"), "{url}: {error}");
        }
    }
}
