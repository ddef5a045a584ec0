//! Clients: how they find a load balancer, what they send, and how they try again.

mod client;
mod counters;
mod options;
mod send;
mod writers;

pub use counters::{Live, LiveSide};
pub use options::WriterOptions;
pub use writers::Writers;
