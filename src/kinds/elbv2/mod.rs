//! Elastic Load Balancing: application load balancers.

pub mod health;
mod listener;
mod load_balancer;
mod tagging;
mod target_group;

pub use listener::{Action, Listener, Protocol};
pub use load_balancer::LoadBalancer;
pub use target_group::TargetGroup;
