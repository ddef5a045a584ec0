//! Records the requests that the SDK sends, so that a test can validate them.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use migrate_infra::aws::InProcess;
use serde_json::json;

thread_local! {
    static OF_THIS_THREAD: RefCell<Option<RequestRecorder>> = const { RefCell::new(None) };
}

/// The requests, each once, as lines of JSON.
#[derive(Clone, Debug, Default)]
pub struct RequestRecorder {
    lines: Arc<Mutex<BTreeSet<String>>>,
}

impl RequestRecorder {
    /// Records every fixture that `work` creates in this thread.
    pub fn during(&self, work: impl FnOnce()) {
        OF_THIS_THREAD.with_borrow_mut(|current| *current = Some(self.clone()));
        work();
        OF_THIS_THREAD.with_borrow_mut(|current| *current = None);
    }

    /// Returns the recorder of the fixtures of this thread.
    pub fn of_this_thread() -> Option<Self> {
        OF_THIS_THREAD.with_borrow(Clone::clone)
    }

    /// Puts the recorder between the SDK and the sandbox.
    pub fn tap(&self, plug: InProcess) -> InProcess {
        let http = SharedHttpClient::new(Tap { recorder: self.clone(), inner: plug.http });
        InProcess { http, ..plug }
    }

    /// Returns all recorded requests.
    pub fn text(&self) -> String {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().fold(String::new(), |mut text, line| {
            let _ = writeln!(text, "{line}");
            text
        })
    }

    fn record(&self, request: &HttpRequest) {
        // Without the headers that change from request to request and do not describe it.
        let recorded = |name: &str| {
            ![
                "authorization",
                "x-amz-date",
                "amz-sdk-invocation-id",
                "amz-sdk-request",
                "user-agent",
                "x-amz-user-agent",
            ]
            .contains(&name)
        };
        let headers: serde_json::Map<_, _> = request
            .headers()
            .iter()
            .filter(|(name, _)| recorded(name))
            .map(|(name, value)| (name.to_owned(), json!(value)))
            .collect();
        let line = json!({
            "service": signed_for(request.headers().get("authorization").unwrap_or_default()),
            "method": request.method(),
            "url": request.uri(),
            "headers": headers,
            "body": base64(request.body().bytes().unwrap_or_default()),
        });
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).insert(line.to_string());
    }
}

/// Returns the service in the scope of a signature: `Credential=KEY/DATE/REGION/SERVICE/aws4_request`.
fn signed_for(authorization: &str) -> &str {
    authorization.split("Credential=").nth(1).and_then(|scope| scope.split('/').nth(3)).unwrap_or_default()
}

fn base64(bytes: &[u8]) -> String {
    aws_smithy_types::base64::encode(bytes)
}

#[derive(Debug)]
struct Tap {
    recorder: RequestRecorder,
    inner: SharedHttpClient,
}

impl HttpClient for Tap {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(TappedConnector { recorder: self.recorder.clone(), inner })
    }
}

#[derive(Debug)]
struct TappedConnector {
    recorder: RequestRecorder,
    inner: SharedHttpConnector,
}

impl HttpConnector for TappedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.recorder.record(&request);
        self.inner.call(request)
    }
}
