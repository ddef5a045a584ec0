//! Names for things: addresses of resources, and newtypes for the ids that must never be mixed up.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The stable name of one resource inside a stack, `{environment}/{part}/{name}`, for example `source/network/vpc`.
///
/// An address is chosen by the stack, never by AWS; it stays the same while the AWS id behind it comes and goes.
/// It contains no white space, so it can be passed on a command line as it is printed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Address(Arc<str>);

/// Marks the address of what makes way for a new one. No part of an address that a stack chooses has it.
const SET_ASIDE: &str = "~old";

impl Address {
    /// Makes an address from its text.
    pub fn new(text: impl AsRef<str>) -> Self {
        Self(Arc::from(text.as_ref()))
    }

    /// Joins environment, part and name.
    pub fn of(environment: &str, part: &str, name: &str) -> Self {
        Self::new(format!("{environment}/{part}/{name}"))
    }

    /// Returns whether a pattern covers it. In a pattern, `*` stands for any text and `?` for any character.
    pub fn matches(&self, pattern: &str) -> bool {
        wildmatch::WildMatch::new(pattern).matches(self.as_str())
    }

    /// Returns the address under which a thing is kept that makes way for a new one; `number` tells several apart.
    #[must_use]
    pub fn set_aside(&self, number: usize) -> Self {
        Self::new(match number {
            0 => format!("{}{SET_ASIDE}", self.0),
            number => format!("{}{SET_ASIDE}{}", self.0, number + 1),
        })
    }

    /// Returns whose place this thing had, if it makes way for a new one.
    pub fn made_way(&self) -> Option<Self> {
        self.0.split_once(SET_ASIDE).map(|(base, _)| Self::new(base))
    }

    /// Returns the address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the environment, which is the segment before the first slash.
    pub fn environment(&self) -> &str {
        self.0.split('/').next().unwrap_or(&self.0)
    }

    /// Returns the part of the environment, which is the segment between the first two slashes.
    pub fn part(&self) -> &str {
        self.0.split('/').nth(1).unwrap_or("")
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Declares newtypes over `String` for ids and names that AWS gives or takes, so that two of them cannot be swapped.
macro_rules! text_ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// Returns the id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(&self.0)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl From<&$name> for String {
            fn from(id: &$name) -> String {
                id.0.clone()
            }
        }
    )*};
}

text_ids! {
    /// A twelve-digit AWS account number.
    AccountId,
    /// A region such as `us-east-1`.
    Region,
    /// One invocation of a command that changes something.
    RunId,
    /// The history a state file belongs to; it is made once, with the first journal line, and never changes.
    Lineage,
    /// An Amazon Resource Name.
    Arn,
    /// `vpc-…`
    VpcId,
    /// `subnet-…`
    SubnetId,
    /// `igw-…`
    InternetGatewayId,
    /// `eipalloc-…`
    AllocationId,
    /// `nat-…`
    NatGatewayId,
    /// `rtb-…`
    RouteTableId,
    /// `vpce-…`
    VpcEndpointId,
    /// `sg-…`
    SecurityGroupId,
    /// `pcx-…`
    VpcPeeringConnectionId,
    /// A Route 53 hosted zone, without `/hostedzone/` before it.
    HostedZoneId,
    /// A Route 53 health check.
    HealthCheckId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_knows_its_environment_and_part() {
        let address = Address::of("source", "network", "vpc");
        assert_eq!(address.as_str(), "source/network/vpc");
        assert_eq!(address.environment(), "source");
        assert_eq!(address.part(), "network");
    }

    #[test]
    fn what_makes_way_remembers_its_place() {
        let address = Address::new("source/network/vpc");
        assert_eq!(address.set_aside(0).as_str(), "source/network/vpc~old");
        assert_eq!(address.set_aside(1).as_str(), "source/network/vpc~old2");
        assert_eq!(address.set_aside(1).made_way(), Some(address.clone()));
        assert_eq!(address.made_way(), None);
    }

    #[test]
    fn a_pattern_covers_what_is_below_it() {
        let address = Address::new("source/database-source/instance");
        assert!(address.matches("source/database-source/instance"));
        assert!(address.matches("source/database-*"));
        assert!(address.matches("*/instance"));
        assert!(!address.matches("source/database"));
    }
}
