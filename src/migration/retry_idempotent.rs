//! Retries idempotent operations until their result is known.

use std::time::Duration;

use infra_aws::CallOutcome;
use infra_core::resource::{Error, Result, StepContext, describe};

/// The maximum number of attempts while the result is unknown.
const ATTEMPTS: u32 = 4;

/// Repeats an idempotent operation until its result is known. `retry_text` describes the retry.
pub(super) async fn retry_idempotent<T, Fut>(cx: &StepContext, retry_text: &str, attempt: impl Fn() -> Fut) -> Result<T>
where
    Fut: Future<Output = Result<T>>,
{
    for attempts in 1.. {
        match attempt().await {
            Err(error)
                if error.outcome() == CallOutcome::Unknown && attempts < ATTEMPTS && !cx.cancel.is_cancelled() =>
            {
                cx.notice(format!("{}; {retry_text}", describe(&error)));
                // If the wait is cancelled, the caller must still learn that the operation may have had an effect.
                if cx.pause(Duration::from_secs(1 << attempts)).await.is_err() {
                    return Err(error);
                }
            }
            other => return other,
        }
    }
    Err(Error::Cancelled)
}
