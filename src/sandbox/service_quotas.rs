//! Service Quotas: the values of the quotas that the other services enforce.

use aws_sdk_servicequotas::operation::get_aws_default_service_quota::{
    GetAWSDefaultServiceQuotaError, GetAwsDefaultServiceQuotaInput, GetAwsDefaultServiceQuotaOutput,
};
use aws_sdk_servicequotas::operation::get_service_quota::{
    GetServiceQuotaError, GetServiceQuotaInput, GetServiceQuotaOutput,
};
use aws_sdk_servicequotas::operation::list_service_quotas::{
    ListServiceQuotasError, ListServiceQuotasInput, ListServiceQuotasOutput,
};
use aws_sdk_servicequotas::types::ServiceQuota;

use super::registry::{Call, Registry, Rejection, refuse};

/// The service, the code, the name and the key of each quota ("Service Quotas" of each service, AWS General Reference).
/// A quota without a key is never used up here.
const QUOTAS: &[(&str, Option<&str>, &str, Option<&str>)] = &[
    ("vpc", Some("L-F678F1CE"), "VPCs per Region", Some("vpcs")),
    ("vpc", Some("L-A4707A72"), "Internet gateways per Region", Some("internet_gateways")),
    ("vpc", Some("L-FE5A380F"), "NAT gateways per Availability Zone", Some("nat_gateways_per_zone")),
    ("vpc", Some("L-E79EC296"), "VPC security groups per Region", Some("security_groups")),
    ("vpc", Some("L-0EA8095F"), "Inbound or outbound rules per security group", Some("rules_per_security_group")),
    ("ec2", Some("L-0263D0A3"), "EC2-VPC Elastic IPs", Some("elastic_ips")),
    ("rds", Some("L-7B6409FD"), "DB instances", Some("db_instances")),
    ("elasticloadbalancing", Some("L-53DA6B97"), "Application Load Balancers per Region", Some("load_balancers")),
    ("elasticloadbalancing", Some("L-B22855CB"), "Target Groups per Region", Some("target_groups")),
    ("dms", Some("L-C2341CDC"), "Replication instances", Some("replication_instances")),
    ("dms", Some("L-E17328E9"), "Endpoint count", Some("replication_endpoints")),
    ("dms", Some("L-7FD3593B"), "Task count", Some("replication_tasks")),
    ("s3", Some("L-DC2B2D3D"), "General purpose buckets", Some("buckets")),
    ("iam", Some("L-FE177D64"), "Roles per account", Some("roles")),
    ("logs", None, "Log groups", Some("log_groups")),
    ("fargate", Some("L-3032A538"), "Fargate On-Demand vCPU resource count", None),
];
/// The value of quotas without a key.
const AMPLE: f64 = 4000.0;
/// The services whose quotas are kept in one region.
const GLOBAL: &[&str] = &["iam", "s3"];
const GLOBAL_REGION: &str = "us-east-1";

pub(super) fn register(registry: &mut Registry) {
    let fields = &["service_code", "quota_code"];
    registry.on("servicequotas", "GetServiceQuota", fields, GetServiceQuotaError::generic, get);
    registry.on(
        "servicequotas",
        "GetAWSDefaultServiceQuota",
        fields,
        GetAWSDefaultServiceQuotaError::generic,
        get_default,
    );
    let fields = &["service_code", "next_token", "max_results"];
    registry.on("servicequotas", "ListServiceQuotas", fields, ListServiceQuotasError::generic, list);
}

fn get(call: &mut Call<'_>, input: &GetServiceQuotaInput) -> Result<GetServiceQuotaOutput, Rejection> {
    let quota = find(call, input.service_code(), input.quota_code())?;
    Ok(GetServiceQuotaOutput::builder().quota(quota).build())
}

/// The sandbox has applied values of all its quotas, so this is called for unknown ones only.
fn get_default(
    call: &mut Call<'_>,
    input: &GetAwsDefaultServiceQuotaInput,
) -> Result<GetAwsDefaultServiceQuotaOutput, Rejection> {
    let quota = find(call, input.service_code(), input.quota_code())?;
    Ok(GetAwsDefaultServiceQuotaOutput::builder().quota(quota).build())
}

fn list(call: &mut Call<'_>, input: &ListServiceQuotasInput) -> Result<ListServiceQuotasOutput, Rejection> {
    let all: Vec<ServiceQuota> = visible(call, input.service_code()).map(|quota| shown(call, quota)).collect();
    if all.is_empty() {
        return missing();
    }
    Ok(ListServiceQuotasOutput::builder().set_quotas(Some(all)).build())
}

type Entry = (&'static str, Option<&'static str>, &'static str, Option<&'static str>);

fn visible<'c>(call: &'c Call<'_>, service: Option<&'c str>) -> impl Iterator<Item = &'static Entry> + 'c {
    let is_here = |service: &str| !GLOBAL.contains(&service) || call.region.as_str() == GLOBAL_REGION;
    QUOTAS.iter().filter(move |(of, ..)| service == Some(of) && is_here(of))
}

fn find(call: &Call<'_>, service: Option<&str>, code: Option<&str>) -> Result<ServiceQuota, Rejection> {
    match visible(call, service).find(|(_, known, ..)| known.is_some() && *known == code) {
        Some(quota) => Ok(shown(call, quota)),
        None => missing(),
    }
}

fn missing<T>() -> Result<T, Rejection> {
    refuse("NoSuchResourceException", "The request failed because the specified quota does not exist.")
}

fn shown(call: &Call<'_>, (service, code, name, key): &Entry) -> ServiceQuota {
    #[expect(clippy::cast_precision_loss, reason = "quotas are small")]
    let value = key.map_or(AMPLE, |key| call.world.quota(key) as f64);
    ServiceQuota::builder()
        .service_code(*service)
        .set_quota_code(code.map(str::to_owned))
        .quota_name(*name)
        .value(value)
        .global_quota(GLOBAL.contains(service))
        .build()
}

#[cfg(test)]
mod tests {
    use super::QUOTAS;
    use crate::world::quotas::QUOTAS as ENFORCED;

    #[test]
    fn every_enforced_quota_has_a_value() {
        for (key, _) in ENFORCED {
            assert!(QUOTAS.iter().any(|(.., known)| *known == Some(*key)), "{key}");
        }
    }
}
