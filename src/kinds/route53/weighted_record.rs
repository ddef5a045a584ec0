//! A weighted alias record. The migration manages its weight: this kind sets it only at creation. A replacement does
//! not change the traffic split.
//!
//! Records have no tags. The state, or what the record leads to, shows whether the stack owns a record.
//!
//! A simple record with the name belongs to somebody else. With consent (`take_over`), one batch deletes it and creates
//! the weighted one, so that the name always has an answer. The state has the simple record before that. The deletion
//! of the last weighted record puts it back, in one batch as well.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_route53::types::{ChangeAction, ResourceRecordSet, RrType};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::change::{Weighted, records, records_of_name, same_name};
use super::hosted_zone::HostedZone;
use super::propagation::wait_in_sync;
use super::simple::{self, Simple};
use super::weights::{send, send_records};
use crate::elbv2::LoadBalancer;
use infra_base::address::{HealthCheckId, HostedZoneId};
use infra_core::graph::Input;
use infra_core::resource::{Error, Observed, Parent, Resource, Result, Spec as _, StepContext, describe};
use infra_macros::{Attrs, Spec};

/// The sum of the weights of the records of a name.
const WHOLE: i64 = 100;
/// How often a deletion is sent, or waits for the deletion of the other records.
const DELETE_ATTEMPTS: u32 = 8;
/// How often the records are read again while others seem to exist, and the pause before that.
const LOOKS: u32 = 3;
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(5);
/// The comment of changes.
const COMMENT: &str = "migrate-infra";

/// The specification of a weighted alias record.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "route53.weighted_record",
    summary = "a weighted alias record",
    repeat = "setting",
    create_seconds = 2,
    ready_seconds = 30,
    delete_seconds = 2,
    global,
    reads("route53:ListResourceRecordSets", "route53:GetChange"),
    creates("route53:ChangeResourceRecordSets"),
    updates("route53:ChangeResourceRecordSets"),
    deletes("route53:ChangeResourceRecordSets")
)]
pub struct WeightedRecord {
    /// Its zone.
    #[immutable]
    #[unique]
    pub zone: Input<HostedZoneId>,
    /// The full name, without a dot at its end.
    #[immutable]
    #[unique]
    pub name: String,
    /// The set identifier, which distinguishes the records of one name.
    #[immutable]
    #[unique]
    pub set_identifier: String,
    /// Its weight when it is the first record of its name, 0 to 255. Later records get the remainder to one hundred.
    #[create_only]
    pub initial_weight: i64,
    /// The name that it is an alias of.
    #[weak_ref]
    pub alias_dns_name: Input<String>,
    /// The hosted zone of that name.
    #[weak_ref]
    pub alias_zone_id: Input<String>,
    /// Whether the target of the alias must be healthy, too.
    pub evaluate_target_health: bool,
    /// Its health check. Without one, Route 53 always considers the record healthy.
    #[weak_ref]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check: Option<Input<HealthCheckId>>,
    /// Whether it replaces a simple record with its name.
    #[create_only]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub take_over: bool,
    /// The record that is created before it, and deleted after it: the one that replaces a simple record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Input<String>>,
}

/// What is known of a record, without its weight.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
#[attrs(id = "{zone_id}/{name}/{set_identifier}")]
pub struct WeightedRecordAttrs {
    pub zone_id: HostedZoneId,
    #[output(ready, doc = "The full name, once all name servers have the record.")]
    pub name: String,
    pub set_identifier: String,
    pub alias_dns_name: String,
    pub alias_zone_id: String,
    pub evaluate_target_health: bool,
    pub health_check_id: Option<String>,
    /// The last change, until all name servers have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[computed]
    pub pending_change: Option<String>,
    /// The simple record that it has replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[computed]
    pub replaced: Option<Simple>,
}

#[async_trait]
impl Resource for WeightedRecord {
    async fn observe(
        &self,
        cx: &StepContext,
        known: Option<&WeightedRecordAttrs>,
    ) -> Result<Observed<WeightedRecordAttrs>> {
        let (zone, name, set) = match known {
            Some(attrs) => (&attrs.zone_id, &attrs.name, &attrs.set_identifier),
            None => (self.zone.get()?, &self.name, &self.set_identifier),
        };
        let foreign = |owner: &str| Observed::Foreign { id: format!("{name} A `{set}`"), owner: owner.into() };
        let all = records_of_name(cx, zone.as_str(), name).await?;
        // A simple record and weighted records cannot have the same name, and neither can records of two policies.
        let simple = all.iter().find_map(Simple::of).filter(|_| known.is_none() && !self.take_over);
        if let Some(simple) = simple {
            return Ok(foreign(&format!("somebody who created the simple record {simple}")));
        }
        let is_other = |record: &ResourceRecordSet| {
            *record.r#type() == RrType::A && record.set_identifier().is_some() && record.weight().is_none()
        };
        if known.is_none() && all.iter().any(is_other) {
            return Ok(foreign("somebody who created a record with another routing policy"));
        }
        let all: Vec<_> = all.into_iter().filter(|record| *record.r#type() == RrType::A).collect();
        let Some(record) = all.iter().find(|record| record.set_identifier() == Some(set)) else {
            return Ok(Observed::Absent);
        };
        let Some(current) = Weighted::of(record) else {
            return Ok(foreign("somebody who created a record of another type with this name"));
        };
        let pending_change = known.and_then(|attrs| attrs.pending_change.clone());
        let replaced = known.and_then(|attrs| attrs.replaced.clone());
        let ours = match known {
            Some(_) => true,
            None => leads_to_the_same(&current, &self.wanted(current.weight)?),
        };
        Ok(if ours {
            Observed::Ours(WeightedRecordAttrs { replaced, ..attrs_of(zone, current, pending_change) })
        } else {
            foreign("somebody who created a record with this name in the zone")
        })
    }

    async fn preflight(&self, cx: &StepContext) -> Result<()> {
        match self.zone.get() {
            Ok(zone) => self.refuse_other_types(cx, zone).await,
            // A new zone.
            Err(_) => Ok(()),
        }
    }

    /// Nothing shows whose a zone is that the configuration names by its id. The load balancer to which the record
    /// leads does.
    fn parents(&self, attrs: Option<&WeightedRecordAttrs>) -> Result<Vec<Parent>> {
        let (zone, alias) = match attrs {
            Some(attrs) => (attrs.zone_id.to_string(), attrs.alias_dns_name.clone()),
            None => (self.zone.get()?.to_string(), self.alias_dns_name.get()?.clone()),
        };
        Ok(vec![
            Parent::new(HostedZone::KIND, "zone_id", zone),
            Parent::new(LoadBalancer::KIND, "dns_name", load_balancer_name(&alias)),
        ])
    }

    async fn ensure(&self, cx: &StepContext, seen: Option<WeightedRecordAttrs>) -> Result<WeightedRecordAttrs> {
        let zone = self.zone.get()?;
        let all: Vec<Weighted> =
            records(cx, zone.as_str(), Some(&self.name)).await?.iter().filter_map(Weighted::of).collect();
        let live = all.iter().find(|record| record.set_identifier == self.set_identifier);
        let weight = match live {
            Some(live) => live.weight,
            None => self.first_weight(cx, &all).await?,
        };
        let wanted = self.wanted(weight)?;
        let (pending_change, replaced) = seen.map(|seen| (seen.pending_change, seen.replaced)).unwrap_or_default();
        if live.is_some_and(|live| same(live, &wanted)) {
            return Ok(WeightedRecordAttrs { replaced, ..attrs_of(zone, wanted, pending_change) });
        }
        if live.is_none() {
            self.refuse_other_types(cx, zone).await?;
        }
        let simple = match live.is_none() && self.take_over {
            true => simple::find(cx, zone.as_str(), &self.name).await?,
            false => None,
        };
        if let Some(simple) = simple {
            return self.replace(cx, zone, simple, wanted).await;
        }
        // CREATE fails if somebody else has created the record in the meantime; UPSERT would overwrite it.
        let action = if live.is_some() { ChangeAction::Upsert } else { ChangeAction::Create };
        let change = self.change(cx, zone.as_str(), action, &wanted).await?;
        Ok(WeightedRecordAttrs { replaced, ..attrs_of(zone, wanted, Some(change)) })
    }

    async fn ready(&self, cx: &StepContext, mut attrs: WeightedRecordAttrs) -> Result<WeightedRecordAttrs> {
        if let Some(change) = attrs.pending_change.take() {
            wait_in_sync(cx, &change).await?;
        }
        Ok(attrs)
    }

    async fn delete(&self, cx: &StepContext, attrs: &WeightedRecordAttrs) -> Result<()> {
        let zone = attrs.zone_id.as_str();
        let mut replaced = attrs.replaced.clone();
        let (mut looks, mut refused) = (0, None);
        // A deletion must repeat all values of the record, and its weight can change between the read and the deletion.
        for _ in 0..DELETE_ATTEMPTS {
            let all: Vec<Weighted> =
                records(cx, zone, Some(&attrs.name)).await?.iter().filter_map(Weighted::of).collect();
            let Some(live) = all.iter().find(|record| record.set_identifier == attrs.set_identifier) else {
                return Ok(());
            };
            if replaced.is_some() && all.len() > 1 && looks < LOOKS {
                // The others are deleted before it; the read can be older.
                looks += 1;
                cx.pause(LOOK_AGAIN_AFTER).await?;
                continue;
            }
            if let Some(simple) = replaced.take_if(|_| all.len() > 1) {
                cx.notice(format!("the record {simple} is not put back, because others still use its name"));
            }
            // What was refused although the weighted record is the same was refused because of the simple one: it may
            // be an alias of something that no longer exists.
            if let Some((_, why)) = refused.take_if(|(sent, _)| sent == live)
                && let Some(simple) = replaced.take()
            {
                cx.notice(format!("the record {simple} cannot be put back, and is gone: {why}"));
            }
            let deletion = [(ChangeAction::Delete, live.record()?)];
            let restored = replaced.as_ref().map(Simple::record).transpose()?;
            let restored = restored.map(|record| (ChangeAction::Create, record));
            let changes = deletion.into_iter().chain(restored).collect();
            let error = match (send_records(cx, zone, COMMENT, changes).await, &replaced) {
                (Ok(_), Some(simple)) => {
                    cx.notice(format!("the record {simple} is back"));
                    return Ok(());
                }
                (Ok(_), None) => return Ok(()),
                (Err(error), _) => error,
            };
            match &mut replaced {
                Some(Simple { health_check_id: check @ Some(_), .. }) if error.is_code("NoSuchHealthCheck") => {
                    let gone = check.take().unwrap_or_default();
                    cx.notice(format!("the health check {gone} no longer exists; the record is put back without it"));
                }
                Some(_) if error.is_code("InvalidChangeBatch") || error.is_code("InvalidInput") => {
                    refused = Some((live.clone(), describe(&error)));
                }
                None if error.is_code("InvalidChangeBatch") => {
                    cx.notice(format!("{} changed while it was being deleted", attrs.name));
                }
                _ => return Err(error),
            }
        }
        Err(Error::Refused(format!(
            "the record {} `{}` changes repeatedly; stop whatever changes it",
            attrs.name, attrs.set_identifier
        )))
    }

    fn inputs_from_attrs(attrs: &WeightedRecordAttrs) -> Vec<(&'static str, Value)> {
        vec![("zone", attrs.zone_id.as_str().into())]
    }

    fn with_target_share(&self, target_percent: u8) -> Option<(Self, Option<u8>)> {
        let share = match self.set_identifier.as_str() {
            "source" => 100 - target_percent,
            "target" => target_percent,
            _ => return None,
        };
        Some((Self { initial_weight: share.into(), ..self.clone() }, Some(share)))
    }
}

impl WeightedRecord {
    /// Returns the weight of a new record that does not change the traffic split: the weight of the record that it
    /// replaces, if that exists; else the remainder of the other records to one hundred; else the initial weight.
    async fn first_weight(&self, cx: &StepContext, all: &[Weighted]) -> Result<i64> {
        for old in &cx.tag_siblings {
            let Some((zone, (name, set))) =
                old.split_once('/').and_then(|(zone, rest)| Some((zone, rest.split_once('/')?)))
            else {
                continue;
            };
            let current = records(cx, zone, Some(name)).await?;
            if let Some(old) = current.iter().filter_map(Weighted::of).find(|record| record.set_identifier == set) {
                return Ok(old.weight);
            }
        }
        let others: Vec<i64> = all
            .iter()
            .filter(|record| record.set_identifier != self.set_identifier)
            .map(|record| record.weight)
            .collect();
        Ok(if others.is_empty() { self.initial_weight } else { (WHOLE - others.iter().sum::<i64>()).max(0) })
    }

    fn wanted(&self, weight: i64) -> Result<Weighted> {
        Ok(Weighted {
            name: self.name.clone(),
            set_identifier: self.set_identifier.clone(),
            weight,
            alias_dns_name: self.alias_dns_name.get()?.to_lowercase(),
            alias_zone_id: self.alias_zone_id.get()?.clone(),
            evaluate_target_health: self.evaluate_target_health,
            health_check_id: self
                .health_check
                .as_ref()
                .map(|check| check.get().map(ToString::to_string))
                .transpose()?,
        })
    }

    /// Refuses a name with records of other types that lead clients somewhere: they would stay there.
    async fn refuse_other_types(&self, cx: &StepContext, zone: &HostedZoneId) -> Result<()> {
        let all = records_of_name(cx, zone.as_str(), &self.name).await?;
        let leads =
            |record: &&ResourceRecordSet| matches!(record.r#type(), RrType::Aaaa | RrType::Https | RrType::Svcb);
        match all.iter().find(leads) {
            None => Ok(()),
            Some(other) => Err(Error::Refused(format!(
                "{} has a record of the type {kind}, too, which is not weighted: clients that use it, for example over \
                 IPv6, would stay where it leads during a cutover; delete the {kind} record first",
                self.name,
                kind = other.r#type().as_str()
            ))),
        }
    }

    /// Sends one change and returns its id.
    async fn change(&self, cx: &StepContext, zone: &str, action: ChangeAction, record: &Weighted) -> Result<String> {
        send(cx, zone, COMMENT, [(action, record)]).await
    }

    /// Replaces a simple record, which the state has before.
    async fn replace(
        &self,
        cx: &StepContext,
        zone: &HostedZoneId,
        simple: Simple,
        wanted: Weighted,
    ) -> Result<WeightedRecordAttrs> {
        cx.notice(format!("replaces the record {simple}; its deletion puts it back"));
        let changes = vec![(ChangeAction::Delete, simple.record()?), (ChangeAction::Create, wanted.record()?)];
        let attrs = WeightedRecordAttrs { replaced: Some(simple), ..attrs_of(zone, wanted, None) };
        cx.remember("route53:ChangeResourceRecordSets", &attrs).await?;
        let change = send_records(cx, zone.as_str(), COMMENT, changes).await?;
        Ok(WeightedRecordAttrs { pending_change: Some(change), ..attrs })
    }
}

/// Returns whether the live record matches the specification.
fn same(live: &Weighted, wanted: &Weighted) -> bool {
    leads_to_the_same(live, wanted)
        && live.evaluate_target_health == wanted.evaluate_target_health
        && live.health_check_id == wanted.health_check_id
}

/// Returns whether two records are aliases of the same name.
fn leads_to_the_same(live: &Weighted, wanted: &Weighted) -> bool {
    same_name(load_balancer_name(&live.alias_dns_name), load_balancer_name(&wanted.alias_dns_name))
        && live.alias_zone_id == wanted.alias_zone_id
}

/// Returns the name of a load balancer, which Route 53 may prefix with `dualstack.`.
fn load_balancer_name(alias: &str) -> &str {
    alias.strip_prefix("dualstack.").unwrap_or(alias)
}

fn attrs_of(zone: &HostedZoneId, record: Weighted, pending_change: Option<String>) -> WeightedRecordAttrs {
    WeightedRecordAttrs {
        zone_id: zone.clone(),
        name: record.name,
        set_identifier: record.set_identifier,
        alias_dns_name: record.alias_dns_name,
        alias_zone_id: record.alias_zone_id,
        evaluate_target_health: record.evaluate_target_health,
        health_check_id: record.health_check_id,
        pending_change,
        replaced: None,
    }
}
