//! A security group. Its rules are resources of their own.
//!
//! Its name is unique in its VPC, and is its identity together with its tags. AWS gives every new group a rule that lets
//! everything out; the kind takes it away, so that a group lets through just what the rules of the graph say.

use async_trait::async_trait;
use aws_sdk_ec2::types::{Filter, IpPermission, IpRange, ResourceType};
use serde::{Deserialize, Serialize};

use super::blockers::{Used, delete_when_free};
use super::listing::groups;
use super::rules::{Direction, revoke, rules_of};
use super::tagging;
use super::visible::once_visible;
use crate::address::{SecurityGroupId, VpcId};
use crate::aws::OWNER_STACK;
use crate::graph::Input;
use crate::resource::{About, Cx, Error, Handle, Observed, Resource, Result, settled};

const NOT_FOUND: &str = "InvalidGroup.NotFound";
const EVERYWHERE: &str = "0.0.0.0/0";
const ALL_PROTOCOLS: &str = "-1";

/// The specification of a security group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SecurityGroup {
    /// Its VPC.
    pub vpc: Input<VpcId>,
    /// Its name, unique in the VPC.
    pub name: String,
    /// What it is for.
    pub description: String,
}

/// What is known of a security group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SecurityGroupAttrs {
    /// Its id.
    pub group_id: SecurityGroupId,
    /// AWS's own rule that lets everything out, while it is there.
    pub open_egress_rule: Option<String>,
    /// Whether that rule may be there without being visible: the group was found after its creation was not answered.
    #[serde(default)]
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
    /// A group of which only the id is known.
    fn of(group_id: SecurityGroupId) -> Self {
        Self { group_id, open_egress_rule: None, may_be_open: false, vpc: None, name: None, description: None }
    }
}

impl Handle<SecurityGroup> {
    /// The group's id.
    pub fn id(&self) -> Input<SecurityGroupId> {
        self.created("group_id")
    }
}

#[async_trait]
impl Resource for SecurityGroup {
    const KIND: &'static str = "ec2.security_group";
    const ABOUT: About = About {
        summary: "a security group, without rules of its own",
        create_seconds: 3,
        ready_seconds: 0,
        delete_seconds: 2,
        operations: &[
            "ec2:CreateSecurityGroup",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSecurityGroupRules",
            "ec2:RevokeSecurityGroupEgress",
            "ec2:DeleteSecurityGroup",
            "ec2:DescribeNetworkInterfaces",
            "ec2:CreateTags",
            "ec2:DeleteTags",
        ],
        creates: &["ec2:CreateSecurityGroup", "ec2:RevokeSecurityGroupEgress"],
        deletes: &["ec2:DeleteSecurityGroup"],
        changes: &["ec2:RevokeSecurityGroupEgress", "ec2:CreateTags", "ec2:DeleteTags"],
        immutable: &["vpc", "name", "description"],
        tagged: true,
        blocked_by: "network interfaces that are in it, and rules of other groups that refer to it",
        unique: &[&["vpc", "name"]],
        computed: &["may_be_open"],
        ..About::PLAIN
    };
    type Attrs = SecurityGroupAttrs;

    async fn observe(&self, cx: &Cx, known: Option<&SecurityGroupAttrs>) -> Result<Observed<SecurityGroupAttrs>> {
        let Some(found) = self.find(cx, known).await? else { return Ok(Observed::Absent) };
        let id = |group: &aws_sdk_ec2::types::SecurityGroup| group.group_id().unwrap_or_default().to_owned();
        let shown = |group: aws_sdk_ec2::types::SecurityGroup| SecurityGroupAttrs {
            vpc: group.vpc_id.map(Into::into),
            name: group.group_name,
            description: group.description,
            ..SecurityGroupAttrs::of(SecurityGroupId(group.group_id.unwrap_or_default()))
        };
        Ok(match tagging::judge(cx, found, |group| group.tags(), id, shown)? {
            Observed::Ours(attrs) => {
                let open_egress_rule = open_egress_rule(cx, &attrs.group_id).await?;
                Observed::Ours(SecurityGroupAttrs { may_be_open: known.is_none() && open_egress_rule.is_none(), open_egress_rule, ..attrs })
            }
            Observed::Absent => Observed::Absent,
            Observed::Foreign { id, owner } => Observed::Foreign { id, owner },
        })
    }

    async fn ensure(&self, cx: &Cx, seen: Option<SecurityGroupAttrs>) -> Result<SecurityGroupAttrs> {
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
                    // There is one with this name after all, which did not show before.
                    Err(error) if error.is_code("InvalidGroup.Duplicate") => match self.observe(cx, None).await? {
                        Observed::Ours(attrs) => return self.ensure(cx, Some(attrs)).await,
                        Observed::Foreign { id, owner } => return Err(Error::Foreign { id, owner }),
                        Observed::Absent => return Err(error),
                    },
                    other => other?,
                };
                close(cx, &group_id).await?;
                let (name, description) = (Some(self.name.clone()), Some(self.description.clone()));
                SecurityGroupAttrs { vpc: Some(self.vpc.get()?.clone()), name, description, ..SecurityGroupAttrs::of(group_id) }
            }
        })
    }

    async fn delete(&self, cx: &Cx, attrs: &SecurityGroupAttrs) -> Result<()> {
        let call = || cx.aws.ec2.delete_security_group().group_id(&attrs.group_id).send();
        delete_when_free(cx, Used::Group(&attrs.group_id), || async {
            settled(cx.mutate("ec2:DeleteSecurityGroup", call).await, &[NOT_FOUND]).map(drop)
        })
        .await
    }

    async fn retag(&self, cx: &Cx, attrs: &SecurityGroupAttrs) -> Result<()> {
        tagging::retag(cx, attrs.group_id.as_str()).await
    }

    fn known_by(id: &str) -> Option<SecurityGroupAttrs> {
        Some(SecurityGroupAttrs::of(id.into()))
    }

    fn id(attrs: &SecurityGroupAttrs) -> String {
        attrs.group_id.0.clone()
    }
}

impl SecurityGroup {
    async fn find(&self, cx: &Cx, known: Option<&SecurityGroupAttrs>) -> Result<Option<Vec<aws_sdk_ec2::types::SecurityGroup>>> {
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
        let found = cx.read("ec2:DescribeSecurityGroups", call.into_paginator().items().send().collect::<Result<Vec<_>, _>>()).await;
        settled(found, &[NOT_FOUND])
    }

    async fn create(&self, cx: &Cx) -> Result<SecurityGroupId> {
        let vpc = self.vpc.get()?;
        let tags = tagging::specification(cx, ResourceType::SecurityGroup);
        let call = || {
            let call = cx.aws.ec2.create_security_group().vpc_id(vpc).group_name(&self.name).description(&self.description);
            call.tag_specifications(tags.clone()).send()
        };
        let made = once_visible(cx, || cx.mutate("ec2:CreateSecurityGroup", call)).await?;
        let id = made.group_id.ok_or(Error::Incomplete { call: "ec2:CreateSecurityGroup", what: "the group id" })?;
        Ok(id.into())
    }
}

/// Takes away AWS's rule from a group that is new, by what it says: its id may not be visible yet.
async fn close(cx: &Cx, group_id: &SecurityGroupId) -> Result<()> {
    let everything = IpPermission::builder().ip_protocol(ALL_PROTOCOLS).ip_ranges(IpRange::builder().cidr_ip(EVERYWHERE).build()).build();
    let call = || cx.aws.ec2.revoke_security_group_egress().group_id(group_id).ip_permissions(everything.clone()).send();
    let revoked = once_visible(cx, || cx.mutate("ec2:RevokeSecurityGroupEgress", call)).await;
    settled(revoked, &["InvalidPermission.NotFound"]).map(drop)
}

/// Returns AWS's own rule that lets everything out. A rule of the graph that says the same carries our tags.
async fn open_egress_rule(cx: &Cx, group_id: &SecurityGroupId) -> Result<Option<String>> {
    let rules = rules_of(cx, group_id).await?;
    let open = rules.into_iter().find(|rule| {
        let everywhere = rule.ip_protocol() == Some(ALL_PROTOCOLS) && rule.cidr_ipv4() == Some(EVERYWHERE);
        Direction::Egress.is_of(rule) && everywhere && !rule.tags().iter().any(|tag| tag.key() == Some(OWNER_STACK))
    });
    Ok(open.and_then(|rule| rule.security_group_rule_id))
}
