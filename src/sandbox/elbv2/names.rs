//! Names of the service, of its resources, and in their ARNs.

use crate::registry::{Call, Rejection, refuse};

/// The service part of the calls.
pub(super) const SERVICE: &str = "elasticloadbalancing";

/// "This name must be unique per region per account, can have a maximum of 32 characters, must contain only
/// alphanumeric characters or hyphens, and must not begin or end with a hyphen" (CreateLoadBalancer,
/// CreateTargetGroup).
pub(super) fn check_name(what: &str, name: &str) -> Result<(), Rejection> {
    let fits =
        (1..=32).contains(&name.len()) && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
    if !fits {
        return refuse(
            "ValidationError",
            format!(
                "The {what} name '{name}' can only contain characters that are alphanumeric characters and hyphens(-), \
                 and cannot be longer than '32' characters"
            ),
        );
    }
    if name.starts_with('-') || name.ends_with('-') {
        return refuse("ValidationError", format!("The {what} name '{name}' cannot begin or end with a hyphen(-)"));
    }
    Ok(())
}

/// Returns the hexadecimal digits at the end of an ARN.
pub(super) fn arn_suffix(call: &mut Call<'_>) -> String {
    call.new_id("x").chars().skip(2).take(16).collect()
}
