//! Reads what exists by describe calls of the tests, independently of the code of the tool, and equally on each
//! backend.

#![expect(
    clippy::redundant_closure_for_method_calls,
    reason = "the names of the accessors are sufficient; their paths would hide them"
)]

use std::collections::BTreeSet;

use aws_sdk_applicationautoscaling::types::ServiceNamespace;
use aws_sdk_ec2::types::{NatGatewayState, VpcPeeringConnectionStateReasonCode as PeeringState};
use migrate_infra::aws::Clients;

#[derive(Default)]
struct Found(BTreeSet<String>);

impl Found {
    fn add<T>(&mut self, what: &str, resources: &[T], id: impl Fn(&T) -> Option<&str>) {
        self.0.extend(resources.iter().map(|resource| format!("{what}: {}", id(resource).expect("it has an id"))));
    }
}

/// Returns the type and the id of everything that exists in the region of these clients.
pub async fn inventory(aws: &Clients) -> BTreeSet<String> {
    let mut found = Found::default();
    network(aws, &mut found).await;
    data(aws, &mut found).await;
    service(aws, &mut found).await;
    replication(aws, &mut found).await;
    routing(aws, &mut found).await;
    found.0
}

async fn network(aws: &Clients, found: &mut Found) {
    let ec2 = &aws.ec2;
    found.add("vpc", ec2.describe_vpcs().send().await.unwrap().vpcs(), |one| one.vpc_id());
    found.add("subnet", ec2.describe_subnets().send().await.unwrap().subnets(), |one| one.subnet_id());
    found.add("internet gateway", ec2.describe_internet_gateways().send().await.unwrap().internet_gateways(), |one| {
        one.internet_gateway_id()
    });
    let nats = ec2.describe_nat_gateways().send().await.unwrap().nat_gateways.unwrap_or_default();
    let nats: Vec<_> = nats.into_iter().filter(|nat| nat.state() != Some(&NatGatewayState::Deleted)).collect();
    found.add("nat gateway", &nats, |one| one.nat_gateway_id());
    found.add("elastic ip", ec2.describe_addresses().send().await.unwrap().addresses(), |one| one.allocation_id());
    found.add("route table", ec2.describe_route_tables().send().await.unwrap().route_tables(), |one| {
        one.route_table_id()
    });
    found.add("security group", ec2.describe_security_groups().send().await.unwrap().security_groups(), |one| {
        one.group_id()
    });
    found.add("vpc endpoint", ec2.describe_vpc_endpoints().send().await.unwrap().vpc_endpoints(), |one| {
        one.vpc_endpoint_id()
    });
    found.add(
        "network interface",
        ec2.describe_network_interfaces().send().await.unwrap().network_interfaces(),
        |one| one.network_interface_id(),
    );
    let peerings =
        ec2.describe_vpc_peering_connections().send().await.unwrap().vpc_peering_connections.unwrap_or_default();
    let state =
        |peering: &aws_sdk_ec2::types::VpcPeeringConnection| peering.status().and_then(|status| status.code()).cloned();
    let peerings: Vec<_> =
        peerings.into_iter().filter(|peering| state(peering) == Some(PeeringState::Active)).collect();
    found.add("active peering", &peerings, |one| one.vpc_peering_connection_id());
}

async fn data(aws: &Clients, found: &mut Found) {
    found.add("database", aws.rds.describe_db_instances().send().await.unwrap().db_instances(), |one| {
        one.db_instance_identifier()
    });
    found.add("db subnet group", aws.rds.describe_db_subnet_groups().send().await.unwrap().db_subnet_groups(), |one| {
        one.db_subnet_group_name()
    });
    // AWS lists default groups, too.
    let groups = aws.rds.describe_db_parameter_groups().send().await.unwrap().db_parameter_groups.unwrap_or_default();
    let groups: Vec<_> = groups
        .into_iter()
        .filter(|one| one.db_parameter_group_name().is_some_and(|name| name.contains("payment")))
        .collect();
    found.add("db parameter group", &groups, |one| one.db_parameter_group_name());
    found.add("secret", aws.secrets.list_secrets().send().await.unwrap().secret_list(), |one| one.arn());
    found.add("function", aws.lambda.list_functions().send().await.unwrap().functions(), |one| one.function_name());
    // Service-linked roles belong to the account.
    let mut roles = aws.iam.list_roles().send().await.unwrap().roles;
    roles.retain(|role| !role.path().starts_with("/aws-service-role/"));
    found.add("role", &roles, |one| Some(one.role_name()));
    found.add("log group", aws.logs.describe_log_groups().send().await.unwrap().log_groups(), |one| {
        one.log_group_name()
    });
    let buckets = aws.s3.list_buckets().send().await.unwrap().buckets.unwrap_or_default();
    found.add("bucket", &buckets, |one| one.name());
    for bucket in buckets.iter().filter_map(|bucket| bucket.name()) {
        if let Ok(replication) = aws.s3.get_bucket_replication().bucket(bucket).send().await {
            let rules = replication.replication_configuration.map(|one| one.rules).unwrap_or_default();
            found.add("bucket replication", &rules, |rule| rule.destination().map(|destination| destination.bucket()));
        }
    }
}

async fn service(aws: &Clients, found: &mut Found) {
    let clusters = aws.ecs.list_clusters().send().await.unwrap().cluster_arns.unwrap_or_default();
    for cluster in &clusters {
        found.add("service", aws.ecs.list_services().cluster(cluster).send().await.unwrap().service_arns(), |arn| {
            Some(arn)
        });
    }
    // AWS lists deleted clusters as inactive.
    let described =
        aws.ecs.describe_clusters().set_clusters(Some(clusters)).send().await.unwrap().clusters.unwrap_or_default();
    let active: Vec<_> = described.into_iter().filter(|cluster| cluster.status() == Some("ACTIVE")).collect();
    found.add("cluster", &active, |one| one.cluster_arn());
    found.add("task definition", aws.ecs.list_task_definitions().send().await.unwrap().task_definition_arns(), |arn| {
        Some(arn)
    });
    let balancers = aws.elb.describe_load_balancers().send().await.unwrap().load_balancers.unwrap_or_default();
    found.add("load balancer", &balancers, |one| one.load_balancer_arn());
    for balancer in &balancers {
        let listeners = aws
            .elb
            .describe_listeners()
            .set_load_balancer_arn(balancer.load_balancer_arn.clone())
            .send()
            .await
            .unwrap();
        found.add("listener", listeners.listeners(), |one| one.listener_arn());
    }
    found.add("target group", aws.elb.describe_target_groups().send().await.unwrap().target_groups(), |one| {
        one.target_group_arn()
    });
    let targets =
        aws.autoscaling.describe_scalable_targets().service_namespace(ServiceNamespace::Ecs).send().await.unwrap();
    found.add("scalable target", targets.scalable_targets(), |one| Some(one.resource_id()));
    let policies =
        aws.autoscaling.describe_scaling_policies().service_namespace(ServiceNamespace::Ecs).send().await.unwrap();
    found.add("scaling policy", policies.scaling_policies(), |one| Some(one.policy_name()));
    // Application Auto Scaling creates and deletes its own alarms for each policy.
    let alarms = aws.cloudwatch.describe_alarms().send().await.unwrap().metric_alarms.unwrap_or_default();
    let alarms: Vec<_> = alarms
        .into_iter()
        .filter(|one| one.alarm_name().is_some_and(|name| !name.starts_with("TargetTracking-")))
        .collect();
    found.add("alarm", &alarms, |one| one.alarm_name());
    found.add("dashboard", aws.cloudwatch.list_dashboards().send().await.unwrap().dashboard_entries(), |one| {
        one.dashboard_name()
    });
}

async fn replication(aws: &Clients, found: &mut Found) {
    let dms = &aws.dms;
    let groups = dms.describe_replication_subnet_groups().send().await.unwrap();
    found.add("replication subnet group", groups.replication_subnet_groups(), |one| {
        one.replication_subnet_group_identifier()
    });
    let instances = dms.describe_replication_instances().send().await.unwrap();
    found.add("replication instance", instances.replication_instances(), |one| one.replication_instance_arn());
    found.add("certificate", dms.describe_certificates().send().await.unwrap().certificates(), |one| {
        one.certificate_arn()
    });
    found.add("endpoint", dms.describe_endpoints().send().await.unwrap().endpoints(), |one| one.endpoint_arn());
    let tasks = dms.describe_replication_tasks().send().await.unwrap();
    found.add("replication task", tasks.replication_tasks(), |one| one.replication_task_arn());
}

async fn routing(aws: &Clients, found: &mut Found) {
    let zones = aws.route53.list_hosted_zones_by_name().send().await.unwrap();
    found.add("hosted zone", zones.hosted_zones(), |one| Some(one.id()));
    found.add("health check", aws.route53.list_health_checks().send().await.unwrap().health_checks(), |one| {
        Some(one.id())
    });
    for zone in zones.hosted_zones() {
        let records = aws
            .route53
            .list_resource_record_sets()
            .hosted_zone_id(zone.id())
            .send()
            .await
            .unwrap()
            .resource_record_sets;
        let weighted: Vec<_> = records.into_iter().filter(|record| record.weight().is_some()).collect();
        found.add("weighted record", &weighted, |one| one.set_identifier());
    }
}

/// Returns the set identifier and the weight of each weighted record of the account.
pub async fn weighted_records(aws: &Clients) -> Vec<(String, i64)> {
    let mut found = Vec::new();
    for zone in aws.route53.list_hosted_zones_by_name().send().await.unwrap().hosted_zones() {
        let records = aws
            .route53
            .list_resource_record_sets()
            .hosted_zone_id(zone.id())
            .send()
            .await
            .unwrap()
            .resource_record_sets;
        found.extend(records.into_iter().filter_map(|record| Some((record.set_identifier?, record.weight?))));
    }
    found
}
