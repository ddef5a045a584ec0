//! Security groups and their rules.

use serde::{Deserialize, Serialize};

use super::{Ec2, Tags};

/// A security group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the EC2 API's `SecurityGroup`")]
pub struct SecurityGroup {
    pub group_id: String,
    pub group_name: String,
    pub description: String,
    pub vpc_id: String,
    pub tags: Tags,
}

impl SecurityGroup {
    /// Returns whether it is the group that comes and goes with its VPC. Nobody else can have that name.
    pub fn is_default(&self) -> bool {
        self.group_name == "default"
    }
}

/// Whom a rule lets through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Peer {
    /// The members of a security group.
    Group(String),
    /// An address range.
    Cidr(String),
}

/// One rule of a security group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the EC2 API's `SecurityGroupRule`")]
pub struct SecurityGroupRule {
    pub rule_id: String,
    pub group_id: String,
    pub is_egress: bool,
    pub ip_protocol: String,
    pub from_port: i32,
    pub to_port: i32,
    pub peer: Peer,
    pub description: String,
    pub tags: Tags,
}

impl SecurityGroupRule {
    /// Returns whether both let the same through, whatever they are called.
    pub fn same_as(&self, other: &Self) -> bool {
        let key = |rule: &Self| (rule.group_id.clone(), rule.is_egress, rule.ip_protocol.clone(), rule.from_port, rule.to_port, rule.peer.clone());
        key(self) == key(other)
    }
}

impl Ec2 {
    /// Returns whether a rule of another group refers to this group.
    pub fn is_referenced(&self, group_id: &str) -> bool {
        self.security_group_rules.values().any(|rule| rule.group_id != group_id && rule.peer == Peer::Group(group_id.to_owned()))
    }
}
