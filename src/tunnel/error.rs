//! Why there is no way.

/// Why there is no way to a database. It contains no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TunnelError(String);

impl TunnelError {
    pub(super) fn new(why: String) -> Self {
        Self(why)
    }
}
