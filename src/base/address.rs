//! Addresses of resources, and newtypes for ids that must not be confused.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The stable name of one resource inside a stack, `{environment}/{part}/{name}`, for example `source/network/vpc`.
///
/// The stack chooses an address, never AWS. It stays the same when the AWS id behind it changes.
/// It contains no white space, so it can be passed on a command line as printed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Address(Arc<str>);

/// Marks the address of a retired resource. No part of an address that a stack chooses contains it.
const RETIRED_MARK: &str = "~old";

impl Address {
    /// Creates an address from its text.
    pub fn new(text: impl AsRef<str>) -> Self {
        Self(Arc::from(text.as_ref()))
    }

    /// Joins environment, part and name.
    pub fn of(environment: &str, part: &str, name: &str) -> Self {
        Self::new(format!("{environment}/{part}/{name}"))
    }

    /// Returns whether a pattern matches the address. Supports the wildcards `*` (any text) and `?` (any character).
    pub fn matches(&self, pattern: &str) -> bool {
        wildmatch::WildMatch::new(pattern).matches(self.as_str())
    }

    /// Returns the address of a retired resource, which a new one replaces. `number` distinguishes several of them.
    #[must_use]
    pub fn retired(&self, number: usize) -> Self {
        Self::new(match number {
            0 => format!("{}{RETIRED_MARK}", self.0),
            number => format!("{}{RETIRED_MARK}{}", self.0, number + 1),
        })
    }

    /// Returns the address that a retired resource had before.
    pub fn retired_from(&self) -> Option<Self> {
        self.0.split_once(RETIRED_MARK).map(|(base, _)| Self::new(base))
    }

    /// Returns the address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether a stack can have chosen the address: it consists of segments, none of which leads out of a
    /// directory, and contains neither white space nor control characters. One that was read from a file may not.
    pub fn is_well_formed(&self) -> bool {
        let is_segment = |segment: &str| !matches!(segment, "" | "." | "..");
        self.0.split('/').all(is_segment) && !self.0.contains(|char: char| char.is_whitespace() || char.is_control())
    }

    /// Returns the environment: the segment before the first slash.
    pub fn environment(&self) -> &str {
        self.0.split('/').next().unwrap_or(&self.0)
    }

    /// Returns the part of the environment: the segment between the first two slashes.
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

/// Declares newtypes over `String` for ids and names of AWS, so that the compiler rejects a confusion of two of them.
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
    /// The history that a state file belongs to. It is created once, with the first journal line, and never changes.
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
    /// A Route 53 hosted zone, without the prefix `/hostedzone/`.
    HostedZoneId,
    /// A Route 53 health check.
    HealthCheckId,
}

/// Where a resource is: an account and a region.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Location {
    /// The region.
    pub region: Region,
    /// The account. `None`: the account of the stack, in which its first environment is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
}

impl Location {
    /// Returns the region in the account of the stack.
    pub fn of_stack(region: Region) -> Self {
        Self { region, account: None }
    }

    /// Returns another region of the same account.
    #[must_use]
    pub fn in_region(&self, region: &Region) -> Self {
        Self { region: region.clone(), account: self.account.clone() }
    }
}

impl From<&Region> for Location {
    fn from(region: &Region) -> Self {
        Self::of_stack(region.clone())
    }
}

/// The region with this name, in the account of the stack.
impl From<&str> for Location {
    fn from(region: &str) -> Self {
        Self::of_stack(region.into())
    }
}

impl From<&Location> for Location {
    fn from(location: &Location) -> Self {
        location.clone()
    }
}

/// The region, and the account if it is another one.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.account {
            None => f.pad(self.region.as_str()),
            Some(account) => f.pad(&format!("{} of account {account}", self.region)),
        }
    }
}

impl Region {
    /// Returns the partition that the region belongs to, as ARNs name it.
    pub fn partition(&self) -> &'static str {
        match self.as_str() {
            name if name.starts_with("cn-") => "aws-cn",
            name if name.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        }
    }

    /// Returns whether an account must enable the region before its first use ("AWS Regions", opt-in status, as of
    /// 2026: all regions that were launched after March 20, 2019).
    pub fn is_opt_in(&self) -> bool {
        OPT_IN.contains(&self.as_str())
    }
}

impl Arn {
    /// Returns the ARN of a resource of a service in a region of an account.
    pub fn regional(region: &Region, account: &str, service: &str, resource: &str) -> Self {
        Self(format!("arn:{}:{service}:{region}:{account}:{resource}", region.partition()))
    }

    /// Returns the id behind a prefix of service and type, such as `ec2:vpc/` or `rds:db:`; nothing for another type.
    pub fn id_after(&self, prefix: &str) -> Option<&str> {
        let (service, resource) = prefix.split_once(':')?;
        let mut parts = self.as_str().splitn(6, ':');
        let is_service = parts.nth(2)? == service;
        // Behind region and account.
        parts.nth(2)?.strip_prefix(resource).filter(|_| is_service)
    }
}
const OPT_IN: &[&str] = &[
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-south-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-west-1",
    "eu-central-2",
    "eu-south-1",
    "eu-south-2",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_an_environment_and_a_part() {
        let address = Address::of("source", "network", "vpc");
        assert_eq!(address.as_str(), "source/network/vpc");
        assert_eq!(address.environment(), "source");
        assert_eq!(address.part(), "network");
    }

    #[test]
    fn an_address_does_not_lead_out_of_a_directory() {
        for text in ["a", "source/network/vpc", "source/network/vpc~old2", "a/b.c/..d"] {
            assert!(Address::new(text).is_well_formed(), "{text}");
        }
        for text in ["", "/a", "a/", "a//b", "..", "a/../b", "a/./b", "a b", "a\u{a0}b", "a\nb", "a\0b"] {
            assert!(!Address::new(text).is_well_formed(), "{text:?}");
        }
    }

    #[test]
    fn a_retired_address_remembers_its_base() {
        let address = Address::new("source/network/vpc");
        assert_eq!(address.retired(0).as_str(), "source/network/vpc~old");
        assert_eq!(address.retired(1).as_str(), "source/network/vpc~old2");
        assert_eq!(address.retired(1).retired_from(), Some(address.clone()));
        assert_eq!(address.retired_from(), None);
    }

    #[test]
    fn a_pattern_matches_what_is_below_it() {
        let address = Address::new("source/database-source/instance");
        assert!(address.matches("source/database-source/instance"));
        assert!(address.matches("source/database-*"));
        assert!(address.matches("*/instance"));
        assert!(!address.matches("source/database"));
    }
}
