//! AWS Identity and Access Management.

pub(super) mod document;
mod role;
mod role_policy;
mod role_policy_attachment;

pub use role::Role;
pub use role_policy::{RolePolicy, Statement};
pub use role_policy_attachment::RolePolicyAttachment;
pub(super) use role_policy_attachment::attached;

/// Refusals that pass by themselves: IAM changes an entity one call at a time.
pub(super) const BUSY: &[&str] = &["ConcurrentModification", "EntityTemporarilyUnmodifiable"];
/// The same, and a role made a moment ago that IAM does not show everywhere yet.
const BUSY_OR_HIDDEN: &[&str] = &["ConcurrentModification", "EntityTemporarilyUnmodifiable", "NoSuchEntity"];
/// How long these may last, in seconds.
pub(super) const PATIENCE: u64 = 60;
