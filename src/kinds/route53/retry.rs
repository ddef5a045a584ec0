//! Retries of calls that Route 53 refuses for a short time.

use infra_core::resource::{Result, StepContext};

/// "If Route 53 can't process a request before the next request arrives, it rejects subsequent requests for the same
/// hosted zone" (PriorRequestNotComplete).
const BUSY: &[&str] = &["PriorRequestNotComplete"];
/// How long a zone can be busy, in seconds.
const BUSY_SECONDS: u64 = 120;

/// Repeats a call while an earlier change is still in progress.
pub(super) async fn when_idle<T, Fut: Future<Output = Result<T>> + Send>(
    cx: &StepContext,
    call: impl Fn() -> Fut + Send,
) -> Result<T> {
    cx.retry("Route 53 to finish an earlier change", BUSY, BUSY_SECONDS, call).await
}
