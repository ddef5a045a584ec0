//! Service-linked roles: a service needs its role before it creates anything, and a new account has none.
//!
//! A service creates its role itself with the first resource, but cannot assume it at once, so that the first resource
//! fails. Therefore the role is created before. It belongs to the account and to the service: it has no tags of a
//! stack, other things use it, and it is never deleted. See [`infra_aws::transient`] for what follows its creation.

use infra_core::resource::{Result, StepContext, ignore_codes};

/// The role of a service.
#[derive(Clone, Copy, Debug)]
pub struct ServiceLinkedRole {
    /// The service ("AWS services that work with IAM").
    pub service: &'static str,
    /// The name of its role.
    pub name: &'static str,
}

/// Amazon ECS ("Using service-linked roles for Amazon ECS").
pub(crate) const ECS: ServiceLinkedRole =
    ServiceLinkedRole { service: "ecs.amazonaws.com", name: "AWSServiceRoleForECS" };
/// Amazon RDS ("Using service-linked roles for Amazon RDS").
pub(crate) const RDS: ServiceLinkedRole =
    ServiceLinkedRole { service: "rds.amazonaws.com", name: "AWSServiceRoleForRDS" };
/// Elastic Load Balancing ("Elastic Load Balancing service-linked role").
pub(crate) const LOAD_BALANCING: ServiceLinkedRole =
    ServiceLinkedRole { service: "elasticloadbalancing.amazonaws.com", name: "AWSServiceRoleForElasticLoadBalancing" };
/// Application Auto Scaling of ECS services ("Service-linked roles for Application Auto Scaling").
pub(crate) const SCALING_OF_ECS: ServiceLinkedRole = ServiceLinkedRole {
    service: "ecs.application-autoscaling.amazonaws.com",
    name: "AWSServiceRoleForApplicationAutoScaling_ECSService",
};

/// The kinds whose services need a role.
const USERS: &[(&str, ServiceLinkedRole)] = &[
    ("autoscaling.scalable_target", SCALING_OF_ECS),
    ("ecs.cluster", ECS),
    ("ecs.service", ECS),
    ("elbv2.load_balancer", LOAD_BALANCING),
    ("rds.db_instance", RDS),
    ("rds.db_subnet_group", RDS),
];

/// Returns the role that the service of a kind needs before its first resource.
pub fn service_linked_role(kind: &str) -> Option<ServiceLinkedRole> {
    USERS.iter().find(|(user, _)| *user == kind).map(|(_, role)| *role)
}

const NO_SUCH_ROLE: &[&str] = &["NoSuchEntity"];
const DENIED: &[&str] = &["AccessDenied", "AccessDeniedException"];

impl ServiceLinkedRole {
    /// Creates the role if the account has none. Call it before the first call that needs it.
    ///
    /// Somebody who may not read or create roles can still use one that exists, so a refusal is no error here: then the
    /// service itself says what is missing.
    ///
    /// # Errors
    /// IAM cannot be reached, or the journal cannot be written.
    pub(crate) async fn ensure(self, cx: &StepContext) -> Result<()> {
        let read = cx.read("iam:GetRole", cx.aws.iam.get_role().role_name(self.name).send()).await;
        match ignore_codes(read, NO_SUCH_ROLE) {
            Ok(Some(_)) => return Ok(()),
            Ok(None) => {}
            Err(error) if DENIED.iter().any(|code| error.is_code(code)) => {}
            Err(error) => return Err(error),
        }
        let call = || cx.aws.iam.create_service_linked_role().aws_service_name(self.service).send();
        match cx.mutate("iam:CreateServiceLinkedRole", call).await {
            Ok(_) => Ok(()),
            // "Service role name … has been taken in this account": somebody else was faster, or a read was stale.
            Err(error) if error.is_code("InvalidInput") => Ok(()),
            Err(error) if DENIED.iter().any(|code| error.is_code(code)) => {
                cx.notice(format!("the role {} cannot be created ({error}); if it exists, that is enough", self.name));
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}
