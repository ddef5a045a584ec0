//! A health check on a load balancer.
//!
//! It has no name of its own: it is found again by its tags, and in the moment between its creation and its tags by the caller
//! reference, which is our token. A reference can be used once only, "even if the health check is deleted" (CreateHealthCheck).

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_route53::types::{HealthCheck as Shown, HealthCheckConfig, HealthCheckType, TagResourceType};
use serde::{Deserialize, Serialize};

use super::{built, tagging};
use crate::address::HealthCheckId;
use crate::graph::Input;
use crate::resource::{About, Cx, Error, Handle, Observed, Resource, Result, settled};
use crate::resources::owned::{Tags, missing, other_owner};

const GONE: &[&str] = &["NoSuchHealthCheck"];

/// What a health check speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HealthCheckProtocol {
    /// HTTP.
    Http,
    /// HTTPS. The certificate is not verified ("Values that you specify when you create or update health checks").
    Https,
}

/// The specification of a health check.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HealthCheck {
    /// The name of what is checked.
    pub fqdn: Input<String>,
    /// What it speaks.
    pub protocol: HealthCheckProtocol,
    /// The port.
    pub port: i32,
    /// The path that must answer with a status of 2xx or 3xx.
    pub path: String,
    /// Seconds between two checks of one checker: 10 or 30.
    pub interval_seconds: i32,
    /// How many checks in a row change the verdict.
    pub failure_threshold: i32,
    /// What consoles call it: the tag `Name`.
    pub name: String,
    /// Makes the check wait until what is checked listens. Nothing of the check follows from it.
    pub listener: Input<String>,
}

/// What is known of a health check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HealthCheckAttrs {
    pub health_check_id: HealthCheckId,
    pub fqdn: String,
    pub protocol: String,
    pub port: i32,
    pub path: String,
    pub interval_seconds: i32,
    pub failure_threshold: i32,
    /// Tags that it should carry and does not.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub missing_tags: Tags,
}

impl Handle<HealthCheck> {
    /// The health check's id.
    pub fn id(&self) -> Input<HealthCheckId> {
        self.created("health_check_id")
    }
}

#[async_trait]
impl Resource for HealthCheck {
    const KIND: &'static str = "route53.health_check";
    const ABOUT: About = About {
        summary: "a health check on a load balancer",
        create_seconds: 2,
        ready_seconds: 0,
        delete_seconds: 1,
        operations: &[
            "route53:CreateHealthCheck",
            "route53:GetHealthCheck",
            "route53:ListHealthChecks",
            "route53:UpdateHealthCheck",
            "route53:ListTagsForResources",
            "route53:ChangeTagsForResource",
            "route53:DeleteHealthCheck",
        ],
        creates: &["route53:CreateHealthCheck", "route53:ChangeTagsForResource"],
        changes: &["route53:UpdateHealthCheck", "route53:ChangeTagsForResource"],
        deletes: &["route53:DeleteHealthCheck"],
        immutable: &["protocol", "interval_seconds"],
        tagged: true,
        blocked_by: "nothing",
        mentions: &["fqdn"],
        waits_for: &["listener"],
        global: true,
        ..About::PLAIN
    };
    type Attrs = HealthCheckAttrs;

    async fn observe(&self, cx: &Cx, known: Option<&HealthCheckAttrs>) -> Result<Observed<HealthCheckAttrs>> {
        let found = match known {
            Some(attrs) => {
                let call = cx.aws.route53.get_health_check().health_check_id(attrs.health_check_id.as_str()).send();
                settled(cx.read("route53:GetHealthCheck", call).await, GONE)?.and_then(|found| found.health_check)
            }
            None => self.find(cx).await?,
        };
        let Some(shown) = found else { return Ok(Observed::Absent) };
        let id = shown.id().to_owned();
        let tags = tagging::of(cx, &TagResourceType::Healthcheck, std::slice::from_ref(&id)).await?.remove(&id).unwrap_or_default();
        Ok(Observed::Ours(HealthCheckAttrs { missing_tags: self.missing(cx, &tags), ..attrs_of(&shown) }))
    }

    async fn ensure(&self, cx: &Cx, seen: Option<HealthCheckAttrs>) -> Result<HealthCheckAttrs> {
        let mut attrs = match seen {
            Some(attrs) => attrs,
            None => self.create(cx).await?,
        };
        self.retag(cx, &attrs).await?;
        attrs.missing_tags.clear();
        let fqdn = self.fqdn.get()?;
        let same = attrs.fqdn == *fqdn && attrs.port == self.port && attrs.path == self.path && attrs.failure_threshold == self.failure_threshold;
        if same {
            return Ok(attrs);
        }
        let call = || {
            let call = cx.aws.route53.update_health_check().health_check_id(attrs.health_check_id.as_str()).fully_qualified_domain_name(fqdn);
            call.port(self.port).resource_path(&self.path).failure_threshold(self.failure_threshold).send()
        };
        let changed = cx.mutate("route53:UpdateHealthCheck", call).await?;
        let shown = changed.health_check.ok_or(Error::Incomplete { call: "route53:UpdateHealthCheck", what: "the health check" })?;
        Ok(attrs_of(&shown))
    }

    async fn delete(&self, cx: &Cx, attrs: &HealthCheckAttrs) -> Result<()> {
        let call = || cx.aws.route53.delete_health_check().health_check_id(attrs.health_check_id.as_str()).send();
        settled(cx.mutate("route53:DeleteHealthCheck", call).await, GONE).map(drop)
    }

    async fn retag(&self, cx: &Cx, attrs: &HealthCheckAttrs) -> Result<()> {
        if attrs.missing_tags.is_empty() {
            return Ok(());
        }
        tagging::add(cx, &TagResourceType::Healthcheck, attrs.health_check_id.as_str(), &attrs.missing_tags).await
    }

    fn known_by(id: &str) -> Option<HealthCheckAttrs> {
        Some(HealthCheckAttrs {
            health_check_id: id.into(),
            fqdn: String::new(),
            protocol: String::new(),
            port: 0,
            path: String::new(),
            interval_seconds: 0,
            failure_threshold: 0,
            missing_tags: Tags::new(),
        })
    }

    fn id(attrs: &HealthCheckAttrs) -> String {
        attrs.health_check_id.0.clone()
    }
}

impl HealthCheck {
    /// Finds the check that carries our marks, among those on the same name.
    async fn find(&self, cx: &Cx) -> Result<Option<Shown>> {
        let fqdn = self.fqdn.get()?;
        let pages = cx.aws.route53.list_health_checks().into_paginator().items().send();
        let all = cx.read("route53:ListHealthChecks", pages.collect::<Result<Vec<_>, _>>()).await?;
        if let Some(ours) = all.iter().find(|check| check.caller_reference() == cx.identity.token) {
            return Ok(Some(ours.clone()));
        }
        let on_it = |check: &&Shown| check.health_check_config().and_then(HealthCheckConfig::fully_qualified_domain_name) == Some(fqdn);
        let ids: Vec<String> = all.iter().filter(on_it).map(|check| check.id().to_owned()).collect();
        let tags = tagging::of(cx, &TagResourceType::Healthcheck, &ids).await?;
        let ours: Vec<String> =
            tags.into_iter().filter(|(id, tags)| other_owner(cx, tags).is_none() && !cx.namesakes.contains(id)).map(|(id, _)| id).collect();
        match ours.as_slice() {
            [] => Ok(None),
            [id] => Ok(all.into_iter().find(|check| check.id() == id)),
            _ => Err(Error::Ambiguous(ours)),
        }
    }

    async fn create(&self, cx: &Cx) -> Result<HealthCheckAttrs> {
        let kind = match self.protocol {
            HealthCheckProtocol::Http => HealthCheckType::Http,
            HealthCheckProtocol::Https => HealthCheckType::Https,
        };
        let configuration = HealthCheckConfig::builder().r#type(kind).fully_qualified_domain_name(self.fqdn.get()?).port(self.port);
        let configuration = configuration.resource_path(&self.path).request_interval(self.interval_seconds);
        let configuration = built(configuration.failure_threshold(self.failure_threshold).build())?;
        let call = || cx.aws.route53.create_health_check().caller_reference(&cx.identity.token).health_check_config(configuration.clone()).send();
        let made = cx.mutate("route53:CreateHealthCheck", call).await?;
        let shown = made.health_check.ok_or(Error::Incomplete { call: "route53:CreateHealthCheck", what: "the health check" })?;
        Ok(HealthCheckAttrs { missing_tags: self.missing(cx, &Tags::new()), ..attrs_of(&shown) })
    }

    /// The tags that are not there yet, with the one that consoles show.
    fn missing(&self, cx: &Cx, shown: &Tags) -> Tags {
        let mut missing = missing(cx, shown);
        if shown.get("Name") != Some(&self.name) {
            missing.insert("Name".to_owned(), self.name.clone());
        }
        missing
    }
}

fn attrs_of(shown: &Shown) -> HealthCheckAttrs {
    let config = shown.health_check_config();
    HealthCheckAttrs {
        health_check_id: shown.id().into(),
        fqdn: config.and_then(HealthCheckConfig::fully_qualified_domain_name).unwrap_or_default().to_owned(),
        protocol: config.map(|config| config.r#type().as_str().to_owned()).unwrap_or_default(),
        port: config.and_then(HealthCheckConfig::port).unwrap_or_default(),
        path: config.and_then(HealthCheckConfig::resource_path).unwrap_or_default().to_owned(),
        interval_seconds: config.and_then(HealthCheckConfig::request_interval).unwrap_or_default(),
        failure_threshold: config.and_then(HealthCheckConfig::failure_threshold).unwrap_or_default(),
        missing_tags: Tags::new(),
    }
}
