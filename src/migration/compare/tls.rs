//! TLS as libpq's `sslmode` asks for it.

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
use super::reason::Trouble;

/// Returns what makes TLS connections to an endpoint.
///
/// # Errors
/// When the trusted certificates cannot be read.
pub(super) fn connector(endpoint: &Endpoint) -> Result<MakeRustlsConnect, Trouble> {
    let trust = match endpoint.ssl_mode {
        SslMode::Disable | SslMode::Prefer => Trust::Anybody,
        SslMode::Require if !matches!(endpoint.roots, Roots::File(_)) => Trust::Anybody,
        SslMode::Require | SslMode::VerifyCa => Trust::Chain(anchors(&endpoint.roots)?),
        SslMode::VerifyFull => Trust::ChainAndName(anchors(&endpoint.roots)?),
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let config = versions
        .map_err(|error| Trouble::new(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Verifier { provider, trust }))
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

/// Certificates that vouch for others, and, being named one by one, for themselves: a self-signed certificate is its own root.
#[derive(Debug)]
struct Anchors {
    roots: RootCertStore,
    themselves: Vec<CertificateDer<'static>>,
}

fn anchors(roots: &Roots) -> Result<Anchors, Trouble> {
    let home = std::env::home_dir().map(|home| home.join(".postgresql/root.crt"));
    let certificates = match roots {
        Roots::File(file) => read(file)?,
        Roots::Unsaid if home.as_ref().is_some_and(|file| file.exists()) => read(&home.unwrap_or_default())?,
        Roots::Unsaid | Roots::System => rustls_native_certs::load_native_certs().certs,
    };
    let mut store = RootCertStore::empty();
    let (usable, _) = store.add_parsable_certificates(certificates.iter().cloned());
    if usable == 0 {
        return Err(Trouble::new("there is no trusted certificate to verify the server with"));
    }
    Ok(Anchors { roots: store, themselves: certificates })
}

fn read(file: &Path) -> Result<Vec<CertificateDer<'static>>, Trouble> {
    CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|error| Trouble::new(format!("the trusted certificates in {} can not be read: {error}", file.display())))
}

#[derive(Debug)]
enum Trust {
    /// Encrypted, to whomever it may be.
    Anybody,
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
        let (anchors, name_too) = match &self.trust {
            Trust::Anybody => return Ok(ServerCertVerified::assertion()),
            Trust::Chain(anchors) => (anchors, false),
            Trust::ChainAndName(anchors) => (anchors, true),
        };
        let certificate = ParsedCertificate::try_from(end_entity)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        match verify_server_cert_signed_by_trust_anchor(&certificate, &anchors.roots, intermediates, now, algorithms) {
            // A certificate that is itself among the trusted ones is its own proof, unless it is out of date.
            Err(Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. })) => {
                return Err(Error::InvalidCertificate(CertificateError::Expired));
            }
            Err(_) if anchors.themselves.contains(end_entity) => {}
            checked => checked?,
        }
        if name_too {
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
