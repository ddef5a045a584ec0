//! The network side of a client: cached names, and connections that are kept.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::cloud::{Cloud, Resolved};

/// An open connection to a load balancer.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) side: Arc<str>,
    pub(super) balancer: Arc<str>,
    opened: Instant,
}

/// The names and the connections of a client.
#[derive(Debug, Default)]
pub(super) struct Network {
    cached: Mutex<Option<(Resolved, Instant)>>,
    idle: Mutex<Vec<Kept>>,
}

impl Network {
    /// Returns an idle connection, or opens one to the address that the name has for this client now.
    ///
    /// A load balancer closes a connection after `keep_alive`: "HTTP client keepalive duration: the maximum length of
    /// time that an Application Load Balancer maintains a persistent HTTP connection to a client" ("Application Load
    /// Balancers", Elastic Load Balancing documentation). Until then, its client does not ask for the name again.
    pub(super) fn connect(&self, cloud: &dyn Cloud, keep_alive: Duration, draw: f64) -> Option<Kept> {
        let now = Instant::now();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|kept| now.duration_since(kept.opened) < keep_alive);
        if let Some(kept) = idle.pop() {
            return Some(kept);
        }
        drop(idle);
        let mut cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        let is_valid = cached.as_ref().is_some_and(|(answer, at)| now.duration_since(*at) < answer.ttl);
        if !is_valid {
            *cached = cloud.resolve(draw).map(|answer| (answer, now));
        }
        let (answer, _) = cached.as_ref()?;
        Some(Kept { side: Arc::clone(&answer.side), balancer: Arc::clone(&answer.balancer), opened: now })
    }

    /// Keeps a connection for the next request.
    pub(super) fn keep(&self, connection: Kept) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }
}
