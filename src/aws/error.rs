//! AWS errors, classified once, in one place.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::request_id::RequestId;
use serde::{Deserialize, Serialize};

/// Whether a mutating call took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// AWS said that it did it.
    Done,
    /// AWS, or the SDK before sending, said that it did not.
    NotDone,
    /// Nobody knows: the answer was lost. Only looking at the cloud tells.
    Unknown,
}

/// What sort of trouble an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// AWS understood the request and refused it.
    Refused,
    /// Too many requests; the same request may succeed later.
    Throttled,
    /// The credentials are missing, expired or not accepted.
    Credentials,
    /// AWS could not be reached, or the connection broke.
    Unreachable,
    /// AWS failed to handle the request (5xx), or its answer could not be read.
    Server,
    /// The request could not even be built.
    Invalid,
}

/// One failed call: which, why, and whether it may have taken effect.
#[derive(Clone, Debug, thiserror::Error, Serialize, Deserialize)]
#[error("{call} failed: {}{message}{}", .code.as_ref().map(|code| format!("{code}: ")).unwrap_or_default(), .request_id.as_ref().map(|id| format!(" (request id {id})")).unwrap_or_default())]
pub struct AwsError {
    /// `service:Operation`.
    pub call: String,
    /// AWS's error code, when it answered with one.
    pub code: Option<String>,
    /// AWS's message, or the transport's.
    pub message: String,
    /// AWS's request id, which its support asks for.
    pub request_id: Option<String>,
    /// Whether the call may have taken effect.
    pub fate: Fate,
    /// The sort of trouble.
    pub trouble: Trouble,
}

/// Codes with which services say "not now": the request was not carried out. Sources: EC2 "Error codes" (API reference),
/// "Common errors" of each service's API reference, and the throttling list of the SDK's retry classifier.
const THROTTLED: &[&str] = &[
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottled",
    "RequestThrottledException",
    "RequestLimitExceeded",
    "TooManyRequestsException",
    "PriorRequestNotComplete",
    "SlowDown",
    "EC2ThrottledException",
    "LimitExceededException:rate",
    "BandwidthLimitExceeded",
];

const CREDENTIALS: &[&str] = &[
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "SignatureDoesNotMatch",
    "InvalidAccessKeyId",
    "MissingAuthenticationToken",
    "RequestExpired",
];

impl AwsError {
    /// Classifies what the SDK returned.
    pub fn of<E>(call: &str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let mut code = error.meta().code().map(str::to_owned);
        let status = error.raw_response().map(|response| response.status().as_u16());
        let request_id = error
            .meta()
            .request_id()
            .map(str::to_owned)
            .or_else(|| error.raw_response().and_then(|response| response.headers().get("x-amzn-requestid")).map(str::to_owned));
        let mut message = error.meta().message().map(str::to_owned);
        let (fate, trouble) = match error {
            SdkError::ConstructionFailure(_) => (Fate::NotDone, Trouble::Invalid),
            SdkError::DispatchFailure(failure) if failure.is_user() => (Fate::NotDone, Trouble::Invalid),
            SdkError::DispatchFailure(_) if mentions_credentials(error) => (Fate::NotDone, Trouble::Credentials),
            SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) => (Fate::Unknown, Trouble::Unreachable),
            SdkError::ServiceError(_) => {
                let named = code.as_deref().unwrap_or_default();
                if THROTTLED.contains(&named) || status == Some(429) {
                    (Fate::NotDone, Trouble::Throttled)
                } else if CREDENTIALS.contains(&named) {
                    (Fate::NotDone, Trouble::Credentials)
                } else if code.is_none() && status.is_some_and(|status| status < 400) {
                    // AWS said that it did it, in words that the SDK could not read. Its own refusals always have a code.
                    (Fate::Unknown, Trouble::Server)
                } else if status.is_some_and(|status| status >= 500) || matches!(named, "InternalError" | "InternalFailure" | "ServiceUnavailable") {
                    (Fate::Unknown, Trouble::Server)
                } else {
                    (Fate::NotDone, Trouble::Refused)
                }
            }
            _ => (Fate::Unknown, Trouble::Server),
        };
        if code.is_none() && trouble == Trouble::Server {
            code = status.map(|status| format!("HTTP {status}"));
        }
        let message = message.take().unwrap_or_else(|| chain(error));
        Self { call: call.to_owned(), code, message, request_id, fate, trouble }
    }

    /// Returns whether AWS answered with this error code.
    pub fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }
}

/// The SDK reports absent credentials as a dispatch failure without a connector error.
fn mentions_credentials(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut at: Option<&dyn std::error::Error> = Some(error);
    while let Some(inner) = at {
        if inner.is::<aws_credential_types::provider::error::CredentialsError>() {
            return true;
        }
        at = inner.source();
    }
    false
}

/// The words of an error and of all that caused it, without repetition.
fn chain(error: &dyn std::error::Error) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut at = Some(error);
    while let Some(inner) = at {
        let text = inner.to_string();
        // Words of the SDK that say nothing by themselves.
        let empty = ["dispatch failure", "service error", "unhandled error", "io error", "other", "request has timed out"].contains(&text.as_str());
        if !empty && !words.iter().any(|before| before.contains(&text)) {
            words.push(text);
        }
        at = inner.source();
    }
    if words.is_empty() { error.to_string() } else { words.join(": ") }
}
