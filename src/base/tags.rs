//! The ownership tags, and the owner that they name.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::address::Address;

/// The stack that owns a resource: `{name}/{suffix}`.
pub const OWNER_STACK: &str = "migrate-infra:stack";
/// The address inside that stack.
pub const OWNER_ADDRESS: &str = "migrate-infra:address";
/// Marks a resource that this tool created for the whole account.
pub const SHARED_MARK: &str = "migrate-infra:shared";
/// Prefix of the tags that name the users of such a resource. Their value is the stack, a space, and the address.
pub const SHARED_USER: &str = "migrate-infra:user-";

/// Returns whether this tool manages the tag, independently of the configuration.
pub fn is_managed_tag(key: &str) -> bool {
    key == "Name" || key.starts_with("migrate-infra:")
}

/// The text of an unknown owner, and its text in earlier versions.
const UNKNOWN: &str = "an unknown owner (it has no ownership tags)";
const UNKNOWN_BEFORE: &str = "nobody that this tool knows (it has no ownership tags)";

/// Who owns a resource that is not the expected one. Stored and printed as text.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Owner {
    /// A stack of this tool.
    Stack {
        /// The stack, `{name}/{suffix}`.
        stack: String,
        /// The address in that stack, if the tags have one.
        address: Option<Address>,
    },
    /// The resource has no ownership tags.
    Unknown,
    /// Another owner, as text.
    Other(String),
}

impl Owner {
    /// Reads the owner from the tags of a resource.
    pub fn of_tags<'a>(tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let (mut stack, mut address) = (None, None);
        for (key, value) in tags {
            match key {
                OWNER_STACK => stack = Some(value.to_owned()),
                OWNER_ADDRESS => address = Some(Address::new(value)),
                _ => {}
            }
        }
        stack.map_or(Self::Unknown, |stack| Self::Stack { stack, address })
    }

    /// Returns the address of the resource in `stack`, if that stack owns it.
    pub fn address_in(&self, stack: &str) -> Option<&Address> {
        match self {
            Self::Stack { stack: owner, address } if owner == stack => address.as_ref(),
            _ => None,
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stack { stack, address: Some(address) } => write!(f, "the stack `{stack}` as `{address}`"),
            Self::Stack { stack, address: None } => write!(f, "the stack `{stack}`"),
            Self::Unknown => f.write_str(UNKNOWN),
            Self::Other(text) => f.write_str(text),
        }
    }
}

/// An owner that was parsed from text equals the one that was written.
impl PartialEq for Owner {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl Eq for Owner {}

impl From<String> for Owner {
    fn from(text: String) -> Self {
        if [UNKNOWN, UNKNOWN_BEFORE].contains(&text.as_str()) { Self::Unknown } else { Self::Other(text) }
    }
}

impl From<&str> for Owner {
    fn from(text: &str) -> Self {
        Self::Other(text.to_owned())
    }
}

impl From<Owner> for String {
    fn from(owner: Owner) -> Self {
        owner.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_read_from_tags_and_survives_storage() {
        let owner = Owner::of_tags([(OWNER_STACK, "payment/dev"), (OWNER_ADDRESS, "source/network/vpc")]);
        assert_eq!(owner.address_in("payment/dev"), Some(&Address::new("source/network/vpc")));
        assert_eq!(owner.address_in("payment/prod"), None);
        assert_eq!(Owner::from(String::from(owner.clone())), owner);
        assert_eq!(Owner::of_tags([("Name", "x")]), Owner::Unknown);
        assert_eq!(Owner::from(UNKNOWN_BEFORE.to_owned()), Owner::Unknown);
    }
}
