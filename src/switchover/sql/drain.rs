//! Row 2: nothing is in flight in the old database, and it refuses writes of the service.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use infra_database::drain::{Session, in_flight, terminate};
use infra_database::{Database, changes, guard};

use super::error::Error;
use super::guards::Service;
use super::others::{describe, others_have_ended, still_open};
use crate::evidence::Drained;

/// What happens to a transaction that has not ended within the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overdue {
    /// It is reported, and the row fails.
    Report,
    /// Its session is ended; it is rolled back. A prepared transaction is only reported: its client decides about it.
    Terminate,
}

/// How long transactions have time to end.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// The limit (`drain_seconds`).
    pub limit: Duration,
    /// What happens then.
    pub overdue: Overdue,
}

/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(100);
/// Transactions of other roles that begin after the limit, such as those of a monitor, have this long to end.
const GRACE: Duration = Duration::from_secs(2);

/// Turns the guard of the old database on, gives open transactions of all roles time to end, and ends the sessions of
/// the service. Idle sessions are ended at once.
///
/// *Guarantees*: Afterwards the service cannot write ([`guard`]), nothing of it is open, and nothing is prepared. What
/// was committed until then is everything that the service has committed.
///
/// *Caveats*: Other roles are not guarded. `others` names applications that may have open transactions, by their exact
/// names: those of the caller, of the replication, and of what only reads.
///
/// *Killed*: The guard can be on. Repeat it, or undo it with [`super::reopen_old`].
///
/// # Errors
/// Something has not ended.
pub async fn drain(
    old: Database<'_>,
    service: Service<'_>,
    patience: Patience,
    others: &[&str],
) -> Result<Drained, Error> {
    let mut excluded = service.excluded_applications.to_vec();
    excluded.extend_from_slice(others);
    guard::close_for_new_sessions(old, service.role).await?;
    let began = Instant::now();
    let mut drained = Drained::default();
    let mut ended = BTreeSet::new();
    let mut first: Option<BTreeSet<i32>> = None;
    loop {
        let found = in_flight(old, &excluded).await?;
        let service_pids = || found.sessions.iter().filter(|one| one.user == service.role).map(|one| one.pid);
        // Later sessions of the service are guarded already.
        let first = first.get_or_insert_with(|| service_pids().collect());
        let is_old = |one: &&Session| one.user != service.role || first.contains(&one.pid);
        let idle: Vec<i32> = found
            .sessions
            .iter()
            .filter(|one| one.user == service.role && !one.may_have_transaction())
            .map(|one| one.pid)
            .collect();
        terminate(old, &idle).await?;
        ended.extend(idle);
        let open: Vec<&Session> = found.transactions().filter(is_old).collect();
        if open.is_empty() && found.prepared.is_empty() {
            break;
        }
        if began.elapsed() >= patience.limit {
            if patience.overdue == Overdue::Report || !found.prepared.is_empty() {
                return Err(still_open(old, &open, &found.prepared));
            }
            drained.terminated = open.iter().map(|session| describe(session)).collect();
            let pids: Vec<i32> = open.iter().map(|session| session.pid).collect();
            terminate(old, &pids).await?;
            ended.extend(pids);
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    let report = guard::close(old, service.role, service.excluded_applications).await?;
    if !report.remaining.is_empty() {
        let what = report.remaining.iter().map(|one| format!("pid {} ({})", one.pid, one.application)).collect();
        return Err(Error::Sessions { side: old.label().to_owned(), what });
    }
    ended.extend(report.ended);
    drained.ended = ended.len();
    // Sessions of the service are guarded now.
    others_have_ended(old, service, &excluded, GRACE).await?;
    drained.position = Some(changes::last_lsn(old).await?);
    Ok(drained)
}
