//! One rule of a security group, with tags of its own.
//!
//! AWS can change everything in place except its group, its direction and the type of its peer ("When you modify a
//! rule, you cannot change the rule type", SecurityGroupRuleRequest); its id and its tags stay. A change made outside
//! this tool is reverted in this way. A changed configuration creates a new rule, so that traffic that uses the old one
//! is not interrupted. AWS allows one rule of each content in a group, so a manually created rule conflicts with a rule
//! of this stack.

use async_trait::async_trait;
use aws_sdk_ec2::types::{
    Filter, IpPermission, IpRange, ResourceType, SecurityGroupRuleDescription, SecurityGroupRuleRequest,
    SecurityGroupRuleUpdate, UserIdGroupPair,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::find;
use super::rules::{Direction, revoke, rules_of};
use super::stack_lists::rules;
use super::tagging;
use crate::ownership;
use infra_base::address::{Arn, SecurityGroupId, VpcPeeringConnectionId};
use infra_core::graph::Input;
use infra_core::resource::{Error, Observed, Resource, Result, StepContext, ignore_codes};
use infra_macros::{Attrs, Spec};

const NOT_FOUND: &[&str] = &["InvalidSecurityGroupRuleId.NotFound", "InvalidGroup.NotFound"];

/// The peer of a rule.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Peer {
    /// The members of a security group.
    Group(Input<SecurityGroupId>),
    /// An IPv4 address range, in its canonical form.
    Cidr(String),
}

/// The specification of a rule.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "ec2.security_group_rule",
    summary = "one rule of a security group",
    repeat = "setting",
    arns("ec2:security-group-rule/"),
    create_seconds = 1,
    delete_seconds = 1,
    tagger = tagging::Ec2,
    reads("ec2:DescribeSecurityGroupRules"),
    creates("ec2:AuthorizeSecurityGroupIngress", "ec2:AuthorizeSecurityGroupEgress"),
    deletes("ec2:RevokeSecurityGroupIngress", "ec2:RevokeSecurityGroupEgress"),
)]
pub struct SecurityGroupRule {
    /// Its group.
    #[immutable]
    #[unique]
    pub group: Input<SecurityGroupId>,
    /// Its direction.
    #[immutable]
    #[unique]
    pub direction: Direction,
    /// `tcp`, `udp`, `icmp`, or `-1` for all.
    #[replace_on_change]
    #[unique]
    #[update(call = "ec2:ModifySecurityGroupRules")]
    pub protocol: String,
    /// The first port; `-1` when the protocol is `-1`.
    #[replace_on_change]
    #[unique]
    #[update(call = "ec2:ModifySecurityGroupRules")]
    pub from_port: i32,
    /// The last port; `-1` when the protocol is `-1`.
    #[replace_on_change]
    #[unique]
    #[update(call = "ec2:ModifySecurityGroupRules")]
    pub to_port: i32,
    /// Its peer.
    #[replace_on_change]
    #[unique]
    #[update(call = "ec2:ModifySecurityGroupRules")]
    pub peer: Peer,
    /// What it is for.
    #[update(
        call = "ec2:UpdateSecurityGroupRuleDescriptionsIngress",
        call = "ec2:UpdateSecurityGroupRuleDescriptionsEgress"
    )]
    pub description: String,
    /// The active peering that a rule for a group of another VPC requires. It only sets the order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[order_only]
    pub peering: Option<Input<VpcPeeringConnectionId>>,
}

/// The observed peer of a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeenPeer {
    /// The members of a security group.
    Group(SecurityGroupId),
    /// An IPv4 address range.
    Cidr(String),
    /// An IPv6 address range, which this kind never sets.
    Ipv6(String),
    /// A prefix list, which this kind never sets.
    PrefixList(String),
}

/// What is known of a rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
pub struct SecurityGroupRuleAttrs {
    /// Its id.
    #[id]
    #[output(created, name = "done", doc = "For resources that only depend on the rule.")]
    pub rule_id: String,
    /// Its group.
    pub group_id: SecurityGroupId,
    /// What it is for.
    pub description: String,
    /// Its direction, as AWS shows it. Older states lack this field and those that follow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// The protocol, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// The first port, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_port: Option<i32>,
    /// The last port, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_port: Option<i32>,
    /// Its peer, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<SeenPeer>,
}

#[async_trait]
impl Resource for SecurityGroupRule {
    async fn observe(
        &self,
        cx: &StepContext,
        known: Option<&SecurityGroupRuleAttrs>,
    ) -> Result<Observed<SecurityGroupRuleAttrs>> {
        let Some(found) = self.find(cx, known).await? else { return Ok(Observed::Absent) };
        find::classify(cx, found, attrs_of)
    }

    async fn exists(cx: &StepContext, arn: &Arn) -> Result<bool> {
        let Some(id) = arn.id_after("ec2:security-group-rule/") else { return Ok(true) };
        let call = cx.aws.ec2.describe_security_group_rules().security_group_rule_ids(id).send();
        let not_found = ["InvalidSecurityGroupRuleId.NotFound", "InvalidSecurityGroupRuleID.NotFound"];
        Ok(ignore_codes(cx.read("ec2:DescribeSecurityGroupRules", call).await, &not_found)?.is_some())
    }

    async fn ensure(&self, cx: &StepContext, seen: Option<SecurityGroupRuleAttrs>) -> Result<SecurityGroupRuleAttrs> {
        let mut attrs = match seen {
            Some(attrs) => attrs,
            None => self.create(cx).await?,
        };
        if !self.lets_the_same_through(&attrs)? {
            return self.change_back(cx, attrs).await;
        }
        if attrs.description != self.description {
            self.describe(cx, &attrs).await?;
            attrs.description.clone_from(&self.description);
        }
        Ok(attrs)
    }

    async fn delete(&self, cx: &StepContext, attrs: &SecurityGroupRuleAttrs) -> Result<()> {
        let direction = attrs.direction.unwrap_or(self.direction);
        let revoked = revoke(cx, &attrs.group_id, direction, std::slice::from_ref(&attrs.rule_id)).await;
        ignore_codes(revoked, NOT_FOUND).map(drop)
    }

    fn from_id(id: &str) -> Option<SecurityGroupRuleAttrs> {
        Some(SecurityGroupRuleAttrs {
            rule_id: id.to_owned(),
            group_id: "".into(),
            description: String::new(),
            direction: None,
            protocol: None,
            from_port: None,
            to_port: None,
            peer: None,
        })
    }

    fn operation_applies(&self, operation: &str) -> bool {
        match self.direction {
            Direction::Ingress => !operation.ends_with("Egress"),
            Direction::Egress => !operation.ends_with("Ingress"),
        }
    }

    fn inputs_from_attrs(attrs: &SecurityGroupRuleAttrs) -> Vec<(&'static str, Value)> {
        vec![("group", attrs.group_id.as_str().into())]
    }
}

fn attrs_of(rule: aws_sdk_ec2::types::SecurityGroupRule) -> SecurityGroupRuleAttrs {
    let group = rule.referenced_group_info().and_then(|group| group.group_id()).map(|id| SeenPeer::Group(id.into()));
    let range = rule
        .cidr_ipv4()
        .map(|range| SeenPeer::Cidr(range.to_owned()))
        .or(rule.cidr_ipv6().map(|range| SeenPeer::Ipv6(range.to_owned())));
    let list = rule.prefix_list_id().map(|id| SeenPeer::PrefixList(id.to_owned()));
    SecurityGroupRuleAttrs {
        direction: Some(if Direction::Egress.is_of(&rule) { Direction::Egress } else { Direction::Ingress }),
        protocol: rule.ip_protocol,
        from_port: rule.from_port,
        to_port: rule.to_port,
        peer: group.or(range).or(list),
        rule_id: rule.security_group_rule_id.unwrap_or_default(),
        group_id: rule.group_id.unwrap_or_default().into(),
        description: rule.description.unwrap_or_default(),
    }
}

impl SecurityGroupRule {
    /// Returns the wanted peer.
    fn wanted(&self) -> Result<SeenPeer> {
        Ok(match &self.peer {
            Peer::Group(group) => SeenPeer::Group(group.get()?.clone()),
            Peer::Cidr(cidr) => SeenPeer::Cidr(cidr.clone()),
        })
    }

    /// Returns whether the rule allows the wanted traffic, as far as AWS shows it. With all protocols, ports do not
    /// count.
    fn lets_the_same_through(&self, seen: &SecurityGroupRuleAttrs) -> Result<bool> {
        let ports = seen.from_port.is_none_or(|port| port == self.from_port)
            && seen.to_port.is_none_or(|port| port == self.to_port);
        let protocol = seen.protocol.as_ref().is_none_or(|protocol| *protocol == self.protocol);
        let wanted = self.wanted()?;
        Ok(protocol && (ports || self.protocol == "-1") && seen.peer.as_ref().is_none_or(|peer| *peer == wanted))
    }

    /// Reverts a change made outside this tool. The rule keeps its id.
    async fn change_back(&self, cx: &StepContext, seen: SecurityGroupRuleAttrs) -> Result<SecurityGroupRuleAttrs> {
        let wanted = self.wanted()?;
        if seen.peer.as_ref().is_some_and(|peer| std::mem::discriminant(peer) != std::mem::discriminant(&wanted)) {
            let (id, address) = (&seen.rule_id, &cx.identity.address);
            return Err(Error::Irreversible(format!(
                "{id} has a peer of another type, which AWS cannot change; `--replace {address}` replaces the rule"
            )));
        }
        let rule = SecurityGroupRuleRequest::builder()
            .ip_protocol(&self.protocol)
            .from_port(self.from_port)
            .to_port(self.to_port);
        let rule = match &self.peer {
            Peer::Group(group) => rule.referenced_group_id(group.get()?),
            Peer::Cidr(cidr) => rule.cidr_ipv4(cidr),
        };
        // AWS removes a description that is omitted.
        let update = SecurityGroupRuleUpdate::builder().security_group_rule_id(&seen.rule_id);
        let update = update.security_group_rule(rule.description(&self.description).build()).build();
        let call = || {
            cx.aws
                .ec2
                .modify_security_group_rules()
                .group_id(&seen.group_id)
                .security_group_rules(update.clone())
                .send()
        };
        cx.mutate("ec2:ModifySecurityGroupRules", call).await?;
        Ok(SecurityGroupRuleAttrs {
            description: self.description.clone(),
            protocol: Some(self.protocol.clone()),
            from_port: Some(self.from_port),
            to_port: Some(self.to_port),
            peer: Some(wanted),
            ..seen
        })
    }

    async fn find(
        &self,
        cx: &StepContext,
        known: Option<&SecurityGroupRuleAttrs>,
    ) -> Result<Option<Vec<aws_sdk_ec2::types::SecurityGroupRule>>> {
        if let (Some(known), Some(all)) = (known, rules(cx).await?)
            && let Some(one) = all.iter().find(|rule| rule.security_group_rule_id() == Some(&known.rule_id))
        {
            return Ok(Some(vec![one.clone()]));
        }
        if known.is_none() && find::is_new::<aws_sdk_ec2::types::SecurityGroupRule>(cx).await? {
            return Ok(Some(Vec::new()));
        }
        let call = cx.aws.ec2.describe_security_group_rules();
        let call = match known {
            Some(attrs) => call.security_group_rule_ids(&attrs.rule_id),
            None => {
                let group = Filter::builder().name("group-id").values(self.group.get()?).build();
                call.set_filters(Some(tagging::filters(cx))).filters(group)
            }
        };
        let found = cx
            .read("ec2:DescribeSecurityGroupRules", call.into_paginator().items().send().collect::<Result<Vec<_>, _>>())
            .await;
        ignore_codes(found, NOT_FOUND)
    }

    fn permission(&self) -> Result<IpPermission> {
        let permission =
            IpPermission::builder().ip_protocol(&self.protocol).from_port(self.from_port).to_port(self.to_port);
        Ok(match &self.peer {
            Peer::Group(group) => {
                let pair = UserIdGroupPair::builder().group_id(group.get()?).description(&self.description).build();
                permission.user_id_group_pairs(pair).build()
            }
            Peer::Cidr(cidr) => {
                permission.ip_ranges(IpRange::builder().cidr_ip(cidr).description(&self.description).build()).build()
            }
        })
    }

    async fn create(&self, cx: &StepContext) -> Result<SecurityGroupRuleAttrs> {
        let (group, permission) = (self.group.get()?, self.permission()?);
        let tags = tagging::specification(cx, ResourceType::SecurityGroupRule);
        let (call, created) = match self.direction {
            Direction::Ingress => {
                let call = || {
                    let call = cx.aws.ec2.authorize_security_group_ingress().group_id(group);
                    call.ip_permissions(permission.clone()).tag_specifications(tags.clone()).send()
                };
                let created = cx.mutate("ec2:AuthorizeSecurityGroupIngress", call).await;
                ("ec2:AuthorizeSecurityGroupIngress", created.map(|created| created.security_group_rules))
            }
            Direction::Egress => {
                let call = || {
                    let call = cx.aws.ec2.authorize_security_group_egress().group_id(group);
                    call.ip_permissions(permission.clone()).tag_specifications(tags.clone()).send()
                };
                let created = cx.mutate("ec2:AuthorizeSecurityGroupEgress", call).await;
                ("ec2:AuthorizeSecurityGroupEgress", created.map(|created| created.security_group_rules))
            }
        };
        match created {
            Ok(rules) => {
                let rule =
                    rules.unwrap_or_default().into_iter().next().filter(|rule| rule.security_group_rule_id.is_some());
                Ok(attrs_of(rule.ok_or(Error::MissingField { call, what: "the rule" })?))
            }
            Err(error) if error.is_code("InvalidPermission.Duplicate") => self.find_same_content(cx, error).await,
            Err(error) => Err(error),
        }
    }

    /// Finds the rule of the same content: a rule of this stack that was not visible before, or a foreign one.
    async fn find_same_content(&self, cx: &StepContext, refusal: Error) -> Result<SecurityGroupRuleAttrs> {
        let peer = match &self.peer {
            Peer::Group(group) => group.get()?.as_str(),
            Peer::Cidr(cidr) => cidr,
        };
        let any_port = self.protocol == "-1";
        let same_content = rules_of(cx, self.group.get()?).await?.into_iter().find(|rule| {
            let theirs = rule.referenced_group_info().and_then(|group| group.group_id()).or(rule.cidr_ipv4());
            let ports = any_port || (rule.from_port(), rule.to_port()) == (Some(self.from_port), Some(self.to_port));
            self.direction.is_of(rule) && theirs == Some(peer) && rule.ip_protocol() == Some(&self.protocol) && ports
        });
        match same_content {
            Some(rule) => match ownership::foreign_owner(cx, &tagging::from_sdk(rule.tags())) {
                None => Ok(attrs_of(rule)),
                Some(owner) => Err(Error::Foreign { id: rule.security_group_rule_id.unwrap_or_default(), owner }),
            },
            None => Err(refusal),
        }
    }

    async fn describe(&self, cx: &StepContext, attrs: &SecurityGroupRuleAttrs) -> Result<()> {
        let description = SecurityGroupRuleDescription::builder()
            .security_group_rule_id(&attrs.rule_id)
            .description(&self.description)
            .build();
        match self.direction {
            Direction::Ingress => {
                let call = || {
                    let call = cx.aws.ec2.update_security_group_rule_descriptions_ingress().group_id(&attrs.group_id);
                    call.security_group_rule_descriptions(description.clone()).send()
                };
                cx.mutate("ec2:UpdateSecurityGroupRuleDescriptionsIngress", call).await.map(drop)
            }
            Direction::Egress => {
                let call = || {
                    let call = cx.aws.ec2.update_security_group_rule_descriptions_egress().group_id(&attrs.group_id);
                    call.security_group_rule_descriptions(description.clone()).send()
                };
                cx.mutate("ec2:UpdateSecurityGroupRuleDescriptionsEgress", call).await.map(drop)
            }
        }
    }
}
