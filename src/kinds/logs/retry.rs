//! Retries of calls that CloudWatch Logs refuses for a short time.

use infra_core::resource::{Result, StepContext};

/// "Multiple concurrent requests to update the same resource were in conflict."
const BUSY: &[&str] = &["OperationAbortedException"];
const BUSY_SECONDS: u64 = 60;

/// Repeats a call while an earlier change is still in progress.
pub(super) async fn when_idle<T, Fut: Future<Output = Result<T>> + Send>(
    cx: &StepContext,
    call: impl Fn() -> Fut + Send,
) -> Result<T> {
    cx.retry("CloudWatch Logs to finish an earlier change", BUSY, BUSY_SECONDS, call).await
}
