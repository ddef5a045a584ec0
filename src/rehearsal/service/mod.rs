//! The tasks of a service: each has its own connections to the database that its task definition names.

mod fleet;
mod pool;

pub(crate) use fleet::{Effect, Fleet, Response};
pub use pool::ServiceOptions;
