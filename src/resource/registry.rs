//! Every resource kind, one line each.

use super::kind::{About, Erased, Kind};
use crate::resources::{autoscaling, cloudwatch, dms, ec2, ecs, elbv2, iam, lambda, logs, rds, route53, s3, secretsmanager};

const KINDS: &[&dyn Kind] = &[
    &Erased::<ec2::Vpc>::NEW,
    &Erased::<ec2::Subnet>::NEW,
    &Erased::<elbv2::LoadBalancer>::NEW,
    &Erased::<elbv2::TargetGroup>::NEW,
    &Erased::<elbv2::Listener>::NEW,
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
    &Erased::<iam::Role>::NEW,
    &Erased::<iam::RolePolicy>::NEW,
    &Erased::<iam::RolePolicyAttachment>::NEW,
    &Erased::<s3::Bucket>::NEW,
    &Erased::<s3::BucketReplication>::NEW,
    &Erased::<route53::HostedZone>::NEW,
    &Erased::<route53::HealthCheck>::NEW,
    &Erased::<route53::AlarmHealthCheck>::NEW,
    &Erased::<route53::CalculatedHealthCheck>::NEW,
    &Erased::<route53::WeightedRecord>::NEW,
    &Erased::<dms::AccountRole>::NEW,
    &Erased::<dms::ReplicationSubnetGroup>::NEW,
    &Erased::<dms::ReplicationInstance>::NEW,
    &Erased::<dms::Endpoint>::NEW,
    &Erased::<dms::ReplicationTask>::NEW,
    &Erased::<logs::LogGroup>::NEW,
    &Erased::<cloudwatch::Dashboard>::NEW,
    &Erased::<cloudwatch::Alarm>::NEW,
];

/// Returns every kind.
pub fn kinds() -> &'static [&'static dyn Kind] {
    KINDS
}

/// Returns the kind with this name.
pub fn kind(name: &str) -> Option<&'static dyn Kind> {
    KINDS.iter().find(|kind| kind.name() == name).copied()
}

/// Returns what the kind with this name declares; nothing in particular for one that this version does not know.
pub fn about(name: &str) -> &'static About {
    kind(name).map_or(&About::PLAIN, |kind| kind.about())
}
