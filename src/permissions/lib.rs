//! The least IAM policy for a command on a stack.
//!
//! What a command calls follows from what the kinds declare ([`Access`]). Which IAM action allows a call is in one
//! table ([`infra_aws::iam_actions`]). What an action acts on, and which conditions it knows, is AWS's own table
//! (`actions.txt`, [`table`]). The names of the stack narrow the ARNs ([`scope`]); where AWS chooses the id, the
//! ownership tags do.

mod access;
mod derive;
mod policy;
mod render;
pub mod scope;
pub mod table;
mod upper_camel;

pub use access::Access;
pub use derive::{Part, StateBucket, Topic, derive};
pub use policy::{MAX_MANAGED_CHARACTERS, Policy, Statement};
pub use render::{Format, pretty, render};
