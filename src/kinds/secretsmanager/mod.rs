//! AWS Secrets Manager.

mod content;
mod global_name;
mod replica;
mod rotation;
pub mod rotation_hold;
mod secret;
mod secret_policy;
mod tagging;
mod value;
mod version;

pub use content::SecretContent;
pub use replica::SecretReplica;
pub use rotation::SecretRotation;
pub use rotation_hold::HOLD_ROTATION;
pub use secret::Secret;
pub use secret_policy::SecretPolicy;
pub use value::{Password, password_of};
