//! TLS of clients: what is verified in each mode.

use std::path::Path;

use infra_connect::trust::{Anchors, Trust, read_certificates};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::connect_error::ConnectError;
use super::tls_mode::Tls;

/// Returns the connector for a mode.
pub(super) fn connector(tls: &Tls) -> Result<MakeRustlsConnect, ConnectError> {
    let trust = match tls {
        Tls::Off | Tls::Require => Trust::NoVerification,
        Tls::VerifyCa(file) => Trust::Chain(anchors(file)?),
        Tls::VerifyFull(file) => Trust::ChainAndName(anchors(file)?),
    };
    Ok(MakeRustlsConnect::new(trust.client_config(rustls::DEFAULT_VERSIONS)?.with_no_client_auth()))
}

fn anchors(file: &Path) -> Result<Anchors, ConnectError> {
    let unusable = |reason: String| ConnectError::Roots { file: file.to_owned(), reason };
    let certificates = read_certificates(file).map_err(|error| unusable(error.to_string()))?;
    Anchors::of(certificates).ok_or_else(|| unusable("there is no certificate in it".to_owned()))
}
