//! Application Auto Scaling of ECS services.

mod scalable_target;
pub mod scale_in;
mod scaling_policy;
mod tagging;

pub use scalable_target::ScalableTarget;
pub use scaling_policy::ScalingPolicy;
