//! Elastic Load Balancing: application load balancers.

mod fence;
pub mod fence_position;
pub mod forward_rule;
pub mod health;
mod listener;
mod load_balancer;
mod rule;
pub mod rule_scope;
mod tagging;
mod target_group;

pub use fence::Fence;
pub use forward_rule::ForwardRule;
pub use listener::{Action, Listener, Protocol};
pub use load_balancer::LoadBalancer;
pub use target_group::TargetGroup;
