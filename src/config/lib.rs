//! The configuration: from a TOML file to a validated [`Config`]. Other parts of the program parse no configuration
//! text.
//!
//! The Rust types in `model` define the format. Their JSON schema is used to check a file before it is read, so that
//! all mistakes are reported at once, each with its position. `migrate-infra init` and `config/schema.json` are
//! generated from the types.
//!
//! A configuration passes through these stages: `load` reads the file and applies the `overrides`, `schema_check`
//! checks the structure, `resolve` merges the sections of each environment, and `validate` checks the values.
//!
//! *May depend on* `infra-base`.
//!
//! *Must never know* a resource kind, an AWS call, or a command.

mod diagnostic;
mod effective;
mod existing;
mod gate;
mod line_ends;
mod load;
mod model;
pub mod naming;
mod overrides;
mod provenance;
mod resolve;
mod schema_check;
mod suggest;
mod template;
mod toml_value;
mod validate;

pub use diagnostic::{ConfigDiagnostic, ConfigError};
pub use existing::of_existing;
pub use gate::{Bound, Check, CustomCheck, Gate, Limit, RateLimit};
pub use infra_base::metric::{Metric, Query, Statistic};
pub use infra_base::side::Side;
pub use load::{load, load_as_file, parse};
pub use model::{
    AssumeRole, BackendKind, Config, Credentials, Cutover, Database, DatabaseAccess, DriftConfig, Encryption,
    EnvironmentConfig, Exception, Iam, IgnoreRule, Layout, MigrationType, Monitoring, MovedBlock, NatGateways, Network,
    Notify, Occasion, OnFailure, OnResume, Overdue, Policy, RawGates, Replication, ReplicationLink, ReplicationLinks,
    ResourceOptions, Resources, Routing, Rule, SchemaSource, Secrets, Service, Stack, StateConfig, Storage, Strategy,
    TablePreparation, schema_and_table,
};
pub use overrides::Overrides;
pub use schema_check::schema;
pub use suggest::{did_you_mean, suggest};
pub use template::template;
