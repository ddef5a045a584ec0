//! Where traffic goes: reading both weights, setting them together, and seeing that they are live.

use std::time::Duration;

use super::Split;
use super::dns::{self, Seen};
use crate::config::Side;
use crate::resource::{Cx, Error, Result};
use crate::resources::route53::change::Weighted;
use crate::resources::route53::weights;

/// How often name servers are asked again that do not know of a change yet.
const ASKED_AGAIN: usize = 12;

/// The name that clients use, and the zone that it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The hosted zone's id.
    pub zone: String,
    /// The full name, without a dot at its end.
    pub name: String,
    /// The zone's name servers, when they can be asked.
    pub servers: Vec<String>,
}

/// The records of the name, as Route 53 has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Live {
    /// Nothing once the source is taken down.
    source: Option<Weighted>,
    target: Weighted,
}

/// Reads both records.
///
/// # Errors
/// When they are not there, or are joined by others that take a share of the traffic; or what Route 53 answered.
pub async fn look(cx: &Cx, place: &Place) -> Result<Live> {
    let live = view(cx, place).await?;
    match live.is_alone() {
        true => Err(Error::Refused(format!("{} in the zone {} has no record `source`: all traffic goes to the target", place.name, place.zone))),
        false => Ok(live),
    }
}

/// Reads the records; that of the target may be alone.
///
/// # Errors
/// When it is not there, or is joined by others that take a share of the traffic; or what Route 53 answered.
pub async fn view(cx: &Cx, place: &Place) -> Result<Live> {
    let all = weights::live(cx, &place.zone, &place.name).await?;
    let of = |side: Side| all.iter().find(|record| record.set_identifier == side.as_str()).cloned();
    let source = of(Side::Source);
    match of(Side::Target) {
        Some(target) if all.len() == 1 + usize::from(source.is_some()) => Ok(Live { source, target }),
        _ => {
            let found: Vec<String> = all.iter().map(|record| format!("`{}`", record.set_identifier)).collect();
            let found = if found.is_empty() { "none".to_owned() } else { found.join(", ") };
            let name = &place.name;
            Err(Error::Refused(format!("{name} in the zone {} should have the weighted records `source` and `target`, and has {found}", place.zone)))
        }
    }
}

impl Live {
    /// Returns whether there is no record of the source: then all traffic goes to the target, whatever its weight is.
    pub fn is_alone(&self) -> bool {
        self.source.is_none()
    }

    /// Returns how traffic is divided; nothing when the weights are no whole percent.
    pub fn split(&self) -> Option<Split> {
        let Some(source) = &self.source else { return Some(Split::TARGET) };
        let weight = |record: &Weighted| u64::try_from(record.weight).ok();
        Split::of_weights(weight(source)?, weight(&self.target)?)
    }

    /// Returns how traffic is divided, to the nearest percent. When both weights are zero, Route 53 takes them for equal ("Weighted routing").
    pub fn nearest(&self) -> Split {
        let Some(source) = &self.source else { return Split::TARGET };
        let weight = |record: &Weighted| u64::try_from(record.weight).unwrap_or_default();
        let (source, target) = (weight(source), weight(&self.target));
        let all = source + target;
        let percent = (target * 100 + all / 2).checked_div(all).unwrap_or(50);
        u8::try_from(percent).ok().and_then(Split::new).unwrap_or(Split::TARGET)
    }

    /// Returns the record of an environment, if it has one.
    pub fn record(&self, side: Side) -> Option<&Weighted> {
        match side {
            Side::Source => self.source.as_ref(),
            Side::Target => Some(&self.target),
        }
    }

    /// Returns the records with the weights of a division; all else stays as it is.
    pub fn with(&self, to: Split) -> Vec<Weighted> {
        let (source, target) = to.weights();
        let records = self.source.iter().zip([source]).chain([(&self.target, target)]);
        records.map(|(record, weight)| Weighted { weight: weight.into(), ..record.clone() }).collect()
    }

    /// Returns whether these are exactly the weights of a division, and not only in the same proportion.
    pub fn is(&self, to: Split) -> bool {
        let (source, target) = to.weights();
        self.source.as_ref().map(|record| record.weight) == Some(source.into()) && self.target.weight == i64::from(target)
    }
}

/// Sets both weights in one batch, and returns the id of the change. Health checks and aliases stay as they are.
///
/// # Errors
/// What Route 53 answered.
pub async fn send(cx: &Cx, place: &Place, live: &Live, to: Split) -> Result<String> {
    weights::set(cx, &place.zone, &live.with(to), &format!("migrate-infra: {to} to the target")).await
}

/// What is seen of a change once all name servers know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Confirmed {
    /// The records are as they were set.
    Live(Live),
    /// Something else has changed the weights since.
    Overridden(Live),
}

/// Waits until all name servers know of a change, and reads the records back.
///
/// # Errors
/// That a name server goes on answering otherwise; or what Route 53 answered.
pub async fn confirm(cx: &Cx, place: &Place, change: &str, to: Split) -> Result<Confirmed> {
    weights::wait_in_sync(cx, change).await?;
    let live = look(cx, place).await?;
    if !live.is(to) {
        return Ok(Confirmed::Overridden(live));
    }
    answered(cx, place, &live, to).await?;
    Ok(Confirmed::Live(live))
}

/// Asks the zone's name servers, until none leads where no traffic should go. That nobody can be asked from here is only worth a note: the
/// records were read back.
async fn answered(cx: &Cx, place: &Place, live: &Live, to: Split) -> Result<()> {
    if place.servers.is_empty() {
        return Ok(());
    }
    let balancers = [Side::Source, Side::Target].map(|side| live.record(side).map_or("", |record| record.alias_dns_name.as_str()));
    let mut last = String::new();
    for _ in 0..ASKED_AGAIN {
        let asked = tokio::select! {
            asked = dns::check(&place.servers, &place.name, balancers, to) => asked,
            () = cx.cancel.cancelled() => return Err(Error::Cancelled),
        };
        match asked {
            Seen::Fits(servers) => {
                cx.notice(format!("{servers} name servers of the zone answer as they should"));
                return Ok(());
            }
            Seen::Unreachable(why) => {
                cx.notice(format!("the zone's name servers can not be asked from here ({why}); the records were read back"));
                return Ok(());
            }
            Seen::Differs(why) => last = why,
        }
        cx.pause(Duration::from_secs(5)).await?;
    }
    Err(Error::Refused(last))
}
