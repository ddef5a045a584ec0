//! Elastic Container Service.

mod clusters;
mod names;
mod services;
mod tags;
mod task_definitions;
mod tasks;

use super::registry::Registry;

pub(super) fn register(registry: &mut Registry) {
    clusters::register(registry);
    task_definitions::register(registry);
    services::register(registry);
    tasks::register(registry);
    tags::register(registry);
}
