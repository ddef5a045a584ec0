//! What a payment environment consists of: one file a part. Pure: a [`Config`] becomes a [`Graph`], without a call.

mod build;
mod network;
mod outputs;

pub use build::build;
pub use outputs::{Output, outputs};
