//! Amazon CloudWatch: alarms, dashboards, and their tags.

mod alarms;
mod dashboards;
mod tags;

use super::registry::Registry;

pub(super) fn register(registry: &mut Registry) {
    alarms::register(registry);
    dashboards::register(registry);
    tags::register(registry);
}
