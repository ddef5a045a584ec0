//! Checks of identifiers, documents and roles.

use serde_json::Value;

use crate::registry::{Call, Rejection, refuse};
use crate::world::ServiceCaller;

/// "Must contain from 1 to 63 alphanumeric characters or hyphens. First character must be a letter. Can't end with a
/// hyphen or contain two consecutive hyphens." Stored in lower case.
pub(super) fn identifier(text: Option<&str>, max: usize) -> Result<String, Rejection> {
    let name = text.unwrap_or_default().to_lowercase();
    let fits = (1..=max).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.chars().all(|char| char.is_ascii_alphanumeric() || char == '-')
        && !name.ends_with('-')
        && !name.contains("--");
    if fits {
        Ok(name)
    } else {
        refuse("InvalidParameterValueException", format!("The identifier {name} is not valid"))
    }
}

/// Checks one of the account's two roles: it exists, DMS can assume it, its policy is attached, and IAM has propagated
/// it.
pub(super) fn check_account_role(call: &Call<'_>, name: &str, policy: &str) -> Result<(), Rejection> {
    let role = call.world.iam.roles.get(name);
    let attached = role.is_some_and(|role| role.attached_policies.iter().any(|arn| arn.ends_with(policy)));
    let account = call.account();
    // "arn:aws:dms:your_region:your_account_id:rep:my-replication-instance" in the trust policy of `dms-vpc-role`
    // ("Cross-service confused deputy prevention").
    let arn = call.arn("dms", "rep:INSTANCE");
    let caller = ServiceCaller { principal: "dms.amazonaws.com", account: &account, arn: Some(&arn) };
    let usable = role.is_some_and(|role| call.world.iam.can_assume(&role.arn, &caller, call.now()));
    if attached && usable {
        return Ok(());
    }
    // AWS's message. It does not distinguish a missing role from a role that is too new.
    let partition = call.region.partition();
    let message = format!("The IAM Role arn:{partition}:iam::{account}:role/{name} is not configured properly.");
    refuse("AccessDeniedFault", message)
}

/// Parses a document that DMS takes as text.
pub(super) fn document(text: Option<&str>, what: &str) -> Result<Value, Rejection> {
    match text.map(serde_json::from_str::<Value>) {
        Some(Ok(value)) if value.is_object() => Ok(value),
        _ => refuse("InvalidParameterValueException", format!("Invalid {what} document")),
    }
}
