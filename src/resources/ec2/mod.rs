//! Amazon EC2 and VPC.

pub(super) mod blockers;
mod subnet;
mod tagging;
mod vpc;

pub use subnet::Subnet;
pub use vpc::Vpc;
