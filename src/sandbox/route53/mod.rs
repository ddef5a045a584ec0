//! Amazon Route 53.

mod changes;
mod dns_answers;
mod health_checks;
mod names;
mod records;
mod tags;
mod zones;

use super::registry::Registry;

pub(super) fn register(registry: &mut Registry) {
    zones::register(registry);
    records::register(registry);
    health_checks::register(registry);
    dns_answers::register(registry);
    tags::register(registry);
}
