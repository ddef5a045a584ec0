//! A health check on a load balancer.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_route53::operation::update_health_check::builders::UpdateHealthCheckFluentBuilder as Update;
use aws_sdk_route53::types::{HealthCheck as Shown, HealthCheckConfig, HealthCheckType};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::checks::Overridden;
use super::{built, checks};
use crate::address::HealthCheckId;
use crate::graph::Input;
use crate::resource::{About, Cx, Handle, Observed, Resource, Result};
use crate::resources::owned::Tags;

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
    /// What makes its verdict another one; nothing in states of before it was kept.
    #[serde(flatten)]
    pub overridden: Overridden,
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
        immutable: &["protocol", "interval_seconds"],
        mentions: &["fqdn"],
        waits_for: &["listener"],
        ..checks::ABOUT
    };
    type Attrs = HealthCheckAttrs;

    async fn observe(&self, cx: &Cx, known: Option<&HealthCheckAttrs>) -> Result<Observed<HealthCheckAttrs>> {
        let fqdn = if known.is_none() { self.fqdn.get()? } else { "" };
        let is_alike = |config: &HealthCheckConfig| config.fully_qualified_domain_name() == Some(fqdn);
        let found = checks::observe(cx, known.map(|attrs| &attrs.health_check_id), &self.name, is_alike).await?;
        Ok(found.map_or(Observed::Absent, |(shown, missing_tags)| Observed::Ours(attrs_of(&shown, missing_tags))))
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
        if same && attrs.overridden == Overridden::default() {
            return Ok(attrs);
        }
        let change = |call: Update| {
            let call = call.fully_qualified_domain_name(fqdn).port(self.port);
            call.resource_path(&self.path).failure_threshold(self.failure_threshold)
        };
        let shown = checks::update(cx, &attrs.health_check_id, change).await?;
        Ok(attrs_of(&shown, Tags::new()))
    }

    async fn delete(&self, cx: &Cx, attrs: &HealthCheckAttrs) -> Result<()> {
        checks::delete(cx, &attrs.health_check_id).await
    }

    async fn retag(&self, cx: &Cx, attrs: &HealthCheckAttrs) -> Result<()> {
        checks::retag(cx, &attrs.health_check_id, &attrs.missing_tags).await
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
            overridden: Overridden::default(),
            missing_tags: Tags::new(),
        })
    }

    fn as_inputs(attrs: &HealthCheckAttrs) -> Vec<(&'static str, Value)> {
        // AWS writes it in capitals.
        vec![("protocol", attrs.protocol.to_lowercase().into())]
    }

    fn id(attrs: &HealthCheckAttrs) -> String {
        attrs.health_check_id.0.clone()
    }
}

impl HealthCheck {
    async fn create(&self, cx: &Cx) -> Result<HealthCheckAttrs> {
        let kind = match self.protocol {
            HealthCheckProtocol::Http => HealthCheckType::Http,
            HealthCheckProtocol::Https => HealthCheckType::Https,
        };
        let configuration = HealthCheckConfig::builder().r#type(kind).fully_qualified_domain_name(self.fqdn.get()?).port(self.port);
        let configuration = configuration.resource_path(&self.path).request_interval(self.interval_seconds);
        let configuration = built(configuration.failure_threshold(self.failure_threshold).build())?;
        let shown = checks::create(cx, configuration).await?;
        Ok(attrs_of(&shown, checks::missing_tags(cx, &self.name, &Tags::new())))
    }
}

fn attrs_of(shown: &Shown, missing_tags: Tags) -> HealthCheckAttrs {
    let config = shown.health_check_config();
    HealthCheckAttrs {
        health_check_id: shown.id().into(),
        fqdn: config.and_then(HealthCheckConfig::fully_qualified_domain_name).unwrap_or_default().to_owned(),
        protocol: config.map(|config| config.r#type().as_str().to_owned()).unwrap_or_default(),
        port: config.and_then(HealthCheckConfig::port).unwrap_or_default(),
        path: config.and_then(HealthCheckConfig::resource_path).unwrap_or_default().to_owned(),
        interval_seconds: config.and_then(HealthCheckConfig::request_interval).unwrap_or_default(),
        failure_threshold: config.and_then(HealthCheckConfig::failure_threshold).unwrap_or_default(),
        overridden: Overridden::of(shown),
        missing_tags,
    }
}
