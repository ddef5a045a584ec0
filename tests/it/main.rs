//! All integration tests are modules of this one binary, because linking the SDK takes longer than running them.

mod lab;
mod network;
mod network_refusals;
