//! Commands that open a way to a database that cannot be reached from here, for example the port forwarding of Session
//! Manager.
//!
//! A command prints where it listens, and lives as long as [`Tunnels`]. One that has ended is reported with what it
//! wrote to standard error, and is started again for the next connection.
//!
//! *Guarantees*: A command and its children end with this process, however it ends. Each has a process group of its
//! own, so that Ctrl-C does not reach it: the program may still need its database to undo something.
//!
//! *Assumptions*: Time passes as on the wall.
//!
//! *Must never know* AWS, the configuration, a password, or what a connection is used for.

mod announced;
mod error;
mod place;
mod process;
mod redact;
mod tunnels;
mod watchdog;

pub use error::TunnelError;
pub use place::Place;
pub use tunnels::Tunnels;
