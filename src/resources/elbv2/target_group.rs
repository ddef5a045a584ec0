//! A target group for HTTP targets that are addressed by IP, which is what Fargate tasks need.
//!
//! Its name is its identity: a name exists once in an account and region.

use async_trait::async_trait;
use aws_sdk_elasticloadbalancingv2::types::{ProtocolEnum, TargetGroup as Shown, TargetGroupAttribute, TargetTypeEnum};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::tagging;
use crate::address::{Arn, VpcId};
use crate::graph::Input;
use crate::resource::{About, Blocker, Cx, Error, Handle, Observed, Resource, Result, settled};

const DELAY: &str = "deregistration_delay.timeout_seconds";
/// How long a target group may stay in use after its listener is gone.
const RELEASE_SECONDS: u64 = 5 * 60;

/// The specification of a target group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TargetGroup {
    /// Its name, at most 32 letters, digits and hyphens.
    pub name: String,
    /// The VPC of the targets.
    pub vpc: Input<VpcId>,
    /// The port that targets receive traffic on.
    pub port: i32,
    /// The path that health checks ask for.
    pub health_check_path: String,
    /// Time between two health checks of a target.
    pub health_check_interval_seconds: i32,
    /// How long a target may take to answer; less than the interval.
    pub health_check_timeout_seconds: i32,
    /// How many good answers make a target healthy.
    pub healthy_threshold: i32,
    /// How many bad answers make a target unhealthy.
    pub unhealthy_threshold: i32,
    /// How long a target that is taken out may finish its requests.
    pub deregistration_delay_seconds: i32,
}

/// How the health of targets is checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// The path that is asked for.
    pub path: String,
    /// Time between two checks.
    pub interval_seconds: i32,
    /// How long an answer may take.
    pub timeout_seconds: i32,
    /// How many good answers make a target healthy.
    pub healthy_threshold: i32,
    /// How many bad answers make a target unhealthy.
    pub unhealthy_threshold: i32,
}

/// What is known of a target group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetGroupAttrs {
    /// Its ARN.
    pub arn: Arn,
    /// The last part of its ARN, `targetgroup/name/id`: its name in CloudWatch.
    pub full_name: String,
    /// How the health of targets is checked.
    pub health_check: HealthCheck,
    /// How long a target that is taken out may finish its requests.
    pub deregistration_delay_seconds: i32,
    /// The VPC of the targets, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc: Option<VpcId>,
    /// The port of the targets, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<i32>,
}

impl Handle<TargetGroup> {
    /// The target group's ARN.
    pub fn arn(&self) -> Input<Arn> {
        self.created("arn")
    }

    /// The CloudWatch dimension `TargetGroup`: `targetgroup/name/id`.
    pub fn full_name(&self) -> Input<String> {
        self.created("full_name")
    }
}

#[async_trait]
impl Resource for TargetGroup {
    const KIND: &'static str = "elbv2.target_group";
    const ABOUT: About = About {
        summary: "a target group of a load balancer, for targets addressed by IP",
        create_seconds: 1,
        ready_seconds: 0,
        delete_seconds: 1,
        operations: &[
            "elasticloadbalancing:CreateTargetGroup",
            "elasticloadbalancing:DescribeTargetGroups",
            "elasticloadbalancing:ModifyTargetGroup",
            "elasticloadbalancing:DescribeTargetGroupAttributes",
            "elasticloadbalancing:ModifyTargetGroupAttributes",
            "elasticloadbalancing:DescribeTags",
            "elasticloadbalancing:DeleteTargetGroup",
            "elasticloadbalancing:AddTags",
            "elasticloadbalancing:RemoveTags",
        ],
        creates: &["elasticloadbalancing:CreateTargetGroup", "elasticloadbalancing:ModifyTargetGroupAttributes"],
        changes: &[
            "elasticloadbalancing:ModifyTargetGroup",
            "elasticloadbalancing:ModifyTargetGroupAttributes",
            "elasticloadbalancing:AddTags",
            "elasticloadbalancing:RemoveTags",
        ],
        deletes: &["elasticloadbalancing:DeleteTargetGroup"],
        immutable: &["name", "vpc", "port"],
        tagged: true,
        blocked_by: "a listener or rule that forwards to it",
        unique: &[&["name"]],
        computed: &["full_name"],
        called_for: &[
            (
                "elasticloadbalancing:ModifyTargetGroup",
                &["health_check_path", "health_check_interval_seconds", "health_check_timeout_seconds", "healthy_threshold", "unhealthy_threshold"],
            ),
            ("elasticloadbalancing:ModifyTargetGroupAttributes", &["deregistration_delay_seconds"]),
        ],
        ..About::PLAIN
    };
    type Attrs = TargetGroupAttrs;

    async fn observe(&self, cx: &Cx, known: Option<&TargetGroupAttrs>) -> Result<Observed<TargetGroupAttrs>> {
        let call = cx.aws.elb.describe_target_groups();
        let call = match known {
            Some(attrs) => call.target_group_arns(&attrs.arn),
            None => call.names(&self.name),
        };
        let found = settled(cx.read("elasticloadbalancing:DescribeTargetGroups", call.send()).await, &["TargetGroupNotFound"])?;
        let Some(shown) = found.and_then(|found| found.target_groups?.into_iter().next()) else { return Ok(Observed::Absent) };
        let Some(delay) = delay(cx, shown.target_group_arn().unwrap_or_default()).await? else { return Ok(Observed::Absent) };
        let attrs = attrs(shown, delay);
        tagging::judge(cx, attrs.arn.clone().as_str(), "TargetGroupNotFound", attrs).await
    }

    async fn ensure(&self, cx: &Cx, seen: Option<TargetGroupAttrs>) -> Result<TargetGroupAttrs> {
        let mut attrs = match seen {
            Some(attrs) => attrs,
            None => self.create(cx).await?,
        };
        let check = self.health_check();
        if attrs.health_check != check {
            let call = || {
                let call = cx.aws.elb.modify_target_group().target_group_arn(&attrs.arn).health_check_path(&check.path);
                let call = call.health_check_interval_seconds(check.interval_seconds).health_check_timeout_seconds(check.timeout_seconds);
                call.healthy_threshold_count(check.healthy_threshold).unhealthy_threshold_count(check.unhealthy_threshold).send()
            };
            cx.mutate("elasticloadbalancing:ModifyTargetGroup", call).await?;
            attrs.health_check = check;
        }
        if attrs.deregistration_delay_seconds != self.deregistration_delay_seconds {
            let delay = TargetGroupAttribute::builder().key(DELAY).value(self.deregistration_delay_seconds.to_string()).build();
            let call = || cx.aws.elb.modify_target_group_attributes().target_group_arn(&attrs.arn).attributes(delay.clone()).send();
            cx.mutate("elasticloadbalancing:ModifyTargetGroupAttributes", call).await?;
            attrs.deregistration_delay_seconds = self.deregistration_delay_seconds;
        }
        Ok(attrs)
    }

    async fn delete(&self, cx: &Cx, attrs: &TargetGroupAttrs) -> Result<()> {
        // A target group stays in use for some seconds after the listener that forwarded to it is gone.
        let call = || cx.aws.elb.delete_target_group().target_group_arn(&attrs.arn).send();
        let deleted = cx.retry("the load balancer to let go of the target group", &["ResourceInUse"], RELEASE_SECONDS, || async {
            cx.mutate("elasticloadbalancing:DeleteTargetGroup", call).await
        });
        match settled(deleted.await, &["TargetGroupNotFound"]) {
            Err(error) if error.is_code("ResourceInUse") => Err(name_users(cx, attrs, error).await),
            other => other.map(drop),
        }
    }

    async fn retag(&self, cx: &Cx, attrs: &TargetGroupAttrs) -> Result<()> {
        tagging::retag(cx, attrs.arn.as_str()).await
    }

    fn as_inputs(attrs: &TargetGroupAttrs) -> Vec<(&'static str, Value)> {
        attrs.full_name.split('/').nth(1).map(|name| ("name", name.into())).into_iter().collect()
    }

    fn id(attrs: &TargetGroupAttrs) -> String {
        attrs.arn.0.clone()
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

    async fn create(&self, cx: &Cx) -> Result<TargetGroupAttrs> {
        let vpc = self.vpc.get()?;
        let tags = tagging::all(cx);
        let call = || {
            let call = cx.aws.elb.create_target_group().name(&self.name).vpc_id(vpc).protocol(ProtocolEnum::Http).port(self.port);
            let call = call.target_type(TargetTypeEnum::Ip).health_check_protocol(ProtocolEnum::Http).health_check_path(&self.health_check_path);
            let call = call
                .health_check_interval_seconds(self.health_check_interval_seconds)
                .health_check_timeout_seconds(self.health_check_timeout_seconds);
            let call = call.healthy_threshold_count(self.healthy_threshold).unhealthy_threshold_count(self.unhealthy_threshold);
            call.set_tags(Some(tags.clone())).send()
        };
        let made = cx.mutate("elasticloadbalancing:CreateTargetGroup", call).await?;
        let incomplete = |what| Error::Incomplete { call: "elasticloadbalancing:CreateTargetGroup", what };
        let shown = made.target_groups.and_then(|made| made.into_iter().next()).ok_or_else(|| incomplete("the target group"))?;
        let arn = shown.target_group_arn().ok_or_else(|| incomplete("the ARN"))?;
        let delay = delay(cx, arn).await?.ok_or_else(|| incomplete("the attributes"))?;
        Ok(attrs(shown, delay))
    }
}

fn attrs(shown: Shown, delay: i32) -> TargetGroupAttrs {
    let arn = Arn(shown.target_group_arn.unwrap_or_default());
    TargetGroupAttrs {
        full_name: arn.as_str().rsplit_once(':').map(|(_, name)| name.to_owned()).unwrap_or_default(),
        arn,
        health_check: HealthCheck {
            path: shown.health_check_path.unwrap_or_default(),
            interval_seconds: shown.health_check_interval_seconds.unwrap_or_default(),
            timeout_seconds: shown.health_check_timeout_seconds.unwrap_or_default(),
            healthy_threshold: shown.healthy_threshold_count.unwrap_or_default(),
            unhealthy_threshold: shown.unhealthy_threshold_count.unwrap_or_default(),
        },
        deregistration_delay_seconds: delay,
        vpc: shown.vpc_id.map(Into::into),
        port: shown.port,
    }
}

async fn delay(cx: &Cx, arn: &str) -> Result<Option<i32>> {
    let call = cx.aws.elb.describe_target_group_attributes().target_group_arn(arn).send();
    let found = settled(cx.read("elasticloadbalancing:DescribeTargetGroupAttributes", call).await, &["TargetGroupNotFound"])?;
    Ok(found.map(|found| {
        let value = found.attributes().iter().find(|attribute| attribute.key() == Some(DELAY)).and_then(TargetGroupAttribute::value);
        value.and_then(|text| text.parse().ok()).unwrap_or_default()
    }))
}

/// Replaces AWS's "is in use" by the load balancers that use it.
async fn name_users(cx: &Cx, attrs: &TargetGroupAttrs, error: Error) -> Error {
    let call = cx.aws.elb.describe_target_groups().target_group_arns(&attrs.arn).send();
    let Ok(found) = cx.read("elasticloadbalancing:DescribeTargetGroups", call).await else { return error };
    let users = found.target_groups().iter().flat_map(aws_sdk_elasticloadbalancingv2::types::TargetGroup::load_balancer_arns);
    let users: Vec<Blocker> = users.map(|arn| Blocker { id: arn.clone(), what: "a load balancer that forwards to it".to_owned() }).collect();
    if users.is_empty() { error } else { Error::Blocked(users) }
}
