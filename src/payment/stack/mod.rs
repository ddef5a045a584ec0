//! The resources of a payment environment, one file per part. Pure: a [`Config`](infra_config::Config) becomes a
//! [`Graph`](infra_core::graph::Graph) without an AWS call.

mod assemble;
mod builder;
mod database;
mod emergency_switch;
mod environment;
mod facts;
mod fallback;
mod layout;
mod link;
mod link_service;
mod monitoring;
mod network;
mod outputs;
mod parts;
mod replication;
mod routing;
mod security;
mod service;
mod storage;
mod storage_replication;
mod task_settings;
mod tasks;
mod trust;

pub use assemble::{Stack, assemble, build, build_with};
pub use emergency_switch::EmergencySwitch;
pub use facts::{LobSettings, MeasuredSource, MigrationFacts};
pub use layout::{ROUTING, RoutingPart, routing_part};
pub use outputs::{Output, outputs};
pub use parts::{DatabaseParts, FallbackParts, LinkServiceParts, Parts, ReplicationParts, RoutingParts, ServiceParts};
pub use task_settings::{MARKER_TABLE, stops_after_load};
