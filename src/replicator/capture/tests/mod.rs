//! Tests of the capture. Those of the slot need a real server.

mod assembler;
mod fuzz;
mod parser;
mod position;
mod printer;
pub(crate) mod server;
mod slot;
