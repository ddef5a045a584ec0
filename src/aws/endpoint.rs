//! Where calls are sent: to AWS, to another URL, or nowhere.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::interceptors::SharedInterceptor;

use super::credentials::CredentialsSource;
use infra_base::address::{AccountId, Region};

/// Creates the interceptor that answers the operations of one region of an account.
pub type CreateInterceptor = Arc<dyn Fn(&AccountId, &Region) -> SharedInterceptor + Send + Sync>;

/// Replaces AWS inside the process: an interceptor for each region, and an HTTP client that sends nothing.
#[derive(Clone)]
pub struct InProcess {
    /// Creates the interceptor that answers the operations of one region of an account.
    pub interceptor: CreateInterceptor,
    /// Receives the requests that the interceptor has answered.
    pub http: SharedHttpClient,
    /// Returns the account that credentials belong to.
    pub account_of: Arc<dyn Fn(&CredentialsSource) -> AccountId + Send + Sync>,
    /// Returns the current time, in milliseconds since 1970.
    pub now: Arc<dyn Fn() -> u64 + Send + Sync>,
}

/// Where calls are sent.
#[derive(Clone)]
pub enum Endpoint {
    /// To AWS, to the URL in `AWS_ENDPOINT_URL`, or to this one.
    Network {
        /// `--endpoint-url`
        url: Option<String>,
    },
    /// Nowhere: they are answered inside the process.
    InProcess(InProcess),
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network { url } => f.debug_struct("Network").field("url", url).finish(),
            Self::InProcess(_) => f.write_str("InProcess"),
        }
    }
}

impl Endpoint {
    /// Returns a description of the endpoint. `url` is the one that the environment or a profile has set.
    pub(super) fn name(&self, url: Option<&str>) -> String {
        match (self, url) {
            (Self::InProcess(_), _) => "the sandbox".to_owned(),
            (Self::Network { url: named }, url) => match named.as_deref().or(url) {
                Some(url) => format!("the endpoint {url}"),
                None => "AWS".to_owned(),
            },
        }
    }

    /// Returns whether it is an emulator. `url` is the one that the environment or a profile has set.
    pub(super) fn is_emulator(&self, url: Option<&str>) -> bool {
        let Self::Network { url: named } = self else { return false };
        named.as_deref().or(url).is_some_and(is_nearby)
    }
}

/// Returns whether a URL leads to this machine or its network, as those of emulators do. Any other name can be one of
/// AWS: its partitions have several domains, and a company can name a private endpoint as it likes.
fn is_nearby(url: &str) -> bool {
    let host = url.split_once("://").map_or(url, |(_, rest)| rest).split(['/', '?']).next().unwrap_or_default();
    let host = match host.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => host,
    };
    let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => address.is_loopback(),
        Ok(IpAddr::V6(address)) => address.is_loopback(),
        Err(_) => !host.contains('.') || host.ends_with(".localhost") || host.ends_with(".localstack.cloud"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_url_of_this_machine_or_its_network_is_an_emulator() {
        let to = |url: Option<&str>| Endpoint::Network { url: url.map(str::to_owned) };
        assert!(!to(None).is_emulator(None));
        for url in ["http://127.0.0.1:4566", "http://[::1]:4566/", "http://localstack:4566/x", "http://localhost"] {
            assert!(to(Some(url)).is_emulator(None), "{url}");
            assert!(to(None).is_emulator(Some(url)), "{url}");
        }
        for url in ["https://vpce-1-2.logs.eu-central-1.vpce.amazonaws.com", "https://logs.aws.example.com:443/x"] {
            assert!(!to(Some(url)).is_emulator(None), "{url}");
        }
    }
}
