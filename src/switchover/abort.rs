//! How an operator aborts a switchover.

use tokio::sync::watch;

/// Requests that a switchover be undone.
#[derive(Clone, Debug)]
pub struct Aborter(watch::Sender<Option<String>>);

/// Tells the driver that it was requested.
#[derive(Clone, Debug)]
pub struct AbortSignal(watch::Receiver<Option<String>>);

/// Creates both ends.
pub fn abort_signal() -> (Aborter, AbortSignal) {
    let (sender, receiver) = watch::channel(None);
    (Aborter(sender), AbortSignal(receiver))
}

impl Aborter {
    /// Requests it. The first request counts. Once row `Open` has begun, it has no effect.
    pub fn abort(&self, by: impl Into<String>) {
        self.0.send_if_modified(|request| {
            let is_first = request.is_none();
            request.get_or_insert_with(|| by.into());
            is_first
        });
    }
}

impl AbortSignal {
    /// Waits for the request, and returns who made it. Without an [`Aborter`], it waits for ever.
    pub async fn requested(&mut self) -> String {
        let request = self.0.wait_for(Option::is_some).await.ok().and_then(|request| request.clone());
        match request {
            Some(by) => by,
            None => std::future::pending().await,
        }
    }
}
