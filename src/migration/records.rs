//! The weighted records: reads both weights, sets them together, and verifies that the change is live.

use std::time::Duration;

use super::TrafficSplit;
use super::dns_check::{self, DnsCheck};
use infra_config::Side;
use infra_core::resource::{Error, Result, StepContext, describe};
use infra_kinds::route53::change::Weighted;
use infra_kinds::route53::{wait_in_sync, weights, zone};

/// How often the name servers are checked until they all know a change.
const DNS_CHECKS: usize = 12;

/// The domain name that clients use, and its zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordName {
    /// The id of the hosted zone.
    pub zone: String,
    /// The full name, without a trailing dot.
    pub name: String,
    /// Whether the name servers of the zone can be queried: only those of AWS itself know it.
    pub asks_name_servers: bool,
}

/// The records of the name, as Route 53 has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordSet {
    /// Absent once the source is deleted.
    source: Option<Weighted>,
    target: Weighted,
}

/// Reads both records.
///
/// # Errors
/// When a record is missing, when other records get a share of the traffic, or the error of Route 53.
pub async fn read_both(cx: &StepContext, name: &RecordName) -> Result<RecordSet> {
    let records = read(cx, name).await?;
    if records.lacks_source() {
        return Err(Error::Refused(format!(
            "{} in the zone {} has no record `source`: all traffic goes to the target",
            name.name, name.zone
        )));
    }
    Ok(records)
}

/// Reads the records. The record of the source may be absent.
///
/// # Errors
/// When the record of the target is missing, when other records get a share of the traffic, or the error of Route 53.
pub async fn read(cx: &StepContext, name: &RecordName) -> Result<RecordSet> {
    let all = weights::live(cx, &name.zone, &name.name).await?;
    let of = |side: Side| all.iter().find(|record| record.set_identifier == side.as_str()).cloned();
    let source = of(Side::Source);
    match of(Side::Target) {
        Some(target) if all.len() == 1 + usize::from(source.is_some()) => Ok(RecordSet { source, target }),
        _ => {
            let found: Vec<String> = all.iter().map(|record| format!("`{}`", record.set_identifier)).collect();
            let found = if found.is_empty() { "none".to_owned() } else { found.join(", ") };
            Err(Error::Refused(format!(
                "{} in the zone {} should have the weighted records `source` and `target`, but has {found}",
                name.name, name.zone
            )))
        }
    }
}

impl RecordSet {
    /// Returns whether the source has no record. All traffic then goes to the target, regardless of its weight.
    pub fn lacks_source(&self) -> bool {
        self.source.is_none()
    }

    /// Returns the split. `None` if the weights are not a whole percentage.
    pub fn split(&self) -> Option<TrafficSplit> {
        let Some(source) = &self.source else { return Some(TrafficSplit::TARGET) };
        let weight = |record: &Weighted| u64::try_from(record.weight).ok();
        TrafficSplit::of_weights(weight(source)?, weight(&self.target)?)
    }

    /// Returns the split, rounded to the nearest percent. Route 53 treats two weights of zero as equal ("Weighted
    /// routing").
    pub fn nearest_split(&self) -> TrafficSplit {
        let Some(source) = &self.source else { return TrafficSplit::TARGET };
        let weight = |record: &Weighted| u64::try_from(record.weight).unwrap_or_default();
        let (source, target) = (weight(source), weight(&self.target));
        let all = source + target;
        let percent = (target * 100 + all / 2).checked_div(all).unwrap_or(50);
        u8::try_from(percent).ok().and_then(TrafficSplit::new).unwrap_or(TrafficSplit::TARGET)
    }

    /// Returns the record of an environment.
    pub fn record(&self, side: Side) -> Option<&Weighted> {
        match side {
            Side::Source => self.source.as_ref(),
            Side::Target => Some(&self.target),
        }
    }

    /// Returns the records with the weights of a split. Everything else is unchanged, but for one thing: a source that
    /// gets all traffic keeps it, whatever is unhealthy. After a switchover its record is unhealthy, and the same batch
    /// must end that.
    pub fn with_split(&self, to: TrafficSplit) -> Vec<Weighted> {
        let (source, target) = to.weights();
        let records = self.source.iter().zip([source]).chain([(&self.target, target)]);
        let mut records: Vec<_> =
            records.map(|(record, weight)| Weighted { weight: weight.into(), ..record.clone() }).collect();
        if to == TrafficSplit::SOURCE && !self.lacks_source() {
            records[0].health_check_id = None;
        }
        records
    }

    /// Returns whether the weights are exactly those of a split, and not only proportional to them. A source that gets
    /// all traffic must not have a health check, as [`with_split`](Self::with_split) says.
    pub fn has_weights_of(&self, split: TrafficSplit) -> bool {
        let (source, target) = split.weights();
        let is_held_back = split == TrafficSplit::SOURCE
            && self.source.as_ref().is_some_and(|record| record.health_check_id.is_some());
        self.source.as_ref().map(|record| record.weight) == Some(source.into())
            && self.target.weight == i64::from(target)
            && !is_held_back
    }
}

/// Sets both weights in one batch and returns the id of the change. See [`RecordSet::with_split`].
///
/// # Errors
/// The error of Route 53.
pub async fn set_split(cx: &StepContext, name: &RecordName, records: &RecordSet, to: TrafficSplit) -> Result<String> {
    weights::set(cx, &name.zone, &records.with_split(to), &format!("migrate-infra: {to} to the target")).await
}

/// The records after a change has propagated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Confirmation {
    /// The records have the weights that were set.
    Live(RecordSet),
    /// The weights were changed externally in the meantime.
    Overridden(RecordSet),
}

/// Waits until a change has propagated to all name servers, and reads the records back.
///
/// # Errors
/// When a name server keeps answering otherwise, or the error of Route 53.
pub async fn confirm(cx: &StepContext, name: &RecordName, change: &str, to: TrafficSplit) -> Result<Confirmation> {
    wait_in_sync(cx, change).await?;
    let records = read_both(cx, name).await?;
    if !records.has_weights_of(to) {
        return Ok(Confirmation::Overridden(records));
    }
    check_name_servers(cx, name, &records, to).await?;
    Ok(Confirmation::Live(records))
}

/// Queries the name servers of the zone until no answer refers to an environment that should get no traffic. If they
/// cannot be queried from this machine, a notice is enough, because the records were read back.
async fn check_name_servers(cx: &StepContext, name: &RecordName, records: &RecordSet, to: TrafficSplit) -> Result<()> {
    if !name.asks_name_servers {
        return Ok(());
    }
    // Those of this zone: another zone can have the same name.
    let servers = match zone::describe(cx, &name.zone).await {
        Ok(zone) if zone.is_private => return Ok(()),
        Ok(zone) => zone.name_servers,
        Err(error) => {
            cx.notice(format!(
                "the name servers of the zone are unknown ({}); the records were read back",
                describe(&error)
            ));
            return Ok(());
        }
    };
    let balancers = [Side::Source, Side::Target]
        .map(|side| records.record(side).map_or("", |record| record.alias_dns_name.as_str()));
    let mut last = String::new();
    for _ in 0..DNS_CHECKS {
        let checked = tokio::select! {
            checked = dns_check::check(&servers, &name.name, balancers, to) => checked,
            () = cx.cancel.cancelled() => return Err(Error::Cancelled),
        };
        match checked {
            DnsCheck::Consistent(servers) => {
                cx.notice(format!("the answers of {servers} name servers of the zone match the split"));
                return Ok(());
            }
            DnsCheck::Unreachable(why) => {
                cx.notice(format!(
                    "the name servers of the zone cannot be queried from here ({why}); the records were read back"
                ));
                return Ok(());
            }
            DnsCheck::Stale(why) => last = why,
        }
        cx.pause(Duration::from_secs(5)).await?;
    }
    Err(Error::Refused(last))
}
