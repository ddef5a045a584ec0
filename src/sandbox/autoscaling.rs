//! Application Auto Scaling for the task counts of ECS services.

use std::collections::BTreeMap;

use aws_sdk_applicationautoscaling::operation::delete_scaling_policy::{
    DeleteScalingPolicyError, DeleteScalingPolicyInput, DeleteScalingPolicyOutput,
};
use aws_sdk_applicationautoscaling::operation::deregister_scalable_target::{
    DeregisterScalableTargetError, DeregisterScalableTargetInput, DeregisterScalableTargetOutput,
};
use aws_sdk_applicationautoscaling::operation::describe_scalable_targets::{
    DescribeScalableTargetsError, DescribeScalableTargetsInput, DescribeScalableTargetsOutput,
};
use aws_sdk_applicationautoscaling::operation::describe_scaling_policies::{
    DescribeScalingPoliciesError, DescribeScalingPoliciesInput, DescribeScalingPoliciesOutput,
};
use aws_sdk_applicationautoscaling::operation::list_tags_for_resource::{
    ListTagsForResourceError, ListTagsForResourceInput, ListTagsForResourceOutput,
};
use aws_sdk_applicationautoscaling::operation::put_scaling_policy::{
    PutScalingPolicyError, PutScalingPolicyInput, PutScalingPolicyOutput,
};
use aws_sdk_applicationautoscaling::operation::register_scalable_target::{
    RegisterScalableTargetError, RegisterScalableTargetInput, RegisterScalableTargetOutput,
};
use aws_sdk_applicationautoscaling::operation::tag_resource::{TagResourceError, TagResourceInput, TagResourceOutput};
use aws_sdk_applicationautoscaling::operation::untag_resource::{
    UntagResourceError, UntagResourceInput, UntagResourceOutput,
};
use aws_sdk_applicationautoscaling::primitives::DateTime;
use aws_sdk_applicationautoscaling::types::{
    MetricType, PolicyType, PredefinedMetricSpecification, ScalableDimension, ScalingPolicy, ServiceNamespace,
    SuspendedState, TargetTrackingScalingPolicyConfiguration,
};

use super::registry::{Call, Registry, Rejection, refuse};
use super::world::autoscaling::{Policy, Suspended, Target};

const SERVICE: &str = "application-autoscaling";

pub(super) fn register(registry: &mut Registry) {
    let fields = &[
        "service_namespace",
        "resource_id",
        "scalable_dimension",
        "min_capacity",
        "max_capacity",
        "tags",
        "suspended_state",
    ];
    registry.on(SERVICE, "RegisterScalableTarget", fields, RegisterScalableTargetError::generic, register_target);
    let fields = &["service_namespace", "resource_ids", "scalable_dimension"];
    registry.on(SERVICE, "DescribeScalableTargets", fields, DescribeScalableTargetsError::generic, describe_targets);
    let fields = &["service_namespace", "resource_id", "scalable_dimension"];
    registry.on(SERVICE, "DeregisterScalableTarget", fields, DeregisterScalableTargetError::generic, deregister_target);
    registry.on(SERVICE, "TagResource", &["resource_arn", "tags"], TagResourceError::generic, tag);
    registry.on(SERVICE, "UntagResource", &["resource_arn", "tag_keys"], UntagResourceError::generic, untag);
    registry.on(SERVICE, "ListTagsForResource", &["resource_arn"], ListTagsForResourceError::generic, list_tags);
    let fields = &[
        "policy_name",
        "service_namespace",
        "resource_id",
        "scalable_dimension",
        "policy_type",
        "target_tracking_scaling_policy_configuration",
    ];
    registry.on(SERVICE, "PutScalingPolicy", fields, PutScalingPolicyError::generic, put_policy);
    let fields = &["policy_names", "service_namespace", "resource_id", "scalable_dimension"];
    registry.on(SERVICE, "DescribeScalingPolicies", fields, DescribeScalingPoliciesError::generic, describe_policies);
    let fields = &["policy_name", "service_namespace", "resource_id", "scalable_dimension"];
    registry.on(SERVICE, "DeleteScalingPolicy", fields, DeleteScalingPolicyError::generic, delete_policy);
}

fn check(namespace: Option<&ServiceNamespace>, dimension: Option<&ScalableDimension>) -> Result<(), Rejection> {
    if namespace == Some(&ServiceNamespace::Ecs)
        && dimension.is_none_or(|dimension| *dimension == ScalableDimension::EcsServiceDesiredCount)
    {
        return Ok(());
    }
    refuse("ValidationException", "the sandbox models the task counts of ECS services only")
}

fn no_target<T>(resource_id: &str) -> Result<T, Rejection> {
    let message = format!(
        "No scalable target registered for service namespace: ecs, resource ID: {resource_id}, scalable dimension: \
         ecs:service:DesiredCount"
    );
    refuse("ObjectNotFoundException", message)
}

fn register_target(
    call: &mut Call<'_>,
    input: &RegisterScalableTargetInput,
) -> Result<RegisterScalableTargetOutput, Rejection> {
    check(input.service_namespace(), input.scalable_dimension())?;
    let id = input.resource_id().unwrap_or_default();
    let service = match id.split('/').collect::<Vec<_>>().as_slice() {
        ["service", cluster, service] => call.arn("ecs", &format!("service/{cluster}/{service}")),
        _ => {
            return refuse(
                "ValidationException",
                format!("Unsupported service namespace, resource type or scalable dimension: {id}"),
            );
        }
    };
    if call.region_state().ecs.services.get(&service).is_none_or(|service| service.status() != "ACTIVE") {
        return refuse("ValidationException", format!("ECS service doesn't exist: {id}"));
    }
    // aws-samples/amazon-bedrock-samples#253: it creates its role, and cannot assume it at once.
    if !crate::iam::create_for(call, "ecs.application-autoscaling.amazonaws.com") {
        let role = format!(
            "arn:{}:iam::{}:role/aws-service-role/ecs.application-autoscaling.amazonaws.com/\
             AWSServiceRoleForApplicationAutoScaling_ECSService",
            call.region.partition(),
            call.account()
        );
        return refuse("ValidationException", format!("Unable to assume IAM role: {role}"));
    }
    let before = call.region_state().autoscaling.targets.get(id).cloned();
    // "This property is required when registering a new scalable target" (MinCapacity, MaxCapacity).
    let limit = |requested: Option<i32>, old: Option<i32>| requested.or(old).filter(|limit| *limit >= 0);
    let min = limit(input.min_capacity(), before.as_ref().map(|target| target.min));
    let max = limit(input.max_capacity(), before.as_ref().map(|target| target.max));
    let (Some(min), Some(max)) = (min, max) else {
        return refuse("ValidationException", "Minimum and maximum capacity must be specified and not be negative");
    };
    if min > max {
        return refuse("ValidationException", "Maximum capacity cannot be less than minimum capacity");
    }
    // "Setting the value of an attribute to true suspends the specified scaling activities. Setting it to false
    // (default) resumes the specified scaling activities" (SuspendedState).
    let suspended = match input.suspended_state() {
        Some(state) => Suspended {
            scale_in: state.dynamic_scaling_in_suspended().unwrap_or_default(),
            scale_out: state.dynamic_scaling_out_suspended().unwrap_or_default(),
            scheduled: state.scheduled_scaling_suspended().unwrap_or_default(),
        },
        None => before.as_ref().map(|target| target.suspended).unwrap_or_default(),
    };
    let target = match before {
        // "To tag an existing scalable target, use the TagResource operation" (RegisterScalableTarget, Tags).
        Some(_) if input.tags().is_some() => {
            return refuse("ValidationException", "Tags cannot be set on an existing scalable target");
        }
        Some(before) => Target { min, max, suspended, ..before },
        None => {
            let suffix = call.new_id("x");
            Target {
                resource_id: id.to_owned(),
                arn: call.arn("application-autoscaling", &format!("scalable-target/{}", &suffix[2..])),
                min,
                max,
                created_at: call.now(),
                tags: input.tags().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect(),
                suspended,
                policies: BTreeMap::new(),
                evaluated_at: call.now(),
                scaled_out_at: None,
                scaled_in_at: None,
            }
        }
    };
    let answer = RegisterScalableTargetOutput::builder().scalable_target_arn(&target.arn).build();
    call.region_state().autoscaling.targets.insert(id.to_owned(), target);
    Ok(answer)
}

fn time(at: u64) -> DateTime {
    DateTime::from_millis(i64::try_from(at).unwrap_or_default())
}

fn describe_targets(
    call: &mut Call<'_>,
    input: &DescribeScalableTargetsInput,
) -> Result<DescribeScalableTargetsOutput, Rejection> {
    check(input.service_namespace(), input.scalable_dimension())?;
    let role = format!(
        "arn:{}:iam::{}:role/aws-service-role/ecs.application-autoscaling.amazonaws.com/\
         AWSServiceRoleForApplicationAutoScaling_ECSService",
        call.region.partition(),
        call.account()
    );
    let targets = call.region_state().autoscaling.targets.values();
    let requested =
        targets.filter(|target| input.resource_ids().is_empty() || input.resource_ids().contains(&target.resource_id));
    let to_sdk = |target: &Target| {
        let described = aws_sdk_applicationautoscaling::types::ScalableTarget::builder()
            .service_namespace(ServiceNamespace::Ecs)
            .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
            .resource_id(&target.resource_id)
            .scalable_target_arn(&target.arn)
            .min_capacity(target.min)
            .max_capacity(target.max)
            .role_arn(&role)
            .suspended_state(
                SuspendedState::builder()
                    .dynamic_scaling_in_suspended(target.suspended.scale_in)
                    .dynamic_scaling_out_suspended(target.suspended.scale_out)
                    .scheduled_scaling_suspended(target.suspended.scheduled)
                    .build(),
            )
            .creation_time(time(target.created_at));
        described.build().ok()
    };
    Ok(DescribeScalableTargetsOutput::builder()
        .set_scalable_targets(Some(requested.filter_map(to_sdk).collect()))
        .build())
}

fn deregister_target(
    call: &mut Call<'_>,
    input: &DeregisterScalableTargetInput,
) -> Result<DeregisterScalableTargetOutput, Rejection> {
    check(input.service_namespace(), input.scalable_dimension())?;
    let id = input.resource_id().unwrap_or_default();
    // "Deregistering a scalable target deletes the scaling policies that are associated with it"
    // (DeregisterScalableTarget).
    match call.region_state().autoscaling.targets.remove(id) {
        Some(_) => Ok(DeregisterScalableTargetOutput::builder().build()),
        None => no_target(id),
    }
}

fn list_tags(call: &mut Call<'_>, input: &ListTagsForResourceInput) -> Result<ListTagsForResourceOutput, Rejection> {
    let arn = input.resource_arn().unwrap_or_default();
    match call.region_state().autoscaling.targets.values().find(|target| target.arn == arn) {
        Some(target) => {
            Ok(ListTagsForResourceOutput::builder().set_tags(Some(target.tags.clone().into_iter().collect())).build())
        }
        None => refuse("ResourceNotFoundException", format!("The resource {arn} does not exist")),
    }
}

fn tag(call: &mut Call<'_>, input: &TagResourceInput) -> Result<TagResourceOutput, Rejection> {
    let arn = input.resource_arn().unwrap_or_default();
    match call.region_state().autoscaling.targets.values_mut().find(|target| target.arn == arn) {
        Some(target) => {
            target.tags.extend(input.tags().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())));
        }
        None => return refuse("ResourceNotFoundException", format!("The resource {arn} does not exist")),
    }
    Ok(TagResourceOutput::builder().build())
}

fn untag(call: &mut Call<'_>, input: &UntagResourceInput) -> Result<UntagResourceOutput, Rejection> {
    let arn = input.resource_arn().unwrap_or_default();
    match call.region_state().autoscaling.targets.values_mut().find(|target| target.arn == arn) {
        Some(target) => target.tags.retain(|key, _| !input.tag_keys().contains(key)),
        None => return refuse("ResourceNotFoundException", format!("The resource {arn} does not exist")),
    }
    Ok(UntagResourceOutput::builder().build())
}

fn put_policy(call: &mut Call<'_>, input: &PutScalingPolicyInput) -> Result<PutScalingPolicyOutput, Rejection> {
    check(input.service_namespace(), input.scalable_dimension())?;
    let (id, name) =
        (input.resource_id().unwrap_or_default().to_owned(), input.policy_name().unwrap_or_default().to_owned());
    let configuration = input
        .target_tracking_scaling_policy_configuration()
        .filter(|_| input.policy_type() == Some(&PolicyType::TargetTrackingScaling));
    let Some(configuration) = configuration else {
        return refuse("ValidationException", "the sandbox models target tracking policies only");
    };
    let metric = configuration
        .predefined_metric_specification()
        .map(aws_sdk_applicationautoscaling::types::PredefinedMetricSpecification::predefined_metric_type);
    let Some(metric @ (MetricType::EcsServiceAverageCpuUtilization | MetricType::EcsServiceAverageMemoryUtilization)) =
        metric
    else {
        return refuse("ValidationException", format!("the metric {metric:?} is not valid for ECS services"));
    };
    let suffix = call.world.new_request_id();
    let now = call.now();
    let arn = call.arn("autoscaling", &format!("scalingPolicy:{suffix}:resource/ecs/{id}:policyName/{name}"));
    let Some(target) = call.region_state().autoscaling.targets.get_mut(&id) else { return no_target(&id) };
    // "You may not have multiple target tracking policies for the same metric": one policy per metric.
    if target.policies.iter().any(|(other, policy)| *other != name && policy.metric == metric.as_str()) {
        return refuse(
            "ValidationException",
            "Only one TargetTrackingScaling policy for a given metric specification is allowed.",
        );
    }
    let before = target.policies.get(&name);
    let policy = Policy {
        arn: before.map_or(arn, |before| before.arn.clone()),
        metric: metric.as_str().to_owned(),
        target_value: configuration.target_value(),
        scale_in_cooldown: configuration.scale_in_cooldown(),
        scale_out_cooldown: configuration.scale_out_cooldown(),
        created_at: before.map_or(now, |before| before.created_at),
        above: 0,
        below: 0,
    };
    let answer = PutScalingPolicyOutput::builder().policy_arn(&policy.arn).build();
    target.policies.insert(name, policy);
    answer.or_else(|error| refuse("SandboxFault", error.to_string()))
}

fn describe_policies(
    call: &mut Call<'_>,
    input: &DescribeScalingPoliciesInput,
) -> Result<DescribeScalingPoliciesOutput, Rejection> {
    check(input.service_namespace(), input.scalable_dimension())?;
    let mut found = Vec::new();
    for target in call
        .region_state()
        .autoscaling
        .targets
        .values()
        .filter(|target| input.resource_id().is_none_or(|id| id == target.resource_id))
    {
        for (name, policy) in target
            .policies
            .iter()
            .filter(|(name, _)| input.policy_names().is_empty() || input.policy_names().contains(name))
        {
            let metric = PredefinedMetricSpecification::builder()
                .predefined_metric_type(MetricType::from(policy.metric.as_str()))
                .build()
                .ok();
            let configuration = TargetTrackingScalingPolicyConfiguration::builder()
                .target_value(policy.target_value)
                .set_predefined_metric_specification(metric)
                .set_scale_in_cooldown(policy.scale_in_cooldown)
                .set_scale_out_cooldown(policy.scale_out_cooldown);
            let printed = ScalingPolicy::builder()
                .policy_arn(&policy.arn)
                .policy_name(name)
                .service_namespace(ServiceNamespace::Ecs)
                .resource_id(&target.resource_id)
                .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
                .policy_type(PolicyType::TargetTrackingScaling)
                .set_target_tracking_scaling_policy_configuration(configuration.build().ok())
                .creation_time(time(policy.created_at));
            found.extend(printed.build().ok());
        }
    }
    Ok(DescribeScalingPoliciesOutput::builder().set_scaling_policies(Some(found)).build())
}

fn delete_policy(
    call: &mut Call<'_>,
    input: &DeleteScalingPolicyInput,
) -> Result<DeleteScalingPolicyOutput, Rejection> {
    check(input.service_namespace(), input.scalable_dimension())?;
    let (id, name) = (input.resource_id().unwrap_or_default(), input.policy_name().unwrap_or_default());
    match call.region_state().autoscaling.targets.get_mut(id).and_then(|target| target.policies.remove(name)) {
        Some(_) => Ok(DeleteScalingPolicyOutput::builder().build()),
        None => refuse(
            "ObjectNotFoundException",
            format!("No scaling policy found for service namespace: ecs, resource ID: {id}, policy name: {name}"),
        ),
    }
}
