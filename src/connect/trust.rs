//! Which certificates of a server are accepted.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WantsClientCert, verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, ConfigBuilder, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    SupportedProtocolVersion,
};

/// What a client verifies, as the modes of libpq's `sslmode` do.
#[derive(Debug)]
pub enum Trust {
    /// Nothing: the connection is only encrypted.
    NoVerification,
    /// The certificate must be trusted: `verify-ca`.
    Chain(Anchors),
    /// The certificate must be trusted, and issued for the host: `verify-full`.
    ChainAndName(Anchors),
}

impl Trust {
    /// Starts the configuration of a client that accepts what is trusted.
    ///
    /// # Errors
    /// There is no version of TLS among the versions.
    pub fn client_config(
        self,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, Error> {
        // The provider is named, because a process can have several and then no default.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(versions)?;
        Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(Verifier { provider, trust: self })))
    }
}

/// Trusted certificates, as roots of chains and as certificates of servers: a self-signed certificate is its own root.
#[derive(Debug)]
pub struct Anchors {
    roots: RootCertStore,
    pinned: Vec<CertificateDer<'static>>,
}

impl Anchors {
    /// Trusts certificates. `None`: no one of them can be used.
    pub fn of(certificates: Vec<CertificateDer<'static>>) -> Option<Self> {
        let mut roots = RootCertStore::empty();
        let (usable, _) = roots.add_parsable_certificates(certificates.iter().cloned());
        (usable > 0).then_some(Self { roots, pinned: certificates })
    }
}

/// Reads the certificates of a file in PEM format.
///
/// # Errors
/// The file cannot be read.
pub fn read_certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, pem::Error> {
    CertificateDer::pem_file_iter(file).and_then(Iterator::collect)
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
