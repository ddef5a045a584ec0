//! The kinds of the program.

use migrate_infra::resource::{Kind, KindRef};
use migrate_infra::resources::KINDS;

/// Returns the kind with this name.
pub fn kind(name: &str) -> Option<&'static dyn Kind> {
    KINDS.get(name).map(KindRef::get)
}

/// Returns all kinds.
pub fn kinds() -> Vec<&'static dyn Kind> {
    KINDS.iter().map(KindRef::get).collect()
}
