//! Amazon CloudWatch: metrics, alarms, dashboards, and tags.

mod alarm_state;
mod alarms;
mod dashboards;
mod dimensions;
mod expression;
mod get_data;
mod points;
mod put_data;
mod service_metrics;
mod statistic;
mod tags;

use super::registry::Registry;

pub(super) fn register(registry: &mut Registry) {
    alarms::register(registry);
    dashboards::register(registry);
    put_data::register(registry);
    get_data::register(registry);
    tags::register(registry);
}
