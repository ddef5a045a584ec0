//! `migrate-infra` stands up two payment environments on AWS by direct API calls, remembers what it made, and takes it down
//! again. See `docs/architecture.md` for the way of the data through these modules.

pub mod address;
pub mod aws;
pub mod cli;
pub mod clock;
pub mod config;
pub mod draw;
pub mod engine;
pub mod events;
pub mod fuse;
pub mod graph;
pub mod migration;
pub mod naming;
pub mod plan;
pub mod policy;
pub mod resource;
pub mod resources;
pub mod sandbox;
pub mod stack;
pub mod state;
