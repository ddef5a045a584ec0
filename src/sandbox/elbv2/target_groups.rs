//! Target groups and the health of their targets, which are the tasks of ECS services.

use std::collections::BTreeMap;

use aws_sdk_elasticloadbalancingv2::operation::create_target_group::{
    CreateTargetGroupError, CreateTargetGroupInput, CreateTargetGroupOutput,
};
use aws_sdk_elasticloadbalancingv2::operation::delete_target_group::{
    DeleteTargetGroupError, DeleteTargetGroupInput, DeleteTargetGroupOutput,
};
use aws_sdk_elasticloadbalancingv2::operation::describe_target_group_attributes::{
    DescribeTargetGroupAttributesError, DescribeTargetGroupAttributesInput, DescribeTargetGroupAttributesOutput,
};
use aws_sdk_elasticloadbalancingv2::operation::describe_target_groups::{
    DescribeTargetGroupsError, DescribeTargetGroupsInput, DescribeTargetGroupsOutput,
};
use aws_sdk_elasticloadbalancingv2::operation::describe_target_health::{
    DescribeTargetHealthError, DescribeTargetHealthInput, DescribeTargetHealthOutput,
};
use aws_sdk_elasticloadbalancingv2::operation::modify_target_group::{
    ModifyTargetGroupError, ModifyTargetGroupInput, ModifyTargetGroupOutput,
};
use aws_sdk_elasticloadbalancingv2::operation::modify_target_group_attributes::{
    ModifyTargetGroupAttributesError, ModifyTargetGroupAttributesInput, ModifyTargetGroupAttributesOutput,
};
use aws_sdk_elasticloadbalancingv2::types::{
    ProtocolEnum, TargetDescription, TargetGroupAttribute, TargetHealth, TargetHealthDescription,
    TargetHealthReasonEnum, TargetHealthStateEnum, TargetTypeEnum,
};

use super::names::{SERVICE, arn_suffix, check_name};
use super::tags;
use crate::quotas;
use crate::registry::{Call, Registry, Rejection, refuse};
use crate::world::RegionState;
use crate::world::elbv2::{HealthCheck, TargetGroup};
use crate::world::health::{Health, Target};

const DELAY: &str = "deregistration_delay.timeout_seconds";

pub(super) fn register(registry: &mut Registry) {
    let fields = &[
        "name",
        "protocol",
        "port",
        "vpc_id",
        "target_type",
        "health_check_protocol",
        "health_check_path",
        "health_check_interval_seconds",
        "health_check_timeout_seconds",
        "healthy_threshold_count",
        "unhealthy_threshold_count",
        "tags",
    ];
    registry.on(SERVICE, "CreateTargetGroup", fields, CreateTargetGroupError::generic, create);
    registry.on(
        SERVICE,
        "DescribeTargetGroups",
        &["target_group_arns", "names", "load_balancer_arn"],
        DescribeTargetGroupsError::generic,
        describe,
    );
    let fields = &[
        "target_group_arn",
        "health_check_path",
        "health_check_interval_seconds",
        "health_check_timeout_seconds",
        "healthy_threshold_count",
        "unhealthy_threshold_count",
    ];
    registry.on(SERVICE, "ModifyTargetGroup", fields, ModifyTargetGroupError::generic, modify);
    registry.on(
        SERVICE,
        "DescribeTargetGroupAttributes",
        &["target_group_arn"],
        DescribeTargetGroupAttributesError::generic,
        describe_attributes,
    );
    let fields = &["target_group_arn", "attributes"];
    registry.on(
        SERVICE,
        "ModifyTargetGroupAttributes",
        fields,
        ModifyTargetGroupAttributesError::generic,
        modify_attributes,
    );
    registry.on(
        SERVICE,
        "DescribeTargetHealth",
        &["target_group_arn"],
        DescribeTargetHealthError::generic,
        describe_health,
    );
    registry.on(SERVICE, "DeleteTargetGroup", &["target_group_arn"], DeleteTargetGroupError::generic, delete);
}

/// The ranges are those of CreateTargetGroup and ModifyTargetGroup.
fn check(health: &HealthCheck) -> Result<(), Rejection> {
    let ranges = [
        ("Health check interval", health.interval_seconds, 5..=300),
        ("Health check timeout", health.timeout_seconds, 2..=120),
        ("Healthy threshold count", health.healthy_threshold, 2..=10),
        ("Unhealthy threshold count", health.unhealthy_threshold, 2..=10),
    ];
    for (what, value, range) in ranges {
        if !range.contains(&value) {
            return refuse("ValidationError", format!("{what} must be between {} and {}", range.start(), range.end()));
        }
    }
    if health.timeout_seconds >= health.interval_seconds {
        return refuse("ValidationError", "Health check interval must be greater than the timeout");
    }
    let is_printable = health.path.bytes().all(|byte| byte.is_ascii_graphic());
    if !health.path.starts_with('/') || health.path.len() > 1024 || !is_printable {
        return refuse(
            "ValidationError",
            format!(
                "Health check path '{}' must begin with a '/' character, and can have a maximum of 1024 characters",
                health.path
            ),
        );
    }
    Ok(())
}

fn create(call: &mut Call<'_>, input: &CreateTargetGroupInput) -> Result<CreateTargetGroupOutput, Rejection> {
    let name = input.name().unwrap_or_default();
    check_name("target group", name)?;
    if input.protocol() != Some(&ProtocolEnum::Http)
        || input.health_check_protocol().is_some_and(|protocol| *protocol != ProtocolEnum::Http)
    {
        return refuse("SandboxUnknownMember", "the sandbox models HTTP target groups only");
    }
    let port = input.port().unwrap_or_default();
    if !(1..=65535).contains(&port) {
        return refuse("ValidationError", format!("Port '{port}' is not valid"));
    }
    let used = call.region_state().elbv2.target_groups.len();
    if !call.region_state().elbv2.target_groups.values().any(|one| one.name == name) {
        quotas::check(call, "target_groups", used)?;
    }
    // Defaults of CreateTargetGroup for HTTP.
    let health_check = HealthCheck {
        path: input.health_check_path().unwrap_or("/").to_owned(),
        interval_seconds: input.health_check_interval_seconds().unwrap_or(30),
        timeout_seconds: input.health_check_timeout_seconds().unwrap_or(5),
        healthy_threshold: input.healthy_threshold_count().unwrap_or(5),
        unhealthy_threshold: input.unhealthy_threshold_count().unwrap_or(2),
    };
    check(&health_check)?;
    let vpc_id = input.vpc_id().unwrap_or_default().to_owned();
    if !call.region_state().ec2.vpcs.contains_key(&vpc_id) {
        return refuse("ValidationError", format!("The VPC ID '{vpc_id}' is not found"));
    }
    let target_type = input.target_type().unwrap_or(&TargetTypeEnum::Instance).as_str().to_owned();
    let requested_tags = tags::from_sdk(input.tags());
    if let Some(existing) = call.region_state().elbv2.target_groups.values().find(|group| group.name == name).cloned() {
        // "This operation is idempotent, which means that it completes at most one time. If you attempt to create
        // multiple target groups with the same settings, each call succeeds" (CreateTargetGroup).
        let (requested, current) = (
            (&vpc_id, port, &health_check, &target_type),
            (&existing.vpc_id, existing.port, &existing.health_check, &existing.target_type),
        );
        if requested == current && requested_tags == existing.tags {
            return Ok(CreateTargetGroupOutput::builder()
                .target_groups(to_sdk(call.region_state(), &existing))
                .build());
        }
        return refuse(
            "DuplicateTargetGroupName",
            format!("A target group with the same name '{name}' exists, but with different settings"),
        );
    }
    let id = arn_suffix(call);
    let group = TargetGroup {
        arn: call.arn("elasticloadbalancing", &format!("targetgroup/{name}/{id}")),
        name: name.to_owned(),
        vpc_id,
        port,
        target_type,
        health_check,
        // "The default is 300 seconds" (TargetGroupAttribute).
        attributes: BTreeMap::from([(DELAY.to_owned(), "300".to_owned())]),
        tags: requested_tags,
    };
    let answer = to_sdk(call.region_state(), &group);
    call.region_state().elbv2.target_groups.insert(group.arn.clone(), group);
    Ok(CreateTargetGroupOutput::builder().target_groups(answer).build())
}

fn to_sdk(region_state: &RegionState, group: &TargetGroup) -> aws_sdk_elasticloadbalancingv2::types::TargetGroup {
    let users = region_state
        .elbv2
        .attached_load_balancers(&group.arn)
        .into_iter()
        .map(|balancer| balancer.arn.clone())
        .collect();
    aws_sdk_elasticloadbalancingv2::types::TargetGroup::builder()
        .target_group_arn(&group.arn)
        .target_group_name(&group.name)
        .protocol(ProtocolEnum::Http)
        .port(group.port)
        .vpc_id(&group.vpc_id)
        .target_type(TargetTypeEnum::from(group.target_type.as_str()))
        .health_check_enabled(true)
        .health_check_protocol(ProtocolEnum::Http)
        .health_check_port("traffic-port")
        .health_check_path(&group.health_check.path)
        .health_check_interval_seconds(group.health_check.interval_seconds)
        .health_check_timeout_seconds(group.health_check.timeout_seconds)
        .healthy_threshold_count(group.health_check.healthy_threshold)
        .unhealthy_threshold_count(group.health_check.unhealthy_threshold)
        .set_load_balancer_arns(Some(users))
        .build()
}

fn not_found<T>(what: &str) -> Result<T, Rejection> {
    refuse("TargetGroupNotFound", format!("One or more target groups not found: {what}"))
}

fn describe(call: &mut Call<'_>, input: &DescribeTargetGroupsInput) -> Result<DescribeTargetGroupsOutput, Rejection> {
    let region_state = call.region_state();
    let groups = &region_state.elbv2.target_groups;
    if let Some(missing) = input.target_group_arns().iter().find(|arn| !groups.contains_key(*arn)) {
        return not_found(missing);
    }
    if let Some(missing) = input.names().iter().find(|name| !groups.values().any(|group| group.name == **name)) {
        return not_found(missing);
    }
    let requested = |group: &&TargetGroup| {
        (input.target_group_arns().is_empty() || input.target_group_arns().contains(&group.arn))
            && (input.names().is_empty() || input.names().contains(&group.name))
            && input.load_balancer_arn().is_none_or(|arn| {
                region_state.elbv2.attached_load_balancers(&group.arn).iter().any(|user| user.arn == arn)
            })
    };
    let found = groups.values().filter(requested).map(|group| to_sdk(region_state, group)).collect();
    Ok(DescribeTargetGroupsOutput::builder().set_target_groups(Some(found)).build())
}

fn find<'a>(call: &'a mut Call<'_>, arn: Option<&str>) -> Result<&'a mut TargetGroup, Rejection> {
    let arn = arn.unwrap_or_default();
    match call.region_state().elbv2.target_groups.get_mut(arn) {
        Some(group) => Ok(group),
        None => not_found(arn),
    }
}

fn modify(call: &mut Call<'_>, input: &ModifyTargetGroupInput) -> Result<ModifyTargetGroupOutput, Rejection> {
    let group = find(call, input.target_group_arn())?;
    let before = &group.health_check;
    let after = HealthCheck {
        path: input.health_check_path().unwrap_or(&before.path).to_owned(),
        interval_seconds: input.health_check_interval_seconds().unwrap_or(before.interval_seconds),
        timeout_seconds: input.health_check_timeout_seconds().unwrap_or(before.timeout_seconds),
        healthy_threshold: input.healthy_threshold_count().unwrap_or(before.healthy_threshold),
        unhealthy_threshold: input.unhealthy_threshold_count().unwrap_or(before.unhealthy_threshold),
    };
    check(&after)?;
    group.health_check = after;
    let group = group.clone();
    Ok(ModifyTargetGroupOutput::builder().target_groups(to_sdk(call.region_state(), &group)).build())
}

fn sdk_attributes(attributes: &BTreeMap<String, String>) -> Vec<TargetGroupAttribute> {
    attributes.iter().map(|(key, value)| TargetGroupAttribute::builder().key(key).value(value).build()).collect()
}

fn describe_attributes(
    call: &mut Call<'_>,
    input: &DescribeTargetGroupAttributesInput,
) -> Result<DescribeTargetGroupAttributesOutput, Rejection> {
    let attributes = sdk_attributes(&find(call, input.target_group_arn())?.attributes);
    Ok(DescribeTargetGroupAttributesOutput::builder().set_attributes(Some(attributes)).build())
}

fn modify_attributes(
    call: &mut Call<'_>,
    input: &ModifyTargetGroupAttributesInput,
) -> Result<ModifyTargetGroupAttributesOutput, Rejection> {
    let group = find(call, input.target_group_arn())?;
    for attribute in input.attributes() {
        let (key, value) = (attribute.key().unwrap_or_default(), attribute.value().unwrap_or_default());
        // "The range is 0-3600 seconds" (TargetGroupAttribute).
        if key != DELAY || !value.parse::<u32>().is_ok_and(|seconds| seconds <= 3600) {
            return refuse("ValidationError", format!("Target group attribute '{key}' cannot be '{value}'"));
        }
        group.attributes.insert(key.to_owned(), value.to_owned());
    }
    Ok(ModifyTargetGroupAttributesOutput::builder().set_attributes(Some(sdk_attributes(&group.attributes))).build())
}

fn describe_health(
    call: &mut Call<'_>,
    input: &DescribeTargetHealthInput,
) -> Result<DescribeTargetHealthOutput, Rejection> {
    let now = call.now();
    let group = find(call, input.target_group_arn())?.clone();
    let (world, region) = (&*call.world, call.region.as_str());
    let targets = world
        .existing_region(region)
        .map(|region_state| region_state.targets(&group, &world.timeline().at(now), now, now))
        .unwrap_or_default();
    let described = |target: Target| {
        let health = TargetHealth::builder();
        let health = match target.health {
            Health::Initial => health.state(TargetHealthStateEnum::Initial),
            Health::Healthy => health.state(TargetHealthStateEnum::Healthy),
            Health::Unhealthy => health
                .state(TargetHealthStateEnum::Unhealthy)
                .reason(TargetHealthReasonEnum::FailedHealthChecks)
                .description("Health checks failed"),
            Health::Draining => health.state(TargetHealthStateEnum::Draining),
            Health::Unused => health.state(TargetHealthStateEnum::Unused),
        };
        let target = TargetDescription::builder().id(target.address).port(target.port).build();
        TargetHealthDescription::builder().target(target).target_health(health.build()).build()
    };
    Ok(DescribeTargetHealthOutput::builder()
        .set_target_health_descriptions(Some(targets.into_iter().map(described).collect()))
        .build())
}

fn delete(call: &mut Call<'_>, input: &DeleteTargetGroupInput) -> Result<DeleteTargetGroupOutput, Rejection> {
    let arn = input.target_group_arn().unwrap_or_default();
    let elb = &mut call.region_state().elbv2;
    // "You can delete a target group if it is not referenced by any actions" (DeleteTargetGroup).
    if !elb.attached_load_balancers(arn).is_empty() {
        return refuse("ResourceInUse", format!("Target group '{arn}' is currently in use by a listener or a rule"));
    }
    elb.target_groups.remove(arn);
    Ok(DeleteTargetGroupOutput::builder().build())
}
