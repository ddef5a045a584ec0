//! AWS Database Migration Service. Without real data, the model simulates the progress: tables load, changes are
//! captured, validation reports results. With real data, it shows what happened to the data (`world/real_data.rs`).

mod certificates;
mod connections;
mod conversion;
mod endpoints;
mod filters;
mod instances;
mod live_statistics;
mod orderable;
mod subnet_groups;
mod table_statistics;
mod tags;
mod tasks;
mod validation;

use super::registry::Registry;

pub(super) fn register(registry: &mut Registry) {
    subnet_groups::register(registry);
    instances::register(registry);
    orderable::register(registry);
    certificates::register(registry);
    endpoints::register(registry);
    connections::register(registry);
    tasks::register(registry);
    table_statistics::register(registry);
    tags::register(registry);
}
