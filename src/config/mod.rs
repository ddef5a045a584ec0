//! The configuration: raw TOML to a validated [`Config`]. No later layer parses a string.
//!
//! The Rust types in `model` are the one description of the format. Their JSON schema checks a file before it is read, so
//! that all mistakes are reported at once with their place; `migrate-infra init` and `config/schema.json` are made from it.

mod change;
mod check;
mod cutover;
mod gate;
mod gates;
mod keeping;
mod load;
mod model;
mod own_gate;
mod problem;
mod replication;
mod routing;
mod source;
mod template;
mod validate;

pub use change::{Drift, Ignored, Renamed};
pub use check::{did_you_mean, schema, suggest};
pub use cutover::{Cutover, OnResume, Otherwise};
pub use gate::{Bound, Check, Custom, Gate, Limit, Metric, Query, Side, Statistic};
pub use gates::RawGates;
pub use keeping::{Backend, Keeping, PerResource, Resources};
pub use load::{Overrides, load};
pub use model::{
    Config, Database, Encryption, EnvironmentConfig, Exception, Layout, Link, Links, MigrationType, Monitoring, NatGateways, Network, Policy,
    Replication, Routing, Rule, Secrets, Service, Stack, Storage, TablePreparation,
};
pub use problem::{ConfigError, Problem};
pub use template::template;
