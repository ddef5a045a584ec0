//! Retries of calls that Lambda refuses for a short time.

use infra_core::resource::{Result, StepContext};

/// How long a change of a function can take, in seconds.
const BUSY_SECONDS: u64 = 180;

/// Repeats a call while another change of the function is in progress.
pub(super) async fn when_idle<Fut: Future<Output = Result<()>> + Send>(
    cx: &StepContext,
    call: impl Fn() -> Fut + Send,
) -> Result<()> {
    let why = "an earlier change of the function to finish";
    cx.retry(why, &["ResourceConflictException"], BUSY_SECONDS, call).await
}
