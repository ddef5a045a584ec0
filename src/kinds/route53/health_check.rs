//! A health check on a load balancer.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_route53::operation::update_health_check::builders::UpdateHealthCheckFluentBuilder as Update;
use aws_sdk_route53::types::{HealthCheck as Description, HealthCheckConfig, HealthCheckType};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::checks::Overridden;
use super::request::built;
use super::{checks, tagging};
use crate::ownership::Tags;
use infra_base::address::HealthCheckId;
use infra_core::graph::Input;
use infra_core::resource::{Observed, Resource, Result, StepContext};
use infra_macros::{Attrs, Spec};

/// The protocol of a health check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HealthCheckProtocol {
    /// HTTP.
    Http,
    /// HTTPS. The certificate is not verified ("Values that you specify when you create or update health checks").
    Https,
}

/// The specification of a health check.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "route53.health_check",
    summary = "a health check on a load balancer",
    repeat = "token",
    arns("route53:healthcheck/"),
    base = checks::SCHEMA,
    tagger = tagging::HealthChecks,
)]
pub struct HealthCheck {
    /// The name of the checked server.
    #[weak_ref]
    pub fqdn: Input<String>,
    /// Its protocol.
    #[immutable]
    pub protocol: HealthCheckProtocol,
    /// The port.
    pub port: i32,
    /// The path that must return a status of 2xx or 3xx.
    pub path: String,
    /// Seconds between two checks of one checker: 10 or 30.
    #[immutable]
    pub interval_seconds: i32,
    /// How many checks in a row change the verdict.
    pub failure_threshold: i32,
    /// Its name in consoles: the tag `Name`.
    pub name: String,
    /// Delays the check until the checked server listens.
    #[order_only]
    pub listener: Input<String>,
}

/// What is known of a health check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
pub struct HealthCheckAttrs {
    #[id]
    #[output(created, name = "id", doc = "The health check's id.")]
    pub health_check_id: HealthCheckId,
    pub fqdn: String,
    pub protocol: String,
    pub port: i32,
    pub path: String,
    pub interval_seconds: i32,
    pub failure_threshold: i32,
    /// Settings that override its verdict. Older states lack them.
    #[serde(flatten)]
    pub overridden: Overridden,
    /// Missing tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub missing_tags: Tags,
}

#[async_trait]
impl Resource for HealthCheck {
    async fn observe(&self, cx: &StepContext, known: Option<&HealthCheckAttrs>) -> Result<Observed<HealthCheckAttrs>> {
        let fqdn = if known.is_none() { self.fqdn.get()? } else { "" };
        let is_alike = |config: &HealthCheckConfig| config.fully_qualified_domain_name() == Some(fqdn);
        let found = checks::observe(cx, known.map(|attrs| &attrs.health_check_id), &self.name, is_alike).await?;
        Ok(found.map(|(current, missing_tags)| attrs_of(&current, missing_tags)))
    }

    async fn ensure(&self, cx: &StepContext, seen: Option<HealthCheckAttrs>) -> Result<HealthCheckAttrs> {
        let mut attrs = match seen {
            Some(attrs) => attrs,
            None => self.create(cx).await?,
        };
        self.retag(cx, &attrs).await?;
        attrs.missing_tags.clear();
        let fqdn = self.fqdn.get()?;
        let same = attrs.fqdn == *fqdn
            && attrs.port == self.port
            && attrs.path == self.path
            && attrs.failure_threshold == self.failure_threshold;
        if same && attrs.overridden == Overridden::default() {
            return Ok(attrs);
        }
        let change = |call: Update| {
            let call = call.fully_qualified_domain_name(fqdn).port(self.port);
            call.resource_path(&self.path).failure_threshold(self.failure_threshold)
        };
        let current = checks::update(cx, &attrs.health_check_id, change).await?;
        Ok(attrs_of(&current, Tags::new()))
    }

    async fn delete(&self, cx: &StepContext, attrs: &HealthCheckAttrs) -> Result<()> {
        checks::delete(cx, &attrs.health_check_id).await
    }

    async fn retag(&self, cx: &StepContext, attrs: &HealthCheckAttrs) -> Result<()> {
        checks::retag(cx, &attrs.health_check_id, &attrs.missing_tags).await
    }

    fn from_id(id: &str) -> Option<HealthCheckAttrs> {
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

    fn inputs_from_attrs(attrs: &HealthCheckAttrs) -> Vec<(&'static str, Value)> {
        // AWS spells it in capitals.
        vec![("protocol", attrs.protocol.to_lowercase().into())]
    }
}

impl HealthCheck {
    async fn create(&self, cx: &StepContext) -> Result<HealthCheckAttrs> {
        let kind = match self.protocol {
            HealthCheckProtocol::Http => HealthCheckType::Http,
            HealthCheckProtocol::Https => HealthCheckType::Https,
        };
        let configuration =
            HealthCheckConfig::builder().r#type(kind).fully_qualified_domain_name(self.fqdn.get()?).port(self.port);
        let configuration = configuration.resource_path(&self.path).request_interval(self.interval_seconds);
        let configuration = built(configuration.failure_threshold(self.failure_threshold).build())?;
        let current = checks::create(cx, configuration).await?;
        Ok(attrs_of(&current, checks::missing_tags(cx, &self.name, &Tags::new())))
    }
}

fn attrs_of(current: &Description, missing_tags: Tags) -> HealthCheckAttrs {
    let config = current.health_check_config();
    HealthCheckAttrs {
        health_check_id: current.id().into(),
        fqdn: config.and_then(HealthCheckConfig::fully_qualified_domain_name).unwrap_or_default().to_owned(),
        protocol: config.map(|config| config.r#type().as_str().to_owned()).unwrap_or_default(),
        port: config.and_then(HealthCheckConfig::port).unwrap_or_default(),
        path: config.and_then(HealthCheckConfig::resource_path).unwrap_or_default().to_owned(),
        interval_seconds: config.and_then(HealthCheckConfig::request_interval).unwrap_or_default(),
        failure_threshold: config.and_then(HealthCheckConfig::failure_threshold).unwrap_or_default(),
        overridden: Overridden::of(current),
        missing_tags,
    }
}
