//! An internet-facing application load balancer.
//!
//! Its name is its identity: it is unique in an account and region. Its network interfaces outlive it by minutes and
//! keep its subnets, its security groups and the internet gateway in use. So the deletion waits for the interfaces,
//! too.

use async_trait::async_trait;
use aws_sdk_ec2::types::Filter;
use aws_sdk_elasticloadbalancingv2::types::{
    LoadBalancer as Description, LoadBalancerAttribute, LoadBalancerSchemeEnum, LoadBalancerStateEnum,
    LoadBalancerTypeEnum,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::tagging;
use crate::ec2::blockers;
use crate::iam::service_linked_role;
use crate::inputs::sorted;
use infra_aws::{Progress, Wait};
use infra_base::address::{Arn, InternetGatewayId, SecurityGroupId, SubnetId};
use infra_core::graph::Input;
use infra_core::resource::{Blocker, Error, Observed, Resource, Result, Spec as _, StepContext, ignore_codes};
use infra_macros::{Attrs, Spec};

const PROTECTION: &str = "deletion_protection.enabled";
const IDLE_TIMEOUT: &str = "idle_timeout.timeout_seconds";
const CLIENT_KEEP_ALIVE: &str = "client_keep_alive.seconds";
const DROP_INVALID: &str = "routing.http.drop_invalid_header_fields.enabled";

/// The specification of a load balancer.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "elbv2.load_balancer",
    summary = "an internet-facing application load balancer",
    repeat = "name",
    arns("elasticloadbalancing:loadbalancer/"),
    create_seconds = 2,
    ready_seconds = 150,
    delete_seconds = 90,
    tagger = tagging::Elb,
    delete_blockers = "deletion protection; its network interfaces stay in the subnets for minutes after its deletion",
    reads(
        "iam:GetRole",
        "elasticloadbalancing:DescribeLoadBalancers",
        "elasticloadbalancing:DescribeLoadBalancerAttributes",
        "elasticloadbalancing:DescribeTags",
        "ec2:DescribeNetworkInterfaces",
        "tag:GetResources",
    ),
    creates(
        "elasticloadbalancing:CreateLoadBalancer",
        "elasticloadbalancing:ModifyLoadBalancerAttributes",
        "iam:CreateServiceLinkedRole"
    ),
    deletes("elasticloadbalancing:DeleteLoadBalancer"),
)]
pub struct LoadBalancer {
    /// Its name, at most 32 letters, digits and hyphens.
    #[immutable]
    #[unique]
    pub name: String,
    /// Public subnets in at least two availability zones.
    #[same_scope]
    #[update(call = "elasticloadbalancing:SetSubnets")]
    pub subnets: Vec<Input<SubnetId>>,
    /// Its security groups.
    #[update(call = "elasticloadbalancing:SetSecurityGroups")]
    pub security_groups: Vec<Input<SecurityGroupId>>,
    /// The internet gateway of the VPC. It only sets the order: AWS refuses an internet-facing load balancer in a VPC
    /// without an attached gateway, and the gateway cannot be detached while the load balancer has public addresses.
    pub internet_gateway: Input<InternetGatewayId>,
    /// Whether AWS refuses to delete it.
    #[update(call = "elasticloadbalancing:ModifyLoadBalancerAttributes")]
    #[deletion(setting)]
    pub deletion_protection: bool,
    /// The idle timeout of a connection.
    #[update(call = "elasticloadbalancing:ModifyLoadBalancerAttributes")]
    pub idle_timeout_seconds: i32,
    /// The maximum time for which the connection of a client is kept, also when it is not idle.
    #[update(call = "elasticloadbalancing:ModifyLoadBalancerAttributes")]
    #[serde(default = "default_client_keep_alive")]
    pub client_keep_alive_seconds: i32,
    /// Whether HTTP headers with invalid names are dropped.
    #[update(call = "elasticloadbalancing:ModifyLoadBalancerAttributes")]
    pub drop_invalid_headers: bool,
}

/// The attributes of a load balancer that this kind sets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Whether AWS refuses to delete it.
    pub deletion_protection: bool,
    /// The idle timeout of a connection.
    pub idle_timeout_seconds: i32,
    /// The maximum time for which the connection of a client is kept, also when it is not idle.
    #[serde(default = "default_client_keep_alive")]
    pub client_keep_alive_seconds: i32,
    /// Whether HTTP headers with invalid names are dropped.
    pub drop_invalid_headers: bool,
}

/// "The default is 3600 seconds" (`client_keep_alive.seconds`, `LoadBalancerAttribute`). States of earlier versions do
/// not have the value.
const fn default_client_keep_alive() -> i32 {
    3600
}

/// What is known of a load balancer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
pub struct LoadBalancerAttrs {
    /// Its ARN.
    #[id]
    #[output(created)]
    #[output(ready, name = "ready_arn", doc = "The load balancer's ARN, once it is active.")]
    pub arn: Arn,
    /// The last part of its ARN, `app/name/id`: its name in CloudWatch and in the description of its network
    /// interfaces.
    #[computed]
    #[output(created)]
    pub full_name: String,
    /// Its DNS name.
    #[computed]
    #[output(created)]
    pub dns_name: String,
    /// The hosted zone that an alias record for it names.
    #[computed]
    #[output(created)]
    pub hosted_zone_id: String,
    /// Its subnets, sorted.
    pub subnets: Vec<SubnetId>,
    /// Its security groups, sorted.
    pub security_groups: Vec<SecurityGroupId>,
    /// Its attributes.
    pub settings: Settings,
}

#[async_trait]
impl Resource for LoadBalancer {
    async fn observe(
        &self,
        cx: &StepContext,
        known: Option<&LoadBalancerAttrs>,
    ) -> Result<Observed<LoadBalancerAttrs>> {
        let call = cx.aws.elb.describe_load_balancers();
        let call = match known {
            Some(attrs) => call.load_balancer_arns(&attrs.arn),
            None => call.names(&self.name),
        };
        let found = ignore_codes(
            cx.read("elasticloadbalancing:DescribeLoadBalancers", call.send()).await,
            &["LoadBalancerNotFound"],
        )?;
        let current = found.and_then(|found| found.load_balancers?.into_iter().next());
        let settings = match &current {
            Some(current) => settings(cx, current.load_balancer_arn().unwrap_or_default()).await?,
            None => None,
        };
        let (Some(current), Some(settings)) = (current, settings) else {
            // A run that was killed after the deletion may have left interfaces that AWS is still deleting.
            if let Some(attrs) = known {
                wait_gone(cx, attrs).await?;
            }
            return Ok(Observed::Absent);
        };
        let attrs = attrs(current, settings);
        tagging::classify(cx, attrs.arn.clone().as_str(), "LoadBalancerNotFound", attrs).await
    }

    async fn ensure(&self, cx: &StepContext, seen: Option<LoadBalancerAttrs>) -> Result<LoadBalancerAttrs> {
        let mut attrs = match seen {
            Some(attrs) => attrs,
            None => self.create(cx).await?,
        };
        let subnets = sorted(&self.subnets)?;
        if attrs.subnets != subnets {
            let ids: Vec<String> = subnets.iter().map(Into::into).collect();
            let call = || cx.aws.elb.set_subnets().load_balancer_arn(&attrs.arn).set_subnets(Some(ids.clone())).send();
            cx.mutate("elasticloadbalancing:SetSubnets", call).await?;
            attrs.subnets = subnets;
        }
        let groups = sorted(&self.security_groups)?;
        if attrs.security_groups != groups {
            let ids: Vec<String> = groups.iter().map(Into::into).collect();
            let call = || {
                cx.aws
                    .elb
                    .set_security_groups()
                    .load_balancer_arn(&attrs.arn)
                    .set_security_groups(Some(ids.clone()))
                    .send()
            };
            cx.mutate("elasticloadbalancing:SetSecurityGroups", call).await?;
            attrs.security_groups = groups;
        }
        let wanted = Settings {
            deletion_protection: self.deletion_protection,
            idle_timeout_seconds: self.idle_timeout_seconds,
            client_keep_alive_seconds: self.client_keep_alive_seconds,
            drop_invalid_headers: self.drop_invalid_headers,
        };
        let changes = changes(&attrs.settings, &wanted);
        if !changes.is_empty() {
            let call = || {
                cx.aws
                    .elb
                    .modify_load_balancer_attributes()
                    .load_balancer_arn(&attrs.arn)
                    .set_attributes(Some(changes.clone()))
                    .send()
            };
            cx.mutate("elasticloadbalancing:ModifyLoadBalancerAttributes", call).await?;
            attrs.settings = wanted;
        }
        Ok(attrs)
    }

    async fn ready(&self, cx: &StepContext, attrs: LoadBalancerAttrs) -> Result<LoadBalancerAttrs> {
        let wait = Wait::new(format!("load balancer {} to become active", self.name), 10, 15 * 60)
            .typically("elasticloadbalancing:CreateLoadBalancer", Self::SCHEMA.ready_seconds);
        cx.wait(wait, || async {
            let call = cx.aws.elb.describe_load_balancers().load_balancer_arns(&attrs.arn).send();
            let found = ignore_codes(
                cx.read("elasticloadbalancing:DescribeLoadBalancers", call).await,
                &["LoadBalancerNotFound"],
            )?;
            let state = found.and_then(|found| found.load_balancers?.into_iter().next()?.state);
            let Some(state) = state else { return Ok(Progress::Pending("not visible yet".to_owned())) };
            Ok(match state.code() {
                // "active_impaired: the load balancer is routing traffic but does not have the resources it needs to
                // scale".
                Some(LoadBalancerStateEnum::Active | LoadBalancerStateEnum::ActiveImpaired) => Progress::Reached(()),
                Some(LoadBalancerStateEnum::Failed) => {
                    Progress::Failed { status: "failed".to_owned(), reason: state.reason }
                }
                code => Progress::Pending(code.map_or("unknown", |code| code.as_str()).to_owned()),
            })
        })
        .await?;
        Ok(attrs)
    }

    async fn delete(&self, cx: &StepContext, attrs: &LoadBalancerAttrs) -> Result<()> {
        if attrs.settings.deletion_protection {
            let name = &self.name;
            return Err(Error::Refused(format!(
                "the load balancer `{name}` is protected from deletion; turn the protection off, run `up`, and then \
                 try again"
            )));
        }
        let call = || cx.aws.elb.delete_load_balancer().load_balancer_arn(&attrs.arn).send();
        ignore_codes(cx.mutate("elasticloadbalancing:DeleteLoadBalancer", call).await, &["LoadBalancerNotFound"])?;
        wait_gone(cx, attrs).await
    }

    fn inputs_from_attrs(attrs: &LoadBalancerAttrs) -> Vec<(&'static str, Value)> {
        attrs.full_name.split('/').nth(1).map(|name| ("name", name.into())).into_iter().collect()
    }
}

impl LoadBalancer {
    async fn create(&self, cx: &StepContext) -> Result<LoadBalancerAttrs> {
        let subnets: Vec<String> = sorted(&self.subnets)?.into_iter().map(Into::into).collect();
        let groups: Vec<String> = sorted(&self.security_groups)?.into_iter().map(Into::into).collect();
        let tags = tagging::to_sdk(cx.identity.all_tags());
        let call = || {
            let call = cx.aws.elb.create_load_balancer().name(&self.name).r#type(LoadBalancerTypeEnum::Application);
            let call = call.scheme(LoadBalancerSchemeEnum::InternetFacing).set_subnets(Some(subnets.clone()));
            call.set_security_groups(Some(groups.clone())).set_tags(Some(tags.clone())).send()
        };
        service_linked_role::LOAD_BALANCING.ensure(cx).await?;
        let created = cx.mutate("elasticloadbalancing:CreateLoadBalancer", call).await?;
        let incomplete = |what| Error::MissingField { call: "elasticloadbalancing:CreateLoadBalancer", what };
        let current = created
            .load_balancers
            .and_then(|created| created.into_iter().next())
            .ok_or_else(|| incomplete("the load balancer"))?;
        let arn = current.load_balancer_arn().ok_or_else(|| incomplete("the ARN"))?;
        let settings = settings(cx, arn).await?.ok_or_else(|| incomplete("the attributes"))?;
        Ok(attrs(current, settings))
    }
}

fn attrs(current: Description, settings: Settings) -> LoadBalancerAttrs {
    let arn = Arn(current.load_balancer_arn.unwrap_or_default());
    let mut subnets: Vec<SubnetId> = current
        .availability_zones
        .unwrap_or_default()
        .into_iter()
        .filter_map(|zone| zone.subnet_id)
        .map(SubnetId)
        .collect();
    subnets.sort();
    let mut security_groups: Vec<SecurityGroupId> =
        current.security_groups.unwrap_or_default().into_iter().map(SecurityGroupId).collect();
    security_groups.sort();
    LoadBalancerAttrs {
        full_name: arn.as_str().split_once(":loadbalancer/").map(|(_, name)| name.to_owned()).unwrap_or_default(),
        arn,
        dns_name: current.dns_name.unwrap_or_default(),
        hosted_zone_id: current.canonical_hosted_zone_id.unwrap_or_default(),
        subnets,
        security_groups,
        settings,
    }
}

async fn settings(cx: &StepContext, arn: &str) -> Result<Option<Settings>> {
    let call = cx.aws.elb.describe_load_balancer_attributes().load_balancer_arn(arn).send();
    let found = ignore_codes(
        cx.read("elasticloadbalancing:DescribeLoadBalancerAttributes", call).await,
        &["LoadBalancerNotFound"],
    )?;
    Ok(found.map(|found| {
        let value = |key: &str| {
            found
                .attributes()
                .iter()
                .find(|attribute| attribute.key() == Some(key))
                .and_then(LoadBalancerAttribute::value)
        };
        Settings {
            deletion_protection: value(PROTECTION) == Some("true"),
            idle_timeout_seconds: value(IDLE_TIMEOUT).and_then(|text| text.parse().ok()).unwrap_or_default(),
            client_keep_alive_seconds: value(CLIENT_KEEP_ALIVE)
                .and_then(|text| text.parse().ok())
                .unwrap_or_else(default_client_keep_alive),
            drop_invalid_headers: value(DROP_INVALID) == Some("true"),
        }
    }))
}

/// Returns the attributes that differ.
fn changes(seen: &Settings, wanted: &Settings) -> Vec<LoadBalancerAttribute> {
    let texts = |settings: &Settings| {
        [
            (PROTECTION, settings.deletion_protection.to_string()),
            (IDLE_TIMEOUT, settings.idle_timeout_seconds.to_string()),
            (CLIENT_KEEP_ALIVE, settings.client_keep_alive_seconds.to_string()),
            (DROP_INVALID, settings.drop_invalid_headers.to_string()),
        ]
    };
    let before = texts(seen);
    let differing = texts(wanted).into_iter().filter(|setting| !before.contains(setting));
    differing.map(|(key, value)| LoadBalancerAttribute::builder().key(key).value(value).build()).collect()
}

/// Waits until the load balancer and its network interfaces no longer exist. The error names the interfaces that
/// remain.
async fn wait_gone(cx: &StepContext, attrs: &LoadBalancerAttrs) -> Result<()> {
    let name = &attrs.full_name;
    let wait = Wait::new(
        format!("load balancer {name} and its network interfaces to be deleted"),
        10,
        blockers::INTERFACE_DELETION_SECONDS,
    );
    let deleted = cx.wait(wait, || async {
        let call = cx.aws.elb.describe_load_balancers().load_balancer_arns(&attrs.arn).send();
        let found =
            ignore_codes(cx.read("elasticloadbalancing:DescribeLoadBalancers", call).await, &["LoadBalancerNotFound"])?;
        if found.is_some_and(|found| !found.load_balancers().is_empty()) {
            return Ok(Progress::Pending("being deleted".to_owned()));
        }
        let remaining = interfaces(cx, name).await?;
        if remaining.is_empty() {
            return Ok(Progress::Reached(()));
        }
        Ok(Progress::Pending(format!(
            "{} remain",
            remaining.iter().map(|remaining| remaining.id.as_str()).collect::<Vec<_>>().join(", ")
        )))
    });
    match deleted.await {
        Err(error @ Error::Timeout { .. }) => {
            let remaining = interfaces(cx, name).await?;
            Err(if remaining.is_empty() { error } else { Error::Blocked(remaining) })
        }
        other => other,
    }
}

/// Returns the network interfaces of a load balancer. Only their description names the load balancer.
async fn interfaces(cx: &StepContext, full_name: &str) -> Result<Vec<Blocker>> {
    let filter = Filter::builder().name("description").values(format!("ELB {full_name}")).build();
    let found = cx
        .read("ec2:DescribeNetworkInterfaces", cx.aws.ec2.describe_network_interfaces().filters(filter).send())
        .await?;
    Ok(found.network_interfaces().iter().map(blockers::blocker).collect())
}
