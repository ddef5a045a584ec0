//! Tombstones: resources that AWS still lists by their tags for a while after their deletion.

use aws_sdk_ec2::types::NatGatewayState;
use aws_sdk_ecs::operation::describe_services::DescribeServicesError;
use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretError;

use infra_aws::Clients;
use infra_base::address::Arn;

/// Returns whether a resource that AWS lists is deleted, or is being deleted.
///
/// * AWS lists a deleted NAT gateway for about an hour ("Delete a NAT gateway", VPC user guide).
/// * AWS lists a deleted peering for two hours ("VPC peering connection lifecycle").
/// * A secret in its recovery window, or during its deletion, still has its tags.
/// * A final snapshot has the tags of its database, and is kept.
/// * A cluster or service of ECS stays visible as `INACTIVE`, a task definition as `DELETE_IN_PROGRESS`.
///
/// A resource whose status cannot be read counts as existing.
pub async fn is_tombstone(clients: &Clients, arn: &Arn) -> bool {
    let arn = arn.as_str();
    let resource = arn.splitn(6, ':').nth(5).unwrap_or_default();
    match arn.split(':').nth(2) {
        Some("ec2") => match resource.split_once('/') {
            Some(("natgateway", id)) => nat_gateway_is_gone(clients, id).await,
            Some(("vpc-peering-connection", id)) => peering_is_gone(clients, id).await,
            _ => false,
        },
        Some("secretsmanager") => match clients.secrets.describe_secret().secret_id(arn).send().await {
            Ok(secret) => secret.deleted_date().is_some(),
            Err(error) => error.as_service_error().is_some_and(DescribeSecretError::is_resource_not_found_exception),
        },
        // A final snapshot is kept on purpose. It has the tags of its database.
        Some("rds") => resource.starts_with("snapshot:"),
        Some("ecs") => ecs_is_gone(clients, arn, resource).await,
        _ => false,
    }
}

async fn nat_gateway_is_gone(clients: &Clients, id: &str) -> bool {
    match clients.ec2.describe_nat_gateways().nat_gateway_ids(id).send().await {
        Ok(found) => found.nat_gateways().iter().all(|gateway| gateway.state() == Some(&NatGatewayState::Deleted)),
        Err(error) => error.as_service_error().is_some_and(|error| error.meta().code() == Some("NatGatewayNotFound")),
    }
}

async fn peering_is_gone(clients: &Clients, id: &str) -> bool {
    let over = |status: &str| ["deleted", "failed", "expired", "rejected"].contains(&status);
    match clients.ec2.describe_vpc_peering_connections().vpc_peering_connection_ids(id).send().await {
        Ok(found) => {
            let mut codes = found.vpc_peering_connections().iter().filter_map(|peering| peering.status()?.code());
            codes.all(|code| over(code.as_str()))
        }
        Err(error) => error
            .as_service_error()
            .is_some_and(|error| error.meta().code() == Some("InvalidVpcPeeringConnectionID.NotFound")),
    }
}

async fn ecs_is_gone(clients: &Clients, arn: &str, resource: &str) -> bool {
    let inactive = |status: Option<&str>| status == Some("INACTIVE");
    match resource.split('/').collect::<Vec<_>>().as_slice() {
        ["cluster", _] => match clients.ecs.describe_clusters().clusters(arn).send().await {
            Ok(found) => found.clusters().iter().all(|cluster| inactive(cluster.status())),
            Err(_) => false,
        },
        ["service", cluster, _] => match clients.ecs.describe_services().cluster(*cluster).services(arn).send().await {
            Ok(found) => found.services().iter().all(|service| inactive(service.status())),
            Err(error) => error.as_service_error().is_some_and(DescribeServicesError::is_cluster_not_found_exception),
        },
        _ => false,
    }
}
