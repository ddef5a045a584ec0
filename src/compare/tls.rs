//! TLS with the modes of libpq's `sslmode`.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::endpoint::{Endpoint, Roots, SslMode};
use super::error_text::DatabaseError;

/// Returns the connector for TLS connections to an endpoint.
///
/// # Errors
/// The trusted certificates cannot be read.
pub(super) fn connector(endpoint: &Endpoint) -> Result<MakeRustlsConnect, DatabaseError> {
    let trust = match endpoint.ssl_mode {
        SslMode::Disable | SslMode::Prefer => Trust::NoVerification,
        SslMode::Require if !matches!(endpoint.roots, Roots::File(_)) => Trust::NoVerification,
        SslMode::Require | SslMode::VerifyCa => Trust::Chain(load_anchors(&endpoint.roots)?),
        SslMode::VerifyFull => Trust::ChainAndName(load_anchors(&endpoint.roots)?),
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let config = versions
        .map_err(|error| DatabaseError::new(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Verifier { provider, trust }))
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

/// Trusted certificates, as roots of chains and as certificates of servers: a self-signed certificate is its own root.
#[derive(Debug)]
struct Anchors {
    roots: RootCertStore,
    pinned: Vec<CertificateDer<'static>>,
}

fn load_anchors(roots: &Roots) -> Result<Anchors, DatabaseError> {
    let home = std::env::home_dir().map(|home| home.join(".postgresql/root.crt"));
    let certificates = match roots {
        Roots::File(file) => read(file)?,
        Roots::Default if home.as_ref().is_some_and(|file| file.exists()) => read(&home.unwrap_or_default())?,
        Roots::Default | Roots::System => rustls_native_certs::load_native_certs().certs,
    };
    let mut store = RootCertStore::empty();
    let (usable, _) = store.add_parsable_certificates(certificates.iter().cloned());
    if usable == 0 {
        return Err(DatabaseError::new("there are no trusted certificates to verify the server"));
    }
    Ok(Anchors { roots: store, pinned: certificates })
}

fn read(file: &Path) -> Result<Vec<CertificateDer<'static>>, DatabaseError> {
    CertificateDer::pem_file_iter(file).and_then(Iterator::collect).map_err(|error| {
        DatabaseError::new(format!("cannot read the trusted certificates in {}: {error}", file.display()))
    })
}

#[derive(Debug)]
enum Trust {
    /// Encryption only.
    NoVerification,
    Chain(Anchors),
    ChainAndName(Anchors),
}

#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    trust: Trust,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let (anchors, verify_name) = match &self.trust {
            Trust::NoVerification => return Ok(ServerCertVerified::assertion()),
            Trust::Chain(anchors) => (anchors, false),
            Trust::ChainAndName(anchors) => (anchors, true),
        };
        let certificate = ParsedCertificate::try_from(end_entity)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        match verify_server_cert_signed_by_trust_anchor(&certificate, &anchors.roots, intermediates, now, algorithms) {
            // A trusted certificate is accepted as the certificate of the server, unless it has expired.
            Err(Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. })) => {
                return Err(Error::InvalidCertificate(CertificateError::Expired));
            }
            Err(_) if anchors.pinned.contains(end_entity) => {}
            result => result?,
        }
        if verify_name {
            verify_server_name(&certificate, server_name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
