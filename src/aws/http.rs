//! The HTTP client: the proxy of the environment, and the certificates that it trusts.
//!
//! The AWS CLI and the other SDKs use `HTTPS_PROXY`, `NO_PROXY` and `AWS_CA_BUNDLE`; the SDK for Rust leaves them to
//! the program ("Using an HTTP proxy", "`ca_bundle`", AWS CLI user guide and AWS SDKs and Tools reference guide).

use std::path::PathBuf;

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

/// The certificates of `AWS_CA_BUNDLE` cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the certificates in {}, which {setting} names: {reason}", path.display())]
pub struct CaBundleError {
    /// The file.
    pub path: PathBuf,
    /// What names it: `AWS_CA_BUNDLE`, or `ca_bundle` of a profile.
    pub setting: &'static str,
    /// The reason.
    pub reason: String,
}

/// A file with the only certificates to trust.
#[derive(Clone, Debug)]
pub(super) struct CaBundle {
    pub(super) path: PathBuf,
    pub(super) setting: &'static str,
}

/// Returns the HTTP client of all services. A bundle replaces the certificates of the system, as with the AWS CLI.
pub(super) fn client(bundle: Option<CaBundle>) -> Result<SharedHttpClient, CaBundleError> {
    let context = tls_context(bundle)?;
    Ok(Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = Connector::builder()
            .proxy_config(ProxyConfig::from_env())
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .tls_context(context.clone());
        if let Some(settings) = settings {
            connector = connector.connector_settings(settings.clone());
        }
        connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        connector.build()
    }))
}

fn tls_context(bundle: Option<CaBundle>) -> Result<TlsContext, CaBundleError> {
    let Some(CaBundle { path, setting }) = bundle else { return Ok(TlsContext::default()) };
    let failed = |reason: String| CaBundleError { path: path.clone(), setting, reason };
    let pem = std::fs::read(&path).map_err(|error| failed(error.to_string()))?;
    // The client panics on what it cannot read.
    let certificates = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
    if certificates.map_err(|error| failed(error.to_string()))?.is_empty() {
        return Err(failed("it contains no certificate in PEM format".to_owned()));
    }
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem).flatten() {
        roots.add(certificate).map_err(|error| failed(error.to_string()))?;
    }
    let store = TrustStore::empty().with_pem_certificate(pem);
    TlsContext::builder().with_trust_store(store).build().map_err(|error| failed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_that_cannot_be_used_is_named() {
        let directory = std::env::temp_dir().join(format!("ca-bundle-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let empty = directory.join("empty.pem");
        std::fs::write(&empty, "no certificate").unwrap();
        let broken = directory.join("broken.pem");
        std::fs::write(&broken, "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n").unwrap();
        for path in [empty, broken, directory.join("missing.pem")] {
            let error = client(Some(CaBundle { path: path.clone(), setting: "AWS_CA_BUNDLE" })).unwrap_err();
            assert!(error.to_string().contains(&path.display().to_string()), "{error}");
        }
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
