//! The shared parts of the tests: the environments that they run in, and what observes them.

pub mod backend;
pub mod call_watcher;
pub mod crash_counter;
pub mod emulator;
pub mod independent_reader;
pub mod limited_store;
pub mod matrix;
pub mod postgres;
pub mod registry;
pub mod request_recorder;
pub mod sandbox_run;
pub mod stacks;
pub mod terminal;
pub mod workspace;
