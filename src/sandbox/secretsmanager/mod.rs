//! AWS Secrets Manager.

mod lookup;
mod policies;
mod replication;
mod rotation;
mod secrets;
mod values;

use super::registry::Registry;

pub(super) fn register(registry: &mut Registry) {
    secrets::register(registry);
    values::register(registry);
    policies::register(registry);
    rotation::register(registry);
    replication::register(registry);
}
