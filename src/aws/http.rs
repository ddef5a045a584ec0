//! The HTTP client: the proxy of the environment, and the certificates that it trusts.
//!
//! The AWS CLI and the other SDKs use `HTTPS_PROXY`, `NO_PROXY` and `AWS_CA_BUNDLE`; the SDK for Rust leaves them to
//! the program ("Using an HTTP proxy", "`ca_bundle`", AWS CLI user guide and AWS SDKs and Tools reference guide).

use std::path::PathBuf;

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
    http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
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
///
/// To read those of the system takes longer than a call, so they are read at the first `https` request. With an
/// emulator there is none.
pub(super) fn client(bundle: Option<CaBundle>) -> Result<SharedHttpClient, CaBundleError> {
    let trusted = bundle.map(tls_context).transpose()?;
    let with_tls = of(trusted.unwrap_or_default());
    // TLS can be needed to reach a proxy.
    if PROXIES.iter().any(|name| std::env::var_os(name).is_some_and(|url| !url.is_empty())) {
        return Ok(with_tls);
    }
    let trusts_nobody = TlsContext::builder().with_trust_store(TrustStore::empty()).build();
    let plain = trusts_nobody.map_or_else(|_| with_tls.clone(), of);
    Ok(http_client_fn(move |settings, components| {
        SharedHttpConnector::new(ByScheme {
            plain: plain.clone(),
            with_tls: with_tls.clone(),
            settings: settings.clone(),
            components: components.clone(),
        })
    }))
}

/// The variables that name a proxy ("Using an HTTP proxy", AWS CLI user guide).
const PROXIES: &[&str] = &["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// Returns a client, which reads certificates of the system when its first connector is made.
fn of(context: TlsContext) -> SharedHttpClient {
    Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = Connector::builder()
            .proxy_config(ProxyConfig::from_env())
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .tls_context(context.clone());
        if let Some(settings) = settings {
            connector = connector.connector_settings(settings.clone());
        }
        connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        connector.build()
    })
}

/// Sends a request with the client for its scheme. Each client keeps its connectors.
#[derive(Debug)]
struct ByScheme {
    plain: SharedHttpClient,
    with_tls: SharedHttpClient,
    settings: HttpConnectorSettings,
    components: RuntimeComponents,
}

impl HttpConnector for ByScheme {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = if request.uri().starts_with("http://") { &self.plain } else { &self.with_tls };
        client.http_connector(&self.settings, &self.components).call(request)
    }
}

fn tls_context(bundle: CaBundle) -> Result<TlsContext, CaBundleError> {
    let CaBundle { path, setting } = bundle;
    let failed = |reason: String| CaBundleError { path: path.clone(), setting, reason };
    let pem = std::fs::read(&path).map_err(|error| failed(error.to_string()))?;
    // The client panics on what it cannot read.
    let certificates: Vec<_> =
        CertificateDer::pem_slice_iter(&pem).collect::<Result<_, _>>().map_err(|error| failed(error.to_string()))?;
    if certificates.is_empty() {
        return Err(failed("it contains no certificate in PEM format".to_owned()));
    }
    let mut roots = rustls::RootCertStore::empty();
    for certificate in certificates {
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
