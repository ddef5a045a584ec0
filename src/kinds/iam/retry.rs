//! Retries of calls that IAM refuses for a short time.

use infra_core::resource::{Result, StepContext};

/// Temporary refusals: IAM changes an entity one call at a time.
pub(crate) const BUSY: &[&str] = &["ConcurrentModification", "EntityTemporarilyUnmodifiable"];
/// The same, and a new role that IAM does not show everywhere yet.
pub(crate) const BUSY_OR_HIDDEN: &[&str] = &["ConcurrentModification", "EntityTemporarilyUnmodifiable", "NoSuchEntity"];
/// How long these can last, in seconds.
pub(crate) const BUSY_SECONDS: u64 = 60;

/// Repeats a call while an earlier change is still in progress.
pub(crate) async fn when_idle<T, Fut: Future<Output = Result<T>> + Send>(
    cx: &StepContext,
    call: impl Fn() -> Fut + Send,
) -> Result<T> {
    cx.retry("IAM to accept the change", BUSY, BUSY_SECONDS, call).await
}
