//! A public hosted zone.
//!
//! Route 53 allows several zones of one name, so a zone of somebody else's does not stand in the way. Ours is told by its tags;
//! in the moment between its creation and its tags, by the caller reference, which is our token.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_route53::types::{HostedZone as Shown, HostedZoneConfig, TagResourceType};
use serde::{Deserialize, Serialize};

use super::{BUSY, BUSY_SECONDS, bare, change, tagging, wait_in_sync};
use crate::address::HostedZoneId;
use crate::graph::Input;
use crate::resource::{About, Blocker, Cx, Error, Handle, Observed, Resource, Result, settled};
use crate::resources::owned::{Tags, missing, other_owner};

const GONE: &[&str] = &["NoSuchHostedZone"];

/// The specification of a hosted zone.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HostedZone {
    /// The domain, without a dot at its end.
    pub name: String,
    /// What it is for.
    pub comment: String,
}

/// What is known of a hosted zone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HostedZoneAttrs {
    /// Its id, without `/hostedzone/`.
    pub zone_id: HostedZoneId,
    /// The domain, without a dot at its end.
    pub name: String,
    /// What it is for.
    pub comment: String,
    /// The servers that answer for it, for whoever delegates the domain.
    pub name_servers: Vec<String>,
    /// The creation, as long as the servers may not know of the zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending_change: Option<String>,
    /// Tags that it should carry and does not.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub missing_tags: Tags,
}

impl Handle<HostedZone> {
    /// The zone's id.
    pub fn id(&self) -> Input<HostedZoneId> {
        self.created("zone_id")
    }

    /// The domain.
    pub fn name(&self) -> Input<String> {
        self.created("name")
    }
}

#[async_trait]
impl Resource for HostedZone {
    const KIND: &'static str = "route53.hosted_zone";
    const ABOUT: About = About {
        summary: "a public hosted zone",
        create_seconds: 2,
        ready_seconds: 30,
        delete_seconds: 2,
        operations: &[
            "route53:CreateHostedZone",
            "route53:GetHostedZone",
            "route53:ListHostedZonesByName",
            "route53:ListTagsForResources",
            "route53:ChangeTagsForResource",
            "route53:UpdateHostedZoneComment",
            "route53:ListResourceRecordSets",
            "route53:GetChange",
            "route53:DeleteHostedZone",
        ],
        creates: &["route53:CreateHostedZone", "route53:ChangeTagsForResource"],
        changes: &["route53:ChangeTagsForResource", "route53:UpdateHostedZoneComment"],
        deletes: &["route53:DeleteHostedZone"],
        immutable: &["name"],
        tagged: true,
        blocked_by: "records in it that this tool did not make",
        computed: &["name_servers", "pending_change"],
        global: true,
        holds_data: true,
        ..About::PLAIN
    };
    type Attrs = HostedZoneAttrs;

    async fn observe(&self, cx: &Cx, known: Option<&HostedZoneAttrs>) -> Result<Observed<HostedZoneAttrs>> {
        let (id, pending_change) = match known {
            Some(attrs) => (attrs.zone_id.to_string(), attrs.pending_change.clone()),
            None => match self.find(cx).await? {
                Some(id) => (id, None),
                None => return Ok(Observed::Absent),
            },
        };
        let call = cx.aws.route53.get_hosted_zone().id(&id).send();
        let Some(found) = settled(cx.read("route53:GetHostedZone", call).await, GONE)? else { return Ok(Observed::Absent) };
        let tags = tagging::of(cx, &TagResourceType::Hostedzone, std::slice::from_ref(&id)).await?.remove(&id).unwrap_or_default();
        let Some(zone) = found.hosted_zone else { return Ok(Observed::Absent) };
        if zone.caller_reference != cx.identity.token
            && known.is_none()
            && let Some(owner) = other_owner(cx, &tags)
        {
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
            missing_tags: missing(cx, &tags),
        }))
    }

    async fn ensure(&self, cx: &Cx, seen: Option<HostedZoneAttrs>) -> Result<HostedZoneAttrs> {
        let mut attrs = match seen {
            Some(attrs) => attrs,
            None => self.create(cx).await?,
        };
        let id = attrs.zone_id.to_string();
        self.retag(cx, &attrs).await?;
        attrs.missing_tags.clear();
        if attrs.comment != self.comment {
            let call = || cx.aws.route53.update_hosted_zone_comment().id(&id).comment(&self.comment).send();
            cx.retry("Route 53 to finish an earlier change", BUSY, BUSY_SECONDS, || cx.mutate("route53:UpdateHostedZoneComment", call)).await?;
            attrs.comment.clone_from(&self.comment);
        }
        Ok(attrs)
    }

    async fn ready(&self, cx: &Cx, mut attrs: HostedZoneAttrs) -> Result<HostedZoneAttrs> {
        if let Some(change) = attrs.pending_change.take() {
            wait_in_sync(cx, &change).await?;
        }
        Ok(attrs)
    }

    async fn delete(&self, cx: &Cx, attrs: &HostedZoneAttrs) -> Result<()> {
        let id = attrs.zone_id.as_str();
        let call = || cx.aws.route53.delete_hosted_zone().id(id).send();
        let deleted = cx.retry("Route 53 to finish an earlier change", BUSY, BUSY_SECONDS, || cx.mutate("route53:DeleteHostedZone", call)).await;
        match settled(deleted, GONE) {
            Err(error) if error.is_code("HostedZoneNotEmpty") => Err(Error::Blocked(foreign_records(cx, attrs).await?)),
            other => other.map(drop),
        }
    }

    async fn retag(&self, cx: &Cx, attrs: &HostedZoneAttrs) -> Result<()> {
        tagging::bring(cx, &TagResourceType::Hostedzone, attrs.zone_id.as_str(), &attrs.missing_tags).await
    }

    fn known_by(id: &str) -> Option<HostedZoneAttrs> {
        Some(HostedZoneAttrs {
            zone_id: id.into(),
            name: String::new(),
            comment: String::new(),
            name_servers: Vec::new(),
            pending_change: None,
            missing_tags: Tags::new(),
        })
    }

    fn id(attrs: &HostedZoneAttrs) -> String {
        attrs.zone_id.0.clone()
    }
}

impl HostedZone {
    /// Finds the zone that carries our marks.
    async fn find(&self, cx: &Cx) -> Result<Option<String>> {
        let (mut zones, mut next): (Vec<Shown>, _) = (Vec::new(), Some((self.name.clone(), None)));
        while let Some((name, id)) = next.take() {
            let call = cx.aws.route53.list_hosted_zones_by_name().dns_name(&name).set_hosted_zone_id(id).send();
            let page = cx.read("route53:ListHostedZonesByName", call).await?;
            let same = |zone: &&Shown| zone.name().trim_end_matches('.') == self.name;
            zones.extend(page.hosted_zones().iter().filter(same).cloned());
            // The list is in the order of the names: after another name ours does not come again.
            if page.is_truncated && page.next_dns_name().is_some_and(|name| name.trim_end_matches('.') == self.name) {
                next = page.next_dns_name.zip(Some(page.next_hosted_zone_id));
            }
        }
        if let Some(zone) = zones.iter().find(|zone| zone.caller_reference == cx.identity.token) {
            return Ok(Some(bare(zone.id()).to_owned()));
        }
        let ids: Vec<String> = zones.iter().map(|zone| bare(zone.id()).to_owned()).collect();
        let tags = tagging::of(cx, &TagResourceType::Hostedzone, &ids).await?;
        let ours: Vec<String> =
            tags.into_iter().filter(|(id, tags)| other_owner(cx, tags).is_none() && !cx.namesakes.contains(id)).map(|(id, _)| id).collect();
        match ours.as_slice() {
            [] => Ok(None),
            [id] => Ok(Some(id.clone())),
            _ => Err(Error::Ambiguous(ours)),
        }
    }

    async fn create(&self, cx: &Cx) -> Result<HostedZoneAttrs> {
        let configuration = HostedZoneConfig::builder().comment(&self.comment).build();
        let call = || {
            let call = cx.aws.route53.create_hosted_zone().name(&self.name).caller_reference(&cx.identity.token);
            call.hosted_zone_config(configuration.clone()).send()
        };
        let made = cx.mutate("route53:CreateHostedZone", call).await?;
        let incomplete = |what| Error::Incomplete { call: "route53:CreateHostedZone", what };
        let zone = made.hosted_zone.ok_or_else(|| incomplete("the zone"))?;
        let mut name_servers = made.delegation_set.map(|set| set.name_servers).unwrap_or_default();
        name_servers.sort();
        Ok(HostedZoneAttrs {
            zone_id: bare(zone.id()).into(),
            name: self.name.clone(),
            comment: comment(&zone),
            name_servers,
            pending_change: made.change_info.map(|change| bare(change.id()).to_owned()),
            missing_tags: cx.identity.all_tags(),
        })
    }
}

fn comment(zone: &Shown) -> String {
    zone.config().and_then(HostedZoneConfig::comment).unwrap_or_default().to_owned()
}

/// The records that keep the zone: all but those that come and go with it.
async fn foreign_records(cx: &Cx, attrs: &HostedZoneAttrs) -> Result<Vec<Blocker>> {
    let records = change::records(cx, attrs.zone_id.as_str(), None).await?;
    let of_the_zone = |record: &aws_sdk_route53::types::ResourceRecordSet| {
        change::same_name(record.name(), &attrs.name) && ["NS", "SOA"].contains(&record.r#type().as_str())
    };
    let named = records.iter().filter(|record| !of_the_zone(record)).map(|record| Blocker {
        id: format!("{} {}", record.name().trim_end_matches('.'), record.r#type().as_str()),
        what: match record.set_identifier() {
            Some(set) => format!("a record `{set}` in the zone that this tool did not make"),
            None => "a record in the zone that this tool did not make".to_owned(),
        },
    });
    Ok(named.collect())
}
