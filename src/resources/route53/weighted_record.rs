//! A weighted alias record. Its weight belongs to the migration: it is set when the record is made and never again here. One that is made anew
//! leaves the traffic divided as it is.
//!
//! Records carry no tags. Ours is told by its health check, which is ours, or by our having made it.

use async_trait::async_trait;
use aws_sdk_route53::types::ChangeAction;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::change::{Weighted, records, same_name};
use super::wait_in_sync;
use super::weights::send;
use crate::address::{HealthCheckId, HostedZoneId};
use crate::graph::Input;
use crate::resource::{About, Cx, Error, Handle, Observed, Resource, Result, settled};

/// What the weights of a name's records sum to.
const WHOLE: i64 = 100;

/// The specification of a weighted alias record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WeightedRecord {
    /// The zone that it is in.
    pub zone: Input<HostedZoneId>,
    /// The full name, without a dot at its end.
    pub name: String,
    /// What tells the records of one name apart.
    pub set_identifier: String,
    /// Its weight when it is the first of its name, 0 to 255. Later ones get what is left of a hundred.
    pub initial_weight: i64,
    /// The name that it is an alias of.
    pub alias_dns_name: Input<String>,
    /// The hosted zone of that name.
    pub alias_zone_id: Input<String>,
    /// Whether what it is an alias of must be healthy, too.
    pub evaluate_target_health: bool,
    /// The health check that it counts for.
    pub health_check: Input<HealthCheckId>,
}

/// What is known of a record. Its weight is not part of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WeightedRecordAttrs {
    pub zone_id: HostedZoneId,
    pub name: String,
    pub set_identifier: String,
    pub alias_dns_name: String,
    pub alias_zone_id: String,
    pub evaluate_target_health: bool,
    pub health_check_id: Option<String>,
    /// The last change, as long as the name servers may not know of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending_change: Option<String>,
}

impl Handle<WeightedRecord> {
    /// The full name, once all name servers know of the record.
    pub fn name(&self) -> Input<String> {
        self.ready("name")
    }
}

#[async_trait]
impl Resource for WeightedRecord {
    const KIND: &'static str = "route53.weighted_record";
    const ABOUT: About = About {
        summary: "a weighted alias record",
        create_seconds: 2,
        ready_seconds: 30,
        delete_seconds: 2,
        operations: &["route53:ListResourceRecordSets", "route53:ChangeResourceRecordSets", "route53:GetChange"],
        creates: &["route53:ChangeResourceRecordSets"],
        changes: &["route53:ChangeResourceRecordSets"],
        deletes: &["route53:ChangeResourceRecordSets"],
        immutable: &["zone", "name", "set_identifier"],
        tagged: false,
        blocked_by: "nothing",
        unique: &[&["zone", "name", "set_identifier"]],
        mentions: &["alias_dns_name", "alias_zone_id", "health_check"],
        at_creation: &["initial_weight"],
        computed: &["pending_change"],
        global: true,
        ..About::PLAIN
    };
    type Attrs = WeightedRecordAttrs;

    async fn observe(&self, cx: &Cx, known: Option<&WeightedRecordAttrs>) -> Result<Observed<WeightedRecordAttrs>> {
        let (zone, name, set) = match known {
            Some(attrs) => (&attrs.zone_id, &attrs.name, &attrs.set_identifier),
            None => (self.zone.get()?, &self.name, &self.set_identifier),
        };
        let foreign = |owner: &str| Observed::Foreign { id: format!("{name} A `{set}`"), owner: owner.to_owned() };
        let all = records(cx, zone.as_str(), Some(name)).await?;
        // A simple record and weighted ones can not have the same name.
        if known.is_none() && all.iter().any(|record| record.set_identifier().is_none()) {
            return Ok(foreign("somebody who made a record of that name in the zone"));
        }
        let Some(record) = all.iter().find(|record| record.set_identifier() == Some(set)) else { return Ok(Observed::Absent) };
        let Some(shown) = Weighted::of(record) else { return Ok(foreign("somebody who made a record of another sort with that name")) };
        let pending_change = known.and_then(|attrs| attrs.pending_change.clone());
        let ours = match known {
            Some(_) => true,
            None => shown.health_check_id.as_deref() == Some(self.health_check.get()?.as_str()),
        };
        Ok(if ours { Observed::Ours(attrs_of(zone, shown, pending_change)) } else { foreign("somebody who made a record of that name in the zone") })
    }

    async fn ensure(&self, cx: &Cx, seen: Option<WeightedRecordAttrs>) -> Result<WeightedRecordAttrs> {
        let zone = self.zone.get()?;
        let all: Vec<Weighted> = records(cx, zone.as_str(), Some(&self.name)).await?.iter().filter_map(Weighted::of).collect();
        let live = all.iter().find(|record| record.set_identifier == self.set_identifier);
        let weight = match live {
            Some(live) => live.weight,
            None => self.first_weight(cx, &all).await?,
        };
        let wanted = self.wanted(weight)?;
        let pending_change = seen.and_then(|attrs| attrs.pending_change);
        if live.is_some_and(|live| same(live, &wanted)) {
            return Ok(attrs_of(zone, wanted, pending_change));
        }
        // To create refuses what somebody else has made in the meantime; to upsert would overwrite it.
        let action = if live.is_some() { ChangeAction::Upsert } else { ChangeAction::Create };
        let change = self.change(cx, zone.as_str(), action, &wanted).await?;
        Ok(attrs_of(zone, wanted, Some(change)))
    }

    async fn ready(&self, cx: &Cx, mut attrs: WeightedRecordAttrs) -> Result<WeightedRecordAttrs> {
        if let Some(change) = attrs.pending_change.take() {
            wait_in_sync(cx, &change).await?;
        }
        Ok(attrs)
    }

    async fn delete(&self, cx: &Cx, attrs: &WeightedRecordAttrs) -> Result<()> {
        let zone = attrs.zone_id.as_str();
        // A deletion must repeat all that the record says; somebody may change its weight between the look and the deletion.
        for _ in 0..3 {
            let all = records(cx, zone, Some(&attrs.name)).await?;
            let live = all.iter().filter_map(Weighted::of).find(|record| record.set_identifier == attrs.set_identifier);
            let Some(live) = live else { return Ok(()) };
            match settled(self.change(cx, zone, ChangeAction::Delete, &live).await, &["InvalidChangeBatch"])? {
                Some(_) => return Ok(()),
                None => cx.notice(format!("{} changed while it was being deleted", attrs.name)),
            }
        }
        Err(Error::Refused(format!("the record {} `{}` changes all the time; stop what changes it", attrs.name, attrs.set_identifier)))
    }

    fn as_inputs(attrs: &WeightedRecordAttrs) -> Vec<(&'static str, Value)> {
        vec![("zone", attrs.zone_id.as_str().into())]
    }

    fn id(attrs: &WeightedRecordAttrs) -> String {
        format!("{}/{}/{}", attrs.zone_id, attrs.name, attrs.set_identifier)
    }
}

impl WeightedRecord {
    /// The weight of a record that is made, such that the traffic stays divided as it is: that of the one that makes way for it, as long as
    /// that is there; else what the others of the name leave of a hundred; else the initial one.
    async fn first_weight(&self, cx: &Cx, all: &[Weighted]) -> Result<i64> {
        for old in &cx.namesakes {
            let Some((zone, (name, set))) = old.split_once('/').and_then(|(zone, rest)| Some((zone, rest.split_once('/')?))) else { continue };
            let shown = records(cx, zone, Some(name)).await?;
            if let Some(old) = shown.iter().filter_map(Weighted::of).find(|record| record.set_identifier == set) {
                return Ok(old.weight);
            }
        }
        let others: Vec<i64> = all.iter().filter(|record| record.set_identifier != self.set_identifier).map(|record| record.weight).collect();
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
            health_check_id: Some(self.health_check.get()?.to_string()),
        })
    }

    /// Makes one change and returns its id.
    async fn change(&self, cx: &Cx, zone: &str, action: ChangeAction, record: &Weighted) -> Result<String> {
        send(cx, zone, "migrate-infra", [(action, record)]).await
    }
}

/// Returns whether the live record is as it is wanted. For a load balancer, Route 53 may put `dualstack.` before the name.
fn same(live: &Weighted, wanted: &Weighted) -> bool {
    let alias = live.alias_dns_name.strip_prefix("dualstack.").unwrap_or(&live.alias_dns_name);
    let wanted_alias = wanted.alias_dns_name.strip_prefix("dualstack.").unwrap_or(&wanted.alias_dns_name);
    same_name(alias, wanted_alias)
        && live.alias_zone_id == wanted.alias_zone_id
        && live.evaluate_target_health == wanted.evaluate_target_health
        && live.health_check_id == wanted.health_check_id
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
    }
}
