//! Which operation is answered by which handler.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Arc;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{Error, Input, Output};
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_types::error::operation::BuildError;

use super::members;
use super::world::{RegionWorld, World};
use crate::address::Region;

/// AWS's refusal: its code and its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The error code as it is on the wire.
    pub code: Cow<'static, str>,
    /// The message.
    pub message: String,
}

/// Refuses, with AWS's code.
pub fn refuse<T>(code: &'static str, message: impl Into<String>) -> Result<T, Rejection> {
    Err(Rejection { code: Cow::Borrowed(code), message: message.into() })
}

/// Returns what one of the SDK's builders has made. They fail when a required member was not set, which a handler always
/// sets.
pub(super) fn built<T>(result: Result<T, BuildError>) -> Result<T, Rejection> {
    result.or_else(|error| refuse("SandboxFault", error.to_string()))
}

/// One call, as a handler sees it.
pub struct Call<'a> {
    /// The whole account.
    pub world: &'a mut World,
    /// The region that was called.
    pub region: &'a Region,
}

impl<'a> Call<'a> {
    pub(super) fn new(world: &'a mut World, region: &'a Region) -> Self {
        Self { world, region }
    }

    /// Returns what the called region holds.
    pub fn here(&mut self) -> &mut RegionWorld {
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

    /// Makes an id as AWS does: a prefix and seventeen hexadecimal digits that never come again.
    pub fn new_id(&mut self, prefix: &str) -> String {
        self.world.new_id(prefix)
    }

    /// Returns when something that takes between `least` and `most` seconds, mostly `mode`, and starts now, will be done.
    pub fn after(&mut self, least: f64, mode: f64, most: f64) -> u64 {
        self.world.after(least, mode, most)
    }

    /// Makes an ARN in the called region.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:{}:{service}:{}:{}:{resource}", crate::aws::partition(self.region), self.region, self.world.account)
    }
}

/// What an operation answers: its output, or a refusal as the operation's own error.
pub(super) type Answer = Result<Output, Refusal>;
type CarryOut = Box<dyn Fn(&mut Call<'_>) -> Answer + Send + Sync>;
type Reject = Box<dyn Fn(&mut Call<'_>, Rejection) -> Answer + Send + Sync>;
type Prepare = Box<dyn Fn(&Input) -> Result<Prepared, BoxError> + Send + Sync>;

/// A refusal as the operation's own error.
#[derive(Debug)]
pub(super) struct Refusal {
    /// The code on the wire.
    pub(super) code: Cow<'static, str>,
    /// The error.
    pub(super) error: Error,
}

/// A call, ready to be carried out.
pub(super) struct Prepared {
    /// Hands the call to its handler.
    pub(super) carry_out: CarryOut,
    /// Refuses the call without asking the handler.
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
    /// `members` are the members of the input that the handler understands. A call that sets another one is refused, so
    /// that nothing the tool asks for is silently ignored. `error` makes the operation's error from code and message.
    pub fn on<I, O, E>(
        &mut self,
        service: &'static str,
        operation: &'static str,
        members: &'static [&'static str],
        error: fn(ErrorMetadata) -> E,
        handler: fn(&mut Call<'_>, &I) -> Result<O, Rejection>,
    ) where
        I: Clone + Debug + Send + Sync + 'static,
        O: Debug + Send + Sync + 'static,
        E: std::error::Error + Send + Sync + 'static,
    {
        self.on_part(service, operation, members, error, I::clone, handler);
    }

    /// Adds a handler that is handed only a part of the input, which cannot be cloned as a whole.
    pub(super) fn on_part<I, P, O, E>(
        &mut self,
        service: &'static str,
        operation: &'static str,
        members: &'static [&'static str],
        error: fn(ErrorMetadata) -> E,
        part: fn(&I) -> P,
        handler: fn(&mut Call<'_>, &P) -> Result<O, Rejection>,
    ) where
        I: Debug + Send + Sync + 'static,
        P: Send + Sync + 'static,
        O: Debug + Send + Sync + 'static,
        E: std::error::Error + Send + Sync + 'static,
    {
        let refused = move |call: &mut Call<'_>, Rejection { code, message }: Rejection| -> Answer {
            let request_id = call.world.new_request_id();
            let metadata = ErrorMetadata::builder().code(&*code).message(message).custom("aws_request_id", request_id).build();
            Err(Refusal { code, error: Error::erase(error(metadata)) })
        };
        let prepare = move |input: &Input| -> Result<Prepared, BoxError> {
            let input: &I = input.downcast_ref().ok_or("the handler is registered for another operation")?;
            let unknown = members::unknown(&format!("{input:?}"), members);
            let input = Arc::new(part(input));
            let carry_out = move |call: &mut Call<'_>| {
                let result = match unknown.as_slice() {
                    [] => handler(call, &input),
                    unknown => refuse("SandboxUnknownMember", format!("the sandbox does not model {} of {operation}", unknown.join(", "))),
                };
                result.map(Output::erase).or_else(|rejection| refused(call, rejection))
            };
            Ok(Prepared { carry_out: Box::new(carry_out), reject: Box::new(refused) })
        };
        self.handlers.insert((service, operation), Box::new(prepare));
    }

    /// Prepares a call.
    ///
    /// # Errors
    /// When no handler answers the operation.
    pub(super) fn prepare(&self, service: &'static str, operation: &str, input: &Input) -> Result<Prepared, BoxError> {
        match self.handlers.iter().find(|((of, name), _)| *of == service && *name == operation) {
            Some((_, prepare)) => prepare(input),
            None => Err(format!("the sandbox does not answer {service}:{operation}").into()),
        }
    }

    /// Returns whether an operation is answered.
    pub fn answers(&self, call: &str) -> bool {
        self.handlers.keys().any(|(service, operation)| call == format!("{service}:{operation}"))
    }
}

impl Registry {
    /// The handlers of all services.
    pub fn complete() -> Self {
        let mut registry = Self::default();
        super::sts::register(&mut registry);
        super::ec2::register(&mut registry);
        super::elbv2::register(&mut registry);
        super::ecs::register(&mut registry);
        super::autoscaling::register(&mut registry);
        super::lambda::register(&mut registry);
        super::rds::register(&mut registry);
        super::dms::register(&mut registry);
        super::secretsmanager::register(&mut registry);
        super::iam::register(&mut registry);
        super::s3::register(&mut registry);
        super::route53::register(&mut registry);
        super::logs::register(&mut registry);
        super::cloudwatch::register(&mut registry);
        super::tagging::register(&mut registry);
        registry
    }
}
