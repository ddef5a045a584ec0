//! What the kinds that deal with rules of security groups share.

use aws_sdk_ec2::types::{Filter, SecurityGroupRule};
use serde::{Deserialize, Serialize};

use super::listing::rules;
use crate::address::SecurityGroupId;
use crate::resource::{Cx, Result, settled};

/// Which way a rule lets traffic through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// In.
    Ingress,
    /// Out.
    Egress,
}

impl Direction {
    /// Returns whether a rule goes this way.
    pub(super) fn is_of(self, rule: &SecurityGroupRule) -> bool {
        rule.is_egress().unwrap_or(false) == (self == Self::Egress)
    }
}

/// Returns all rules of a group; none when the group does not exist.
pub(super) async fn rules_of(cx: &Cx, group: &SecurityGroupId) -> Result<Vec<SecurityGroupRule>> {
    if let Some(all) = rules(cx).await? {
        let of = all.iter().filter(|rule| rule.group_id() == Some(group.as_str()));
        return Ok(of.cloned().collect());
    }
    let filter = Filter::builder().name("group-id").values(group).build();
    let pages = cx.aws.ec2.describe_security_group_rules().filters(filter).into_paginator().items().send();
    let found = cx.read("ec2:DescribeSecurityGroupRules", pages.collect::<Result<Vec<_>, _>>()).await;
    Ok(settled(found, &["InvalidGroup.NotFound"])?.unwrap_or_default())
}

/// Takes rules away by their ids. No call is made when there are none.
pub(super) async fn revoke(cx: &Cx, group: &SecurityGroupId, direction: Direction, ids: &[String]) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let ids = Some(ids.to_vec());
    match direction {
        Direction::Ingress => {
            let call = || cx.aws.ec2.revoke_security_group_ingress().group_id(group).set_security_group_rule_ids(ids.clone()).send();
            cx.mutate("ec2:RevokeSecurityGroupIngress", call).await.map(drop)
        }
        Direction::Egress => {
            let call = || cx.aws.ec2.revoke_security_group_egress().group_id(group).set_security_group_rule_ids(ids.clone()).send();
            cx.mutate("ec2:RevokeSecurityGroupEgress", call).await.map(drop)
        }
    }
}
