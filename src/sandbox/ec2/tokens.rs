//! Client tokens: a repeated call with the same token and the same parameters returns the same resource.

use crate::registry::{Call, Rejection, refuse};
use crate::world::ec2::ClientToken;

/// Returns the id of the resource that was created with this token.
///
/// # Errors
/// If the token was used with other parameters ("Ensuring idempotency in Amazon EC2 API requests").
pub(super) fn find_by_token(
    call: &mut Call<'_>,
    operation: &str,
    token: Option<&str>,
    parameters: &str,
) -> Result<Option<String>, Rejection> {
    let Some(token) = token else { return Ok(None) };
    if token.len() > 64 {
        return refuse("InvalidParameterValue", "The client token is longer than 64 characters.");
    }
    match call.region_state().ec2.tokens.get(&format!("{operation}/{token}")) {
        Some(before) if before.parameters == parameters => Ok(Some(before.id.clone())),
        Some(_) => refuse(
            "IdempotentParameterMismatch",
            "The request uses the same client token as a previous, but non-identical request.",
        ),
        None => Ok(None),
    }
}

/// Records the resource that was created with a token.
pub(super) fn record_token(call: &mut Call<'_>, operation: &str, token: Option<&str>, parameters: &str, id: &str) {
    if let Some(token) = token {
        let token_use = ClientToken { parameters: parameters.to_owned(), id: id.to_owned() };
        call.region_state().ec2.tokens.insert(format!("{operation}/{token}"), token_use);
    }
}
