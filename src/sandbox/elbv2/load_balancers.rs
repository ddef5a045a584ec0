//! Application load balancers.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_elasticloadbalancingv2::operation::create_load_balancer::{
    CreateLoadBalancerError, CreateLoadBalancerInput, CreateLoadBalancerOutput,
};
use aws_sdk_elasticloadbalancingv2::operation::delete_load_balancer::{
    DeleteLoadBalancerError, DeleteLoadBalancerInput, DeleteLoadBalancerOutput,
};
use aws_sdk_elasticloadbalancingv2::operation::describe_load_balancer_attributes::{
    DescribeLoadBalancerAttributesError, DescribeLoadBalancerAttributesInput, DescribeLoadBalancerAttributesOutput,
};
use aws_sdk_elasticloadbalancingv2::operation::describe_load_balancers::{
    DescribeLoadBalancersError, DescribeLoadBalancersInput, DescribeLoadBalancersOutput,
};
use aws_sdk_elasticloadbalancingv2::operation::modify_load_balancer_attributes::{
    ModifyLoadBalancerAttributesError, ModifyLoadBalancerAttributesInput, ModifyLoadBalancerAttributesOutput,
};
use aws_sdk_elasticloadbalancingv2::operation::set_security_groups::{
    SetSecurityGroupsError, SetSecurityGroupsInput, SetSecurityGroupsOutput,
};
use aws_sdk_elasticloadbalancingv2::operation::set_subnets::{SetSubnetsError, SetSubnetsInput, SetSubnetsOutput};
use aws_sdk_elasticloadbalancingv2::types::{
    AvailabilityZone, LoadBalancerAttribute, LoadBalancerSchemeEnum, LoadBalancerState, LoadBalancerStateEnum,
    LoadBalancerTypeEnum,
};

use super::names::{SERVICE, arn_suffix, check_name};
use super::tags;
use crate::quotas;
use crate::registry::{Call, Registry, Rejection, refuse};
use crate::world::ec2::Ec2;
use crate::world::elbv2::LoadBalancer;

pub(super) fn register(registry: &mut Registry) {
    let fields = &["name", "type", "scheme", "subnets", "security_groups", "tags"];
    registry.on(SERVICE, "CreateLoadBalancer", fields, CreateLoadBalancerError::generic, create);
    registry.on(
        SERVICE,
        "DescribeLoadBalancers",
        &["load_balancer_arns", "names"],
        DescribeLoadBalancersError::generic,
        describe,
    );
    registry.on(
        SERVICE,
        "DescribeLoadBalancerAttributes",
        &["load_balancer_arn"],
        DescribeLoadBalancerAttributesError::generic,
        describe_attributes,
    );
    let fields = &["load_balancer_arn", "attributes"];
    registry.on(
        SERVICE,
        "ModifyLoadBalancerAttributes",
        fields,
        ModifyLoadBalancerAttributesError::generic,
        modify_attributes,
    );
    registry.on(SERVICE, "SetSubnets", &["load_balancer_arn", "subnets"], SetSubnetsError::generic, set_subnets);
    registry.on(
        SERVICE,
        "SetSecurityGroups",
        &["load_balancer_arn", "security_groups"],
        SetSecurityGroupsError::generic,
        set_security_groups,
    );
    registry.on(SERVICE, "DeleteLoadBalancer", &["load_balancer_arn"], DeleteLoadBalancerError::generic, delete);
}

/// Returns the hosted zone that alias records name for load balancers of a region ("Elastic Load Balancing endpoints
/// and quotas").
fn hosted_zone(region: &str) -> &'static str {
    match region {
        "us-east-1" => "Z35SXDOTRQ7X7K",
        "us-east-2" => "Z3AADJGX6KTTL2",
        "us-west-2" => "Z1H1FL5HABSF5",
        "eu-west-1" => "Z32O12XQLNTSW2",
        "eu-central-1" => "Z215JYRZR1TBD5",
        _ => "Z0SANDBOX0REGION",
    }
}

/// Checks subnets. Returns their VPC, and each subnet with its availability zone.
fn check_subnets(ec2: &Ec2, ids: &[String]) -> Result<(String, Vec<(String, String)>), Rejection> {
    let mut subnets = Vec::new();
    let mut vpcs = BTreeSet::new();
    for id in ids {
        let Some(subnet) = ec2.subnets.get(id) else {
            return refuse("SubnetNotFound", format!("The subnet ID '{id}' does not exist"));
        };
        subnets.push((subnet.availability_zone.clone(), id.clone()));
        vpcs.insert(subnet.vpc_id.clone());
    }
    subnets.sort();
    // "You must specify subnets from at least two Availability Zones" (CreateLoadBalancer).
    if subnets.len() < 2 {
        return refuse("ValidationError", "At least two subnets in two different Availability Zones must be specified");
    }
    if subnets.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return refuse(
            "InvalidConfigurationRequest",
            "A load balancer cannot be attached to multiple subnets in the same Availability Zone",
        );
    }
    match vpcs.pop_first() {
        Some(vpc) if vpcs.is_empty() => Ok((vpc, subnets)),
        _ => refuse("InvalidSubnet", "All subnets must belong to the same VPC"),
    }
}

fn check_groups(ec2: &Ec2, ids: &[String], vpc_id: &str) -> Result<Vec<String>, Rejection> {
    if let Some(id) = ids.iter().find(|id| ec2.security_groups.get(*id).is_none_or(|group| group.vpc_id != vpc_id)) {
        return refuse("InvalidSecurityGroup", format!("The security group '{id}' does not exist"));
    }
    Ok(ids.to_vec())
}

fn create(call: &mut Call<'_>, input: &CreateLoadBalancerInput) -> Result<CreateLoadBalancerOutput, Rejection> {
    let name = input.name().unwrap_or_default();
    check_name("load balancer", name)?;
    // "must not begin with "internal-"" (CreateLoadBalancer).
    if name.starts_with("internal-") {
        return refuse(
            "ValidationError",
            format!("Load balancer name '{name}' is reserved and cannot begin with 'internal-'"),
        );
    }
    if input.r#type() != Some(&LoadBalancerTypeEnum::Application) {
        return refuse("SandboxUnknownMember", "the sandbox models application load balancers only");
    }
    let used = call.region_state().elbv2.load_balancers.len();
    if !call.region_state().elbv2.load_balancers.values().any(|one| one.name == name) {
        quotas::check(call, "load_balancers", used)?;
    }
    crate::iam::create_for(call, "elasticloadbalancing.amazonaws.com");
    let scheme = input.scheme().unwrap_or(&LoadBalancerSchemeEnum::InternetFacing).as_str().to_owned();
    let region = call.region.as_str().to_owned();
    let ec2 = &call.region_state().ec2;
    let (vpc_id, subnets) = check_subnets(ec2, input.subnets())?;
    // "If the load balancer is internet-facing, the VPC must have an internet gateway" (Application Load Balancers,
    // "Subnets").
    let attached = ec2.internet_gateways.values().any(|gateway| gateway.vpc_id.as_deref() == Some(vpc_id.as_str()));
    if scheme == "internet-facing" && !attached {
        return refuse("InvalidSubnet", format!("VPC {vpc_id} has no internet gateway"));
    }
    let security_groups = check_groups(ec2, input.security_groups(), &vpc_id)?;
    let requested_tags = tags::from_sdk(input.tags());
    if let Some(existing) =
        call.region_state().elbv2.load_balancers.values().find(|balancer| balancer.name == name).cloned()
    {
        // "This operation is idempotent, which means that it completes at most one time. If you attempt to create
        // multiple load balancers with the same settings, each call succeeds" (CreateLoadBalancer).
        let (requested, current) =
            ((&subnets, &scheme, &requested_tags), (&existing.subnets, &existing.scheme, &existing.tags));
        if requested == current && security_groups == existing.security_groups {
            return Ok(CreateLoadBalancerOutput::builder().load_balancers(to_sdk(&existing, call.now())).build());
        }
        let message = format!("A load balancer with the same name '{name}' exists, but with different settings");
        return refuse("DuplicateLoadBalancerName", message);
    }
    let full_name = format!("app/{name}/{}", arn_suffix(call));
    let number = arn_suffix(call);
    let active_at = call.completion_time(130.0, 150.0, 190.0);
    let arn = call.arn("elasticloadbalancing", &format!("loadbalancer/{full_name}"));
    // Defaults: "Load balancer attributes", user guide for application load balancers.
    let attributes = [
        ("deletion_protection.enabled", "false"),
        ("idle_timeout.timeout_seconds", "60"),
        ("client_keep_alive.seconds", "3600"),
        ("routing.http.drop_invalid_header_fields.enabled", "false"),
    ];
    let balancer = LoadBalancer {
        arn: arn.clone(),
        name: name.to_owned(),
        full_name,
        dns_name: format!(
            "{name}-{}.{region}.elb.amazonaws.com",
            u32::from_str_radix(&number[..7], 16).unwrap_or_default()
        ),
        hosted_zone_id: hosted_zone(&region).to_owned(),
        scheme,
        vpc_id,
        subnets,
        security_groups,
        active_at,
        attributes: attributes.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        tags: requested_tags,
    };
    for (_, subnet) in &balancer.subnets {
        attach(call, &balancer, subnet);
    }
    let answer = to_sdk(&balancer, call.now());
    call.region_state().elbv2.load_balancers.insert(arn, balancer);
    Ok(CreateLoadBalancerOutput::builder().load_balancers(answer).build())
}

fn attach(call: &mut Call<'_>, balancer: &LoadBalancer, subnet: &str) {
    let interface = call.new_id("eni");
    let description = format!("ELB {}", balancer.full_name);
    call.region_state().ec2.attach_interface(
        interface,
        subnet,
        &balancer.security_groups,
        description,
        "amazon-elb",
        true,
    );
}

fn to_sdk(balancer: &LoadBalancer, now: u64) -> aws_sdk_elasticloadbalancingv2::types::LoadBalancer {
    let state =
        if now < balancer.active_at { LoadBalancerStateEnum::Provisioning } else { LoadBalancerStateEnum::Active };
    let zones = balancer
        .subnets
        .iter()
        .map(|(zone, subnet)| AvailabilityZone::builder().zone_name(zone).subnet_id(subnet).build())
        .collect();
    aws_sdk_elasticloadbalancingv2::types::LoadBalancer::builder()
        .load_balancer_arn(&balancer.arn)
        .load_balancer_name(&balancer.name)
        .dns_name(&balancer.dns_name)
        .canonical_hosted_zone_id(&balancer.hosted_zone_id)
        .scheme(LoadBalancerSchemeEnum::from(balancer.scheme.as_str()))
        .r#type(LoadBalancerTypeEnum::Application)
        .vpc_id(&balancer.vpc_id)
        .state(LoadBalancerState::builder().code(state).build())
        .set_availability_zones(Some(zones))
        .set_security_groups(Some(balancer.security_groups.clone()))
        .build()
}

fn not_found<T>(what: &str) -> Result<T, Rejection> {
    refuse("LoadBalancerNotFound", format!("Load balancers '[{what}]' not found"))
}

fn describe(call: &mut Call<'_>, input: &DescribeLoadBalancersInput) -> Result<DescribeLoadBalancersOutput, Rejection> {
    let now = call.now();
    let balancers = &call.region_state().elbv2.load_balancers;
    if let Some(missing) = input.load_balancer_arns().iter().find(|arn| !balancers.contains_key(*arn)) {
        return not_found(missing);
    }
    if let Some(missing) = input.names().iter().find(|name| !balancers.values().any(|balancer| balancer.name == **name))
    {
        return not_found(missing);
    }
    let requested = |balancer: &&LoadBalancer| {
        (input.load_balancer_arns().is_empty() || input.load_balancer_arns().contains(&balancer.arn))
            && (input.names().is_empty() || input.names().contains(&balancer.name))
    };
    let found = balancers.values().filter(requested).map(|balancer| to_sdk(balancer, now)).collect();
    Ok(DescribeLoadBalancersOutput::builder().set_load_balancers(Some(found)).build())
}

fn find<'a>(call: &'a mut Call<'_>, arn: Option<&str>) -> Result<&'a mut LoadBalancer, Rejection> {
    let arn = arn.unwrap_or_default();
    match call.region_state().elbv2.load_balancers.get_mut(arn) {
        Some(balancer) => Ok(balancer),
        None => not_found(arn),
    }
}

fn sdk_attributes(attributes: &BTreeMap<String, String>) -> Vec<LoadBalancerAttribute> {
    attributes.iter().map(|(key, value)| LoadBalancerAttribute::builder().key(key).value(value).build()).collect()
}

fn describe_attributes(
    call: &mut Call<'_>,
    input: &DescribeLoadBalancerAttributesInput,
) -> Result<DescribeLoadBalancerAttributesOutput, Rejection> {
    let attributes = sdk_attributes(&find(call, input.load_balancer_arn())?.attributes);
    Ok(DescribeLoadBalancerAttributesOutput::builder().set_attributes(Some(attributes)).build())
}

fn modify_attributes(
    call: &mut Call<'_>,
    input: &ModifyLoadBalancerAttributesInput,
) -> Result<ModifyLoadBalancerAttributesOutput, Rejection> {
    let balancer = find(call, input.load_balancer_arn())?;
    let mut after = balancer.attributes.clone();
    for attribute in input.attributes() {
        let (key, value) = (attribute.key().unwrap_or_default(), attribute.value().unwrap_or_default());
        let valid = match key {
            "deletion_protection.enabled" | "routing.http.drop_invalid_header_fields.enabled" => {
                matches!(value, "true" | "false")
            }
            // "The valid range is 1-4000 seconds" (LoadBalancerAttribute).
            "idle_timeout.timeout_seconds" => value.parse::<u32>().is_ok_and(|seconds| (1..=4000).contains(&seconds)),
            // "The valid range is 60-604800 seconds" (LoadBalancerAttribute).
            "client_keep_alive.seconds" => value.parse::<u32>().is_ok_and(|seconds| (60..=604_800).contains(&seconds)),
            _ => return refuse("ValidationError", format!("Load balancer attribute key '{key}' is not recognized")),
        };
        if !valid {
            return refuse(
                "ValidationError",
                format!("Load balancer attribute value '{value}' of '{key}' is not valid"),
            );
        }
        after.insert(key.to_owned(), value.to_owned());
    }
    balancer.attributes = after;
    Ok(ModifyLoadBalancerAttributesOutput::builder().set_attributes(Some(sdk_attributes(&balancer.attributes))).build())
}

fn set_subnets(call: &mut Call<'_>, input: &SetSubnetsInput) -> Result<SetSubnetsOutput, Rejection> {
    let mut balancer = find(call, input.load_balancer_arn())?.clone();
    let (vpc_id, subnets) = check_subnets(&call.region_state().ec2, input.subnets())?;
    if vpc_id != balancer.vpc_id {
        return refuse("InvalidSubnet", "The subnets must belong to the load balancer's VPC");
    }
    let before = std::mem::replace(&mut balancer.subnets, subnets);
    for (_, subnet) in balancer.subnets.iter().filter(|subnet| !before.contains(subnet)) {
        attach(call, &balancer, subnet);
    }
    let removed_at = call.completion_time(30.0, 90.0, 300.0);
    let description = format!("ELB {}", balancer.full_name);
    let kept = |subnet: &str| balancer.subnets.iter().any(|(_, id)| id == subnet);
    let interfaces = call.region_state().ec2.interfaces.values_mut();
    for interface in interfaces.filter(|interface| interface.description == description && !kept(&interface.subnet_id))
    {
        interface.removed_at = Some(removed_at);
    }
    let zones = balancer
        .subnets
        .iter()
        .map(|(zone, subnet)| AvailabilityZone::builder().zone_name(zone).subnet_id(subnet).build())
        .collect();
    call.region_state().elbv2.load_balancers.insert(balancer.arn.clone(), balancer);
    Ok(SetSubnetsOutput::builder().set_availability_zones(Some(zones)).build())
}

fn set_security_groups(
    call: &mut Call<'_>,
    input: &SetSecurityGroupsInput,
) -> Result<SetSecurityGroupsOutput, Rejection> {
    let balancer = find(call, input.load_balancer_arn())?.clone();
    let groups = check_groups(&call.region_state().ec2, input.security_groups(), &balancer.vpc_id)?;
    let description = format!("ELB {}", balancer.full_name);
    for interface in
        call.region_state().ec2.interfaces.values_mut().filter(|interface| interface.description == description)
    {
        interface.group_ids.clone_from(&groups);
    }
    find(call, Some(&balancer.arn))?.security_groups.clone_from(&groups);
    Ok(SetSecurityGroupsOutput::builder().set_security_group_ids(Some(groups)).build())
}

fn delete(call: &mut Call<'_>, input: &DeleteLoadBalancerInput) -> Result<DeleteLoadBalancerOutput, Rejection> {
    let arn = input.load_balancer_arn().unwrap_or_default().to_owned();
    // "If the load balancer does not exist or has already been deleted, the call succeeds" (DeleteLoadBalancer).
    let Some(balancer) = call.region_state().elbv2.load_balancers.get(&arn).cloned() else {
        return Ok(DeleteLoadBalancerOutput::builder().build());
    };
    if balancer.attributes.get("deletion_protection.enabled").is_some_and(|on| on == "true") {
        return refuse(
            "OperationNotPermitted",
            format!("Load balancer '{arn}' cannot be deleted because deletion protection is enabled"),
        );
    }
    let removed_at = call.completion_time(30.0, 90.0, 300.0);
    let region_state = call.region_state();
    region_state.ec2.release_interfaces(&format!("ELB {}", balancer.full_name), removed_at);
    region_state.elbv2.load_balancers.remove(&arn);
    // "Deleting a load balancer also deletes its listeners" (DeleteLoadBalancer).
    let listeners = region_state.elbv2.listeners.values().filter(|listener| listener.load_balancer_arn == arn);
    for listener in listeners.map(|listener| listener.arn.clone()).collect::<Vec<_>>() {
        region_state.elbv2.remove_listener(&listener);
    }
    Ok(DeleteLoadBalancerOutput::builder().build())
}
