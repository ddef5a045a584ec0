//! All integration tests are modules of this one binary, because linking the SDK takes longer than running them.

mod containers;
mod lab;
mod load_balancing;
mod network;
mod scaling;
