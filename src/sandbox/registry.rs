//! The handlers of operations, and the calls that they handle.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Arc;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{Error, Input, Output};
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_types::error::operation::BuildError;

use super::input_fields;
use super::world::{RegionState, World};
use infra_base::address::{Arn, Region};

/// A rejection by AWS: its code and its message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The error code on the wire.
    pub code: Cow<'static, str>,
    /// The message.
    pub message: String,
}

/// Rejects the call with AWS's code.
pub fn refuse<T>(code: &'static str, message: impl Into<String>) -> Result<T, Rejection> {
    Err(Rejection { code: Cow::Borrowed(code), message: message.into() })
}

/// Returns the result of an SDK builder. A builder fails if a required field is not set, which handlers always set.
pub(super) fn built<T>(result: Result<T, BuildError>) -> Result<T, Rejection> {
    result.or_else(|error| refuse("SandboxFault", error.to_string()))
}

/// One call, as a handler sees it.
pub struct Call<'a> {
    /// All accounts.
    pub world: &'a mut World,
    /// The called region, of the account that calls.
    pub region: &'a Region,
}

impl<'a> Call<'a> {
    pub(super) fn new(world: &'a mut World, region: &'a Region) -> Self {
        Self { world, region }
    }

    /// Returns the state of the called region.
    pub fn region_state(&mut self) -> &mut RegionState {
        self.world.region(self.region.as_str())
    }

    /// Returns the account number.
    pub fn account(&self) -> String {
        self.world.account.clone()
    }

    /// Returns the world's time in milliseconds since the epoch.
    pub fn now(&self) -> u64 {
        self.world.now
    }

    /// Returns an id in AWS's format: a prefix and seventeen hexadecimal digits that are never repeated.
    pub fn new_id(&mut self, prefix: &str) -> String {
        self.world.new_id(prefix)
    }

    /// Returns when an action that starts now ends. It takes `min` to `max` seconds, most likely `mode`.
    pub fn completion_time(&mut self, min: f64, mode: f64, max: f64) -> u64 {
        self.world.completion_time(min, mode, max)
    }

    /// Returns an ARN in the called region.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        Arn::regional(self.region, &self.world.account, service, resource).into()
    }
}

/// The result of an operation: its output, or a rejection as the operation's own error type.
pub(super) type OperationResult = Result<Output, OperationError>;
type Execute = Box<dyn Fn(&mut Call<'_>) -> OperationResult + Send + Sync>;
type Reject = Box<dyn Fn(&mut Call<'_>, Rejection) -> OperationResult + Send + Sync>;
type Prepare = Box<dyn Fn(&Input) -> Result<Prepared, BoxError> + Send + Sync>;

/// A rejection as the operation's own error type.
#[derive(Debug)]
pub(super) struct OperationError {
    /// The code on the wire.
    pub(super) code: Cow<'static, str>,
    /// The error.
    pub(super) error: Error,
}

/// A call that is ready to be executed.
pub(super) struct Prepared {
    /// The input, as its `Debug` output shows it.
    pub(super) input: String,
    /// Passes the call to its handler.
    pub(super) execute: Execute,
    /// Rejects the call without its handler.
    pub(super) reject: Reject,
}

/// All handlers, by service and operation.
#[derive(Default)]
pub struct Registry {
    handlers: HashMap<(&'static str, &'static str), Prepare>,
}

impl Registry {
    /// Adds a handler.
    ///
    /// `fields` are the input fields that the handler supports. A call that sets another field is rejected, so that no
    /// request is silently ignored. `error` converts code and message to the operation's error.
    pub fn on<I, O, E>(
        &mut self,
        service: &'static str,
        operation: &'static str,
        fields: &'static [&'static str],
        error: fn(ErrorMetadata) -> E,
        handler: fn(&mut Call<'_>, &I) -> Result<O, Rejection>,
    ) where
        I: Clone + Debug + Send + Sync + 'static,
        O: Debug + Send + Sync + 'static,
        E: std::error::Error + Send + Sync + 'static,
    {
        self.on_mapped(service, operation, fields, error, I::clone, handler);
    }

    /// Adds a handler that receives only a part of the input, for inputs that cannot be cloned.
    pub(super) fn on_mapped<I, P, O, E>(
        &mut self,
        service: &'static str,
        operation: &'static str,
        fields: &'static [&'static str],
        error: fn(ErrorMetadata) -> E,
        map: fn(&I) -> P,
        handler: fn(&mut Call<'_>, &P) -> Result<O, Rejection>,
    ) where
        I: Debug + Send + Sync + 'static,
        P: Send + Sync + 'static,
        O: Debug + Send + Sync + 'static,
        E: std::error::Error + Send + Sync + 'static,
    {
        let reject = move |call: &mut Call<'_>, Rejection { code, message }: Rejection| -> OperationResult {
            let request_id = call.world.new_request_id();
            let metadata =
                ErrorMetadata::builder().code(&*code).message(message).custom("aws_request_id", request_id).build();
            Err(OperationError { code, error: Error::erase(error(metadata)) })
        };
        let prepare = move |input: &Input| -> Result<Prepared, BoxError> {
            let input: &I = input.downcast_ref().ok_or("the handler is registered for another operation")?;
            let shown = format!("{input:?}");
            let unknown = input_fields::unsupported(&shown, fields);
            let input = Arc::new(map(input));
            let execute = move |call: &mut Call<'_>| {
                let result = match unknown.as_slice() {
                    [] => handler(call, &input),
                    unknown => refuse(
                        "SandboxUnknownMember",
                        format!("the sandbox does not model {} of {operation}", unknown.join(", ")),
                    ),
                };
                result.map(Output::erase).or_else(|rejection| reject(call, rejection))
            };
            Ok(Prepared { input: shown, execute: Box::new(execute), reject: Box::new(reject) })
        };
        self.handlers.insert((service, operation), Box::new(prepare));
    }

    /// Prepares a call.
    ///
    /// # Errors
    /// If the operation has no handler.
    pub(super) fn prepare(&self, service: &'static str, operation: &str, input: &Input) -> Result<Prepared, BoxError> {
        match self.handlers.iter().find(|((of, name), _)| *of == service && *name == operation) {
            Some((_, prepare)) => prepare(input),
            None => Err(format!("the sandbox does not support {service}:{operation}").into()),
        }
    }

    /// Returns all operations, as `service:Operation`.
    pub(super) fn operations(&self) -> impl Iterator<Item = String> {
        self.handlers.keys().map(|(service, operation)| format!("{service}:{operation}"))
    }

    /// Returns whether an operation has a handler.
    pub fn supports(&self, call: &str) -> bool {
        self.handlers.keys().any(|(service, operation)| call == format!("{service}:{operation}"))
    }
}
