//! AWS Identity and Access Management: roles and their policies.

mod policies;
mod roles;
mod syntax;

use super::registry::Registry;

pub(super) fn register(registry: &mut Registry) {
    roles::register(registry);
    policies::register(registry);
}
