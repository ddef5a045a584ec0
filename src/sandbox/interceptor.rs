//! The interceptor that responds to calls, and the HTTP client that sends nothing.
//!
//! The SDK consumes the typed input when it serializes it, and can attempt a call more than once. So a closure keeps a
//! clone of the input in the configuration bag of the call. Each attempt runs the closure once, immediately before the
//! request would be sent.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeSerializationInterceptorContextRef, BeforeTransmitInterceptorContextMut, Error,
    FinalizerInterceptorContextMut, Output,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, Metadata, OrchestratorError};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};

use super::call_attempt::CallInfo;
use super::fault::Fault;
use super::registry::OperationResult;
use super::sandbox::Sandbox;
use infra_aws::{is_mutating, service_name};
use infra_base::address::{AccountId, Region};

type AttemptFn = dyn Fn() -> Result<OperationResult, Fault> + Send + Sync;

/// A prepared call, and the result of its last attempt.
struct Pending {
    attempt: Box<AttemptFn>,
    answer: Mutex<Option<Result<Output, OrchestratorError<Error>>>>,
}

#[derive(Clone)]
struct PendingCall(Arc<Pending>);

impl fmt::Debug for PendingCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PendingCall")
    }
}

impl Storable for PendingCall {
    type Storer = StoreReplace<Self>;
}

/// Marks a request that fails without a handler, and states the fault.
#[derive(Clone)]
struct InjectedFault(Fault);

/// Responds to the operations of one region of an account.
pub(super) struct SandboxInterceptor {
    sandbox: Arc<Sandbox>,
    account: AccountId,
    region: Region,
}

impl SandboxInterceptor {
    pub(super) fn new(sandbox: Arc<Sandbox>, account: AccountId, region: Region) -> Self {
        Self { sandbox, account, region }
    }
}

impl fmt::Debug for SandboxInterceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answering({})", self.region)
    }
}

impl Intercept for SandboxInterceptor {
    fn name(&self) -> &'static str {
        "Answering"
    }

    fn read_before_serialization(
        &self,
        context: &BeforeSerializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(metadata) = cfg.load::<Metadata>() else { return Err("the call has no operation name".into()) };
        let (service, operation) = (service_name(metadata.service()), metadata.name().to_owned());
        let prepared = self.sandbox.registry.prepare(service, &operation, context.input())?;
        let (sandbox, account, region) = (Arc::clone(&self.sandbox), self.account.clone(), self.region.clone());
        let mutating = is_mutating(&operation);
        let attempt = Box::new(move || {
            let info = CallInfo { service, operation: &operation, mutating, account: &account, region: &region };
            sandbox.attempt(&info, &prepared)
        });
        cfg.interceptor_state().store_put(PendingCall(Arc::new(Pending { attempt, answer: Mutex::new(None) })));
        Ok(())
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(PendingCall(pending)) = cfg.load::<PendingCall>() else { return Ok(()) };
        match (pending.attempt)() {
            Ok(answer) => {
                *pending.answer.lock().unwrap_or_else(PoisonError::into_inner) =
                    Some(answer.map_err(|error| OrchestratorError::operation(error.error)));
            }
            Err(fault) => {
                context.request_mut().add_extension(InjectedFault(fault));
            }
        }
        Ok(())
    }

    fn modify_before_attempt_completion(
        &self,
        context: &mut FinalizerInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(PendingCall(pending)) = cfg.load::<PendingCall>()
            && let Some(answer) = pending.answer.lock().unwrap_or_else(PoisonError::into_inner).take()
        {
            context.inner_mut().set_output_or_error(answer);
        }
        Ok(())
    }
}

#[derive(Debug)]
struct OfflineConnector;

impl HttpConnector for OfflineConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let request = request.try_into_http1x().ok();
        let injected = request.as_ref().and_then(|request| request.extensions().get::<InjectedFault>());
        HttpConnectorFuture::ready(match injected {
            Some(InjectedFault(Fault::ConnectionLost(_))) => Err(ConnectorError::io("the connection was lost".into())),
            Some(InjectedFault(Fault::TimedOut(_))) => Err(ConnectorError::timeout("no response came in time".into())),
            Some(InjectedFault(Fault::Internal(why))) => Err(ConnectorError::io(why.clone().into())),
            Some(InjectedFault(Fault::Status(status, _))) => {
                response(*status, "<html>the service cannot respond</html>")
            }
            Some(InjectedFault(Fault::Expired(service))) => expired(service),
            Some(InjectedFault(Fault::Malformed)) => response(200, "{ this is not a response <"),
            Some(InjectedFault(Fault::Refused(_))) | None => response(200, ""),
        })
    }
}

/// Returns the refusal of expired credentials, in the protocol of the service ("Common errors" of each API reference).
fn expired(service: &str) -> Result<HttpResponse, ConnectorError> {
    let error = "<Code>ExpiredToken</Code><Message>The security token included in the request is expired</Message>";
    let body = match service {
        "ec2" => format!("<Response><Errors><Error>{error}</Error></Errors><RequestID>expired</RequestID></Response>"),
        "s3" => format!("<Error>{error}</Error>"),
        "iam" | "sts" | "rds" | "elasticloadbalancing" | "route53" => {
            format!("<ErrorResponse><Error>{error}</Error><RequestId>expired</RequestId></ErrorResponse>")
        }
        _ => r#"{"__type":"ExpiredTokenException","message":"The security token included in the request is expired"}"#
            .to_owned(),
    };
    response(403, body)
}

fn response(status: u16, body: impl Into<String>) -> Result<HttpResponse, ConnectorError> {
    let status = StatusCode::try_from(status).map_err(|error| ConnectorError::user(Box::new(error)))?;
    Ok(HttpResponse::new(status, SdkBody::from(body.into())))
}

/// Returns an HTTP client that gives every request an empty response, which the interceptor replaces.
pub(super) fn offline_http_client() -> SharedHttpClient {
    http_client_fn(|_, _| SharedHttpConnector::new(OfflineConnector))
}
