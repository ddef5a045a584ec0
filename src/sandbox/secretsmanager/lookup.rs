//! Access to a secret by its name or ARN.

use crate::registry::{Call, Rejection, refuse};
use crate::world::secretsmanager::Secret;

/// Finds a secret by name or ARN, including secrets that are scheduled for deletion.
pub(super) fn find<'a>(call: &'a mut Call<'_>, id: &str) -> Result<&'a mut Secret, Rejection> {
    match call.region_state().secretsmanager.secrets.values_mut().find(|secret| secret.name == id || secret.arn == id) {
        Some(secret) => Ok(secret),
        None => refuse("ResourceNotFoundException", "Secrets Manager can't find the specified secret."),
    }
}

/// Finds a secret that can be changed.
pub(super) fn find_active<'a>(call: &'a mut Call<'_>, id: &str) -> Result<&'a mut Secret, Rejection> {
    let secret = find(call, id)?;
    if secret.deleted_at.is_some() {
        let text = "You can't perform this operation on the secret because it was marked for deletion.";
        return refuse("InvalidRequestException", text);
    }
    if secret.primary_region.is_some() {
        return refuse(
            "InvalidRequestException",
            "Operation not permitted on a replica secret. Call must be made in primary secret's region.",
        );
    }
    Ok(secret)
}
