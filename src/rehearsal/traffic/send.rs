//! One request of a client: attempts with the same idempotency key, until it is acknowledged or its time is over.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use fastrand::Rng;

use super::client::{Kept, Network};
use super::counters::Counters;
use super::options::WriterOptions;
use crate::application::{Performed, Request};
use crate::cloud::{Cloud, Route, TaskTarget};
use crate::error::Error;
use crate::ledger::{Acknowledged, Ended, Entry, Ledger, Outcome, Sent};
use crate::service::{Effect, Fleet, Response};

/// What all clients share.
pub(super) struct Shared {
    pub(super) options: WriterOptions,
    pub(super) cloud: Arc<dyn Cloud>,
    pub(super) fleet: Arc<Fleet>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) counters: Counters,
}

/// How an attempt ended.
enum Attempt {
    Acknowledged {
        side: Arc<str>,
        database: Arc<str>,
        done: Performed,
    },
    /// The client tries again, after a time that the answer names.
    Again {
        effect: Effect,
        after: Option<Duration>,
    },
    /// Another attempt would have the same answer.
    Final,
}

/// Sends a request until it is acknowledged or given up. Returns what was done, after it is in the ledger.
pub(super) async fn send(
    shared: &Shared,
    network: &Network,
    request: &Arc<Request>,
    rng: &mut Rng,
) -> Result<Option<Performed>, Error> {
    let mut sent = 0;
    shared.ledger.append(|at| {
        sent = at;
        Entry::Sent(Sent { id: Cow::Borrowed(&request.id), kind: request.kind, at, rows: request.intents.clone() })
    })?;
    shared.counters.sent.fetch_add(1, Ordering::Relaxed);
    let deadline = Instant::now() + shared.options.deadline;
    let mut outcome = Outcome::Refused;
    let mut tries = 0;
    loop {
        tries += 1;
        let after = match attempt(shared, network, request, rng).await {
            Attempt::Acknowledged { side, database, done } => {
                let Performed::Done { rows, .. } = &done else { return Ok(None) };
                shared.ledger.append(|at| {
                    Entry::Ack(Acknowledged {
                        id: Cow::Borrowed(&request.id),
                        kind: request.kind,
                        side: Cow::Borrowed(&side),
                        db: Cow::Borrowed(&database),
                        sent,
                        at,
                        tries,
                        rows: rows.clone(),
                    })
                })?;
                shared.counters.acknowledged(&side);
                return Ok(Some(done));
            }
            Attempt::Again { effect, after } => {
                if effect == Effect::Possible {
                    outcome = Outcome::Unknown;
                    if !request.is_idempotent {
                        break;
                    }
                }
                after
            }
            Attempt::Final => break,
        };
        let wait = after.unwrap_or_default().max(backoff(&shared.options, tries, rng));
        if Instant::now() + wait >= deadline {
            break;
        }
        tokio::time::sleep(wait).await;
    }
    let counter = match outcome {
        Outcome::Refused => &shared.counters.refused,
        Outcome::Unknown => &shared.counters.unknown,
    };
    counter.fetch_add(1, Ordering::Relaxed);
    let (id, kind) = (Cow::Borrowed(request.id.as_str()), request.kind);
    shared.ledger.append(|at| Entry::End(Ended { id, kind, outcome, sent, at, tries }))?;
    Ok(None)
}

/// Returns the time until the next attempt: it doubles, and is random, so that clients do not come back at the same
/// moment.
fn backoff(options: &WriterOptions, tries: u32, rng: &mut Rng) -> Duration {
    let most = options.backoff.saturating_mul(1 << tries.min(6)).min(options.most_backoff);
    most.mul_f64(0.5 + rng.f64() / 2.0)
}

async fn attempt(shared: &Shared, network: &Network, request: &Arc<Request>, rng: &mut Rng) -> Attempt {
    let cloud = shared.cloud.as_ref();
    let nothing = Attempt::Again { effect: Effect::Certain, after: None };
    let Some(connection) = network.connect(cloud, shared.options.keep_alive, rng.f64()) else {
        shared.counters.answered("", "dns".to_owned());
        return nothing;
    };
    match cloud.route(&connection.balancer) {
        Route::Unreachable => {
            shared.counters.answered(&connection.side, "unreachable".to_owned());
            nothing
        }
        Route::Fixed { status, retry_after } => turned_away(shared, network, connection, status, retry_after),
        Route::Targets(targets) if targets.is_empty() => turned_away(shared, network, connection, 503, None),
        Route::Targets(targets) => {
            let target = targets[rng.usize(..targets.len())].clone();
            forward(shared, network, connection, target, request).await
        }
    }
}

/// An answer of the load balancer itself. The connection stays open, and with it the client stays on this side.
fn turned_away(shared: &Shared, network: &Network, connection: Kept, status: u16, after: Option<Duration>) -> Attempt {
    shared.cloud.observed(&connection.balancer, status, Duration::ZERO);
    shared.counters.answered(&connection.side, status.to_string());
    shared.counters.turned_away.fetch_add(1, Ordering::Relaxed);
    network.keep(connection);
    Attempt::Again { effect: Effect::Certain, after }
}

/// Sends the request to a task. The task finishes it even if the client has given up.
async fn forward(
    shared: &Shared,
    network: &Network,
    connection: Kept,
    target: TaskTarget,
    request: &Arc<Request>,
) -> Attempt {
    let started = Instant::now();
    let database = Arc::clone(&target.database.id);
    let (fleet, handled) = (Arc::clone(&shared.fleet), Arc::clone(request));
    let task = tokio::spawn(async move { fleet.handle(&target, &handled).await });
    let Ok(Ok(response)) = tokio::time::timeout(shared.options.request_timeout, task).await else {
        // The client closes the connection; the load balancer counts its own time-out.
        shared.cloud.observed(&connection.balancer, 504, started.elapsed());
        shared.counters.answered(&connection.side, "504".to_owned());
        return Attempt::Again { effect: Effect::Possible, after: None };
    };
    let Response { status, effect, code, done } = response;
    shared.cloud.observed(&connection.balancer, status, started.elapsed());
    let side = Arc::clone(&connection.side);
    network.keep(connection);
    if let Some(done @ Performed::Done { .. }) = done {
        return Attempt::Acknowledged { side, database, done };
    }
    shared.counters.answered(&side, code.map_or_else(|| status.to_string(), |code| format!("{status}:{code}")));
    match status {
        409 => Attempt::Final,
        _ => Attempt::Again { effect, after: None },
    }
}
