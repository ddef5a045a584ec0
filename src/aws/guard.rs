//! Nothing changes AWS behind the journal's back.
//!
//! Every client carries [`CallGuard`]. It lets a mutating operation pass only inside [`permitted`], which the
//! step's context enters after it has made the intent durable before, and it turns off the SDK's own retries for it: a call whose answer was lost is
//! settled by looking, never by sending it again.

use std::cell::RefCell;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeSerializationInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextRef;
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::retry::RetryConfig;

tokio::task_local! {
    /// The operation that the current task may send, as `service:Operation`.
    static PERMIT: RefCell<&'static str>;
}

/// Runs a call that has been announced in the journal; only such a call passes [`CallGuard`].
pub async fn permitted<F: Future>(call: &'static str, send: F) -> F::Output {
    PERMIT.scope(RefCell::new(call), send).await
}

/// Returns whether an operation changes something, judged by the verb that AWS uses for reading. `TestDNSAnswer` only asks.
pub fn is_mutating(operation: &str) -> bool {
    !["Describe", "Get", "List", "Head", "TestDNSAnswer"].iter().any(|verb| operation.starts_with(verb))
}

/// The service part of `service:Operation` for the service id that the SDK uses.
pub fn service_name(sdk_id: &str) -> &'static str {
    match sdk_id {
        "EC2" => "ec2",
        "RDS" => "rds",
        "S3" => "s3",
        "ECS" => "ecs",
        "IAM" => "iam",
        "STS" => "sts",
        "Lambda" => "lambda",
        "Route 53" => "route53",
        "CloudWatch" => "cloudwatch",
        "CloudWatch Logs" => "logs",
        "Secrets Manager" => "secretsmanager",
        "Elastic Load Balancing v2" => "elasticloadbalancing",
        "Application Auto Scaling" => "application-autoscaling",
        "Database Migration Service" => "dms",
        "Resource Groups Tagging API" => "tag",
        _ => "?",
    }
}

/// Refuses mutating operations that were not announced, and forbids blind retries of them.
#[derive(Debug)]
pub struct CallGuard;

/// A mutating operation was about to be sent without a durable intent, which is a fault of this program.
#[derive(Debug, thiserror::Error)]
#[error("{0} was not announced in the journal, so it was not sent")]
struct Unannounced(String);

impl Intercept for CallGuard {
    fn name(&self) -> &'static str {
        "CallGuard"
    }

    fn read_before_serialization(
        &self,
        _context: &BeforeSerializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(metadata) = cfg.load::<Metadata>() else { return Ok(()) };
        if !is_mutating(metadata.name()) {
            return Ok(());
        }
        let call = format!("{}:{}", service_name(metadata.service()), metadata.name());
        let permitted = PERMIT.try_with(|permit| *permit.borrow() == call).unwrap_or(false);
        if !permitted {
            return Err(Box::new(Unannounced(call)));
        }
        cfg.interceptor_state().store_put(RetryConfig::disabled());
        Ok(())
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(metadata) = cfg.load::<Metadata>() {
            tracing::trace!(service = metadata.service(), operation = metadata.name(), uri = context.request().uri(), "sending");
        }
        Ok(())
    }
}
