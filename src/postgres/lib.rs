//! PostgreSQL servers on this machine: they are initialized, started, stopped and removed as RDS does with an instance.
//!
//! *Guarantees*: A server runs while a process holds a [`Running`], and not much longer, however that process ends.
//! What was committed survives the end of each process. Everything can be repeated after a crash. Passwords are in no
//! error, log or process argument.
//!
//! *Assumptions*: The machine does not lose its power; see `parameters.rs`. The files are on a local file system with
//! `flock`.
//!
//! *May depend on* `infra-connect`, PostgreSQL client crates and the operating system.
//!
//! *Must never know* AWS, a world, a configuration or a command.

mod authority;
mod client_tls;
mod configuration;
mod connect_error;
mod connection;
mod error;
mod files;
mod formula;
mod initialize;
mod layout;
mod lock;
mod owner;
mod parameters;
mod postmaster;
mod program_search;
mod programs;
mod reachable;
mod roles;
mod running;
mod server;
mod supervisor;
mod tls_mode;

pub use authority::Authority;
pub use configuration::Applied;
pub use connect_error::ConnectError;
pub use connection::{CONNECT_TIMEOUT, ConnectionInfo, Password};
pub use error::PostgresError;
pub use formula::{FormulaError, InstanceSize};
pub use initialize::{LOCALE, ServerSpec};
pub use programs::{ClientProgram, Installation, MissingPrograms, Programs, SUPPORTED, Version};
pub use running::Running;
pub use server::{Launcher, Server};
pub use supervisor::supervise;
pub use tls_mode::Tls;
