//! Amazon S3: buckets, their settings, and their objects.

mod buckets;
mod lookup;
mod object_versions;
mod objects;
mod replication;
mod settings;

use super::registry::Registry;

pub(super) fn register(registry: &mut Registry) {
    buckets::register(registry);
    settings::register(registry);
    object_versions::register(registry);
    objects::register(registry);
    replication::register(registry);
}
