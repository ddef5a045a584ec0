//! AWS Identity and Access Management.

mod attached_policies;
pub(super) mod document;
pub(super) mod retry;
mod role;
mod role_policy;
mod role_policy_attachment;
pub(super) mod service_linked_role;
mod tagging;

pub(super) use attached_policies::attached;
pub use role::Role;
pub use role_policy::{RolePolicy, Statement};
pub use role_policy_attachment::RolePolicyAttachment;
pub use service_linked_role::{ServiceLinkedRole, service_linked_role};
