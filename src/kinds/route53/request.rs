//! Parts of requests and responses.

use aws_smithy_types::error::operation::BuildError;

use infra_core::resource::{Error, Result};

/// Converts the error of a builder, which fails when a required member is not set. The callers here always set it.
pub(super) fn built<T>(result: Result<T, BuildError>) -> Result<T> {
    result.map_err(|error| Error::Refused(format!("a request to Route 53 is incomplete: {error}")))
}

/// Returns an id without the prefix that some responses have (`/hostedzone/`, `/change/`).
pub(super) fn bare(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}
