//! The `migrate-infra` program: its commands, and in one place the crates that they consist of.
//!
//! See `docs/architecture.md` for the data flow through these crates, which are below `src/`.

pub mod cli;

/// A run allocates many small objects, which musl, the libc of the static binaries, is slow at, and glibc not fast.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub use infra_aws as aws;
pub use infra_base::{address, clock, crash_point};
pub use infra_config as config;
pub use infra_config::naming;
pub use infra_core::{draw, engine, events, graph, plan, resource, state};
pub use infra_database as database;
pub use infra_kinds as resources;
pub use infra_payment::{policy, stack};
pub use infra_permissions as permissions;
pub use infra_postgres as postgres;
pub use infra_preflight as preflight;
pub use infra_rehearsal as rehearsal;
pub use infra_rehearse as rehearse;
pub use infra_sandbox as sandbox;
pub use infra_sandbox_data as sandbox_data;
pub use infra_switchover as switchover;
pub use infra_workflow as workflow;

/// The migration: replication, traffic, gates and cutover, and the comparison of two databases.
pub mod migration {
    pub use infra_compare as compare;
    pub use infra_migration::*;
}
