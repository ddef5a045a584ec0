//! What the crate does: the pure machine in every order of events, the driver killed at every point on a model, and
//! whole switchovers on two real servers.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as the tests do")]

mod choices;
mod crash_matrix;
mod driver;
mod exploration;
mod forecast;
mod machine;
mod model;
mod model_driver;
mod model_operations;
mod real;
mod world;
