//! How the writers behave.

use std::time::Duration;

/// How the writers behave. All times are wall times.
#[derive(Clone, Debug)]
pub struct WriterOptions {
    /// The number of clients. Each has its own cache of names and its own connections.
    pub writers: usize,
    /// Requests per second, of all writers together.
    pub rate: f64,
    /// The largest number of requests of a writer that are not done. Further ones are held back, and counted.
    pub outstanding: usize,
    /// How long a request is tried.
    pub deadline: Duration,
    /// How long a client waits for the answer to one attempt.
    pub request_timeout: Duration,
    /// How long a load balancer keeps a connection (`client_keep_alive`).
    pub keep_alive: Duration,
    /// The first time between two attempts; it doubles.
    pub backoff: Duration,
    /// The longest time between two attempts, unless `Retry-After` asks for more.
    pub most_backoff: Duration,
    /// The seed of all choices.
    pub seed: u64,
}

impl Default for WriterOptions {
    fn default() -> Self {
        Self {
            writers: 16,
            rate: 200.0,
            outstanding: 64,
            deadline: Duration::from_secs(30),
            request_timeout: Duration::from_secs(10),
            keep_alive: Duration::from_mins(1),
            backoff: Duration::from_millis(20),
            most_backoff: Duration::from_secs(1),
            seed: 1,
        }
    }
}
