//! Ensures that nothing changes AWS without a record in the journal.
//!
//! Every client has a [`CallGuard`]. It passes a mutating operation only inside [`intended`], which the context of a
//! step enters after the intent is durable. It also turns off the SDK's own retries for mutating operations: if the
//! answer to a call is lost, the resource is read again. The call is never sent again blindly.

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
    /// The operation that the current task is allowed to send, as `service:Operation`.
    static INTENT: RefCell<&'static str>;
}

/// Sends a call whose intent is in the journal. Only such a call passes [`CallGuard`].
pub async fn intended<F: Future>(call: &'static str, send: F) -> F::Output {
    INTENT.scope(RefCell::new(call), send).await
}

/// Returns whether an operation changes something, judged by its verb. `TestDNSAnswer` only reads.
pub fn is_mutating(operation: &str) -> bool {
    !["Describe", "Get", "List", "Head", "Simulate", "TestDNSAnswer"].iter().any(|verb| operation.starts_with(verb))
}

/// Returns the service part of `service:Operation` for the service id of the SDK.
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
        "Service Quotas" => "servicequotas",
        "ACM" => "acm",
        "SNS" => "sns",
        _ => "?",
    }
}

/// Rejects mutating operations without a recorded intent, and turns off their retries.
#[derive(Debug)]
pub struct CallGuard;

/// A mutating operation was about to be sent without a durable intent. This is a bug in this program.
#[derive(Debug, thiserror::Error)]
#[error("{0} was not recorded in the journal, so it was not sent")]
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
        let intended = INTENT.try_with(|intent| *intent.borrow() == call).unwrap_or(false);
        if !intended {
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
            tracing::trace!(
                service = metadata.service(),
                operation = metadata.name(),
                uri = context.request().uri(),
                "sending"
            );
        }
        Ok(())
    }
}
