//! Sending again what can be sent twice, until its answer is known.

use std::time::Duration;

use crate::aws::Fate;
use crate::resource::{Cx, Error, Result, describe};

/// How often something whose answer is lost is sent in all.
const ATTEMPTS: u32 = 4;

/// Attempts something until its answer is known; `again` says what is sent again.
pub(super) async fn insist<T, Fut>(cx: &Cx, again: &str, attempt: impl Fn() -> Fut) -> Result<T>
where
    Fut: Future<Output = Result<T>>,
{
    for attempts in 1.. {
        match attempt().await {
            Err(error) if error.fate() == Fate::Unknown && attempts < ATTEMPTS && !cx.cancel.is_cancelled() => {
                cx.notice(format!("{}; {again}", describe(&error)));
                // Who stops now still has to know that it may have taken effect.
                if cx.pause(Duration::from_secs(1 << attempts)).await.is_err() {
                    return Err(error);
                }
            }
            other => return other,
        }
    }
    Err(Error::Cancelled)
}
