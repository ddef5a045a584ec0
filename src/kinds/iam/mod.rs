//! AWS Identity and Access Management.

pub(super) mod document;
pub(super) mod retry;
mod role;
mod role_policy;
mod role_policy_attachment;
pub(super) mod service_linked_role;
mod tagging;

pub use role::Role;
pub use role_policy::{RolePolicy, Statement};
pub use role_policy_attachment::RolePolicyAttachment;
pub(super) use role_policy_attachment::attached;
