//! Client tokens: the same token with the same parameters gives the same thing again.

use crate::sandbox::registry::{Call, Rejection, refuse};
use crate::sandbox::world::ec2::Redeemed;

/// Returns the id of what this token has made already.
///
/// # Errors
/// The token was used with other parameters ("Ensuring idempotency in Amazon EC2 API requests").
pub(super) fn redeemed(call: &mut Call<'_>, operation: &str, token: Option<&str>, parameters: &str) -> Result<Option<String>, Rejection> {
    let Some(token) = token else { return Ok(None) };
    if token.len() > 64 {
        return refuse("InvalidParameterValue", "The client token is longer than 64 characters.");
    }
    match call.here().ec2.tokens.get(&format!("{operation}/{token}")) {
        Some(before) if before.parameters == parameters => Ok(Some(before.id.clone())),
        Some(_) => refuse("IdempotentParameterMismatch", "The request uses the same client token as a previous, but non-identical request."),
        None => Ok(None),
    }
}

/// Remembers what a token has made.
pub(super) fn remember(call: &mut Call<'_>, operation: &str, token: Option<&str>, parameters: &str, id: &str) {
    if let Some(token) = token {
        let redeemed = Redeemed { parameters: parameters.to_owned(), id: id.to_owned() };
        call.here().ec2.tokens.insert(format!("{operation}/{token}"), redeemed);
    }
}
