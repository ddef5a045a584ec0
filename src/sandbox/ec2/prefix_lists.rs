//! Prefix lists of the services that gateway endpoints reach.

/// Returns the id of a service's prefix list, which is the destination in route tables.
pub(super) fn prefix_list(service_name: &str) -> String {
    format!("pl-{:08x}", service_name.bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into())))
}
