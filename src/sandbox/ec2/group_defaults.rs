//! The rules that AWS adds to a new security group.

use crate::registry::Call;
use crate::world::ec2::{Peer, SecurityGroup, SecurityGroupRule};
use crate::world::tags::Tags;

/// Returns the rule that allows all traffic to or from a peer.
pub(super) fn open_rule(rule_id: String, group_id: &str, is_egress: bool, peer: Peer) -> SecurityGroupRule {
    SecurityGroupRule {
        rule_id,
        group_id: group_id.to_owned(),
        is_egress,
        ip_protocol: "-1".to_owned(),
        from_port: -1,
        to_port: -1,
        peer,
        description: String::new(),
        tags: Tags::new(),
    }
}

/// Adds a group with the rule that every new group has: "a new security group […] has an outbound rule that allows all
/// traffic" ("Security group rules").
pub(super) fn insert(call: &mut Call<'_>, group: SecurityGroup) {
    let rule = open_rule(call.new_id("sgr"), &group.group_id, true, Peer::Cidr("0.0.0.0/0".to_owned()));
    let ec2 = &mut call.region_state().ec2;
    ec2.security_group_rules.insert(rule.rule_id.clone(), rule);
    ec2.security_groups.insert(group.group_id.clone(), group);
}
