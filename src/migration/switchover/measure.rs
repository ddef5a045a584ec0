//! How long a switchover will probably take: from what is measured before it, and from known durations.
//!
//! Row `Prepare` measures, when nothing is closed yet ([`forecast`]). Before that, only known durations and the last
//! switchover can tell ([`expected`]).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use infra_config::Config;
use infra_core::events::Event;
use infra_core::state::State;
use infra_database::drain::in_flight;
use infra_database::{Database, TableName, changes};
use infra_switchover::forecast::{self as estimate, Forecast, Parts};
use infra_switchover::{Failure, Row, Task, sql};

use super::comparison::{limit, validation};
use super::databases::{Connected, OWN};
use super::known_slots::expects_cut_off;
use super::record::SwitchoverRecord;
use super::view::{CONFIRMS_WITHIN, NODES_FOLLOW, View, split};
use crate::TrafficSplit;
use crate::fence;
use crate::topology::Topology;

/// How long DMS takes to stop a task. AWS documents no duration; this is the mean of the sandbox, which takes 10 to 90
/// seconds (`sandbox/dms/tasks.rs`), with the interval at which the status is read.
const STOP_TASK: Duration = Duration::from_secs(45);
/// Calls that request the stop of a task and see it stop, and see that the other task is at rest.
const CALLS_TO_STOP: u32 = 6;
/// How long it takes to end the reader of a slot, and to drop the slot, which is tried again after 100 ms.
const CUT_OFF: Duration = Duration::from_millis(250);
/// "Changes generally propagate to all Route 53 name servers within 60 seconds" (ChangeResourceRecordSets); the sandbox
/// takes 10 to 60 seconds.
const DNS: Duration = Duration::from_secs(35);
/// How long both connection tests of DMS take, which run at the same time: 20 to 90 seconds in the sandbox.
const CONNECTION_TESTS: Duration = Duration::from_mins(1);
/// The time of a call to AWS, if nothing was measured.
const CALL: Duration = Duration::from_millis(150);
/// The time of a statement in another network, if nothing was measured.
const STATEMENT: Duration = Duration::from_millis(20);
/// The way of a marker, if nothing was measured: the replication applies changes in batches, at most a second apart
/// (`batch_apply_least_seconds`), and the marker is looked for five times a second.
const MARKER: Duration = Duration::from_secs(2);
/// The drain ends the sessions of DMS, too, which logs in with the role of the service. So the markers wait until it
/// has connected again (`RecoverableErrorInterval`, "Error handling task settings": 5 seconds by default).
const DMS_CONNECTS_AGAIN: Duration = Duration::from_secs(5);
/// Sessions are looked for a second time after this pause (`infra_database::guard`).
const SECOND_LOOK: Duration = Duration::from_millis(250);
/// Tables up to this size are read to measure how long counting takes.
const MEASURED_BYTES: u64 = 8 * super::comparison::MB;
/// What a volume delivers per second: "a baseline performance of […] 125 MiB/s" (gp3, "Amazon RDS DB instance
/// storage").
const BYTES_PER_SECOND: u64 = 125 * super::comparison::MB;
/// The catalogs of both databases are compared, too.
const CATALOGS: Duration = Duration::from_secs(1);

/// Returns the forecast from known durations, and from the last switchover that was completed.
pub fn expected(state: &State, config: &Config) -> Forecast {
    let live = state.migration.live.and_then(TrafficSplit::new);
    let cuts_off = expects_cut_off(state, &Topology::of(state));
    let known = Parts {
        prepare: CONNECTION_TESTS,
        connect: STATEMENT * 10,
        fence: CALL * 3,
        nodes: NODES_FOLLOW,
        quiesce: Duration::ZERO,
        longest_request: Duration::ZERO,
        oldest_transaction: Duration::ZERO,
        drain_limit: Duration::from_secs(config.cutover.drain_seconds.into()),
        end_sessions: SECOND_LOOK * 2,
        marker_trip: MARKER + DMS_CONNECTS_AGAIN / 2,
        sequences: 0,
        statement: STATEMENT,
        check: CATALOGS,
        request_stop: CALL * CALLS_TO_STOP,
        stop_replication: if cuts_off { Duration::ZERO } else { STOP_TASK },
        cut_off: CUT_OFF,
        reconnect: CALL * 3,
        dns: if live == Some(TrafficSplit::TARGET) { Duration::ZERO } else { DNS },
    };
    let forecast = estimate::forecast(&known);
    match SwitchoverRecord::last_completed(state) {
        Some(last) => forecast.with_measured(&last.durations_ms),
        None => forecast,
    }
}

/// What row `Prepare` has measured in the databases.
pub(super) struct Measured<'a> {
    /// Both databases.
    pub(super) connected: &'a Connected<'a>,
    /// How long a marker took.
    pub(super) marker: Duration,
    /// How long the replication took to confirm it. `None`: its end will be awaited.
    pub(super) confirms: Option<Duration>,
}

/// Measures, and returns the forecast.
///
/// # Errors
/// It would take longer than what is left of the budget.
pub(super) async fn forecast(view: View<'_>, task: Task<'_>, data: Option<Measured<'_>>) -> Result<Forecast, Failure> {
    let parts = measure(view, task, data).await?;
    let forecast = estimate::forecast(&parts);
    let left = task.deadline.map_or(Duration::MAX, |deadline| deadline.since(view.now()));
    report(view, &forecast, left);
    let needed = forecast.without_writes();
    if needed <= left {
        return Ok(forecast);
    }
    let rows = forecast.longest().into_iter().map(|(row, time)| format!("{row} {:.0} s", time.as_secs_f64()));
    Err(Failure::without_effect(format!(
        "it would probably take {:.0} s ({}), and {:.0} s of its budget are left: increase \
         `cutover.switchover_timeout_seconds`",
        needed.as_secs_f64(),
        rows.collect::<Vec<_>>().join(", "),
        left.as_secs_f64(),
    )))
}

fn report(view: View<'_>, forecast: &Forecast, left: Duration) {
    let rows = Row::ALL.map(|row| (row.as_str(), forecast.row(row).as_secs_f64()));
    view.context.events.send(Event::SwitchoverForecast {
        closed_seconds: forecast.without_writes().as_secs_f64(),
        budget_left_seconds: left.as_secs(),
        rows: rows.into_iter().collect(),
    });
}

async fn measure(view: View<'_>, task: Task<'_>, data: Option<Measured<'_>>) -> Result<Parts, Failure> {
    // What AWS does takes time of AWS; with a sandbox that is faster than that, the databases are not.
    let aws = |time: Duration| view.aws_time(time);
    let began = view.now();
    let call = call(view).await?;
    let last = |row| view.last.and_then(|last| last.duration(row));
    let budget = view.settings.machine.budget;
    let started = task.deadline.map(|deadline| budget.saturating_sub(deadline.since(began)));
    let is_moved = view.context.journal.read(|state| state.migration.live.and_then(TrafficSplit::new))
        == Some(split(task.direction.to()));
    let mut parts = Parts {
        prepare: started.unwrap_or_default(),
        fence: call * 3,
        nodes: aws(NODES_FOLLOW),
        drain_limit: view.settings.drain.0,
        request_stop: call * CALLS_TO_STOP,
        reconnect: call * 4,
        // The weights are read in any case.
        dns: if is_moved { call } else { aws(DNS) + call * 4 },
        check: call,
        ..Parts::default()
    };
    if let Some(Measured { connected, marker, confirms }) = data {
        // Two markers share the wait.
        parts.marker_trip = marker + view.aws_time(DMS_CONNECTS_AGAIN) / 2;
        parts.cut_off = CUT_OFF;
        match confirms {
            Some(time) => parts.request_stop += time,
            None => {
                let last = last(Row::Fallback).map(|took| took.saturating_sub(parts.connect + parts.request_stop));
                parts.stop_replication = last.unwrap_or_else(|| aws(STOP_TASK) + CONFIRMS_WITHIN);
            }
        }
        measure_databases(view, task, connected, &mut parts).await?;
    }
    if let Some(took) = last(Row::Fence) {
        parts.quiesce = took.saturating_sub(parts.fence * 2 + parts.nodes);
    }
    Ok(parts)
}

/// Returns how long a call to AWS takes.
async fn call(view: View<'_>) -> Result<Duration, Failure> {
    let services = &view.topology.services;
    let began = view.now();
    for service in services {
        let read = fence::position(&view.context.read_context(), service).await;
        read.map_err(|error| Failure::inconclusive(infra_core::resource::describe(&error)))?;
    }
    let count = u32::try_from(services.len()).unwrap_or(1).max(1);
    Ok(view.now().since(began) / count)
}

async fn measure_databases(
    view: View<'_>,
    task: Task<'_>,
    connected: &Connected<'_>,
    parts: &mut Parts,
) -> Result<(), Failure> {
    let [old, new] = connected.databases();
    parts.statement = statement(new).await?;
    // Two connections with their settings, and a look for predecessors.
    parts.connect = connected.opened_in();
    let role = connected.service().role;
    let open = in_flight(old, OWN).await.map_err(sql::Error::from)?;
    let of_service = || open.sessions.iter().filter(|session| session.user == role);
    parts.oldest_transaction = of_service().filter_map(|session| session.transaction_age).max().unwrap_or_default();
    let sessions = u32::try_from(of_service().count()).unwrap_or(u32::MAX);
    parts.end_sessions = SECOND_LOOK + parts.statement.saturating_mul(sessions.saturating_mul(2).saturating_add(6));
    parts.sequences = sequences(old).await?;
    let sizes = changes::sizes(old).await.map_err(sql::Error::from)?;
    parts.check += counting(old, &sizes).await?.saturating_mul(2) + comparing(view, task, old, &sizes).await?;
    Ok(())
}

async fn statement(database: Database<'_>) -> Result<Duration, Failure> {
    const TIMES: u32 = 3;
    let began = Instant::now();
    for _ in 0..TIMES {
        changes::last_lsn(database).await.map_err(sql::Error::from)?;
    }
    Ok(began.elapsed() / TIMES)
}

async fn sequences(database: Database<'_>) -> Result<u32, Failure> {
    let all = infra_database::sequences::read(database).await.map_err(sql::Error::from)?;
    Ok(u32::try_from(all.iter().count()).unwrap_or(u32::MAX))
}

/// Returns how long one side takes to count its rows: small tables are counted, the others are estimated by their size.
async fn counting(database: Database<'_>, sizes: &BTreeMap<TableName, u64>) -> Result<Duration, Failure> {
    let began = Instant::now();
    changes::count(database, MEASURED_BYTES).await.map_err(sql::Error::from)?;
    let small = began.elapsed();
    let large: u64 =
        sizes.values().filter(|size| (MEASURED_BYTES..super::comparison::LARGEST_COUNTED).contains(size)).sum();
    Ok(small + Duration::from_millis(large.saturating_mul(1000) / BYTES_PER_SECOND))
}

/// Returns how long the comparison of what has changed takes, as the last validation took it.
async fn comparing(
    view: View<'_>,
    task: Task<'_>,
    old: Database<'_>,
    sizes: &BTreeMap<TableName, u64>,
) -> Result<Duration, Failure> {
    let validation = validation(view, task);
    let is_full = view.settings.comparison.is_full;
    let changed = match &validation {
        Some(last) => changes::since(old, &last.point).await.map_err(sql::Error::from)?.tables,
        None => Vec::new(),
    };
    let is_selected = |table: &_| is_full || changed.iter().any(|(changed, _)| changed == table);
    let small = sizes.iter().filter(|(table, size)| is_selected(table) && **size <= limit(view));
    let bytes: Vec<u64> = small.map(|(_, size)| *size).collect();
    if bytes.is_empty() {
        return Ok(Duration::ZERO);
    }
    let bytes: u64 = bytes.iter().sum();
    Ok(match validation {
        Some(last) => {
            let share = last.milliseconds.saturating_mul(bytes) / last.bytes.max(1);
            (CATALOGS + Duration::from_millis(share)).min(Duration::from_millis(last.milliseconds))
        }
        // Both sides read and hash each table.
        None => CATALOGS + Duration::from_millis(bytes.saturating_mul(2000) / BYTES_PER_SECOND),
    })
}
