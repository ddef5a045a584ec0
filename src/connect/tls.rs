//! TLS with the modes of libpq's `sslmode`.

use std::path::Path;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::database_error::DatabaseError;
use super::endpoint::{Endpoint, Roots, SslMode, TlsVersion};
use super::trust::{Anchors, Trust, read_certificates};

/// Returns the connector for TLS connections to an endpoint.
///
/// # Errors
/// The trusted certificates, or those of the client, cannot be read.
pub(super) fn connector(endpoint: &Endpoint) -> Result<MakeRustlsConnect, DatabaseError> {
    let trust = match endpoint.ssl_mode {
        SslMode::Disable | SslMode::Allow | SslMode::Prefer => Trust::NoVerification,
        SslMode::Require if !matches!(endpoint.roots, Roots::File(_)) => Trust::NoVerification,
        SslMode::Require | SslMode::VerifyCa => Trust::Chain(load_anchors(&endpoint.roots)?),
        SslMode::VerifyFull => Trust::ChainAndName(load_anchors(&endpoint.roots)?),
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

fn load_anchors(roots: &Roots) -> Result<Anchors, DatabaseError> {
    let home = std::env::home_dir().map(|home| home.join(".postgresql/root.crt"));
    let certificates = match roots {
        Roots::File(file) => read(file)?,
        Roots::Default if home.as_ref().is_some_and(|file| file.exists()) => read(&home.unwrap_or_default())?,
        Roots::Default | Roots::System => rustls_native_certs::load_native_certs().certs,
    };
    Anchors::of(certificates)
        .ok_or_else(|| DatabaseError::new("there are no trusted certificates to verify the server"))
}

fn read(file: &Path) -> Result<Vec<CertificateDer<'static>>, DatabaseError> {
    read_certificates(file)
        .map_err(|error| DatabaseError::new(format!("cannot read the certificates in {}: {error}", file.display())))
}
