//! The names that secrets and their replicas share.

/// Returns the name that a secret, or a replica of one, occupies in a region.
pub(super) fn global_name(region: &str, name: &str) -> String {
    format!("secret {name} in {region}")
}
