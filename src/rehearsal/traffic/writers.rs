//! Writers: clients that send requests at a rate, whether or not the earlier ones are done.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinHandle, JoinSet};
use tokio::time::Instant;

use super::client::Network;
use super::counters::{Counters, Live};
use super::options::WriterOptions;
use super::send::{Shared, send};
use crate::application::{Application, Memory};
use crate::cloud::Cloud;
use crate::error::Error;
use crate::ledger::{Entry, Ledger};
use crate::service::{Fleet, ServiceOptions};

/// How often the tasks are looked at and the answers are written to the ledger.
const TICK: Duration = Duration::from_millis(100);
/// How much a writer that was late makes up for at once.
const BURST: Duration = Duration::from_millis(500);

/// Writers that run until they are stopped or dropped.
pub struct Writers {
    shared: Arc<Shared>,
    failure: Arc<Mutex<Option<Error>>>,
    writers: Vec<JoinHandle<()>>,
    ticker: JoinHandle<()>,
    ends: Ends,
}

/// Ends the tasks of writers when it is dropped: without the caller, nobody would stop them.
struct Ends {
    stopping: Arc<AtomicBool>,
    ticker: AbortHandle,
}

impl Drop for Ends {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.ticker.abort();
    }
}

impl Writers {
    /// Starts the writers.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub fn start(
        options: WriterOptions,
        service: ServiceOptions,
        application: Arc<Application>,
        cloud: Arc<dyn Cloud>,
        ledger: Arc<Ledger>,
    ) -> Result<Self, Error> {
        ledger.declare(application.tables())?;
        let fleet = Arc::new(Fleet::new(application, service));
        let shared = Arc::new(Shared { options, cloud, fleet, ledger, counters: Counters::default() });
        let stopping = Arc::new(AtomicBool::new(false));
        let failure = Arc::new(Mutex::new(None));
        let mut seeds = Rng::with_seed(shared.options.seed);
        let start = |_| {
            let writer = Writer {
                shared: Arc::clone(&shared),
                stopping: Arc::clone(&stopping),
                failure: Arc::clone(&failure),
                network: Arc::default(),
                memory: Arc::default(),
                rng: seeds.fork(),
            };
            tokio::spawn(writer.run())
        };
        let writers = (0..shared.options.writers.max(1)).map(start).collect();
        let ticker = tokio::spawn(tick(Arc::clone(&shared), Arc::clone(&failure)));
        let ends = Ends { stopping, ticker: ticker.abort_handle() };
        Ok(Self { shared, failure, writers, ticker, ends })
    }

    /// Returns the statistics of this moment.
    pub fn live(&self) -> Live {
        self.shared.counters.live()
    }

    /// Sends no new requests, waits for those that are in flight, and closes the ledger.
    ///
    /// # Errors
    /// The ledger could not be written, or rows could not be generated; the writers ended early then.
    pub async fn stop(self) -> Result<Live, Error> {
        self.ends.stopping.store(true, Ordering::Relaxed);
        for writer in self.writers {
            // A writer that panicked has its requests in the ledger without an end.
            let _ = writer.await;
        }
        self.ticker.abort();
        // It holds what the writers share, also the ledger, until it has ended.
        let _ = self.ticker.await;
        flush(&self.shared)?;
        self.shared.ledger.append(|at| Entry::Stop { at })?;
        match self.failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(error) => Err(error),
            None => Ok(self.shared.counters.live()),
        }
    }
}

/// Looks after the tasks, and records the answers that were no acknowledgements.
async fn tick(shared: Arc<Shared>, failure: Arc<Mutex<Option<Error>>>) {
    let mut interval = tokio::time::interval(TICK);
    loop {
        interval.tick().await;
        shared.fleet.sweep(shared.cloud.as_ref());
        if let Err(error) = flush(&shared) {
            *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        }
    }
}

fn flush(shared: &Shared) -> Result<(), Error> {
    let sides = shared.counters.take_answers();
    if sides.is_empty() { Ok(()) } else { shared.ledger.append(|at| Entry::Answers { at, sides }) }
}

/// One client.
struct Writer {
    shared: Arc<Shared>,
    stopping: Arc<AtomicBool>,
    failure: Arc<Mutex<Option<Error>>>,
    network: Arc<Network>,
    memory: Arc<Mutex<Memory>>,
    rng: Rng,
}

impl Writer {
    async fn run(mut self) {
        let options = &self.shared.options;
        let writers = u32::try_from(options.writers.max(1)).unwrap_or(u32::MAX);
        let rate = (options.rate / f64::from(writers)).max(1e-3);
        let slots = Arc::new(Semaphore::new(options.outstanding.max(1)));
        let mut requests = JoinSet::new();
        let mut due = Instant::now() + Duration::from_secs_f64(self.rng.f64() / rate);
        loop {
            // A writer that has to end does not wait for a request that is due much later.
            while !self.has_to_end() && Instant::now() < due {
                tokio::time::sleep_until(due.min(Instant::now() + TICK)).await;
            }
            if self.has_to_end() {
                break;
            }
            while requests.try_join_next().is_some() {}
            due = due.max(Instant::now() - BURST) + self.until_next(rate);
            let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
                self.shared.counters.held_back.fetch_add(1, Ordering::Relaxed);
                continue;
            };
            let next = {
                let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
                self.shared.fleet.application().next(&mut memory, &mut self.rng)
            };
            let request = match next {
                Ok(request) => Arc::new(request),
                Err(error) => {
                    self.fail(error);
                    break;
                }
            };
            let (shared, network) = (Arc::clone(&self.shared), Arc::clone(&self.network));
            let (memory, failure) = (Arc::clone(&self.memory), Arc::clone(&self.failure));
            let mut rng = self.rng.fork();
            requests.spawn(async move {
                shared.counters.in_flight.fetch_add(1, Ordering::Relaxed);
                match send(&shared, &network, &request, &mut rng).await {
                    Ok(Some(done)) => {
                        let mut memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
                        shared.fleet.application().remember(&mut memory, &request, &done);
                    }
                    Ok(None) => {}
                    Err(error) => *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error),
                }
                shared.counters.in_flight.fetch_sub(1, Ordering::Relaxed);
                drop(slot);
            });
        }
        while requests.join_next().await.is_some() {}
    }

    /// Returns the time until the next request: independent clients send at random times.
    fn until_next(&mut self, rate: f64) -> Duration {
        Duration::from_secs_f64((-(1.0 - self.rng.f64()).ln() / rate).min(60.0))
    }

    fn has_to_end(&self) -> bool {
        self.stopping.load(Ordering::Relaxed) || self.failure.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn fail(&self, error: Error) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }
}
