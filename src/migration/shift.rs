//! A traffic shift: recorded before it is sent, waited for, and read back. The next shift completes one that a killed
//! process has left open. It can be sent again, because the batch contains both weights.

use std::sync::Arc;

use super::TrafficSplit;
use super::records::{Confirmation, RecordName, RecordSet, confirm, read_both, set_split};
use super::retry_idempotent::retry_idempotent;
use infra_aws::CallOutcome;
use infra_base::address::{Address, Location};
use infra_config::Side;
use infra_core::engine::{Context, NoLog, Operation, ReadContext};
use infra_core::resource::{Error, Result, StepContext};
use infra_core::state::{OpenShift, Record};
use infra_kinds::route53::forced_unhealthy;

/// Returns the address under which calls about the traffic are shown.
pub fn traffic_address() -> Address {
    Address::of("routing", "dns", "traffic")
}

/// The result of a shift.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShiftOutcome {
    /// The split before. `None` if the weights were not a whole percentage.
    pub from: Option<TrafficSplit>,
    /// The live records.
    pub live: RecordSet,
    /// Whether a change was sent.
    pub changed: bool,
}

/// Whether a failed shift has had an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShiftEffect {
    /// None: it was refused.
    None,
    /// It may have had an effect.
    Unknown,
    /// It had an effect, and then the weights were changed externally to this split.
    Overridden(TrafficSplit),
}

/// A failed shift.
#[derive(Debug)]
pub struct ShiftError {
    /// The reason.
    pub error: Error,
    /// Whether it has had an effect, as far as is known. The next shift or observation finds out.
    pub effect: ShiftEffect,
}

impl ShiftError {
    fn before(error: impl Into<Error>) -> Self {
        Self { error: error.into(), effect: ShiftEffect::None }
    }

    fn after(error: impl Into<Error>) -> Self {
        Self { error: error.into(), effect: ShiftEffect::Unknown }
    }
}

/// Shifts traffic to a split. Returns when the split is live.
///
/// # Errors
/// The error of Route 53, or that the weights were changed externally.
pub async fn shift(
    context: &Context,
    location: &Location,
    name: &RecordName,
    to: TrafficSplit,
    why: &str,
) -> Result<ShiftOutcome, ShiftError> {
    let read_context = context.read_context();
    // Only for reads and waits.
    let reader = read_context.writer(&traffic_address(), location, Arc::new(NoLog));
    let before = read_both(&reader, name).await.map_err(ShiftError::before)?;
    let from = before.split();
    let record_live = || context.journal.write(vec![Record::ShiftSeen { live: Some(to.percent()) }]);
    let open = context.journal.read(|state| state.migration.shift.clone());
    let must_release = is_held_back(&reader, &before, to).await.map_err(ShiftError::before)?;
    if before.has_weights_of(to) && open.is_none() && !must_release {
        record_live().await.map_err(ShiftError::before)?;
        return Ok(ShiftOutcome { from, live: before, changed: false });
    }
    // The same shift was accepted already, so only its propagation is missing.
    if let Some(OpenShift { change: Some(change), .. }) =
        open.filter(|open| before.has_weights_of(to) && open.to == to.percent() && !must_release)
    {
        let live = confirmed(context, &reader, name, &change, to).await?;
        record_live().await.map_err(ShiftError::after)?;
        return Ok(ShiftOutcome { from, live, changed: false });
    }
    let intent = Record::ShiftIntent { from: from.map(TrafficSplit::percent), to: to.percent(), why: why.to_owned() };
    let log = Arc::new(Operation::new(&context.journal, intent, |call| Record::ShiftCall { call: call.to_owned() }));
    let cx = read_context.writer(&traffic_address(), location, log);
    match send(&cx, name, to, must_release).await {
        Ok(change) => {
            context
                .journal
                .write(vec![Record::ShiftAccepted { change: change.clone() }])
                .await
                .map_err(ShiftError::after)?;
            let live = confirmed(context, &reader, name, &change, to).await?;
            record_live().await.map_err(ShiftError::after)?;
            Ok(ShiftOutcome { from, live, changed: true })
        }
        Err(error) => {
            record_observed(context, &reader, name, &error).await;
            let may_be_live = error.outcome() == CallOutcome::Unknown || matches!(error, Error::Journal(_));
            Err(if may_be_live { ShiftError::after(error) } else { ShiftError::before(error) })
        }
    }
}

/// Returns the health check of the target's record, if the target gets traffic.
fn target_check(live: &RecordSet, to: TrafficSplit) -> Option<&str> {
    live.record(Side::Target)?.health_check_id.as_deref().filter(|_| to != TrafficSplit::SOURCE)
}

/// Returns whether the target would get no traffic in spite of its weight: its record is unhealthy until the first
/// shift.
async fn is_held_back(reader: &StepContext, live: &RecordSet, to: TrafficSplit) -> Result<bool> {
    match target_check(live, to) {
        Some(check) => Ok(forced_unhealthy::released_threshold(reader, check).await?.is_some()),
        None => Ok(false),
    }
}

/// Observes the live records. If they have the weights of an open shift, that shift is completed first: Route 53
/// returns new weights before all name servers know them (ListResourceRecordSets).
///
/// # Errors
/// The error of Route 53.
pub async fn observe(context: &Context, location: &Location, name: &RecordName) -> Result<RecordSet> {
    let live = read_both(&context.read_context().reader(&traffic_address(), location), name).await?;
    let open = context.journal.read(|state| state.migration.shift.clone());
    let open = open.and_then(|open| TrafficSplit::new(open.to).map(|to| (to, open.why)));
    match open.filter(|(to, _)| live.has_weights_of(*to)) {
        None => Ok(live),
        Some((to, why)) => match shift(context, location, name, to, &why).await {
            Ok(shifted) => Ok(shifted.live),
            Err(ShiftError { effect: ShiftEffect::Overridden(_), .. }) => {
                read_both(&context.read_context().reader(&traffic_address(), location), name).await
            }
            Err(failed) => Err(failed.error),
        },
    }
}

/// Waits until an accepted change is live.
async fn confirmed(
    context: &Context,
    reader: &StepContext,
    name: &RecordName,
    change: &str,
    to: TrafficSplit,
) -> Result<RecordSet, ShiftError> {
    match confirm(reader, name, change, to).await {
        Ok(Confirmation::Live(live)) => Ok(live),
        Ok(Confirmation::Overridden(live)) => {
            let (error, effect) = (overridden(&live, to), ShiftEffect::Overridden(live.nearest_split()));
            record_observed(context, reader, name, &error).await;
            Err(ShiftError { error, effect })
        }
        Err(error) => {
            record_observed(context, reader, name, &error).await;
            Err(ShiftError::after(error))
        }
    }
}

fn overridden(live: &RecordSet, to: TrafficSplit) -> Error {
    let [source, target] = [Side::Source, Side::Target].map(|side| live.record(side).map_or(0, |record| record.weight));
    Error::Refused(format!(
        "the weights were set to {to} for the target, but are now {source} and {target}: they were changed externally"
    ))
}

/// Records the split after a failed shift, unless it cannot be known yet.
async fn record_observed(context: &Context, reader: &StepContext, name: &RecordName, error: &Error) {
    let is_known = error.outcome() != CallOutcome::Unknown
        && !matches!(error, Error::Cancelled | Error::Timeout { .. } | Error::Journal(_));
    let is_open = context.journal.read(|state| state.migration.shift.is_some());
    if is_known
        && is_open
        && let Ok(live) = read_both(reader, name).await
    {
        // The error of the shift is more important than an error of the journal. The next shift observes again.
        let _ = context.journal.write(vec![Record::ShiftSeen { live: live.split().map(TrafficSplit::percent) }]).await;
    }
}

/// Sends the batch until its result is known, and returns the id of the change. `must_release` is the result of
/// [`is_held_back`].
async fn send(cx: &StepContext, name: &RecordName, to: TrafficSplit, must_release: bool) -> Result<String> {
    let attempt = || async {
        // Everything except the weights stays as it is at this moment.
        let live = read_both(cx, name).await?;
        if let Some(check) = target_check(&live, to).filter(|_| must_release) {
            forced_unhealthy::release(cx, check).await?;
        }
        set_split(cx, name, &live, to).await
    };
    retry_idempotent(cx, "sending both weights again", attempt).await
}

/// Whether weights are sent that are already set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendMode {
    /// The weights are sent only if they differ.
    IfChanged,
    /// The weights are sent in any case, because another change may be in flight and this one must follow it.
    Always,
}

/// Shifts all traffic back to the source without a state: nothing is recorded, and no lock is necessary.
///
/// # Errors
/// The error of Route 53.
pub async fn roll_back_without_state(
    read_context: &ReadContext,
    location: &Location,
    name: &RecordName,
    mode: SendMode,
) -> Result<ShiftOutcome> {
    let cx = read_context.writer(&traffic_address(), location, Arc::new(NoLog));
    let before = read_both(&cx, name).await?;
    let from = before.split();
    if let Some(check) = before.record(Side::Source).and_then(|record| record.health_check_id.as_deref())
        && forced_unhealthy::released_threshold(&cx, check).await?.is_some()
    {
        let text = "the record of the source is unhealthy on purpose: a switchover has made the database of the target \
            the primary, and only `cutover --rollback` leads back";
        return Err(Error::Refused(text.to_owned()));
    }
    if before.has_weights_of(TrafficSplit::SOURCE) && mode == SendMode::IfChanged {
        return Ok(ShiftOutcome { from, live: before, changed: false });
    }
    let change = send(&cx, name, TrafficSplit::SOURCE, false).await?;
    match confirm(&cx, name, &change, TrafficSplit::SOURCE).await? {
        Confirmation::Live(live) => Ok(ShiftOutcome { from, live, changed: true }),
        Confirmation::Overridden(live) => Err(overridden(&live, TrafficSplit::SOURCE)),
    }
}
