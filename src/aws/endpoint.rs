//! Where calls are sent: to AWS, to another URL, or nowhere.

use std::fmt;
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
}
