//! All integration tests are modules of this one binary, because linking the SDK takes longer than running them.

mod cli;
mod emulator;
mod journal;
mod lab;
mod network;
mod over_http;
