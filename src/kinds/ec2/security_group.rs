//! A security group. Its rules are resources of their own.
//!
//! Its name is unique in its VPC. The name and the tags are its identity. AWS creates every new group with a rule that
//! allows all outbound traffic. The kind removes that rule, so that a group allows exactly what the rules of the graph
//! allow.

use async_trait::async_trait;
use aws_sdk_ec2::types::{Filter, IpPermission, IpRange, ResourceType};
use serde::{Deserialize, Serialize};

use super::blockers::{Target, delete_when_free};
use super::find;
use super::rules::{Direction, revoke, rules_of};
use super::stack_lists::groups;
use super::tagging;
use infra_base::address::{Arn, SecurityGroupId, VpcId};
use infra_base::tags::OWNER_STACK;
use infra_core::graph::Input;
use infra_core::resource::{Error, Observed, Resource, Result, StepContext, ignore_codes};
use infra_macros::{Attrs, Spec};

const NOT_FOUND: &str = "InvalidGroup.NotFound";
const EVERYWHERE: &str = "0.0.0.0/0";
const ALL_PROTOCOLS: &str = "-1";

/// The specification of a security group.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "ec2.security_group",
    summary = "a security group, without rules of its own",
    repeat = "name",
    arns("ec2:security-group/"),
    create_seconds = 3,
    delete_seconds = 2,
    tagger = tagging::Ec2,
    delete_blockers = "network interfaces that use it, and rules of other groups that refer to it",
    reads(
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSecurityGroupRules",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeNatGateways",
        "ec2:DescribeVpcEndpoints",
    ),
    creates("ec2:CreateSecurityGroup", "ec2:RevokeSecurityGroupEgress"),
    updates("ec2:RevokeSecurityGroupEgress"),
    deletes("ec2:DeleteSecurityGroup"),
)]
pub struct SecurityGroup {
    /// Its VPC.
    #[immutable]
    #[unique]
    #[scope]
    pub vpc: Input<VpcId>,
    /// Its name, unique in the VPC.
    #[immutable]
    #[unique]
    pub name: String,
    /// What it is for.
    #[immutable]
    pub description: String,
}

/// What is known of a security group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
pub struct SecurityGroupAttrs {
    /// Its id.
    #[id]
    #[output(created, name = "id")]
    pub group_id: SecurityGroupId,
    /// The rule that allows all outbound traffic, if AWS's default rule still exists.
    pub open_egress_rule: Option<String>,
    /// Whether that rule may exist without being visible: the response to the creation of the group was lost.
    #[serde(default)]
    #[computed]
    pub may_be_open: bool,
    /// The VPC, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc: Option<VpcId>,
    /// The name, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it is for, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

impl SecurityGroupAttrs {
    /// Returns the attributes of a group of which only the id is known.
    fn of(group_id: SecurityGroupId) -> Self {
        Self { group_id, open_egress_rule: None, may_be_open: false, vpc: None, name: None, description: None }
    }
}

#[async_trait]
impl Resource for SecurityGroup {
    async fn observe(
        &self,
        cx: &StepContext,
        known: Option<&SecurityGroupAttrs>,
    ) -> Result<Observed<SecurityGroupAttrs>> {
        let Some(found) = self.find(cx, known).await? else { return Ok(Observed::Absent) };
        let attrs = |group: aws_sdk_ec2::types::SecurityGroup| SecurityGroupAttrs {
            vpc: group.vpc_id.map(Into::into),
            name: group.group_name,
            description: group.description,
            ..SecurityGroupAttrs::of(SecurityGroupId(group.group_id.unwrap_or_default()))
        };
        Ok(match find::classify(cx, found, attrs)? {
            Observed::Ours(attrs) => {
                let open_egress_rule = open_egress_rule(cx, &attrs.group_id).await?;
                Observed::Ours(SecurityGroupAttrs {
                    may_be_open: known.is_none() && open_egress_rule.is_none(),
                    open_egress_rule,
                    ..attrs
                })
            }
            Observed::Absent => Observed::Absent,
            Observed::Foreign { id, owner } => Observed::Foreign { id, owner },
        })
    }

    async fn exists(cx: &StepContext, arn: &Arn) -> Result<bool> {
        let Some(id) = arn.id_after("ec2:security-group/") else { return Ok(true) };
        let call = cx.aws.ec2.describe_security_groups().group_ids(id).send();
        Ok(ignore_codes(cx.read("ec2:DescribeSecurityGroups", call).await, &["InvalidGroup.NotFound"])?.is_some())
    }

    async fn ensure(&self, cx: &StepContext, seen: Option<SecurityGroupAttrs>) -> Result<SecurityGroupAttrs> {
        Ok(match seen {
            Some(attrs) => {
                revoke(cx, &attrs.group_id, Direction::Egress, attrs.open_egress_rule.as_slice()).await?;
                if attrs.may_be_open {
                    close(cx, &attrs.group_id).await?;
                }
                SecurityGroupAttrs { open_egress_rule: None, may_be_open: false, ..attrs }
            }
            None => {
                let group_id = match self.create(cx).await {
                    // A group of this name exists, but was not visible before.
                    Err(error) if error.is_code("InvalidGroup.Duplicate") => match self.observe(cx, None).await? {
                        Observed::Ours(attrs) => return self.ensure(cx, Some(attrs)).await,
                        Observed::Foreign { id, owner } => return Err(Error::Foreign { id, owner }),
                        Observed::Absent => return Err(error),
                    },
                    other => other?,
                };
                close(cx, &group_id).await?;
                let (name, description) = (Some(self.name.clone()), Some(self.description.clone()));
                SecurityGroupAttrs {
                    vpc: Some(self.vpc.get()?.clone()),
                    name,
                    description,
                    ..SecurityGroupAttrs::of(group_id)
                }
            }
        })
    }

    async fn delete(&self, cx: &StepContext, attrs: &SecurityGroupAttrs) -> Result<()> {
        let call = || cx.aws.ec2.delete_security_group().group_id(&attrs.group_id).send();
        delete_when_free(cx, Target::Group(&attrs.group_id), || async {
            ignore_codes(cx.mutate("ec2:DeleteSecurityGroup", call).await, &[NOT_FOUND]).map(drop)
        })
        .await
    }

    fn from_id(id: &str) -> Option<SecurityGroupAttrs> {
        Some(SecurityGroupAttrs::of(id.into()))
    }
}

impl SecurityGroup {
    async fn find(
        &self,
        cx: &StepContext,
        known: Option<&SecurityGroupAttrs>,
    ) -> Result<Option<Vec<aws_sdk_ec2::types::SecurityGroup>>> {
        if let (Some(known), Some(all)) = (known, groups(cx).await?)
            && let Some(one) = all.iter().find(|group| group.group_id() == Some(known.group_id.as_str()))
        {
            return Ok(Some(vec![one.clone()]));
        }
        let call = cx.aws.ec2.describe_security_groups();
        let call = match known {
            Some(attrs) => call.group_ids(&attrs.group_id),
            None => {
                let filter = |name: &str, value: &str| Filter::builder().name(name).values(value).build();
                call.filters(filter("vpc-id", self.vpc.get()?.as_str())).filters(filter("group-name", &self.name))
            }
        };
        let found = cx
            .read("ec2:DescribeSecurityGroups", call.into_paginator().items().send().collect::<Result<Vec<_>, _>>())
            .await;
        ignore_codes(found, &[NOT_FOUND])
    }

    async fn create(&self, cx: &StepContext) -> Result<SecurityGroupId> {
        let vpc = self.vpc.get()?;
        let tags = tagging::specification(cx, ResourceType::SecurityGroup);
        let call = || {
            let call =
                cx.aws.ec2.create_security_group().vpc_id(vpc).group_name(&self.name).description(&self.description);
            call.tag_specifications(tags.clone()).send()
        };
        let created = cx.mutate("ec2:CreateSecurityGroup", call).await?;
        let id =
            created.group_id.ok_or(Error::MissingField { call: "ec2:CreateSecurityGroup", what: "the group id" })?;
        Ok(id.into())
    }
}

/// Removes the default rule from a new group by its content, because its id may not be visible yet.
async fn close(cx: &StepContext, group_id: &SecurityGroupId) -> Result<()> {
    let everything = IpPermission::builder()
        .ip_protocol(ALL_PROTOCOLS)
        .ip_ranges(IpRange::builder().cidr_ip(EVERYWHERE).build())
        .build();
    let call =
        || cx.aws.ec2.revoke_security_group_egress().group_id(group_id).ip_permissions(everything.clone()).send();
    // The group is new. When a rule is deleted, the same refusal means that it is gone, so no table contains it.
    let revoked = cx
        .retry("EC2 to see the group", &["InvalidGroup.NotFound"], 60, || {
            cx.mutate("ec2:RevokeSecurityGroupEgress", call)
        })
        .await;
    ignore_codes(revoked, &["InvalidPermission.NotFound"]).map(drop)
}

/// Returns the default rule that allows all outbound traffic. A rule of the graph with the same content has ownership
/// tags.
async fn open_egress_rule(cx: &StepContext, group_id: &SecurityGroupId) -> Result<Option<String>> {
    let rules = rules_of(cx, group_id).await?;
    let open = rules.into_iter().find(|rule| {
        let everywhere = rule.ip_protocol() == Some(ALL_PROTOCOLS) && rule.cidr_ipv4() == Some(EVERYWHERE);
        Direction::Egress.is_of(rule) && everywhere && !rule.tags().iter().any(|tag| tag.key() == Some(OWNER_STACK))
    });
    Ok(open.and_then(|rule| rule.security_group_rule_id))
}
