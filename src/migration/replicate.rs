//! Starting, following and stopping the replication of a database.

use std::sync::Arc;
use std::time::Duration;

use super::scene::Replication;
use crate::engine::{Context, Operation};
use crate::events::Event;
use crate::resource::{Cx, Error, Result, describe};
use crate::resources::dms::running::{AT_REST, Begin, Standing, present, start as begin, stop as halt, test_connection, wait_for};
use crate::state::{Record, State};

/// Statuses in which it works, or is about to.
const AT_WORK: [&str; 2] = ["starting", "running"];
/// Seconds between two looks at a full load.
const EVERY: u64 = 10;

/// What is to be done with a task, as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It works already.
    Follow,
    /// It is started so.
    Begin(Begin),
    /// Something else is going on; it is looked at again.
    Wait,
}

/// Chooses how to start a task. `start-replication` only the first time; then `resume-processing`, or `reload-target` where nothing can be
/// resumed: a task without changes to carry over, or when it was asked for (StartReplicationTask).
pub fn decide(standing: &Standing, migration_type: &str, reload: bool) -> Decision {
    match standing.status.as_str() {
        status if AT_WORK.contains(&status) => Decision::Follow,
        status if !AT_REST.contains(&status) => Decision::Wait,
        _ if !standing.has_run => Decision::Begin(Begin::Start),
        _ if reload || migration_type == "full-load" => Decision::Begin(Begin::Reload),
        _ => Decision::Begin(Begin::Resume),
    }
}

/// What starting a replication came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Started {
    /// How it was started; nothing when it worked already.
    pub begun: Option<Begin>,
    /// How it stands.
    pub standing: Standing,
}

fn operation(context: &Context, replication: &Replication, what: &str) -> Cx {
    let intent = Record::OperationIntent { address: replication.address.clone(), what: what.to_owned() };
    let address = replication.address.clone();
    let call = move |call: &'static str| Record::OperationCall { address: address.clone(), call: call.to_owned() };
    let announce = Arc::new(Operation::new(&context.journal, intent, call));
    context.looker().operator(&replication.address, &replication.region, announce)
}

/// How a replication is to be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Everything is to be loaded again.
    pub reload: bool,
    /// Tables of the target may be replaced: nobody uses them.
    pub may_load: bool,
    /// Whether it returns only once the full load is done.
    pub follow: bool,
}

/// What it is written down as when everything is to be loaded again.
const RELOAD: &str = "replication start --reload";

/// Returns why a task can not be started as it is wanted, as it stands: it would replace tables that are in use, or it runs already and is to
/// load everything again.
pub fn objection(standing: &Standing, migration_type: &str, wish: Wish, is_reloading: bool) -> Option<&'static str> {
    match decide(standing, migration_type, wish.reload) {
        Decision::Begin(Begin::Start | Begin::Reload) if !wish.may_load => Some("a full load would replace tables of the target, which has traffic"),
        Decision::Follow if wish.reload && !is_reloading => Some("it runs, so nothing is loaded again"),
        _ => None,
    }
}

/// Returns whether an earlier command has begun to load everything again, and was not seen to end.
pub fn is_reloading(state: &State, replication: &Replication) -> bool {
    state.migration.operations.get(&replication.address).is_some_and(|open| open.what == RELOAD)
}

/// Tests both connections, starts the task as its state wants it, and returns once it runs; with `follow`, once the full load is done.
///
/// # Errors
/// What DMS says, of a connection or of the task; or an [`objection`].
pub async fn start(context: &Context, replication: &Replication, wish: Wish) -> Result<Started> {
    let Wish { reload, follow, .. } = wish;
    let mut is_reloading = context.journal.read(|state| is_reloading(state, replication));
    let cx = operation(context, replication, if reload { RELOAD } else { "replication start" });
    let begun = loop {
        let standing = present(&cx, &replication.task).await?;
        if let Some(why) = objection(&standing, &replication.migration_type, wish, is_reloading) {
            return Err(Error::Refused(why.to_owned()));
        }
        match decide(&standing, &replication.migration_type, reload) {
            Decision::Follow => break None,
            Decision::Wait => {
                let reached = [&AT_REST[..], &AT_WORK[..]].concat();
                wait_for(&cx, &replication.task, "come to rest", &reached, &[]).await?;
            }
            Decision::Begin(how) => {
                connected(&cx, replication).await?;
                is_reloading = true;
                match begin(&cx, &replication.task, how).await {
                    Ok(()) => {}
                    // The answer is lost: whether it starts is to be seen.
                    Err(error) if error.fate() == crate::aws::Fate::Unknown => {
                        look_again(&cx, &error).await?;
                        continue;
                    }
                    // "Test connection for replication instance and endpoint should be successful": a test can be out of date.
                    Err(error) if error.is_code("InvalidResourceStateFault") => {
                        connected(&cx, replication).await?;
                        begin(&cx, &replication.task, how).await?;
                    }
                    Err(error) => return Err(error),
                }
                break Some(how);
            }
        }
    };
    // One without changes to carry over may be done before anybody looks.
    let mut standing = wait_for(&cx, &replication.task, "run", &["running", "stopped"], &["failed"]).await?;
    if standing.status == "stopped" && replication.migration_type != "full-load" {
        let reason = standing.stop_reason.clone();
        return Err(Error::Failed { what: "the replication to run".to_owned(), status: standing.status, reason });
    }
    if follow {
        standing = load(&cx, context, replication, standing).await?;
    }
    ended(context, replication).await?;
    Ok(Started { begun, standing })
}

/// The answer to an order is lost: what became of it shows after a moment.
async fn look_again(cx: &Cx, error: &Error) -> Result<()> {
    cx.notice(format!("{}; looking what became of it", describe(error)));
    cx.pause(Duration::from_secs(5)).await
}

/// Both connections at the same time.
async fn connected(cx: &Cx, replication: &Replication) -> Result<()> {
    let source = test_connection(cx, &replication.instance, &replication.source);
    let target = test_connection(cx, &replication.instance, &replication.target);
    let (source, target) = futures::join!(source, target);
    source?;
    target
}

/// Follows a full load to its end.
async fn load(cx: &Cx, context: &Context, replication: &Replication, mut standing: Standing) -> Result<Standing> {
    let mut told = None;
    loop {
        let now = (standing.status.clone(), standing.full_load_percent, standing.tables);
        if told.as_ref() != Some(&now) {
            let (status, full_load_percent, tables) = now.clone();
            context.events.send(Event::Replication { address: replication.address.clone(), status, full_load_percent, tables });
            told = Some(now);
        }
        match standing.status.as_str() {
            "running" if standing.full_load_percent < 100 && replication.migration_type != "cdc" => {}
            "running" | "stopped" => return Ok(standing),
            "failed" => {
                let reason = standing.last_failure.or(standing.stop_reason);
                return Err(Error::Failed { what: "the full load".to_owned(), status: "failed".to_owned(), reason });
            }
            _ => {}
        }
        cx.pause(Duration::from_secs(EVERY)).await?;
        standing = present(cx, &replication.task).await?;
    }
}

/// Stops the task, and returns once it has stopped. Returns whether it had to be.
///
/// # Errors
/// What DMS says.
pub async fn stop(context: &Context, replication: &Replication) -> Result<bool> {
    let cx = operation(context, replication, "replication stop");
    let mut stopped = false;
    loop {
        match present(&cx, &replication.task).await?.status.as_str() {
            status if AT_REST.contains(&status) => break,
            "running" => match halt(&cx, &replication.task).await {
                Ok(()) => stopped = true,
                Err(error) if error.fate() == crate::aws::Fate::Unknown => {
                    look_again(&cx, &error).await?;
                }
                Err(error) => return Err(error),
            },
            _ => {
                let reached = [&AT_REST[..], &["running"]].concat();
                wait_for(&cx, &replication.task, "come to rest", &reached, &[]).await?;
            }
        }
    }
    ended(context, replication).await?;
    Ok(stopped)
}

async fn ended(context: &Context, replication: &Replication) -> Result<()> {
    let address = replication.address.clone();
    if context.journal.read(|state| state.migration.operations.contains_key(&address)) {
        context.journal.write(vec![Record::OperationEnded { address }]).await?;
    }
    Ok(())
}

/// What to do about a failure that DMS tells, when it is one of those that are known.
pub fn advice(message: &str) -> Option<&'static str> {
    let message = message.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if has(&["replication slot", "wal_level", "max_replication_slots"]) {
        return Some(
            "the source needs `rds.logical_replication = 1` in force (a restart after the parameter group was changed) and a free replication slot",
        );
    }
    if has(&["password authentication", "authentication failed"]) {
        return Some("the secret does not fit the database user: look whether it was rotated, then `replication start` again");
    }
    if has(&["timeout", "timed out", "could not connect", "network"]) {
        return Some("the replication instance does not reach the database: look at security groups, routes and the peering with `drift`");
    }
    if has(&["out of memory", "low memory", "storage", "disk"]) {
        return Some("the replication instance is too small: raise `replication.instance_class` or `replication.allocated_storage_gb`, then `up`");
    }
    if has(&["ssl"]) {
        return Some("the databases take connections with TLS only (`rds.force_ssl`): the endpoints need SSL mode `require`");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(status: &str, has_run: bool) -> Standing {
        Standing { status: status.to_owned(), has_run, ..Standing::default() }
    }

    #[test]
    fn how_a_task_is_started_follows_from_how_it_stands() {
        let table = [
            ("ready", false, "full-load-and-cdc", false, Decision::Begin(Begin::Start)),
            ("ready", false, "full-load-and-cdc", true, Decision::Begin(Begin::Start)),
            ("stopped", true, "full-load-and-cdc", false, Decision::Begin(Begin::Resume)),
            ("failed", true, "cdc", false, Decision::Begin(Begin::Resume)),
            ("stopped", true, "full-load-and-cdc", true, Decision::Begin(Begin::Reload)),
            ("stopped", true, "full-load", false, Decision::Begin(Begin::Reload)),
            ("running", true, "full-load-and-cdc", true, Decision::Follow),
            ("starting", true, "full-load-and-cdc", false, Decision::Follow),
            ("modifying", true, "full-load-and-cdc", false, Decision::Wait),
            ("stopping", true, "full-load-and-cdc", false, Decision::Wait),
            ("something-new", true, "full-load-and-cdc", false, Decision::Wait),
        ];
        for (status, has_run, migration_type, reload, decision) in table {
            assert_eq!(decide(&standing(status, has_run), migration_type, reload), decision, "{status} {has_run} {migration_type} {reload}");
        }
    }

    #[test]
    fn tables_that_are_in_use_were_loaded_anew() {
        let wish = |reload, may_load| Wish { reload, may_load, follow: true };
        let table = [
            ("ready", false, "full-load-and-cdc", wish(false, false), false, true),
            ("ready", false, "full-load-and-cdc", wish(false, true), false, false),
            ("stopped", true, "full-load-and-cdc", wish(true, false), false, true),
            ("stopped", true, "full-load-and-cdc", wish(true, true), false, false),
            ("stopped", true, "full-load-and-cdc", wish(false, false), false, false),
            ("stopped", true, "full-load", wish(false, false), false, true),
            ("running", true, "full-load-and-cdc", wish(true, true), false, true),
            ("running", true, "full-load-and-cdc", wish(true, true), true, false),
            ("running", true, "full-load-and-cdc", wish(false, false), false, false),
        ];
        for (status, has_run, migration_type, wish, is_reloading, refused) in table {
            let objection = objection(&standing(status, has_run), migration_type, wish, is_reloading);
            assert_eq!(objection.is_some(), refused, "{status} {has_run} {migration_type} {wish:?} {is_reloading}");
        }
    }

    #[test]
    fn known_failures_come_with_advice() {
        assert!(advice("Could not create replication slot").is_some_and(|text| text.contains("logical_replication")));
        assert!(advice("Connection timed out").is_some_and(|text| text.contains("security groups")));
        assert_eq!(advice("something else"), None);
    }
}
