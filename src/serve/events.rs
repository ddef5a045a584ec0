//! Server-sent events: one for each change of the view ("Server-sent events", HTML Living Standard).

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use futures::stream::unfold;
use hyper::body::Frame;
use infra_timeline::html::View;
use tokio::sync::watch;
use tokio::time::timeout;

/// An event without data is not delivered. A browser that has lost the connection tries again after a second.
const CHANGED: &str = "retry: 1000\nevent: changed\ndata: 1\n\n";
/// A comment, which shows that the connection still works.
const ALIVE: &str = ": \n\n";
/// How long nothing is sent at most.
const SILENCE: Duration = Duration::from_secs(15);

/// Returns the events for one browser. The first one comes at once: the view may have changed since the page was read.
pub(super) fn events(mut views: watch::Receiver<View>) -> impl Stream<Item = Result<Frame<Bytes>, Infallible>> {
    views.mark_changed();
    unfold(views, |mut views| async move {
        let text = match timeout(SILENCE, views.changed()).await {
            Ok(Ok(())) => CHANGED,
            Err(_) => ALIVE,
            // Nobody sends views any more.
            Ok(Err(_)) => return None,
        };
        Some((Ok(Frame::data(Bytes::from_static(text.as_bytes()))), views))
    })
}
