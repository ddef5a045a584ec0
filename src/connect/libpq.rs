//! How another program of PostgreSQL connects to the same database.

use std::ffi::OsString;

use super::endpoint::{Endpoint, Roots, SslMode};
use super::rds;
use super::transport::{is_loopback, is_this_machine};

impl Endpoint {
    /// Returns the environment variables of libpq with which another program, such as `pg_dump`, connects to the same
    /// database in the same way ("Environment Variables", PostgreSQL documentation, libpq).
    ///
    /// *Caveats*: One of them is the password. Give them to a child process, and to nothing else. libpq reads trusted
    /// certificates from files only: those of [`Endpoint::built_in_roots`] must be named before.
    pub fn libpq_variables(&self) -> Vec<(&'static str, OsString)> {
        let mut variables: Vec<(&'static str, OsString)> = vec![
            ("PGHOST", self.host.clone().into()),
            ("PGPORT", self.link.tunnel_port.unwrap_or(self.port).to_string().into()),
            ("PGUSER", self.user.clone().into()),
            ("PGDATABASE", self.database.clone().into()),
            ("PGSSLMODE", self.ssl_mode.as_str().into()),
            ("PGAPPNAME", self.link.application_name.clone().into()),
            ("PGCONNECT_TIMEOUT", self.connect_timeout.as_secs().max(1).to_string().into()),
        ];
        let mut set = |name, value: Option<OsString>| variables.extend(value.map(|value| (name, value)));
        set("PGPASSWORD", self.password.clone().map(OsString::from));
        set("PGHOSTADDR", self.link.address.map(|address| address.to_string().into()));
        set("PGOPTIONS", self.link.options.clone().map(OsString::from));
        set(
            "PGSSLROOTCERT",
            match &self.roots {
                Roots::Default if self.ssl_mode == SslMode::VerifyFull && rds::is_proxy(&self.host) => {
                    Some("system".into())
                }
                Roots::Default => None,
                Roots::System => Some("system".into()),
                Roots::File(file) => Some(file.clone().into()),
                // A file that cannot exist: libpq would otherwise use the one in the home directory.
                Roots::Nothing => Some("/dev/null/none".into()),
            },
        );
        set("PGREQUIREAUTH", self.refused_methods().map(OsString::from));
        if let Some((certificate, key)) = &self.link.certificate {
            set("PGSSLCERT", Some(certificate.clone().into()));
            set("PGSSLKEY", Some(key.clone().into()));
        }
        variables
    }

    /// Returns the methods of authentication that the program must not use, for `require_auth` of libpq (PostgreSQL 16
    /// and later; older programs ignore it): a password in clear text passes only to a verified server.
    fn refused_methods(&self) -> Option<&'static str> {
        let is_near = self.link.address.is_none_or(is_loopback) && self.link.tunnel_port.is_none();
        let is_local = is_near && is_this_machine(&self.host);
        match self.ssl_mode {
            _ if is_local => None,
            SslMode::VerifyCa | SslMode::VerifyFull => None,
            SslMode::Require if matches!(self.roots, Roots::File(_)) || self.built_in_roots().is_some() => None,
            SslMode::Require => Some("!password"),
            SslMode::Disable | SslMode::Allow | SslMode::Prefer => Some("!password,!md5"),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Endpoint;

    #[test]
    fn another_program_connects_in_the_same_way() {
        let endpoint = Endpoint::new("db.example.com", 5433, "owner", "secret of a test", "payments");
        let variables = endpoint.with_root_certificates("/etc/roots.pem").libpq_variables();
        let value = |name: &str| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| value.clone());
        assert_eq!(value("PGHOST"), Some("db.example.com".into()));
        assert_eq!(value("PGPORT"), Some("5433".into()));
        assert_eq!(value("PGPASSWORD"), Some("secret of a test".into()));
        assert_eq!(value("PGSSLROOTCERT"), Some("/etc/roots.pem".into()));
        assert_eq!((value("PGHOSTADDR"), value("PGREQUIREAUTH")), (None, Some("!password,!md5".into())));
    }

    #[test]
    fn another_program_gives_no_password_in_clear_text_to_an_unverified_server() {
        for (url, expected) in [
            ("postgres://u:p@db.example.com/d", Some("!password,!md5")),
            ("postgres://u:p@db.example.com/d?sslmode=require", Some("!password")),
            ("postgres://u:p@db.example.com/d?sslmode=require&sslrootcert=/ca", None),
            ("postgres://u:p@db.example.com/d?sslmode=verify-full", None),
            ("postgres://u:p@a.b.eu-west-1.rds.amazonaws.com/d?sslmode=require", None),
            ("postgres://u:p@a.b.cn-north-1.rds.amazonaws.com.cn/d?sslmode=require", Some("!password")),
            ("postgres://u:p@127.0.0.1/d", None),
            ("postgres://u:p@db.example.com/d?hostaddr=127.0.0.1", Some("!password,!md5")),
        ] {
            let variables = Endpoint::parse(url).unwrap().libpq_variables();
            let found = variables.iter().find(|(name, _)| *name == "PGREQUIREAUTH").map(|(_, value)| value.to_str());
            assert_eq!(found.flatten(), expected, "{url}");
        }
    }

    /// The port is that of the near end of the tunnel; the name in the certificate is that of the host.
    #[test]
    fn another_program_uses_the_same_tunnel_and_the_same_certificates() {
        let host = "db.c1.eu-west-1.rds.amazonaws.com";
        let endpoint = Endpoint::new(host, 5432, "owner", "x", "payments").through(([127, 0, 0, 1], 6001).into());
        let value = |name: &str| {
            let variables = endpoint.libpq_variables();
            variables.into_iter().find(|(other, _)| *other == name).map(|(_, value)| value)
        };
        assert_eq!((value("PGHOST"), value("PGHOSTADDR")), (Some(host.into()), Some("127.0.0.1".into())));
        assert_eq!((value("PGPORT"), value("PGSSLMODE")), (Some("6001".into()), Some("verify-full".into())));
        assert!(endpoint.built_in_roots().is_some_and(|roots| roots.starts_with(b"# Amazon RDS")));
        assert!(endpoint.with_root_certificates("/etc/roots.pem").built_in_roots().is_none());
    }
}
