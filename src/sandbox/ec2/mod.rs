//! Amazon EC2: networks.

mod filters;
mod interfaces;
mod subnets;
mod vpcs;

use super::registry::Registry;

pub(super) fn register(registry: &mut Registry) {
    vpcs::register(registry);
    subnets::register(registry);
    interfaces::register(registry);
}
