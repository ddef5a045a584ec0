//! Carries out what the machine decides.

mod call;
mod run;

pub use run::{Driver, Stopped};
