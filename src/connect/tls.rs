//! TLS with the modes of libpq's `sslmode` ("Client Verification of Server Certificates", PostgreSQL documentation).

use std::path::Path;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::database_error::DatabaseError;
use super::endpoint::{Endpoint, Roots, SslMode, TlsVersion};
use super::rds;
use super::trust::{Anchors, Trust, read_certificates};

/// TLS connections to an endpoint.
#[derive(Clone)]
pub(super) struct Tls {
    pub(super) connector: MakeRustlsConnect,
    /// Only servers with a trusted certificate are accepted.
    pub(super) is_verified: bool,
}

/// Reads the certificates of an endpoint.
///
/// # Errors
/// The trusted certificates, or those of the client, cannot be read, or there are none to verify the server with.
pub(super) fn connector(endpoint: &Endpoint) -> Result<Tls, DatabaseError> {
    let trust = trust(endpoint)?;
    let is_verified = !matches!(trust, Trust::NoVerification);
    let link = &endpoint.link;
    let known = [(TlsVersion::V1_2, &TLS12), (TlsVersion::V1_3, &TLS13)];
    let is_allowed = |version: TlsVersion| link.tls_versions.0 <= version && version <= link.tls_versions.1;
    let versions: Vec<_> =
        known.into_iter().filter(|(name, _)| is_allowed(*name)).map(|(_, version)| version).collect();
    let text = |error: &dyn std::error::Error| DatabaseError::new(error.to_string());
    let config = trust.client_config(&versions).map_err(|error| text(&error))?;
    let mut config = match &link.certificate {
        Some((certificate, key)) => {
            let key = PrivateKeyDer::from_pem_file(key)
                .map_err(|error| DatabaseError::new(format!("cannot read the key in {}: {error}", key.display())))?;
            config.with_client_auth_cert(read(certificate)?, key).map_err(|error| text(&error))?
        }
        None => config.with_no_client_auth(),
    };
    if link.is_tls_direct {
        // Required by the server ("54.2.11. SSL Session Encryption", PostgreSQL documentation).
        config.alpn_protocols = vec![b"postgresql".to_vec()];
    }
    Ok(Tls { connector: MakeRustlsConnect::new(config), is_verified })
}

/// Returns what is verified. As in libpq, `require` verifies if there are certificates to verify with, and the modes
/// that promise it fail without.
fn trust(endpoint: &Endpoint) -> Result<Trust, DatabaseError> {
    let own = || {
        let file = std::env::home_dir().map(|home| home.join(".postgresql/root.crt")).filter(|file| file.exists());
        file.map(|file| read(&file)).transpose()
    };
    let roots = match (endpoint.ssl_mode, &endpoint.roots) {
        (SslMode::VerifyCa | SslMode::VerifyFull, Roots::Nothing) => {
            return Err(DatabaseError::new("no certificates are trusted, and the mode verifies the server"));
        }
        (SslMode::Disable, _) | (SslMode::Allow | SslMode::Prefer, Roots::Default) | (_, Roots::Nothing) => None,
        (_, Roots::File(file)) => Some(read(file)?),
        (SslMode::VerifyFull, Roots::System) => Some(system_roots()),
        // Anybody has a public certificate for a name of his own.
        (_, Roots::System) => {
            return Err(DatabaseError::new("the certificates of the operating system need `sslmode=verify-full`"));
        }
        (mode, Roots::Default) => default_roots(&endpoint.host, mode, own()?)?,
    };
    let Some(roots) = roots else { return Ok(Trust::NoVerification) };
    let anchors = Anchors::of(roots)
        .ok_or_else(|| DatabaseError::new("there are no trusted certificates to verify the server"))?;
    Ok(if endpoint.ssl_mode == SslMode::VerifyFull { Trust::ChainAndName(anchors) } else { Trust::Chain(anchors) })
}

fn system_roots() -> Vec<CertificateDer<'static>> {
    rustls_native_certs::load_native_certs().certs
}

/// Returns the certificates that are trusted for a host by default; `own` are those of the user. `None` if there are
/// none, and the mode does not need them.
fn default_roots(
    host: &str,
    mode: SslMode,
    own: Option<Vec<CertificateDer<'static>>>,
) -> Result<Option<Vec<CertificateDer<'static>>>, DatabaseError> {
    let region = rds::region(host).filter(|_| !rds::is_proxy(host));
    if let Some(roots) = region.as_deref().and_then(rds::roots_for) {
        let mut all = roots.map_err(|error| DatabaseError::new(format!("the certificates of RDS: {error}")))?;
        all.extend(own.unwrap_or_default());
        return Ok(Some(all));
    }
    match (own, mode, region) {
        (Some(own), ..) => Ok(Some(own)),
        (None, SslMode::VerifyFull, _) if rds::is_proxy(host) => Ok(Some(system_roots())),
        (None, SslMode::VerifyFull | SslMode::VerifyCa, Some(region)) => {
            Err(DatabaseError::new(format!("this program does not contain the certificates of RDS in {region}")))
        }
        (None, SslMode::VerifyFull | SslMode::VerifyCa, None) => Err(DatabaseError::new(format!(
            "`sslmode={}` needs trusted certificates, and `~/.postgresql/root.crt` does not exist",
            mode.as_str()
        ))),
        (None, ..) => Ok(None),
    }
}

fn read(file: &Path) -> Result<Vec<CertificateDer<'static>>, DatabaseError> {
    read_certificates(file)
        .map_err(|error| DatabaseError::new(format!("cannot read the certificates in {}: {error}", file.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &[CertificateDer<'static>] = &[];

    /// Returns how many certificates are trusted by default; `None` if nothing is verified.
    fn count(host: &str, mode: SslMode, has_own: bool) -> Result<Option<usize>, String> {
        let own = has_own.then(|| OWN.to_vec());
        let roots = default_roots(host, mode, own).map_err(|error| error.to_string())?;
        Ok(roots.map(|roots| roots.len()))
    }

    #[test]
    fn a_mode_verifies_what_it_promises() {
        use SslMode::{Require, VerifyCa, VerifyFull};
        let (known, unknown) = ("a.b.eu-west-1.rds.amazonaws.com", "a.b.cn-north-1.rds.amazonaws.com.cn");
        for mode in [Require, VerifyCa, VerifyFull] {
            assert_eq!(count(known, mode, false), Ok(Some(81)), "{mode:?}");
            for host in [unknown, "db.example.com"] {
                assert_eq!(count(host, mode, true), Ok(Some(0)), "{mode:?} {host}");
            }
        }
        for host in [unknown, "db.example.com", "p.proxy-c1.eu-west-1.rds.amazonaws.com"] {
            assert_eq!(count(host, Require, false), Ok(None), "{host}");
            assert!(count(host, VerifyCa, false).is_err(), "{host}");
        }
        for mode in [VerifyCa, VerifyFull] {
            let error = count("db.example.com", mode, false).unwrap_err();
            assert!(
                error.contains("needs trusted certificates, and `~/.postgresql/root.crt` does not exist"),
                "{error}"
            );
        }
        assert!(matches!(count("p.proxy-c1.eu-west-1.rds.amazonaws.com", VerifyFull, false), Ok(Some(_))));
    }
}
