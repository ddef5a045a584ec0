//! Elastic Load Balancing: application load balancers.

mod listeners;
mod load_balancers;
mod tags;
mod target_groups;

use super::registry::{Registry, Rejection, refuse};

/// The service part of the calls.
const SERVICE: &str = "elasticloadbalancing";

pub(super) fn register(registry: &mut Registry) {
    load_balancers::register(registry);
    target_groups::register(registry);
    listeners::register(registry);
    tags::register(registry);
}

/// "This name must be unique per region per account, can have a maximum of 32 characters, must contain only alphanumeric
/// characters or hyphens, and must not begin or end with a hyphen" (CreateLoadBalancer, CreateTargetGroup).
fn check_name(what: &str, name: &str) -> Result<(), Rejection> {
    let fits = (1..=32).contains(&name.len()) && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
    if !fits {
        return refuse(
            "ValidationError",
            format!(
                "The {what} name '{name}' can only contain characters that are alphanumeric characters and hyphens(-), and cannot be longer than '32' characters"
            ),
        );
    }
    if name.starts_with('-') || name.ends_with('-') {
        return refuse("ValidationError", format!("The {what} name '{name}' cannot begin or end with a hyphen(-)"));
    }
    Ok(())
}

/// The hexadecimal digits at the end of an ARN.
fn suffix(call: &mut super::registry::Call<'_>) -> String {
    call.new_id("x").chars().skip(2).take(16).collect()
}
