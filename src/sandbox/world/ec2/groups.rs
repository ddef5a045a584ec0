//! Security groups and their rules.

use serde::{Deserialize, Serialize};

use crate::world::tags::Tags;

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
    /// Returns whether it is the default group, which is created and deleted with its VPC. The name is reserved.
    pub fn is_default(&self) -> bool {
        self.group_name == "default"
    }
}

/// The source or destination of a rule.
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
    /// Returns whether both rules allow the same traffic, regardless of their ids.
    pub fn allows_same_traffic(&self, other: &Self) -> bool {
        let key = |rule: &Self| {
            (
                rule.group_id.clone(),
                rule.is_egress,
                rule.ip_protocol.clone(),
                rule.from_port,
                rule.to_port,
                rule.peer.clone(),
            )
        };
        key(self) == key(other)
    }
}
