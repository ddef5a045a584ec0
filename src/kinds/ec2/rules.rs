//! Rules of security groups: what several kinds share.

use aws_sdk_ec2::types::{Filter, SecurityGroupRule};
use serde::{Deserialize, Serialize};

use super::stack_lists::rules;
use infra_base::address::SecurityGroupId;
use infra_core::resource::{Result, StepContext, ignore_codes};

/// The direction of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Inbound.
    Ingress,
    /// Outbound.
    Egress,
}

impl Direction {
    /// Returns whether a rule has this direction.
    pub(super) fn is_of(self, rule: &SecurityGroupRule) -> bool {
        rule.is_egress().unwrap_or(false) == (self == Self::Egress)
    }
}

/// Returns all rules of a group, and none when the group does not exist.
pub(super) async fn rules_of(cx: &StepContext, group: &SecurityGroupId) -> Result<Vec<SecurityGroupRule>> {
    if let Some(all) = rules(cx).await? {
        let of = all.iter().filter(|rule| rule.group_id() == Some(group.as_str()));
        return Ok(of.cloned().collect());
    }
    let filter = Filter::builder().name("group-id").values(group).build();
    let pages = cx.aws.ec2.describe_security_group_rules().filters(filter).into_paginator().items().send();
    let found = cx.read("ec2:DescribeSecurityGroupRules", pages.collect::<Result<Vec<_>, _>>()).await;
    Ok(ignore_codes(found, &["InvalidGroup.NotFound"])?.unwrap_or_default())
}

/// Revokes rules by their ids. Makes no call when there are none.
pub(super) async fn revoke(
    cx: &StepContext,
    group: &SecurityGroupId,
    direction: Direction,
    ids: &[String],
) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let ids = Some(ids.to_vec());
    match direction {
        Direction::Ingress => {
            let call = || {
                cx.aws
                    .ec2
                    .revoke_security_group_ingress()
                    .group_id(group)
                    .set_security_group_rule_ids(ids.clone())
                    .send()
            };
            cx.mutate("ec2:RevokeSecurityGroupIngress", call).await.map(drop)
        }
        Direction::Egress => {
            let call = || {
                cx.aws
                    .ec2
                    .revoke_security_group_egress()
                    .group_id(group)
                    .set_security_group_rule_ids(ids.clone())
                    .send()
            };
            cx.mutate("ec2:RevokeSecurityGroupEgress", call).await.map(drop)
        }
    }
}
