//! Domain names, and the error for an unknown zone.

use crate::registry::{Rejection, refuse};

pub(super) fn no_zone<T>(id: &str) -> Result<T, Rejection> {
    refuse("NoSuchHostedZone", format!("No hosted zone found with ID: {id}"))
}

/// Returns a domain name as Route 53 stores it: in lower case, with a trailing dot.
pub(super) fn absolute(name: &str) -> String {
    format!("{}.", name.trim_end_matches('.').to_lowercase())
}
