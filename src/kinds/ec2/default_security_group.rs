//! The default security group of a VPC without any rule, so that resources that use it by mistake have no access.
//!
//! AWS creates and deletes it with the VPC. It cannot be tagged at creation; its VPC determines its owner.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_ec2::types::{Filter, SecurityGroup};
use serde::{Deserialize, Serialize};

use super::rules::{Direction, revoke, rules_of};
use super::stack_lists::groups;
use super::vpc::Vpc;
use infra_aws::{Progress, Wait};
use infra_base::address::{SecurityGroupId, VpcId};
use infra_core::graph::Input;
use infra_core::resource::{Observed, Parent, Resource, Result, StepContext};
use infra_macros::{Attrs, Spec};

/// Seconds between two reads while rules are not visible yet.
const READ_PAUSES: [u64; 3] = [1, 2, 4];

/// The specification of a default security group without rules.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "ec2.default_security_group",
    summary = "the default security group of a VPC, without any rule",
    repeat = "setting",
    create_seconds = 2,
    delete_blockers = "nothing; AWS deletes it with its VPC",
    reads("ec2:DescribeSecurityGroups", "ec2:DescribeSecurityGroupRules"),
    creates("ec2:RevokeSecurityGroupIngress", "ec2:RevokeSecurityGroupEgress"),
    updates("ec2:RevokeSecurityGroupIngress", "ec2:RevokeSecurityGroupEgress")
)]
pub struct DefaultSecurityGroup {
    /// Its VPC.
    #[immutable]
    #[unique]
    #[scope]
    pub vpc: Input<VpcId>,
}

/// What is known of a default security group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
pub struct DefaultSecurityGroupAttrs {
    /// Its id.
    #[id]
    pub group_id: SecurityGroupId,
    /// The ids of the inbound rules that it has.
    pub ingress_rules: Vec<String>,
    /// The ids of the outbound rules that it has.
    pub egress_rules: Vec<String>,
    /// Whether some of its rules may not be visible yet: this is the first observation, and it shows fewer than AWS
    /// creates.
    #[serde(default)]
    #[computed]
    pub is_new: bool,
    /// The VPC, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc: Option<VpcId>,
}

#[async_trait]
impl Resource for DefaultSecurityGroup {
    async fn observe(
        &self,
        cx: &StepContext,
        known: Option<&DefaultSecurityGroupAttrs>,
    ) -> Result<Observed<DefaultSecurityGroupAttrs>> {
        Ok(match find(cx, self.vpc.get()?).await? {
            Some(Seen { attrs, .. }) => {
                Observed::Ours(DefaultSecurityGroupAttrs { is_new: attrs.is_new && known.is_none(), ..attrs })
            }
            None => Observed::Absent,
        })
    }

    fn parents(&self, attrs: Option<&DefaultSecurityGroupAttrs>) -> Result<Vec<Parent>> {
        Parent::only::<Vpc>("vpc_id", attrs.and_then(|attrs| attrs.vpc.as_ref()), &self.vpc)
    }

    async fn ensure(
        &self,
        cx: &StepContext,
        seen: Option<DefaultSecurityGroupAttrs>,
    ) -> Result<DefaultSecurityGroupAttrs> {
        let vpc = self.vpc.get()?;
        let mut attrs = match seen {
            Some(attrs) => attrs,
            // It exists because the VPC exists, but may not be visible yet.
            None => {
                cx.wait(Wait::new(format!("the default security group of {vpc} to become visible"), 1, 60), || async {
                    let found = find(cx, vpc).await?.map(|seen| seen.attrs);
                    Ok(found.map_or_else(|| Progress::Pending("not visible yet".to_owned()), Progress::Reached))
                })
                .await?
            }
        };
        // They appear eventually, unless an earlier run has removed them.
        for pause in READ_PAUSES {
            if !attrs.is_new {
                break;
            }
            cx.pause(Duration::from_secs(pause)).await?;
            let Some(seen) = find(cx, vpc).await? else { continue };
            attrs = seen.attrs;
            // Two lists agree a moment later, so there are no more: an emulator creates one rule only.
            if seen.lists_agree {
                break;
            }
        }
        for (direction, rules) in [(Direction::Ingress, &attrs.ingress_rules), (Direction::Egress, &attrs.egress_rules)]
        {
            // The group is new. When a rule is deleted, the same refusal means that it is gone: no table contains it.
            cx.retry("EC2 to see the group", &["InvalidGroup.NotFound"], 60, || {
                revoke(cx, &attrs.group_id, direction, rules)
            })
            .await?;
        }
        Ok(DefaultSecurityGroupAttrs { ingress_rules: Vec::new(), egress_rules: Vec::new(), is_new: false, ..attrs })
    }

    /// Does nothing: AWS deletes the group with its VPC, and refuses to delete it alone.
    async fn delete(&self, _cx: &StepContext, _attrs: &DefaultSecurityGroupAttrs) -> Result<()> {
        Ok(())
    }
}

/// A group as two lists show it.
struct Seen {
    attrs: DefaultSecurityGroupAttrs,
    /// Whether the list of groups shows rules, in the same directions as the list of rules.
    lists_agree: bool,
}

async fn find(cx: &StepContext, vpc: &VpcId) -> Result<Option<Seen>> {
    let is_default =
        |group: &&SecurityGroup| group.vpc_id() == Some(vpc.as_str()) && group.group_name() == Some("default");
    if let Some(all) = groups(cx).await?
        && let Some(group) = all.iter().find(is_default)
    {
        return with_rules(cx, group, vpc).await;
    }
    let filters = [("vpc-id", vpc.as_str()), ("group-name", "default")]
        .map(|(name, value)| Filter::builder().name(name).values(value).build());
    let call = cx.aws.ec2.describe_security_groups().set_filters(Some(filters.into())).send();
    let found = cx.read("ec2:DescribeSecurityGroups", call).await?;
    match found.security_groups().first() {
        Some(group) => with_rules(cx, group, vpc).await,
        None => Ok(None),
    }
}

/// Returns what is known of a group that was found by its VPC.
async fn with_rules(cx: &StepContext, group: &SecurityGroup, vpc: &VpcId) -> Result<Option<Seen>> {
    let Some(group_id) = group.group_id().map(SecurityGroupId::from) else { return Ok(None) };
    let rules = rules_of(cx, &group_id).await?;
    let ids = |direction: Direction| {
        let of = rules.iter().filter(|rule| direction.is_of(rule));
        let mut ids: Vec<String> = of.filter_map(|rule| rule.security_group_rule_id()).map(str::to_owned).collect();
        ids.sort();
        ids
    };
    let (ingress_rules, egress_rules) = (ids(Direction::Ingress), ids(Direction::Egress));
    let has_rules = [!ingress_rules.is_empty(), !egress_rules.is_empty()];
    let shows_rules = [!group.ip_permissions().is_empty(), !group.ip_permissions_egress().is_empty()];
    let lists_agree = has_rules == shows_rules && has_rules != [false, false];
    // AWS creates a new group with one rule in each direction ("Default security groups", Amazon VPC User Guide).
    let is_new = has_rules != [true, true];
    let vpc = Some(vpc.clone());
    Ok(Some(Seen {
        attrs: DefaultSecurityGroupAttrs { group_id, ingress_rules, egress_rules, is_new, vpc },
        lists_agree,
    }))
}
