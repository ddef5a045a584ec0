//! AWS Database Migration Service.

mod account_role;
mod endpoint;
mod replication_instance;
mod replication_subnet_group;
mod replication_task;
pub mod running;
mod tagging;

pub use account_role::AccountRole;
pub use endpoint::{Endpoint, EndpointDirection};
pub use replication_instance::ReplicationInstance;
pub use replication_subnet_group::ReplicationSubnetGroup;
pub use replication_task::ReplicationTask;

use aws_sdk_databasemigration::types::Filter;

use crate::resource::{Error, Result};

/// There is no such thing. A description that finds nothing is answered with this code or with an empty list.
const NOT_FOUND: &[&str] = &["ResourceNotFoundFault"];
/// Refusals while something that it depends on is still changing, or goes.
const BUSY: &[&str] = &["InvalidResourceStateFault"];
/// How long these may last, in seconds.
const BUSY_SECONDS: u64 = 10 * 60;
/// A role made a moment ago: "The IAM Role … is not configured properly" (AccessDeniedFault), for up to two minutes.
const ROLE: &[&str] = &["AccessDeniedFault"];
/// How long that may last, in seconds.
const ROLE_SECONDS: u64 = 180;

/// A filter of a description.
fn filter(name: &str, value: &str) -> Result<Filter> {
    let built = Filter::builder().name(name).values(value).build();
    built.map_err(|error| Error::Refused(format!("a request to DMS is incomplete: {error}")))
}
