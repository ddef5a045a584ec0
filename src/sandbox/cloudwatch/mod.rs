//! Amazon CloudWatch: metrics, alarms, dashboards, and tags.

mod alarm_state;
mod alarms;
mod dashboards;
mod expression;
mod get_data;
mod points;
mod produced;
mod put_data;
mod statistic;
mod tags;

use aws_sdk_cloudwatch::types::Dimension;

use super::registry::{Registry, Rejection, refuse};

pub(super) fn register(registry: &mut Registry) {
    alarms::register(registry);
    dashboards::register(registry);
    put_data::register(registry);
    get_data::register(registry);
    tags::register(registry);
}

/// "Dimensions: Array Members: Maximum number of 30 items"; no name and no value may be empty.
fn dimensions(dimensions: &[Dimension]) -> Result<Vec<(String, String)>, Rejection> {
    let read = |dimension: &Dimension| (dimension.name().unwrap_or_default().to_owned(), dimension.value().unwrap_or_default().to_owned());
    let read: Vec<(String, String)> = dimensions.iter().map(read).collect();
    if read.len() > 30 || read.iter().any(|(name, value)| name.is_empty() || value.is_empty()) {
        return refuse("ValidationError", "Value at 'dimensions' failed to satisfy constraint");
    }
    Ok(read)
}
