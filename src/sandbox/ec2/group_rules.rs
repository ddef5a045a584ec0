//! Rules of security groups.

use aws_sdk_ec2::operation::authorize_security_group_egress::{
    AuthorizeSecurityGroupEgressError, AuthorizeSecurityGroupEgressInput, AuthorizeSecurityGroupEgressOutput,
};
use aws_sdk_ec2::operation::authorize_security_group_ingress::{
    AuthorizeSecurityGroupIngressError, AuthorizeSecurityGroupIngressInput, AuthorizeSecurityGroupIngressOutput,
};
use aws_sdk_ec2::operation::describe_security_group_rules::{
    DescribeSecurityGroupRulesError, DescribeSecurityGroupRulesInput, DescribeSecurityGroupRulesOutput,
};
use aws_sdk_ec2::operation::modify_security_group_rules::{
    ModifySecurityGroupRulesError, ModifySecurityGroupRulesInput, ModifySecurityGroupRulesOutput,
};
use aws_sdk_ec2::operation::revoke_security_group_egress::{
    RevokeSecurityGroupEgressError, RevokeSecurityGroupEgressInput, RevokeSecurityGroupEgressOutput,
};
use aws_sdk_ec2::operation::revoke_security_group_ingress::{
    RevokeSecurityGroupIngressError, RevokeSecurityGroupIngressInput, RevokeSecurityGroupIngressOutput,
};
use aws_sdk_ec2::operation::update_security_group_rule_descriptions_egress::{
    UpdateSecurityGroupRuleDescriptionsEgressError, UpdateSecurityGroupRuleDescriptionsEgressInput,
    UpdateSecurityGroupRuleDescriptionsEgressOutput,
};
use aws_sdk_ec2::operation::update_security_group_rule_descriptions_ingress::{
    UpdateSecurityGroupRuleDescriptionsIngressError, UpdateSecurityGroupRuleDescriptionsIngressInput,
    UpdateSecurityGroupRuleDescriptionsIngressOutput,
};
use aws_sdk_ec2::types::{
    IpPermission, IpRange, ReferencedSecurityGroup, ResourceType, SecurityGroupRuleDescription,
    SecurityGroupRuleUpdate, TagSpecification, UserIdGroupPair,
};
use ipnet::Ipv4Net;

use super::filters::{matches_filters, sdk_tags, tags_from_specifications};
use super::{group_defaults, groups};
use crate::quotas;
use crate::registry::{Call, Registry, Rejection, refuse};
use crate::world::ec2::{Peer, SecurityGroupRule};

pub(super) fn register(registry: &mut Registry) {
    registry.on(
        "ec2",
        "DescribeSecurityGroupRules",
        &["security_group_rule_ids", "filters"],
        DescribeSecurityGroupRulesError::generic,
        describe,
    );
    let fields = &["group_id", "ip_permissions", "tag_specifications"];
    registry.on(
        "ec2",
        "AuthorizeSecurityGroupIngress",
        fields,
        AuthorizeSecurityGroupIngressError::generic,
        authorize_ingress,
    );
    registry.on(
        "ec2",
        "AuthorizeSecurityGroupEgress",
        fields,
        AuthorizeSecurityGroupEgressError::generic,
        authorize_egress,
    );
    let fields = &["group_id", "ip_permissions", "security_group_rule_ids"];
    registry.on("ec2", "RevokeSecurityGroupIngress", fields, RevokeSecurityGroupIngressError::generic, revoke_ingress);
    registry.on("ec2", "RevokeSecurityGroupEgress", fields, RevokeSecurityGroupEgressError::generic, revoke_egress);
    registry.on(
        "ec2",
        "ModifySecurityGroupRules",
        &["group_id", "security_group_rules"],
        ModifySecurityGroupRulesError::generic,
        modify,
    );
    let fields = &["group_id", "security_group_rule_descriptions"];
    registry.on(
        "ec2",
        "UpdateSecurityGroupRuleDescriptionsIngress",
        fields,
        UpdateSecurityGroupRuleDescriptionsIngressError::generic,
        update_ingress_descriptions,
    );
    registry.on(
        "ec2",
        "UpdateSecurityGroupRuleDescriptionsEgress",
        fields,
        UpdateSecurityGroupRuleDescriptionsEgressError::generic,
        update_egress_descriptions,
    );
}

fn to_sdk(rule: &SecurityGroupRule) -> aws_sdk_ec2::types::SecurityGroupRule {
    let described = aws_sdk_ec2::types::SecurityGroupRule::builder()
        .security_group_rule_id(&rule.rule_id)
        .group_id(&rule.group_id)
        .is_egress(rule.is_egress)
        .ip_protocol(&rule.ip_protocol)
        .from_port(rule.from_port)
        .to_port(rule.to_port)
        .set_description((!rule.description.is_empty()).then(|| rule.description.clone()))
        .set_tags(sdk_tags(&rule.tags));
    match &rule.peer {
        Peer::Cidr(cidr) => described.cidr_ipv4(cidr).build(),
        Peer::Group(group) => {
            described.referenced_group_info(ReferencedSecurityGroup::builder().group_id(group).build()).build()
        }
    }
}

fn describe(
    call: &mut Call<'_>,
    input: &DescribeSecurityGroupRulesInput,
) -> Result<DescribeSecurityGroupRulesOutput, Rejection> {
    let rules = &call.region_state().ec2.security_group_rules;
    let ids = input.security_group_rule_ids();
    if let Some(missing) = ids.iter().find(|id| !rules.contains_key(*id)) {
        return no_rule(missing);
    }
    let mut found = Vec::new();
    for rule in rules.values().filter(|rule| ids.is_empty() || ids.contains(&rule.rule_id)) {
        let field = |name: &str| match name {
            "group-id" => Some(vec![rule.group_id.clone()]),
            "security-group-rule-id" => Some(vec![rule.rule_id.clone()]),
            _ => None,
        };
        if matches_filters(input.filters(), &rule.tags, field)? {
            found.push(to_sdk(rule));
        }
    }
    Ok(DescribeSecurityGroupRulesOutput::builder().set_security_group_rules(Some(found)).build())
}

fn no_rule<T>(id: &str) -> Result<T, Rejection> {
    refuse("InvalidSecurityGroupRuleId.NotFound", format!("The security group rule ID '{id}' does not exist"))
}

/// "Constraints: Up to 255 characters in length. Allowed characters are a-z, A-Z, 0-9, spaces, and
/// ._-:/()#,@[]+=;{}!$*" (IpRange, UserIdGroupPair).
fn check_description(text: &str) -> Result<(), Rejection> {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(letter);
    if text.len() <= 255 && text.chars().all(allowed) {
        return Ok(());
    }
    let message = "Invalid rule description. Valid descriptions are strings less than 256 characters from the \
     following set: a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*";
    refuse("InvalidParameterValue", message)
}

/// Reads the rules of a permission: one per peer.
fn read(
    call: &mut Call<'_>,
    group_id: &str,
    is_egress: bool,
    permission: &IpPermission,
) -> Result<Vec<SecurityGroupRule>, Rejection> {
    let protocol = permission.ip_protocol().unwrap_or_default();
    let (from_port, to_port) = (permission.from_port().unwrap_or(-1), permission.to_port().unwrap_or(-1));
    // "Use -1 to specify all protocols. […] Specifying -1 or a protocol number other than tcp, udp, icmp, or icmpv6
    // allows traffic on all ports" (IpPermission).
    let (from_port, to_port) = match protocol {
        "tcp" | "udp"
            if !(0..=65535).contains(&from_port) || !(0..=65535).contains(&to_port) || from_port > to_port =>
        {
            return refuse(
                "InvalidParameterValue",
                format!("Invalid value for portRange. Must specify both from and to ports with {protocol}."),
            );
        }
        "tcp" | "udp" | "icmp" => (from_port, to_port),
        "-1" => (-1, -1),
        _ => return refuse("InvalidPermission.Malformed", format!("Unsupported IP protocol \"{protocol}\"")),
    };
    let mut peers = Vec::new();
    for range in permission.ip_ranges() {
        let cidr = range.cidr_ip().unwrap_or_default();
        if !cidr.parse::<Ipv4Net>().is_ok_and(|parsed| parsed.trunc() == parsed) {
            return refuse("InvalidParameterValue", format!("CIDR block {cidr} is malformed"));
        }
        peers.push((Peer::Cidr(cidr.to_owned()), range.description().unwrap_or_default().to_owned()));
    }
    for pair in permission.user_id_group_pairs() {
        let id = pair.group_id().unwrap_or_default();
        let now = call.now();
        let ec2 = &call.region_state().ec2;
        let Some(peer) = ec2.security_groups.get(id) else { return groups::not_found(id) };
        // "You can reference security groups of a peer VPC in the same Region"; the peering must be active ("Update
        // your security groups to reference peer security groups").
        let joined = |own: &str| {
            own == peer.vpc_id || ec2.peerings.values().any(|peering| peering.connects(own, &peer.vpc_id, now))
        };
        if ec2.security_groups.get(group_id).is_some_and(|group| !joined(&group.vpc_id)) {
            return refuse(
                "InvalidGroup.NotFound",
                format!("You have specified two resources that belong to different networks: {group_id} and {id}."),
            );
        }
        peers.push((Peer::Group(id.to_owned()), pair.description().unwrap_or_default().to_owned()));
    }
    if peers.is_empty() {
        return refuse("InvalidPermission.Malformed", "A permission requires a source or a destination.");
    }
    let mut rules = Vec::new();
    for (peer, description) in peers {
        check_description(&description)?;
        let mut rule = group_defaults::open_rule(call.new_id("sgr"), group_id, is_egress, peer);
        (rule.ip_protocol, rule.from_port, rule.to_port, rule.description) =
            (protocol.to_owned(), from_port, to_port, description);
        rules.push(rule);
    }
    Ok(rules)
}

fn authorize(
    call: &mut Call<'_>,
    group_id: Option<&str>,
    is_egress: bool,
    permissions: &[IpPermission],
    tags: &[TagSpecification],
) -> Result<Vec<aws_sdk_ec2::types::SecurityGroupRule>, Rejection> {
    let group_id = group_id.unwrap_or_default();
    if !call.region_state().ec2.security_groups.contains_key(group_id) {
        return groups::not_found(group_id);
    }
    let tags = tags_from_specifications(tags, &ResourceType::SecurityGroupRule)?;
    let mut rules = Vec::new();
    for permission in permissions {
        rules.extend(read(call, group_id, is_egress, permission)?);
    }
    let existing = &mut call.region_state().ec2.security_group_rules;
    // "InvalidPermission.Duplicate: the specified inbound or outbound rule already exists for that security group" (EC2
    // error codes); descriptions and tags are not compared.
    if let Some(duplicate) = rules.iter().find(|rule| existing.values().any(|other| other.allows_same_traffic(rule))) {
        let message = format!(
            "the specified rule \"peer: {:?}, {}, from port: {}, to port: {}, ALLOW\" already exists",
            duplicate.peer, duplicate.ip_protocol, duplicate.from_port, duplicate.to_port
        );
        return refuse("InvalidPermission.Duplicate", message);
    }
    // "Inbound or outbound rules per security group" is enforced for each direction.
    let used = existing.values().filter(|rule| rule.group_id == group_id && rule.is_egress == is_egress).count();
    quotas::check_all(call, "rules_per_security_group", used, rules.len())?;
    let existing = &mut call.region_state().ec2.security_group_rules;
    let mut described = Vec::new();
    for mut rule in rules {
        rule.tags.clone_from(&tags);
        described.push(to_sdk(&rule));
        existing.insert(rule.rule_id.clone(), rule);
    }
    Ok(described)
}

fn authorize_ingress(
    call: &mut Call<'_>,
    input: &AuthorizeSecurityGroupIngressInput,
) -> Result<AuthorizeSecurityGroupIngressOutput, Rejection> {
    let rules = authorize(call, input.group_id(), false, input.ip_permissions(), input.tag_specifications())?;
    Ok(AuthorizeSecurityGroupIngressOutput::builder().r#return(true).set_security_group_rules(Some(rules)).build())
}

fn authorize_egress(
    call: &mut Call<'_>,
    input: &AuthorizeSecurityGroupEgressInput,
) -> Result<AuthorizeSecurityGroupEgressOutput, Rejection> {
    let rules = authorize(call, input.group_id(), true, input.ip_permissions(), input.tag_specifications())?;
    Ok(AuthorizeSecurityGroupEgressOutput::builder().r#return(true).set_security_group_rules(Some(rules)).build())
}

fn revoke(
    call: &mut Call<'_>,
    group_id: Option<&str>,
    is_egress: bool,
    ids: &[String],
    permissions: &[IpPermission],
) -> Result<(), Rejection> {
    let group_id = group_id.unwrap_or_default();
    if !call.region_state().ec2.security_groups.contains_key(group_id) {
        return groups::not_found(group_id);
    }
    let mut to_delete = Vec::new();
    for id in ids {
        match call.region_state().ec2.security_group_rules.get(id) {
            Some(rule) if rule.group_id == group_id && rule.is_egress == is_egress => to_delete.push(id.clone()),
            _ => return no_rule(id),
        }
    }
    for permission in permissions {
        for wanted in read(call, group_id, is_egress, permission)? {
            match call.region_state().ec2.security_group_rules.values().find(|rule| rule.allows_same_traffic(&wanted)) {
                Some(rule) => to_delete.push(rule.rule_id.clone()),
                // "If the values you specify do not match the existing rule's values, […] an InvalidPermission.NotFound
                // client error is returned" (RevokeSecurityGroupEgress).
                None => {
                    return refuse(
                        "InvalidPermission.NotFound",
                        "The specified rule does not exist in this security group.",
                    );
                }
            }
        }
    }
    call.region_state().ec2.security_group_rules.retain(|id, _| !to_delete.contains(id));
    Ok(())
}

fn revoke_ingress(
    call: &mut Call<'_>,
    input: &RevokeSecurityGroupIngressInput,
) -> Result<RevokeSecurityGroupIngressOutput, Rejection> {
    revoke(call, input.group_id(), false, input.security_group_rule_ids(), input.ip_permissions())?;
    Ok(RevokeSecurityGroupIngressOutput::builder().r#return(true).build())
}

fn revoke_egress(
    call: &mut Call<'_>,
    input: &RevokeSecurityGroupEgressInput,
) -> Result<RevokeSecurityGroupEgressOutput, Rejection> {
    revoke(call, input.group_id(), true, input.security_group_rule_ids(), input.ip_permissions())?;
    Ok(RevokeSecurityGroupEgressOutput::builder().r#return(true).build())
}

/// Changes the traffic that rules allow. Their ids, tags, group and direction stay. If one rule is rejected, none is
/// changed.
fn modify(
    call: &mut Call<'_>,
    input: &ModifySecurityGroupRulesInput,
) -> Result<ModifySecurityGroupRulesOutput, Rejection> {
    let group_id = input.group_id().unwrap_or_default();
    if !call.region_state().ec2.security_groups.contains_key(group_id) {
        return groups::not_found(group_id);
    }
    let changed = input
        .security_group_rules()
        .iter()
        .map(|update| modified(call, group_id, update))
        .collect::<Result<Vec<_>, _>>()?;
    let rules = &mut call.region_state().ec2.security_group_rules;
    rules.extend(changed.into_iter().map(|rule| (rule.rule_id.clone(), rule)));
    Ok(ModifySecurityGroupRulesOutput::builder().r#return(true).build())
}

fn modified(
    call: &mut Call<'_>,
    group_id: &str,
    update: &SecurityGroupRuleUpdate,
) -> Result<SecurityGroupRule, Rejection> {
    let id = update.security_group_rule_id().unwrap_or_default();
    let Some(before) =
        call.region_state().ec2.security_group_rules.get(id).filter(|rule| rule.group_id == group_id).cloned()
    else {
        return no_rule(id);
    };
    let Some(requested) = update.security_group_rule() else {
        return refuse("MissingParameter", "The request must contain the rule");
    };
    if requested.cidr_ipv6().is_some() || requested.prefix_list_id().is_some() {
        return refuse("SandboxUnknownMember", "the sandbox models only rules for IPv4 ranges and groups");
    }
    let text = requested.description().unwrap_or_default();
    let range = requested.cidr_ipv4().map(|cidr| IpRange::builder().cidr_ip(cidr).description(text).build());
    let pair = requested
        .referenced_group_id()
        .map(|group| UserIdGroupPair::builder().group_id(group).description(text).build());
    let permission = IpPermission::builder()
        .set_ip_protocol(requested.ip_protocol().map(str::to_owned))
        .set_from_port(requested.from_port());
    let permission = permission.set_to_port(requested.to_port()).set_ip_ranges(range.map(|range| vec![range]));
    let permission = permission.set_user_id_group_pairs(pair.map(|pair| vec![pair])).build();
    // "You must specify exactly one of the following parameters" (SecurityGroupRuleRequest).
    let requested = read(call, group_id, before.is_egress, &permission)?;
    let [wanted] = requested.as_slice() else {
        return refuse("InvalidParameterCombination", "A rule has exactly one source or destination.");
    };
    // "When you modify a rule, you cannot change the rule type" (SecurityGroupRuleRequest).
    if std::mem::discriminant(&wanted.peer) != std::mem::discriminant(&before.peer) {
        return refuse("InvalidParameterValue", format!("The type of the security group rule {id} cannot be changed"));
    }
    if call
        .region_state()
        .ec2
        .security_group_rules
        .values()
        .any(|other| other.rule_id != id && other.allows_same_traffic(wanted))
    {
        return refuse("InvalidPermission.Duplicate", "the specified rule already exists");
    }
    Ok(SecurityGroupRule { rule_id: before.rule_id, tags: before.tags, ..wanted.clone() })
}

fn update_descriptions(
    call: &mut Call<'_>,
    group_id: Option<&str>,
    is_egress: bool,
    descriptions: &[SecurityGroupRuleDescription],
) -> Result<(), Rejection> {
    let group_id = group_id.unwrap_or_default();
    for wanted in descriptions {
        let (id, text) =
            (wanted.security_group_rule_id().unwrap_or_default(), wanted.description().unwrap_or_default());
        check_description(text)?;
        match call.region_state().ec2.security_group_rules.get_mut(id) {
            Some(rule) if rule.group_id == group_id && rule.is_egress == is_egress => {
                text.clone_into(&mut rule.description);
            }
            _ => return no_rule(id),
        }
    }
    Ok(())
}

fn update_ingress_descriptions(
    call: &mut Call<'_>,
    input: &UpdateSecurityGroupRuleDescriptionsIngressInput,
) -> Result<UpdateSecurityGroupRuleDescriptionsIngressOutput, Rejection> {
    update_descriptions(call, input.group_id(), false, input.security_group_rule_descriptions())?;
    Ok(UpdateSecurityGroupRuleDescriptionsIngressOutput::builder().r#return(true).build())
}

fn update_egress_descriptions(
    call: &mut Call<'_>,
    input: &UpdateSecurityGroupRuleDescriptionsEgressInput,
) -> Result<UpdateSecurityGroupRuleDescriptionsEgressOutput, Rejection> {
    update_descriptions(call, input.group_id(), true, input.security_group_rule_descriptions())?;
    Ok(UpdateSecurityGroupRuleDescriptionsEgressOutput::builder().r#return(true).build())
}
