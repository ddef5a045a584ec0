//! The list of supported operations, from all services.

use super::registry::Registry;
use super::{
    account_attributes, acm, autoscaling, cloudwatch, dms, ec2, ecs, elbv2, iam, lambda, logs, rds, route53, s3,
    secretsmanager, service_quotas, sts, tagging,
};

impl Registry {
    /// Returns the registry with the handlers of all services.
    pub fn complete() -> Self {
        let mut registry = Self::default();
        sts::register(&mut registry);
        ec2::register(&mut registry);
        elbv2::register(&mut registry);
        ecs::register(&mut registry);
        autoscaling::register(&mut registry);
        lambda::register(&mut registry);
        rds::register(&mut registry);
        dms::register(&mut registry);
        secretsmanager::register(&mut registry);
        iam::register(&mut registry);
        s3::register(&mut registry);
        route53::register(&mut registry);
        logs::register(&mut registry);
        cloudwatch::register(&mut registry);
        tagging::register(&mut registry);
        service_quotas::register(&mut registry);
        acm::register(&mut registry);
        account_attributes::register(&mut registry);
        registry
    }
}
