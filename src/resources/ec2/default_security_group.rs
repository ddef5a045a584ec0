//! The default security group of a VPC, stripped of its rules, so that what is put into it by mistake can reach nothing.
//!
//! AWS makes it with the VPC and deletes it with the VPC. It cannot be tagged when it is made; it belongs to our VPC, so it is ours.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_ec2::types::Filter;
use serde::{Deserialize, Serialize};

use super::listing::groups;
use super::rules::{Direction, revoke, rules_of};
use crate::address::{SecurityGroupId, VpcId};
use crate::aws::{Progress, Wait};
use crate::graph::Input;
use crate::resource::{About, Cx, Observed, Resource, Result};

/// Seconds between two looks for rules that are not visible yet.
const LOOK_AGAIN: [u64; 3] = [1, 2, 4];

/// The specification of a stripped default security group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DefaultSecurityGroup {
    /// The VPC whose default group it is.
    pub vpc: Input<VpcId>,
}

/// What is known of a default security group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DefaultSecurityGroupAttrs {
    /// Its id.
    pub group_id: SecurityGroupId,
    /// The ids of the inbound rules that it has.
    pub ingress_rules: Vec<String>,
    /// The ids of the outbound rules that it has.
    pub egress_rules: Vec<String>,
    /// Whether it is seen for the first time, so that rules of it may not be visible yet.
    #[serde(default)]
    pub is_new: bool,
    /// The VPC, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc: Option<VpcId>,
}

#[async_trait]
impl Resource for DefaultSecurityGroup {
    const KIND: &'static str = "ec2.default_security_group";
    const ABOUT: About = About {
        summary: "the default security group of a VPC, without any rule",
        create_seconds: 2,
        ready_seconds: 0,
        delete_seconds: 0,
        operations: &[
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSecurityGroupRules",
            "ec2:RevokeSecurityGroupIngress",
            "ec2:RevokeSecurityGroupEgress",
        ],
        creates: &["ec2:RevokeSecurityGroupIngress", "ec2:RevokeSecurityGroupEgress"],
        changes: &["ec2:RevokeSecurityGroupIngress", "ec2:RevokeSecurityGroupEgress"],
        immutable: &["vpc"],
        tagged: false,
        blocked_by: "nothing: it goes with its VPC",
        unique: &[&["vpc"]],
        computed: &["is_new"],
        ..About::PLAIN
    };
    type Attrs = DefaultSecurityGroupAttrs;

    async fn observe(&self, cx: &Cx, known: Option<&DefaultSecurityGroupAttrs>) -> Result<Observed<DefaultSecurityGroupAttrs>> {
        Ok(match look(cx, self.vpc.get()?).await? {
            Some(attrs) => Observed::Ours(DefaultSecurityGroupAttrs { is_new: known.is_none(), ..attrs }),
            None => Observed::Absent,
        })
    }

    async fn ensure(&self, cx: &Cx, seen: Option<DefaultSecurityGroupAttrs>) -> Result<DefaultSecurityGroupAttrs> {
        let vpc = self.vpc.get()?;
        let mut attrs = match seen {
            Some(attrs) => attrs,
            // It exists, since the VPC does; it may not be visible yet.
            None => {
                cx.wait(Wait::new(format!("the default security group of {vpc} to become visible"), 1, 60), || async {
                    Ok(look(cx, vpc).await?.map_or_else(|| Progress::Pending("not visible yet".to_owned()), Progress::Reached))
                })
                .await?
            }
        };
        // AWS gives a new one a rule each way. Unless a run before this one has taken them away, they show sooner or later.
        for pause in LOOK_AGAIN {
            if !attrs.is_new || !(attrs.ingress_rules.is_empty() || attrs.egress_rules.is_empty()) {
                break;
            }
            cx.pause(Duration::from_secs(pause)).await?;
            attrs = look(cx, vpc).await?.unwrap_or(attrs);
        }
        revoke(cx, &attrs.group_id, Direction::Ingress, &attrs.ingress_rules).await?;
        revoke(cx, &attrs.group_id, Direction::Egress, &attrs.egress_rules).await?;
        Ok(DefaultSecurityGroupAttrs { ingress_rules: Vec::new(), egress_rules: Vec::new(), is_new: false, ..attrs })
    }

    /// Nothing is to be done: AWS deletes the group with its VPC, and refuses to delete it alone.
    async fn delete(&self, _cx: &Cx, _attrs: &DefaultSecurityGroupAttrs) -> Result<()> {
        Ok(())
    }

    fn id(attrs: &DefaultSecurityGroupAttrs) -> String {
        attrs.group_id.0.clone()
    }
}

async fn look(cx: &Cx, vpc: &VpcId) -> Result<Option<DefaultSecurityGroupAttrs>> {
    if let Some(all) = groups(cx).await?
        && let Some(id) =
            all.iter().find(|group| group.vpc_id() == Some(vpc.as_str()) && group.group_name() == Some("default")).and_then(|group| group.group_id())
    {
        return with_rules(cx, id.into(), vpc).await.map(Some);
    }
    let filters = [("vpc-id", vpc.as_str()), ("group-name", "default")].map(|(name, value)| Filter::builder().name(name).values(value).build());
    let call = cx.aws.ec2.describe_security_groups().set_filters(Some(filters.into())).send();
    let found = cx.read("ec2:DescribeSecurityGroups", call).await?;
    let Some(id) = found.security_groups().iter().find_map(|group| group.group_id()) else { return Ok(None) };
    with_rules(cx, id.into(), vpc).await.map(Some)
}

/// The group was found by its VPC.
async fn with_rules(cx: &Cx, group_id: SecurityGroupId, vpc: &VpcId) -> Result<DefaultSecurityGroupAttrs> {
    let rules = rules_of(cx, &group_id).await?;
    let ids = |direction: Direction| {
        let of = rules.iter().filter(|rule| direction.is_of(rule));
        let mut ids: Vec<String> = of.filter_map(|rule| rule.security_group_rule_id()).map(str::to_owned).collect();
        ids.sort();
        ids
    };
    let (ingress_rules, egress_rules) = (ids(Direction::Ingress), ids(Direction::Egress));
    Ok(DefaultSecurityGroupAttrs { group_id, ingress_rules, egress_rules, is_new: true, vpc: Some(vpc.clone()) })
}
