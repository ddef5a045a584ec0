//! PostgreSQL servers for tests. They start in about a second, and sync nothing to the disk.
//!
//! *Guarantees*: A server ends with the process that started it, however that ends; then its files are removed.
//!
//! *Assumptions*: Linux with `setpriv` (util-linux). PostgreSQL refuses to run as root: then there is a user `postgres`
//! or `nobody`.
//!
//! *Caveats*: What is missing ends the test with a panic.
//!
//! *May depend on* no other crate of this workspace. Only tests depend on it.
//!
//! *Must never know* what is tested.

mod cuts;
mod directory;
mod programs;
mod server;
mod user;

pub use cuts::{Cut, When, sampled};
pub use directory::directory;
pub use programs::programs;
pub use server::{ADMIN, Server, Setup};
pub use user::{command, give, succeed};
