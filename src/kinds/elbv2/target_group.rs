//! A target group for HTTP targets addressed by IP, as Fargate tasks are.
//!
//! Its name is its identity: it is unique in an account and region.

use async_trait::async_trait;
use aws_sdk_elasticloadbalancingv2::types::{
    ProtocolEnum, TargetGroup as Description, TargetGroupAttribute, TargetTypeEnum,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::tagging;
use infra_base::address::{Arn, VpcId};
use infra_core::graph::Input;
use infra_core::resource::{Blocker, Error, Observed, Resource, Result, StepContext, ignore_codes};
use infra_macros::{Attrs, Spec};

const DELAY: &str = "deregistration_delay.timeout_seconds";
/// How long a target group can stay in use after the deletion of its listener.
const RELEASE_SECONDS: u64 = 5 * 60;

/// The specification of a target group.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "elbv2.target_group",
    summary = "a target group of a load balancer, for targets addressed by IP",
    repeat = "name",
    arns("elasticloadbalancing:targetgroup/"),
    create_seconds = 1,
    delete_seconds = 1,
    tagger = tagging::Elb,
    delete_blockers = "a listener or rule that forwards to it",
    reads(
        "elasticloadbalancing:DescribeTargetGroups",
        "elasticloadbalancing:DescribeTargetGroupAttributes",
        "elasticloadbalancing:DescribeTags",
        "tag:GetResources",
    ),
    creates("elasticloadbalancing:CreateTargetGroup", "elasticloadbalancing:ModifyTargetGroupAttributes"),
    deletes("elasticloadbalancing:DeleteTargetGroup"),
)]
pub struct TargetGroup {
    /// Its name, at most 32 letters, digits and hyphens.
    #[immutable]
    #[unique]
    pub name: String,
    /// The VPC of the targets.
    #[immutable]
    #[scope]
    pub vpc: Input<VpcId>,
    /// The port that targets receive traffic on.
    #[immutable]
    pub port: i32,
    /// The path of health checks.
    #[update(call = "elasticloadbalancing:ModifyTargetGroup")]
    pub health_check_path: String,
    /// Time between two health checks of a target.
    #[update(call = "elasticloadbalancing:ModifyTargetGroup")]
    pub health_check_interval_seconds: i32,
    /// The timeout of a health check; less than the interval.
    #[update(call = "elasticloadbalancing:ModifyTargetGroup")]
    pub health_check_timeout_seconds: i32,
    /// The number of successful checks that make a target healthy.
    #[update(call = "elasticloadbalancing:ModifyTargetGroup")]
    pub healthy_threshold: i32,
    /// The number of failed checks that make a target unhealthy.
    #[update(call = "elasticloadbalancing:ModifyTargetGroup")]
    pub unhealthy_threshold: i32,
    /// How long a deregistered target can finish its requests.
    #[update(call = "elasticloadbalancing:ModifyTargetGroupAttributes")]
    pub deregistration_delay_seconds: i32,
}

/// The health check of the targets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// Its path.
    pub path: String,
    /// Time between two checks.
    pub interval_seconds: i32,
    /// Its timeout.
    pub timeout_seconds: i32,
    /// The number of successful checks that make a target healthy.
    pub healthy_threshold: i32,
    /// The number of failed checks that make a target unhealthy.
    pub unhealthy_threshold: i32,
}

/// What is known of a target group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
pub struct TargetGroupAttrs {
    /// Its ARN.
    #[id]
    #[output(created)]
    pub arn: Arn,
    /// The last part of its ARN, `targetgroup/name/id`: its name in CloudWatch.
    #[computed]
    #[output(created)]
    pub full_name: String,
    /// The health check of the targets.
    pub health_check: HealthCheck,
    /// How long a deregistered target can finish its requests.
    pub deregistration_delay_seconds: i32,
    /// The VPC of the targets, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc: Option<VpcId>,
    /// The port of the targets, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<i32>,
}

#[async_trait]
impl Resource for TargetGroup {
    async fn observe(&self, cx: &StepContext, known: Option<&TargetGroupAttrs>) -> Result<Observed<TargetGroupAttrs>> {
        let call = cx.aws.elb.describe_target_groups();
        let call = match known {
            Some(attrs) => call.target_group_arns(&attrs.arn),
            None => call.names(&self.name),
        };
        let found = ignore_codes(
            cx.read("elasticloadbalancing:DescribeTargetGroups", call.send()).await,
            &["TargetGroupNotFound"],
        )?;
        let Some(current) = found.and_then(|found| found.target_groups?.into_iter().next()) else {
            return Ok(Observed::Absent);
        };
        let Some(delay) = delay(cx, current.target_group_arn().unwrap_or_default()).await? else {
            return Ok(Observed::Absent);
        };
        let attrs = attrs(current, delay);
        tagging::classify(cx, attrs.arn.clone().as_str(), "TargetGroupNotFound", attrs).await
    }

    async fn ensure(&self, cx: &StepContext, seen: Option<TargetGroupAttrs>) -> Result<TargetGroupAttrs> {
        let mut attrs = match seen {
            Some(attrs) => attrs,
            None => self.create(cx).await?,
        };
        let check = self.health_check();
        if attrs.health_check != check {
            let call = || {
                let call = cx.aws.elb.modify_target_group().target_group_arn(&attrs.arn).health_check_path(&check.path);
                let call = call
                    .health_check_interval_seconds(check.interval_seconds)
                    .health_check_timeout_seconds(check.timeout_seconds);
                call.healthy_threshold_count(check.healthy_threshold)
                    .unhealthy_threshold_count(check.unhealthy_threshold)
                    .send()
            };
            cx.mutate("elasticloadbalancing:ModifyTargetGroup", call).await?;
            attrs.health_check = check;
        }
        if attrs.deregistration_delay_seconds != self.deregistration_delay_seconds {
            let delay =
                TargetGroupAttribute::builder().key(DELAY).value(self.deregistration_delay_seconds.to_string()).build();
            let call = || {
                cx.aws
                    .elb
                    .modify_target_group_attributes()
                    .target_group_arn(&attrs.arn)
                    .attributes(delay.clone())
                    .send()
            };
            cx.mutate("elasticloadbalancing:ModifyTargetGroupAttributes", call).await?;
            attrs.deregistration_delay_seconds = self.deregistration_delay_seconds;
        }
        Ok(attrs)
    }

    async fn delete(&self, cx: &StepContext, attrs: &TargetGroupAttrs) -> Result<()> {
        // A target group stays in use for some seconds after the deletion of its listener.
        let call = || cx.aws.elb.delete_target_group().target_group_arn(&attrs.arn).send();
        let deleted =
            cx.retry("the load balancer to release the target group", &["ResourceInUse"], RELEASE_SECONDS, || async {
                cx.mutate("elasticloadbalancing:DeleteTargetGroup", call).await
            });
        match ignore_codes(deleted.await, &["TargetGroupNotFound"]) {
            Err(error) if error.is_code("ResourceInUse") => Err(name_users(cx, attrs, error).await),
            other => other.map(drop),
        }
    }

    fn inputs_from_attrs(attrs: &TargetGroupAttrs) -> Vec<(&'static str, Value)> {
        attrs.full_name.split('/').nth(1).map(|name| ("name", name.into())).into_iter().collect()
    }
}

impl TargetGroup {
    fn health_check(&self) -> HealthCheck {
        HealthCheck {
            path: self.health_check_path.clone(),
            interval_seconds: self.health_check_interval_seconds,
            timeout_seconds: self.health_check_timeout_seconds,
            healthy_threshold: self.healthy_threshold,
            unhealthy_threshold: self.unhealthy_threshold,
        }
    }

    async fn create(&self, cx: &StepContext) -> Result<TargetGroupAttrs> {
        let vpc = self.vpc.get()?;
        let tags = tagging::to_sdk(cx.identity.all_tags());
        let call = || {
            let call = cx
                .aws
                .elb
                .create_target_group()
                .name(&self.name)
                .vpc_id(vpc)
                .protocol(ProtocolEnum::Http)
                .port(self.port);
            let call = call
                .target_type(TargetTypeEnum::Ip)
                .health_check_protocol(ProtocolEnum::Http)
                .health_check_path(&self.health_check_path);
            let call = call
                .health_check_interval_seconds(self.health_check_interval_seconds)
                .health_check_timeout_seconds(self.health_check_timeout_seconds);
            let call = call
                .healthy_threshold_count(self.healthy_threshold)
                .unhealthy_threshold_count(self.unhealthy_threshold);
            call.set_tags(Some(tags.clone())).send()
        };
        let created = cx.mutate("elasticloadbalancing:CreateTargetGroup", call).await?;
        let incomplete = |what| Error::MissingField { call: "elasticloadbalancing:CreateTargetGroup", what };
        let current = created
            .target_groups
            .and_then(|created| created.into_iter().next())
            .ok_or_else(|| incomplete("the target group"))?;
        let arn = current.target_group_arn().ok_or_else(|| incomplete("the ARN"))?;
        let delay = delay(cx, arn).await?.ok_or_else(|| incomplete("the attributes"))?;
        Ok(attrs(current, delay))
    }
}

fn attrs(current: Description, delay: i32) -> TargetGroupAttrs {
    let arn = Arn(current.target_group_arn.unwrap_or_default());
    TargetGroupAttrs {
        full_name: arn.as_str().rsplit_once(':').map(|(_, name)| name.to_owned()).unwrap_or_default(),
        arn,
        health_check: HealthCheck {
            path: current.health_check_path.unwrap_or_default(),
            interval_seconds: current.health_check_interval_seconds.unwrap_or_default(),
            timeout_seconds: current.health_check_timeout_seconds.unwrap_or_default(),
            healthy_threshold: current.healthy_threshold_count.unwrap_or_default(),
            unhealthy_threshold: current.unhealthy_threshold_count.unwrap_or_default(),
        },
        deregistration_delay_seconds: delay,
        vpc: current.vpc_id.map(Into::into),
        port: current.port,
    }
}

async fn delay(cx: &StepContext, arn: &str) -> Result<Option<i32>> {
    let call = cx.aws.elb.describe_target_group_attributes().target_group_arn(arn).send();
    let found = ignore_codes(
        cx.read("elasticloadbalancing:DescribeTargetGroupAttributes", call).await,
        &["TargetGroupNotFound"],
    )?;
    Ok(found.map(|found| {
        let value = found
            .attributes()
            .iter()
            .find(|attribute| attribute.key() == Some(DELAY))
            .and_then(TargetGroupAttribute::value);
        value.and_then(|text| text.parse().ok()).unwrap_or_default()
    }))
}

/// Replaces the error "is in use" by the load balancers that use it.
async fn name_users(cx: &StepContext, attrs: &TargetGroupAttrs, error: Error) -> Error {
    let call = cx.aws.elb.describe_target_groups().target_group_arns(&attrs.arn).send();
    let Ok(found) = cx.read("elasticloadbalancing:DescribeTargetGroups", call).await else { return error };
    let users =
        found.target_groups().iter().flat_map(aws_sdk_elasticloadbalancingv2::types::TargetGroup::load_balancer_arns);
    let users: Vec<Blocker> =
        users.map(|arn| Blocker { id: arn.clone(), what: "a load balancer that forwards to it".to_owned() }).collect();
    if users.is_empty() { error } else { Error::Blocked(users) }
}
