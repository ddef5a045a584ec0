//! The interceptor that answers, and the HTTP client that sends nothing.
//!
//! The SDK takes the typed input away when it serializes it, and may attempt a call more than once. So a clone of the input
//! is kept, inside a closure, in the configuration bag of the call; each attempt runs the closure once, just before the
//! moment at which the request would go out.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeSerializationInterceptorContextRef, BeforeTransmitInterceptorContextMut, Error, FinalizerInterceptorContextMut, Output,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, Metadata, OrchestratorError};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};

use super::Sandbox;
use super::attempt::Asked;
use super::fault::Fault;
use super::registry::Answer;
use crate::address::Region;
use crate::aws::{is_mutating, service_name};

type Attempt = dyn Fn() -> Result<Answer, Fault> + Send + Sync;

/// The call, ready to be carried out, and the answer of the last attempt.
struct Pending {
    attempt: Box<Attempt>,
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

/// Marks a request that gets no answer from a handler, and tells what it gets.
#[derive(Clone)]
struct Broken(Fault);

/// Answers the operations of one region.
pub(super) struct Answering {
    sandbox: Arc<Sandbox>,
    region: Region,
}

impl Answering {
    pub(super) fn new(sandbox: Arc<Sandbox>, region: Region) -> Self {
        Self { sandbox, region }
    }
}

impl fmt::Debug for Answering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answering({})", self.region)
    }
}

impl Intercept for Answering {
    fn name(&self) -> &'static str {
        "Answering"
    }

    fn read_before_serialization(
        &self,
        context: &BeforeSerializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(metadata) = cfg.load::<Metadata>() else { return Err("the call has no name".into()) };
        let (service, operation) = (service_name(metadata.service()), metadata.name().to_owned());
        let prepared = self.sandbox.registry.prepare(service, &operation, context.input())?;
        let (sandbox, region) = (Arc::clone(&self.sandbox), self.region.clone());
        let mutating = is_mutating(&operation);
        let attempt = Box::new(move || sandbox.attempt(&Asked { service, operation: &operation, mutating, region: &region }, &prepared));
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
                    Some(answer.map_err(|refusal| OrchestratorError::operation(refusal.error)));
            }
            Err(fault) => {
                context.request_mut().add_extension(Broken(fault));
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
struct Nobody;

impl HttpConnector for Nobody {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let request = request.try_into_http1x().ok();
        let broken = request.as_ref().and_then(|request| request.extensions().get::<Broken>());
        HttpConnectorFuture::ready(match broken {
            Some(Broken(Fault::ConnectionLost(_))) => Err(ConnectorError::io("the connection was lost".into())),
            Some(Broken(Fault::TimedOut(_))) => Err(ConnectorError::timeout("no answer came in time".into())),
            Some(Broken(Fault::OutOfOrder(why))) => Err(ConnectorError::io(why.clone().into())),
            Some(Broken(Fault::Status(status, _))) => response(*status, "<html>the service can not answer</html>"),
            Some(Broken(Fault::Malformed)) => response(200, "{ this is no answer <"),
            Some(Broken(Fault::Refused(_))) | None => response(200, ""),
        })
    }
}

fn response(status: u16, body: &'static str) -> Result<HttpResponse, ConnectorError> {
    let status = StatusCode::try_from(status).map_err(|error| ConnectorError::user(Box::new(error)))?;
    Ok(HttpResponse::new(status, SdkBody::from(body)))
}

/// An HTTP client that hands every request an empty answer, which the interceptor replaces.
pub(super) fn nothing_is_sent() -> SharedHttpClient {
    http_client_fn(|_, _| SharedHttpConnector::new(Nobody))
}
