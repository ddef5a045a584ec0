//! The registry: every resource kind, one line each.

use crate::{autoscaling, cloudwatch, dms, ec2, ecs, elbv2, iam, lambda, logs, rds, route53, s3, secretsmanager};
use infra_core::resource::{Erased, Kind, Kinds};

const ALL: &[&dyn Kind] = &[
    &Erased::<ec2::Vpc>::NEW,
    &Erased::<ec2::Subnet>::NEW,
    &Erased::<elbv2::LoadBalancer>::NEW,
    &Erased::<elbv2::TargetGroup>::NEW,
    &Erased::<elbv2::Listener>::NEW,
    &Erased::<elbv2::Fence>::NEW,
    &Erased::<elbv2::ForwardRule>::NEW,
    &Erased::<ecs::Cluster>::NEW,
    &Erased::<ecs::TaskDefinition>::NEW,
    &Erased::<ecs::Service>::NEW,
    &Erased::<autoscaling::ScalableTarget>::NEW,
    &Erased::<autoscaling::ScalingPolicy>::NEW,
    &Erased::<ec2::InternetGateway>::NEW,
    &Erased::<ec2::ElasticIp>::NEW,
    &Erased::<ec2::NatGateway>::NEW,
    &Erased::<ec2::RouteTable>::NEW,
    &Erased::<ec2::RouteTableAssociation>::NEW,
    &Erased::<ec2::Route>::NEW,
    &Erased::<ec2::GatewayEndpoint>::NEW,
    &Erased::<ec2::DefaultSecurityGroup>::NEW,
    &Erased::<ec2::SecurityGroup>::NEW,
    &Erased::<ec2::SecurityGroupRule>::NEW,
    &Erased::<ec2::VpcPeeringConnection>::NEW,
    &Erased::<ec2::VpcPeeringAcceptance>::NEW,
    &Erased::<ec2::VpcPeeringDns>::NEW,
    &Erased::<lambda::Function>::NEW,
    &Erased::<lambda::Permission>::NEW,
    &Erased::<rds::DbInstance>::NEW,
    &Erased::<rds::DbParameterGroup>::NEW,
    &Erased::<rds::DbSubnetGroup>::NEW,
    &Erased::<secretsmanager::Secret>::NEW,
    &Erased::<secretsmanager::SecretContent>::NEW,
    &Erased::<secretsmanager::SecretRotation>::NEW,
    &Erased::<secretsmanager::SecretReplica>::NEW,
    &Erased::<secretsmanager::SecretPolicy>::NEW,
    &Erased::<iam::Role>::NEW,
    &Erased::<iam::RolePolicy>::NEW,
    &Erased::<iam::RolePolicyAttachment>::NEW,
    &Erased::<s3::Bucket>::NEW,
    &Erased::<s3::BucketReplication>::NEW,
    &Erased::<s3::BucketPolicyStatement>::NEW,
    &Erased::<route53::HostedZone>::NEW,
    &Erased::<route53::HealthCheck>::NEW,
    &Erased::<route53::AlarmHealthCheck>::NEW,
    &Erased::<route53::CalculatedHealthCheck>::NEW,
    &Erased::<route53::WeightedRecord>::NEW,
    &Erased::<dms::AccountRole>::NEW,
    &Erased::<dms::ReplicationSubnetGroup>::NEW,
    &Erased::<dms::ReplicationInstance>::NEW,
    &Erased::<dms::Certificate>::NEW,
    &Erased::<dms::Endpoint>::NEW,
    &Erased::<dms::ReplicationTask>::NEW,
    &Erased::<logs::LogGroup>::NEW,
    &Erased::<cloudwatch::Dashboard>::NEW,
    &Erased::<cloudwatch::Alarm>::NEW,
];

/// The kinds that this program knows.
pub const KINDS: Kinds = Kinds::new(ALL);

#[cfg(test)]
mod tests {
    use infra_core::resource::spec_from_observed::with_input;
    use serde_json::json;

    use super::KINDS;
    use infra_core::resource::{KindRef, Repeat};

    /// The table of `docs/resources.md` is complete, and a duplicate can be read by its id.
    #[test]
    fn every_kind_says_why_a_repeated_creation_is_safe() {
        for kind in KINDS.iter().map(KindRef::get) {
            assert!(kind.schema().repeat.is_some(), "{}: `repeat` is missing in `#[kind]`", kind.name());
            if kind.schema().repeat == Some(Repeat::Tags) {
                assert!(kind.attrs_from_id("id-1").is_some(), "{} needs `from_id` and `is_unused`", kind.name());
            }
        }
    }

    #[test]
    fn an_attribute_of_another_form_was_taken_for_the_input_of_its_name() {
        let alarm = KINDS.get("cloudwatch.alarm").expect("it is registered").get();
        let spec = json!({
            "name": "a", "description": "", "metric": { "namespace": "n", "name": "m", "dimensions": [] },
            "statistic": "Sum",
            "period_seconds": 60, "evaluation_periods": 1, "datapoints_to_alarm": 1, "threshold": 1.0,
            "comparison": "GreaterThanThreshold", "treat_missing_data": "missing", "actions": [],
        });
        assert!(alarm.parses(&spec));
        assert!(with_input(alarm, &spec, "metric", json!("m")).is_none(), "a metric has more than a name");
        assert_eq!(
            with_input(alarm, &spec, "threshold", json!(2.0)).map(|spec| spec["threshold"].clone()),
            Some(json!(2.0))
        );
    }
}
