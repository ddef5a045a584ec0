//! All integration tests are modules of this one binary, because linking the SDK takes longer than running them.

mod cli;
mod containers;
mod database;
mod emulator;
mod journal;
mod lab;
mod load_balancing;
mod network;
mod network_refusals;
mod over_http;
mod scaling;
