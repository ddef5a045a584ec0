//! AWS errors, classified in one place.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::request_id::RequestId;
use serde::{Deserialize, Serialize};

/// Whether a mutating call took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallOutcome {
    /// AWS confirmed it.
    Done,
    /// AWS, or the SDK before it sent anything, rejected it.
    NotDone,
    /// Unknown, because the answer was lost. Only reading the resource shows it.
    Unknown,
}

/// The category of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// AWS understood the request and refused it.
    Refused,
    /// Too many requests; the same request may succeed later.
    Throttled,
    /// The credentials are missing, expired or not accepted.
    Credentials,
    /// The credentials had expired, and have been renewed: the same request may succeed now.
    Renewed,
    /// AWS could not be reached, or the connection broke.
    Unreachable,
    /// AWS failed to handle the request (5xx), or its answer could not be read.
    Server,
    /// The request could not be built.
    Invalid,
}

impl ErrorKind {
    /// Returns whether the same request may succeed a moment later.
    pub fn may_pass(self) -> bool {
        matches!(self, Self::Throttled | Self::Unreachable | Self::Server | Self::Renewed)
    }
}

/// A failed call: its name, the reason, and whether it may have taken effect.
#[derive(Clone, Debug, thiserror::Error, Serialize, Deserialize)]
#[error(
    "{call} failed: {}{message}{}",
    .code.as_ref().map(|code| format!("{code}: ")).unwrap_or_default(),
    .request_id.as_ref().map(|id| format!(" (request id {id})")).unwrap_or_default()
)]
pub struct AwsError {
    /// `service:Operation`.
    pub call: String,
    /// AWS's error code, when it answered with one.
    pub code: Option<String>,
    /// The message of AWS, or of the transport.
    pub message: String,
    /// The request id, which AWS support asks for.
    pub request_id: Option<String>,
    /// Whether the call may have taken effect.
    #[serde(rename = "fate")]
    pub outcome: CallOutcome,
    /// The category of the error.
    #[serde(rename = "trouble")]
    pub kind: ErrorKind,
}

/// Codes for "not now": the request was not carried out. Sources: EC2 "Error codes" (API reference), "Common errors" of
/// each service's API reference, and the throttling list of the SDK's retry classifier.
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
    // S3: "The provided token is malformed or otherwise not valid." In a region that is not enabled, too.
    "InvalidToken",
    "MissingAuthenticationToken",
    "RequestExpired",
];

/// "The security token included in the request is expired", as each service names it.
pub(super) const EXPIRED: [&str; 3] = ["ExpiredToken", "ExpiredTokenException", "RequestExpired"];

/// How the message begins of a call to an account without credentials.
pub(super) const NO_ACCESS: &str = "the configuration has no credentials for the account";

/// The header of an answer that stands for the refusal of expired credentials, which have been renewed.
pub(super) const RENEWED: &str = "x-migrate-infra-renewed";

impl AwsError {
    /// Classifies an error of the SDK.
    pub fn of<E>(call: &str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let mut code = error.meta().code().map(str::to_owned);
        let status = error.raw_response().map(|response| response.status().as_u16());
        let request_id = error.meta().request_id().map(str::to_owned).or_else(|| {
            error.raw_response().and_then(|response| response.headers().get("x-amzn-requestid")).map(str::to_owned)
        });
        let mut message = error.meta().message().map(str::to_owned);
        let (outcome, kind) = match error {
            SdkError::ConstructionFailure(_) => (CallOutcome::NotDone, ErrorKind::Invalid),
            SdkError::DispatchFailure(failure) if failure.is_user() => (CallOutcome::NotDone, ErrorKind::Invalid),
            SdkError::DispatchFailure(_) if mentions_credentials(error) => {
                (CallOutcome::NotDone, ErrorKind::Credentials)
            }
            SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) => (CallOutcome::Unknown, ErrorKind::Unreachable),
            _ if error.raw_response().is_some_and(|answer| answer.headers().contains_key(RENEWED)) => {
                code = Some(EXPIRED[0].to_owned());
                message = Some("the service still refuses the credentials, which STS accepts".to_owned());
                (CallOutcome::NotDone, ErrorKind::Renewed)
            }
            SdkError::ServiceError(_) => {
                let named = code.as_deref().unwrap_or_default();
                if THROTTLED.contains(&named) || status == Some(429) {
                    (CallOutcome::NotDone, ErrorKind::Throttled)
                } else if CREDENTIALS.contains(&named) {
                    (CallOutcome::NotDone, ErrorKind::Credentials)
                } else if code.is_none() && status.is_some_and(|status| status < 400) {
                    // AWS reported success, but the SDK could not parse the answer. A refusal always has a code.
                    (CallOutcome::Unknown, ErrorKind::Server)
                } else if status.is_some_and(|status| status >= 500)
                    || matches!(named, "InternalError" | "InternalFailure" | "ServiceUnavailable")
                    // S3 answers with 400: the body of the request did not arrive in time ("Error responses", S3 API
                    // Reference). The SDK takes both for transient (`TRANSIENT_ERRORS` of its retry classifier).
                    || matches!(named, "RequestTimeout" | "RequestTimeoutException")
                {
                    (CallOutcome::Unknown, ErrorKind::Server)
                } else {
                    (CallOutcome::NotDone, ErrorKind::Refused)
                }
            }
            _ => (CallOutcome::Unknown, ErrorKind::Server),
        };
        if code.is_none() && kind == ErrorKind::Server {
            code = status.map(|status| format!("HTTP {status}"));
        }
        let message = message.take().unwrap_or_else(|| chain(error));
        Self { call: call.to_owned(), code, message, request_id, outcome, kind }
    }

    /// Returns whether the configuration has no credentials for the account of the call.
    pub fn is_without_access(&self) -> bool {
        self.kind == ErrorKind::Credentials && self.message.contains(NO_ACCESS)
    }

    /// Returns whether the credentials have expired, or cannot be loaded any more: new ones may be accepted.
    pub fn is_expired(&self) -> bool {
        let is_named = |code: &str| EXPIRED.contains(&code);
        self.kind == ErrorKind::Credentials && self.code.as_deref().is_none_or(is_named)
    }

    /// Returns whether AWS answered with this error code.
    pub fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }
}

/// The SDK reports missing credentials as a dispatch failure without a connector error.
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

/// Returns the messages of an error and its causes, without repetition.
fn chain(error: &dyn std::error::Error) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut at = Some(error);
    while let Some(inner) = at {
        let text = inner.to_string();
        // Texts of the SDK that carry no information of their own.
        let empty =
            ["dispatch failure", "service error", "unhandled error", "io error", "other", "request has timed out"]
                .contains(&text.as_str());
        if !empty && !words.iter().any(|before| before.contains(&text)) {
            words.push(text);
        }
        at = inner.source();
    }
    if words.is_empty() { error.to_string() } else { words.join(": ") }
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::body::SdkBody;
    use aws_smithy_types::error::ErrorMetadata;

    use super::*;

    fn answered(code: &str, status: u16) -> AwsError {
        let response = HttpResponse::new(status.try_into().expect("a status"), SdkBody::empty());
        let error = ErrorMetadata::builder().code(code).message("a message").build();
        AwsError::of("s3:PutObject", &SdkError::service_error(error, response))
    }

    /// It was taken for a refusal, and cancelled a run whose journal is in a bucket.
    #[test]
    fn a_request_that_s3_did_not_read_in_time_may_have_taken_effect() {
        let error = answered("RequestTimeout", 400);
        assert_eq!((error.outcome, error.kind), (CallOutcome::Unknown, ErrorKind::Server));
        let error = answered("NoSuchBucket", 404);
        assert_eq!((error.outcome, error.kind), (CallOutcome::NotDone, ErrorKind::Refused));
    }
}
