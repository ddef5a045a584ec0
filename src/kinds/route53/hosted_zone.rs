//! A public hosted zone.
//!
//! Route 53 allows several zones of one name, so a foreign zone causes no conflict. The tags identify the zone of this
//! stack and, between its creation and its tags, the caller reference, which is the token.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_route53::types::{HostedZone as Description, HostedZoneConfig, TagResourceType};
use serde::{Deserialize, Serialize};

use super::propagation::wait_in_sync;
use super::request::bare;
use super::retry::when_idle;
use super::{change, tagging};
use crate::ownership::{Tags, foreign_owner, foreign_owner_of_tagged_later, missing_tags};
use infra_base::address::HostedZoneId;
use infra_core::resource::{Blocker, Error, Observed, Resource, Result, StepContext, ignore_codes};
use infra_macros::{Attrs, Spec};

const NOT_FOUND: &[&str] = &["NoSuchHostedZone"];

/// The specification of a hosted zone.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "route53.hosted_zone",
    summary = "a public hosted zone",
    repeat = "token",
    arns("route53:hostedzone/"),
    create_seconds = 2,
    ready_seconds = 30,
    delete_seconds = 2,
    global,
    holds_data,
    tagger = tagging::HostedZones,
    delete_blockers = "records in it that this tool did not create",
    reads(
        "route53:GetHostedZone",
        "route53:ListHostedZonesByName",
        "route53:ListTagsForResources",
        "route53:ListResourceRecordSets",
        "route53:GetChange",
    ),
    creates("route53:CreateHostedZone", "route53:ChangeTagsForResource"),
    updates("route53:UpdateHostedZoneComment"),
    deletes("route53:DeleteHostedZone"),
)]
pub struct HostedZone {
    /// The domain, without a trailing dot.
    #[immutable]
    pub name: String,
    /// What it is for.
    pub comment: String,
}

/// What is known of a hosted zone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
pub struct HostedZoneAttrs {
    /// Its id, without `/hostedzone/`.
    #[id]
    #[output(created, name = "id")]
    pub zone_id: HostedZoneId,
    /// The domain, without a trailing dot.
    #[output(created)]
    pub name: String,
    /// What it is for.
    pub comment: String,
    /// Its name servers, for the delegation of the domain.
    #[computed]
    pub name_servers: Vec<String>,
    /// The creation, until all name servers have the zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[computed]
    pub pending_change: Option<String>,
    /// Missing tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub missing_tags: Tags,
}

#[async_trait]
impl Resource for HostedZone {
    async fn observe(&self, cx: &StepContext, known: Option<&HostedZoneAttrs>) -> Result<Observed<HostedZoneAttrs>> {
        let (id, pending_change) = match known {
            Some(attrs) => (attrs.zone_id.to_string(), attrs.pending_change.clone()),
            None => match self.find(cx).await? {
                Some(id) => (id, None),
                None => return Ok(Observed::Absent),
            },
        };
        let call = cx.aws.route53.get_hosted_zone().id(&id).send();
        let Some(found) = ignore_codes(cx.read("route53:GetHostedZone", call).await, NOT_FOUND)? else {
            return Ok(Observed::Absent);
        };
        let tags = tagging::list(cx, &TagResourceType::Hostedzone, std::slice::from_ref(&id))
            .await?
            .remove(&id)
            .unwrap_or_default();
        let Some(zone) = found.hosted_zone else { return Ok(Observed::Absent) };
        if let Some(owner) = foreign_owner_of_tagged_later(cx, &tags, &zone.caller_reference) {
            return Ok(Observed::Foreign { id, owner });
        }
        let mut name_servers = found.delegation_set.map(|set| set.name_servers).unwrap_or_default();
        name_servers.sort();
        Ok(Observed::Ours(HostedZoneAttrs {
            zone_id: id.into(),
            name: zone.name().trim_end_matches('.').to_owned(),
            comment: comment(&zone),
            name_servers,
            pending_change,
            missing_tags: missing_tags(cx, &tags),
        }))
    }

    async fn ensure(&self, cx: &StepContext, seen: Option<HostedZoneAttrs>) -> Result<HostedZoneAttrs> {
        let mut attrs = match seen {
            Some(attrs) => attrs,
            None => self.create(cx).await?,
        };
        let id = attrs.zone_id.to_string();
        self.retag(cx, &attrs).await?;
        attrs.missing_tags.clear();
        if attrs.comment != self.comment {
            let call = || cx.aws.route53.update_hosted_zone_comment().id(&id).comment(&self.comment).send();
            when_idle(cx, || cx.mutate("route53:UpdateHostedZoneComment", call)).await?;
            attrs.comment.clone_from(&self.comment);
        }
        Ok(attrs)
    }

    async fn ready(&self, cx: &StepContext, mut attrs: HostedZoneAttrs) -> Result<HostedZoneAttrs> {
        if let Some(change) = attrs.pending_change.take() {
            wait_in_sync(cx, &change).await?;
        }
        Ok(attrs)
    }

    async fn delete(&self, cx: &StepContext, attrs: &HostedZoneAttrs) -> Result<()> {
        let id = attrs.zone_id.as_str();
        let call = || cx.aws.route53.delete_hosted_zone().id(id).send();
        let deleted = when_idle(cx, || cx.mutate("route53:DeleteHostedZone", call)).await;
        match ignore_codes(deleted, NOT_FOUND) {
            Err(error) if error.is_code("HostedZoneNotEmpty") => Err(Error::Blocked(foreign_records(cx, attrs).await?)),
            other => other.map(drop),
        }
    }

    async fn retag(&self, cx: &StepContext, attrs: &HostedZoneAttrs) -> Result<()> {
        tagging::sync(cx, &TagResourceType::Hostedzone, attrs.zone_id.as_str(), &attrs.missing_tags).await
    }

    fn from_id(id: &str) -> Option<HostedZoneAttrs> {
        Some(HostedZoneAttrs {
            zone_id: id.into(),
            name: String::new(),
            comment: String::new(),
            name_servers: Vec::new(),
            pending_change: None,
            missing_tags: Tags::new(),
        })
    }
}

impl HostedZone {
    /// Finds the zone with the ownership tags.
    async fn find(&self, cx: &StepContext) -> Result<Option<String>> {
        let (mut zones, mut next): (Vec<Description>, _) = (Vec::new(), Some((self.name.clone(), None)));
        while let Some((name, id)) = next.take() {
            let call = cx.aws.route53.list_hosted_zones_by_name().dns_name(&name).set_hosted_zone_id(id).send();
            let page = cx.read("route53:ListHostedZonesByName", call).await?;
            let same = |zone: &&Description| zone.name().trim_end_matches('.') == self.name;
            zones.extend(page.hosted_zones().iter().filter(same).cloned());
            // The list is sorted by name: after another name, this name does not appear again.
            if page.is_truncated && page.next_dns_name().is_some_and(|name| name.trim_end_matches('.') == self.name) {
                next = page.next_dns_name.zip(Some(page.next_hosted_zone_id));
            }
        }
        if let Some(zone) = zones.iter().find(|zone| zone.caller_reference == cx.identity.token) {
            return Ok(Some(bare(zone.id()).to_owned()));
        }
        let ids: Vec<String> = zones.iter().map(|zone| bare(zone.id()).to_owned()).collect();
        let tags = tagging::list(cx, &TagResourceType::Hostedzone, &ids).await?;
        let ours: Vec<String> = tags
            .into_iter()
            .filter(|(id, tags)| foreign_owner(cx, tags).is_none() && !cx.tag_siblings.contains(id))
            .map(|(id, _)| id)
            .collect();
        match ours.as_slice() {
            [] => Ok(None),
            [id] => Ok(Some(id.clone())),
            _ => Err(Error::Ambiguous(ours)),
        }
    }

    async fn create(&self, cx: &StepContext) -> Result<HostedZoneAttrs> {
        let configuration = HostedZoneConfig::builder().comment(&self.comment).build();
        let call = || {
            let call = cx.aws.route53.create_hosted_zone().name(&self.name).caller_reference(&cx.identity.token);
            call.hosted_zone_config(configuration.clone()).send()
        };
        let created = cx.mutate("route53:CreateHostedZone", call).await?;
        let incomplete = |what| Error::MissingField { call: "route53:CreateHostedZone", what };
        let zone = created.hosted_zone.ok_or_else(|| incomplete("the zone"))?;
        let mut name_servers = created.delegation_set.map(|set| set.name_servers).unwrap_or_default();
        name_servers.sort();
        Ok(HostedZoneAttrs {
            zone_id: bare(zone.id()).into(),
            name: self.name.clone(),
            comment: comment(&zone),
            name_servers,
            pending_change: created.change_info.map(|change| bare(change.id()).to_owned()),
            missing_tags: cx.identity.all_tags(),
        })
    }
}

fn comment(zone: &Description) -> String {
    zone.config().and_then(HostedZoneConfig::comment).unwrap_or_default().to_owned()
}

/// Returns the records that block the deletion of the zone: all except those that AWS creates with it.
async fn foreign_records(cx: &StepContext, attrs: &HostedZoneAttrs) -> Result<Vec<Blocker>> {
    let records = change::records(cx, attrs.zone_id.as_str(), None).await?;
    let of_the_zone = |record: &aws_sdk_route53::types::ResourceRecordSet| {
        change::same_name(record.name(), &attrs.name) && ["NS", "SOA"].contains(&record.r#type().as_str())
    };
    let named = records.iter().filter(|record| !of_the_zone(record)).map(|record| Blocker {
        id: format!("{} {}", record.name().trim_end_matches('.'), record.r#type().as_str()),
        what: match record.set_identifier() {
            Some(set) => format!("a record `{set}` in the zone that this tool did not create"),
            None => "a record in the zone that this tool did not create".to_owned(),
        },
    });
    Ok(named.collect())
}
