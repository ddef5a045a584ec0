//! One rule of a security group, with tags of its own.
//!
//! AWS can change all of it in place but its group, its direction and the sort of its peer ("When you modify a rule, you cannot change the rule
//! type", SecurityGroupRuleRequest); its id and its tags stay. What somebody has changed is changed back in this way. What is configured anew gets
//! a rule of its own, so that nobody is shut out who still counts on the old one. AWS allows one rule of each content in a group, whatever its
//! tags, so a rule that somebody has made by hand stands in the way of ours.

use async_trait::async_trait;
use aws_sdk_ec2::types::{
    Filter, IpPermission, IpRange, ResourceType, SecurityGroupRuleDescription, SecurityGroupRuleRequest, SecurityGroupRuleUpdate, UserIdGroupPair,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::listing::rules;
use super::rules::{Direction, revoke, rules_of};
use super::tagging;
use super::visible::once_visible;
use crate::address::{SecurityGroupId, VpcPeeringConnectionId};
use crate::graph::Input;
use crate::resource::{About, Cx, Error, Handle, Observed, Resource, Result, settled};
use crate::resources::owned;

const NOT_FOUND: &[&str] = &["InvalidSecurityGroupRuleId.NotFound", "InvalidGroup.NotFound"];

/// Whom a rule lets through.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Peer {
    /// The members of a security group.
    Group(Input<SecurityGroupId>),
    /// An IPv4 address range, in its canonical form.
    Cidr(String),
}

/// The specification of a rule.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SecurityGroupRule {
    /// The group that it is a rule of.
    pub group: Input<SecurityGroupId>,
    /// Which way it lets traffic through.
    pub direction: Direction,
    /// `tcp`, `udp`, `icmp`, or `-1` for all.
    pub protocol: String,
    /// The first port; `-1` when the protocol is `-1`.
    pub from_port: i32,
    /// The last port; `-1` when the protocol is `-1`.
    pub to_port: i32,
    /// Whom it lets through.
    pub peer: Peer,
    /// What it is for.
    pub description: String,
    /// The peering, which must be active, that a rule about a group of another VPC needs. Nothing of the rule follows from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peering: Option<Input<VpcPeeringConnectionId>>,
}

/// Whom a rule was seen to let through.
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SecurityGroupRuleAttrs {
    /// Its id.
    pub rule_id: String,
    /// The group that it is a rule of.
    pub group_id: SecurityGroupId,
    /// What it is for.
    pub description: String,
    /// Which way it lets traffic through, as AWS shows it; this and what follows is not in states of before it was kept.
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
    /// Whom it lets through, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<SeenPeer>,
}

impl Handle<SecurityGroupRule> {
    /// For resources that wait for the rule without using its id.
    pub fn done(&self) -> Input<String> {
        self.created("rule_id")
    }
}

#[async_trait]
impl Resource for SecurityGroupRule {
    const KIND: &'static str = "ec2.security_group_rule";
    const ABOUT: About = About {
        summary: "one rule of a security group",
        create_seconds: 1,
        ready_seconds: 0,
        delete_seconds: 1,
        operations: &[
            "ec2:DescribeSecurityGroupRules",
            "ec2:AuthorizeSecurityGroupIngress",
            "ec2:AuthorizeSecurityGroupEgress",
            "ec2:ModifySecurityGroupRules",
            "ec2:UpdateSecurityGroupRuleDescriptionsIngress",
            "ec2:UpdateSecurityGroupRuleDescriptionsEgress",
            "ec2:RevokeSecurityGroupIngress",
            "ec2:RevokeSecurityGroupEgress",
            "ec2:CreateTags",
            "ec2:DeleteTags",
        ],
        creates: &["ec2:AuthorizeSecurityGroupIngress", "ec2:AuthorizeSecurityGroupEgress"],
        changes: &[
            "ec2:ModifySecurityGroupRules",
            "ec2:UpdateSecurityGroupRuleDescriptionsIngress",
            "ec2:UpdateSecurityGroupRuleDescriptionsEgress",
            "ec2:CreateTags",
            "ec2:DeleteTags",
        ],
        deletes: &["ec2:RevokeSecurityGroupIngress", "ec2:RevokeSecurityGroupEgress"],
        immutable: &["group", "direction", "protocol", "from_port", "to_port", "peer"],
        taken_over: &["protocol", "from_port", "to_port", "peer"],
        tagged: true,
        blocked_by: "nothing",
        unique: &[&["group", "direction", "protocol", "from_port", "to_port", "peer"]],
        waits_for: &["peering"],
        called_for: &[
            ("ec2:ModifySecurityGroupRules", &["protocol", "from_port", "to_port", "peer"]),
            ("ec2:UpdateSecurityGroupRuleDescriptionsIngress", &["description"]),
            ("ec2:UpdateSecurityGroupRuleDescriptionsEgress", &["description"]),
        ],
        ..About::PLAIN
    };
    type Attrs = SecurityGroupRuleAttrs;

    async fn observe(&self, cx: &Cx, known: Option<&SecurityGroupRuleAttrs>) -> Result<Observed<SecurityGroupRuleAttrs>> {
        let Some(found) = self.find(cx, known).await? else { return Ok(Observed::Absent) };
        tagging::judge(cx, found, |rule| rule.tags(), |rule| rule.security_group_rule_id().unwrap_or_default().to_owned(), attrs_of)
    }

    async fn ensure(&self, cx: &Cx, seen: Option<SecurityGroupRuleAttrs>) -> Result<SecurityGroupRuleAttrs> {
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

    async fn delete(&self, cx: &Cx, attrs: &SecurityGroupRuleAttrs) -> Result<()> {
        let direction = attrs.direction.unwrap_or(self.direction);
        let revoked = revoke(cx, &attrs.group_id, direction, std::slice::from_ref(&attrs.rule_id)).await;
        settled(revoked, NOT_FOUND).map(drop)
    }

    async fn retag(&self, cx: &Cx, attrs: &SecurityGroupRuleAttrs) -> Result<()> {
        tagging::retag(cx, &attrs.rule_id).await
    }

    fn known_by(id: &str) -> Option<SecurityGroupRuleAttrs> {
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

    fn takes(&self, operation: &str) -> bool {
        match self.direction {
            Direction::Ingress => !operation.ends_with("Egress"),
            Direction::Egress => !operation.ends_with("Ingress"),
        }
    }

    fn as_inputs(attrs: &SecurityGroupRuleAttrs) -> Vec<(&'static str, Value)> {
        vec![("group", attrs.group_id.as_str().into())]
    }

    fn id(attrs: &SecurityGroupRuleAttrs) -> String {
        attrs.rule_id.clone()
    }
}

fn attrs_of(rule: aws_sdk_ec2::types::SecurityGroupRule) -> SecurityGroupRuleAttrs {
    let group = rule.referenced_group_info().and_then(|group| group.group_id()).map(|id| SeenPeer::Group(id.into()));
    let range = rule.cidr_ipv4().map(|range| SeenPeer::Cidr(range.to_owned())).or(rule.cidr_ipv6().map(|range| SeenPeer::Ipv6(range.to_owned())));
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
    /// Whom it is to let through.
    fn wanted(&self) -> Result<SeenPeer> {
        Ok(match &self.peer {
            Peer::Group(group) => SeenPeer::Group(group.get()?.clone()),
            Peer::Cidr(cidr) => SeenPeer::Cidr(cidr.clone()),
        })
    }

    /// Whether it lets through what it is to, as far as AWS shows it. With all protocols, ports do not count.
    fn lets_the_same_through(&self, seen: &SecurityGroupRuleAttrs) -> Result<bool> {
        let ports = seen.from_port.is_none_or(|port| port == self.from_port) && seen.to_port.is_none_or(|port| port == self.to_port);
        let protocol = seen.protocol.as_ref().is_none_or(|protocol| *protocol == self.protocol);
        let wanted = self.wanted()?;
        Ok(protocol && (ports || self.protocol == "-1") && seen.peer.as_ref().is_none_or(|peer| *peer == wanted))
    }

    /// Changes a rule that somebody has changed back to what it was. It keeps its id.
    async fn change_back(&self, cx: &Cx, seen: SecurityGroupRuleAttrs) -> Result<SecurityGroupRuleAttrs> {
        let wanted = self.wanted()?;
        if seen.peer.as_ref().is_some_and(|peer| std::mem::discriminant(peer) != std::mem::discriminant(&wanted)) {
            let (id, address) = (&seen.rule_id, &cx.identity.address);
            return Err(Error::OneWay(format!(
                "{id} lets through another sort of peer, which AWS can not change (`--replace {address}` makes a new one)"
            )));
        }
        let rule = SecurityGroupRuleRequest::builder().ip_protocol(&self.protocol).from_port(self.from_port).to_port(self.to_port);
        let rule = match &self.peer {
            Peer::Group(group) => rule.referenced_group_id(group.get()?),
            Peer::Cidr(cidr) => rule.cidr_ipv4(cidr),
        };
        // A description that is left out is taken away.
        let update = SecurityGroupRuleUpdate::builder().security_group_rule_id(&seen.rule_id);
        let update = update.security_group_rule(rule.description(&self.description).build()).build();
        let call = || cx.aws.ec2.modify_security_group_rules().group_id(&seen.group_id).security_group_rules(update.clone()).send();
        once_visible(cx, || cx.mutate("ec2:ModifySecurityGroupRules", call)).await?;
        Ok(SecurityGroupRuleAttrs {
            description: self.description.clone(),
            protocol: Some(self.protocol.clone()),
            from_port: Some(self.from_port),
            to_port: Some(self.to_port),
            peer: Some(wanted),
            ..seen
        })
    }

    async fn find(&self, cx: &Cx, known: Option<&SecurityGroupRuleAttrs>) -> Result<Option<Vec<aws_sdk_ec2::types::SecurityGroupRule>>> {
        if let (Some(known), Some(all)) = (known, rules(cx).await?)
            && let Some(one) = all.iter().find(|rule| rule.security_group_rule_id() == Some(&known.rule_id))
        {
            return Ok(Some(vec![one.clone()]));
        }
        let call = cx.aws.ec2.describe_security_group_rules();
        let call = match known {
            Some(attrs) => call.security_group_rule_ids(&attrs.rule_id),
            None => {
                let group = Filter::builder().name("group-id").values(self.group.get()?).build();
                call.set_filters(Some(tagging::filters(cx))).filters(group)
            }
        };
        let found = cx.read("ec2:DescribeSecurityGroupRules", call.into_paginator().items().send().collect::<Result<Vec<_>, _>>()).await;
        settled(found, NOT_FOUND)
    }

    fn permission(&self) -> Result<IpPermission> {
        let permission = IpPermission::builder().ip_protocol(&self.protocol).from_port(self.from_port).to_port(self.to_port);
        Ok(match &self.peer {
            Peer::Group(group) => {
                let pair = UserIdGroupPair::builder().group_id(group.get()?).description(&self.description).build();
                permission.user_id_group_pairs(pair).build()
            }
            Peer::Cidr(cidr) => permission.ip_ranges(IpRange::builder().cidr_ip(cidr).description(&self.description).build()).build(),
        })
    }

    async fn create(&self, cx: &Cx) -> Result<SecurityGroupRuleAttrs> {
        let (group, permission) = (self.group.get()?, self.permission()?);
        let tags = tagging::specification(cx, ResourceType::SecurityGroupRule);
        let (call, made) = match self.direction {
            Direction::Ingress => {
                let call = || {
                    let call = cx.aws.ec2.authorize_security_group_ingress().group_id(group);
                    call.ip_permissions(permission.clone()).tag_specifications(tags.clone()).send()
                };
                let made = once_visible(cx, || cx.mutate("ec2:AuthorizeSecurityGroupIngress", call)).await;
                ("ec2:AuthorizeSecurityGroupIngress", made.map(|made| made.security_group_rules))
            }
            Direction::Egress => {
                let call = || {
                    let call = cx.aws.ec2.authorize_security_group_egress().group_id(group);
                    call.ip_permissions(permission.clone()).tag_specifications(tags.clone()).send()
                };
                let made = once_visible(cx, || cx.mutate("ec2:AuthorizeSecurityGroupEgress", call)).await;
                ("ec2:AuthorizeSecurityGroupEgress", made.map(|made| made.security_group_rules))
            }
        };
        match made {
            Ok(rules) => {
                let rule = rules.unwrap_or_default().into_iter().next().filter(|rule| rule.security_group_rule_id.is_some());
                Ok(attrs_of(rule.ok_or(Error::Incomplete { call, what: "the rule" })?))
            }
            Err(error) if error.is_code("InvalidPermission.Duplicate") => self.find_twin(cx, error).await,
            Err(error) => Err(error),
        }
    }

    /// Finds the rule that lets the same through: ours, when it was not visible before, or somebody else's.
    async fn find_twin(&self, cx: &Cx, refusal: Error) -> Result<SecurityGroupRuleAttrs> {
        let peer = match &self.peer {
            Peer::Group(group) => group.get()?.as_str(),
            Peer::Cidr(cidr) => cidr,
        };
        let any_port = self.protocol == "-1";
        let twin = rules_of(cx, self.group.get()?).await?.into_iter().find(|rule| {
            let theirs = rule.referenced_group_info().and_then(|group| group.group_id()).or(rule.cidr_ipv4());
            let ports = any_port || (rule.from_port(), rule.to_port()) == (Some(self.from_port), Some(self.to_port));
            self.direction.is_of(rule) && theirs == Some(peer) && rule.ip_protocol() == Some(&self.protocol) && ports
        });
        match twin {
            Some(rule) => match owned::other_owner(cx, &tagging::map(rule.tags())) {
                None => Ok(attrs_of(rule)),
                Some(owner) => Err(Error::Foreign { id: rule.security_group_rule_id.unwrap_or_default(), owner }),
            },
            None => Err(refusal),
        }
    }

    async fn describe(&self, cx: &Cx, attrs: &SecurityGroupRuleAttrs) -> Result<()> {
        let description = SecurityGroupRuleDescription::builder().security_group_rule_id(&attrs.rule_id).description(&self.description).build();
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
