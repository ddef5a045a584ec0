//! Amazon RDS.

mod changes;
mod instances;
mod orderable;
mod parameter_groups;
mod reboot;
mod subnet_groups;
mod tags;
mod validation;

use super::registry::Registry;

pub(super) fn register(registry: &mut Registry) {
    subnet_groups::register(registry);
    parameter_groups::register(registry);
    instances::register(registry);
    orderable::register(registry);
    changes::register(registry);
    reboot::register(registry);
    tags::register(registry);
}
