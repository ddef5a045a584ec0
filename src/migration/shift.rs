//! A shift of traffic from beginning to end: written down before it is sent, waited for, read back. What a killed one has left open is
//! brought to an end by the next: the batch says what both weights are to be, so it can be sent again.

use std::sync::Arc;

use super::Split;
use super::insist::insist;
use super::schedule::Effect;
use super::traffic::{Confirmed, Live, Place, confirm, look, send};
use crate::address::{Address, Region};
use crate::aws::Fate;
use crate::config::Side;
use crate::engine::{Context, Looker, Operation, Unwritten};
use crate::resource::{Cx, Error, Result};
use crate::state::{OpenShift, Record};

/// The address that calls about traffic are shown under.
pub fn address() -> Address {
    Address::of("routing", "dns", "traffic")
}

/// What a shift came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shifted {
    /// How traffic was divided before; nothing when the weights were no whole percent.
    pub from: Option<Split>,
    /// The records as they are live now.
    pub live: Live,
    /// Whether anything was sent.
    pub changed: bool,
}

/// A shift that failed.
#[derive(Debug)]
pub struct Failed {
    /// Why.
    pub error: Error,
    /// Whether it has taken effect all the same, as far as is known. The next shift, or a look, finds out.
    pub effect: Effect,
}

impl Failed {
    fn before(error: impl Into<Error>) -> Self {
        Self { error: error.into(), effect: Effect::None }
    }

    fn after(error: impl Into<Error>) -> Self {
        Self { error: error.into(), effect: Effect::Unknown }
    }
}

/// Brings traffic to a division, and returns once it is seen to be live.
///
/// # Errors
/// What Route 53 answered, or that somebody else has changed the weights.
pub async fn shift(context: &Context, region: &Region, place: &Place, to: Split, why: &str) -> Result<Shifted, Failed> {
    let looker = context.looker();
    // It only reads, and waits.
    let reader = looker.operator(&address(), region, Arc::new(Unwritten));
    let before = look(&reader, place).await.map_err(Failed::before)?;
    let from = before.split();
    let seen = || context.journal.write(vec![Record::ShiftSeen { live: Some(to.percent()) }]);
    let open = context.journal.read(|state| state.migration.shift.clone());
    if before.is(to) && open.is_none() {
        seen().await.map_err(Failed::before)?;
        return Ok(Shifted { from, live: before, changed: false });
    }
    // The same shift was accepted already, and is only to be waited for.
    if let Some(OpenShift { change: Some(change), .. }) = open.filter(|open| before.is(to) && open.to == to.percent()) {
        let live = confirmed(context, &reader, place, &change, to).await?;
        seen().await.map_err(Failed::after)?;
        return Ok(Shifted { from, live, changed: false });
    }
    let intent = Record::ShiftIntent { from: from.map(Split::percent), to: to.percent(), why: why.to_owned() };
    let announce = Arc::new(Operation::new(&context.journal, intent, |call| Record::ShiftCall { call: call.to_owned() }));
    let cx = looker.operator(&address(), region, announce);
    match sent(&cx, place, to).await {
        Ok(change) => {
            context.journal.write(vec![Record::ShiftAccepted { change: change.clone() }]).await.map_err(Failed::after)?;
            let live = confirmed(context, &reader, place, &change, to).await?;
            seen().await.map_err(Failed::after)?;
            Ok(Shifted { from, live, changed: true })
        }
        Err(error) => {
            settle(context, &reader, place, &error).await;
            let may_be_live = error.fate() == Fate::Unknown || matches!(error, Error::Journal(_));
            Err(if may_be_live { Failed::after(error) } else { Failed::before(error) })
        }
    }
}

/// Finds out where traffic is. A shift that was begun and whose weights are there is first brought to its end: weights are read back before all
/// name servers know of them (ListResourceRecordSets).
///
/// # Errors
/// What Route 53 answered.
pub async fn find(context: &Context, region: &Region, place: &Place) -> Result<Live> {
    let live = look(&context.looker().reader(&address(), region), place).await?;
    let open = context.journal.read(|state| state.migration.shift.clone());
    let begun = open.and_then(|open| Split::new(open.to).map(|to| (to, open.why)));
    match begun.filter(|(to, _)| live.is(*to)) {
        None => Ok(live),
        Some((to, why)) => match shift(context, region, place, to, &why).await {
            Ok(shifted) => Ok(shifted.live),
            Err(Failed { effect: Effect::Overridden(_), .. }) => look(&context.looker().reader(&address(), region), place).await,
            Err(failed) => Err(failed.error),
        },
    }
}

/// Waits until a change that was accepted is seen to be live.
async fn confirmed(context: &Context, reader: &Cx, place: &Place, change: &str, to: Split) -> Result<Live, Failed> {
    match confirm(reader, place, change, to).await {
        Ok(Confirmed::Live(live)) => Ok(live),
        Ok(Confirmed::Overridden(live)) => {
            let (error, effect) = (overridden(&live, to), Effect::Overridden(live.nearest()));
            settle(context, reader, place, &error).await;
            Err(Failed { error, effect })
        }
        Err(error) => {
            settle(context, reader, place, &error).await;
            Err(Failed::after(error))
        }
    }
}

fn overridden(live: &Live, to: Split) -> Error {
    let [source, target] = [Side::Source, Side::Target].map(|side| live.record(side).map_or(0, |record| record.weight));
    Error::Refused(format!("the weights were set to {to} for the target, and are {source} and {target} now: somebody else has changed them"))
}

/// Writes down where traffic is after a shift that failed, unless that can not be known yet.
async fn settle(context: &Context, reader: &Cx, place: &Place, error: &Error) {
    let known = error.fate() != Fate::Unknown && !matches!(error, Error::Cancelled | Error::Timeout { .. } | Error::Journal(_));
    let begun = context.journal.read(|state| state.migration.shift.is_some());
    if known
        && begun
        && let Ok(live) = look(reader, place).await
    {
        // Why the shift failed counts more than that this can not be written down; the next one looks again.
        let _ = context.journal.write(vec![Record::ShiftSeen { live: live.split().map(Split::percent) }]).await;
    }
}

/// Sends the batch until its answer is known, and returns the id of the change.
async fn sent(cx: &Cx, place: &Place, to: Split) -> Result<String> {
    let attempt = || async {
        // All but the weights stays as it is just now.
        let live = look(cx, place).await?;
        send(cx, place, &live, to).await
    };
    insist(cx, "both weights are sent again", attempt).await
}

/// Whether weights are sent that are there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Send {
    /// Only when they are others.
    WhenNeeded,
    /// In any case: another change may be on its way, and this one has to come after it.
    Always,
}

/// Brings all traffic back to the source without a state: nothing is written down, and nobody's lock is waited for.
///
/// # Errors
/// What Route 53 answered.
pub async fn bring_back(looker: &Looker, region: &Region, place: &Place, when: Send) -> Result<Shifted> {
    let cx = looker.operator(&address(), region, Arc::new(Unwritten));
    let before = look(&cx, place).await?;
    let from = before.split();
    if before.is(Split::SOURCE) && when == Send::WhenNeeded {
        return Ok(Shifted { from, live: before, changed: false });
    }
    let change = sent(&cx, place, Split::SOURCE).await?;
    match confirm(&cx, place, &change, Split::SOURCE).await? {
        Confirmed::Live(live) => Ok(Shifted { from, live, changed: true }),
        Confirmed::Overridden(live) => Err(overridden(&live, Split::SOURCE)),
    }
}
