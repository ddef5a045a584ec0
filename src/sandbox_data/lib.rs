//! Real data behind the sandbox: each DB instance is a PostgreSQL server, each replication task moves rows, and clients
//! reach both through the load balancers of the modelled AWS.
//!
//! The model decides what AWS would decide. This part watches the world of a sandbox, carries out what it says, and
//! writes down what happened (`infra_sandbox::world::real_data`).
//!
//! *Guarantees*: It can be killed at any time. What it needs to continue is in the world and in the databases.
//!
//! *Assumptions*: The clock of the sandbox is scaled or real. A paused clock passes while servers work.
//!
//! *May depend on* `infra-sandbox`, `infra-postgres`, `infra-replicator` and `infra-rehearsal`.
//! *Must never know* a resource kind, a plan or a command.

mod addresses;
mod clients;
mod connection_tests;
mod data_plane;
mod error;
mod faults;
mod instance_size;
mod measure;
mod options;
mod server_actor;
mod servers;
mod task_definition;
mod task_key;
mod task_observer;
mod tasks;
mod wanted_server;

pub use addresses::{DatabaseServer, database_of, databases, locate};
pub use clients::Clients;
pub use data_plane::DataPlane;
pub use error::DataError;
pub use options::DataOptions;
