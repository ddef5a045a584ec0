//! Elastic Load Balancing: application load balancers.

mod actions;
mod conditions;
mod listeners;
mod load_balancers;
mod names;
mod propagation;
mod rules;
mod tags;
mod target_groups;

use super::registry::Registry;

pub(super) fn register(registry: &mut Registry) {
    load_balancers::register(registry);
    target_groups::register(registry);
    listeners::register(registry);
    rules::register(registry);
    tags::register(registry);
}
