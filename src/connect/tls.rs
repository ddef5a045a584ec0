//! TLS with the modes of libpq's `sslmode`.

use std::path::Path;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::database_error::DatabaseError;
use super::endpoint::{Endpoint, Roots, SslMode, TlsVersion};
use super::rds;
use super::trust::{Anchors, Trust, read_certificates};

/// Returns the connector for TLS connections to an endpoint.
///
/// # Errors
/// The trusted certificates, or those of the client, cannot be read.
pub(super) fn connector(endpoint: &Endpoint) -> Result<MakeRustlsConnect, DatabaseError> {
    let trust = match endpoint.ssl_mode {
        SslMode::Disable | SslMode::Allow | SslMode::Prefer => Trust::NoVerification,
        SslMode::Require if !matches!(endpoint.roots, Roots::File(_)) => Trust::NoVerification,
        SslMode::Require | SslMode::VerifyCa => Trust::Chain(load_anchors(endpoint)?),
        SslMode::VerifyFull => Trust::ChainAndName(load_anchors(endpoint)?),
    };
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
    Ok(MakeRustlsConnect::new(config))
}

fn load_anchors(endpoint: &Endpoint) -> Result<Anchors, DatabaseError> {
    let certificates = match &endpoint.roots {
        Roots::File(file) => read(file)?,
        Roots::System => rustls_native_certs::load_native_certs().certs,
        Roots::Default => {
            let home = std::env::home_dir().map(|home| home.join(".postgresql/root.crt")).filter(|file| file.exists());
            default_roots(&endpoint.host, home.map(|file| read(&file)).transpose()?)?
        }
    };
    Anchors::of(certificates)
        .ok_or_else(|| DatabaseError::new("there are no trusted certificates to verify the server"))
}

/// Returns the certificates that are trusted for a host by default; `own` are those of the user.
fn default_roots(
    host: &str,
    own: Option<Vec<CertificateDer<'static>>>,
) -> Result<Vec<CertificateDer<'static>>, DatabaseError> {
    let Some(region) = rds::region(host).filter(|_| !rds::is_proxy(host)) else {
        return Ok(own.unwrap_or_else(|| rustls_native_certs::load_native_certs().certs));
    };
    match (rds::roots_for(&region), own) {
        (Some(roots), own) => {
            let mut all = roots.map_err(|error| DatabaseError::new(format!("the certificates of RDS: {error}")))?;
            all.extend(own.unwrap_or_default());
            Ok(all)
        }
        (None, Some(own)) => Ok(own),
        (None, None) => {
            Err(DatabaseError::new(format!("this program does not contain the certificates of RDS in {region}")))
        }
    }
}

fn read(file: &Path) -> Result<Vec<CertificateDer<'static>>, DatabaseError> {
    read_certificates(file)
        .map_err(|error| DatabaseError::new(format!("cannot read the certificates in {}: {error}", file.display())))
}
