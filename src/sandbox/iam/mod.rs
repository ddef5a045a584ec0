//! AWS Identity and Access Management: roles and their policies.

mod policies;
mod roles;
mod service_linked;
mod simulation;
mod syntax;

use super::registry::Registry;

pub(crate) use service_linked::{create_for, is_usable};

pub(super) fn register(registry: &mut Registry) {
    roles::register(registry);
    policies::register(registry);
    service_linked::register(registry);
    simulation::register(registry);
}
