//! AWS Database Migration Service.

mod account_role;
mod certificate;
mod codes;
mod endpoint;
mod filter;
mod replication_instance;
mod replication_subnet_group;
mod replication_task;
mod tagging;
pub mod task_status;

pub use account_role::AccountRole;
pub use certificate::Certificate;
pub use endpoint::{Endpoint, EndpointDirection};
pub use replication_instance::ReplicationInstance;
pub use replication_subnet_group::ReplicationSubnetGroup;
pub use replication_task::ReplicationTask;
