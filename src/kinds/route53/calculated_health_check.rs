//! A health check that counts how many others are healthy.
//!
//! It can start unhealthy, whatever the others say, until the migration lets it follow them (see
//! [`forced_unhealthy`](super::forced_unhealthy)). This is state of the migration, as weights are: this kind sets it
//! only at creation.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use aws_sdk_route53::operation::update_health_check::builders::UpdateHealthCheckFluentBuilder as Update;
use aws_sdk_route53::types::{HealthCheck as Description, HealthCheckConfig, HealthCheckType};
use serde::{Deserialize, Serialize};

use super::checks::Overridden;
use super::request::built;
use super::{checks, forced_unhealthy, tagging};
use crate::ownership::Tags;
use infra_base::address::HealthCheckId;
use infra_base::side::Side;
use infra_core::graph::Input;
use infra_core::resource::{Observed, Resource, Result, StepContext};
use infra_macros::{Attrs, Spec};

/// The specification of a calculated health check.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "route53.calculated_health_check",
    summary = "a health check that counts others",
    repeat = "token",
    arns("route53:healthcheck/"),
    base = checks::SCHEMA,
    tagger = tagging::HealthChecks,
)]
pub struct CalculatedHealthCheck {
    /// The checks that it counts, 1 to 255.
    #[weak_ref]
    pub children: Vec<Input<HealthCheckId>>,
    /// How many of them must be healthy.
    pub health_threshold: i32,
    /// Whether it is unhealthy when it is created, whatever the others say.
    #[create_only]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub starts_unhealthy: bool,
    /// The set identifier of the weighted record that follows it: a check that is created while this record has traffic
    /// does not start unhealthy.
    #[create_only]
    #[serde(default = "target", skip_serializing_if = "is_target")]
    pub set_identifier: String,
    /// Its name in consoles: the tag `Name`.
    pub name: String,
}

/// States and specifications of earlier versions have none.
fn target() -> String {
    Side::Target.as_str().to_owned()
}

fn is_target(set_identifier: &str) -> bool {
    set_identifier == Side::Target.as_str()
}

/// What is known of a calculated health check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
pub struct CalculatedHealthCheckAttrs {
    #[id]
    #[output(created, name = "id", doc = "The health check's id.")]
    pub health_check_id: HealthCheckId,
    pub children: BTreeSet<String>,
    pub health_threshold: i32,
    /// Whether it is unhealthy, whatever the others say.
    #[computed]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forced_unhealthy: bool,
    /// Settings that override its verdict. Older states lack them.
    #[serde(flatten)]
    pub overridden: Overridden,
    /// Missing tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub missing_tags: Tags,
}

#[async_trait]
impl Resource for CalculatedHealthCheck {
    async fn observe(
        &self,
        cx: &StepContext,
        known: Option<&CalculatedHealthCheckAttrs>,
    ) -> Result<Observed<CalculatedHealthCheckAttrs>> {
        let is_alike = |config: &HealthCheckConfig| *config.r#type() == HealthCheckType::Calculated;
        let found = checks::observe(cx, known.map(|attrs| &attrs.health_check_id), &self.name, is_alike).await?;
        Ok(found.map(|(current, missing_tags)| attrs_of(&current, missing_tags)))
    }

    async fn ensure(
        &self,
        cx: &StepContext,
        seen: Option<CalculatedHealthCheckAttrs>,
    ) -> Result<CalculatedHealthCheckAttrs> {
        let children = self.children()?;
        let mut attrs = match seen {
            Some(attrs) => attrs,
            None => self.create(cx, &children).await?,
        };
        self.retag(cx, &attrs).await?;
        attrs.missing_tags.clear();
        if attrs.children == children
            && attrs.health_threshold == self.health_threshold
            && attrs.overridden == Overridden::default()
        {
            return Ok(attrs);
        }
        let threshold = self.threshold(attrs.forced_unhealthy, &children);
        let change = |call: Update| {
            call.set_child_health_checks(Some(children.iter().cloned().collect())).health_threshold(threshold)
        };
        let current = checks::update(cx, &attrs.health_check_id, change).await?;
        Ok(attrs_of(&current, Tags::new()))
    }

    async fn delete(&self, cx: &StepContext, attrs: &CalculatedHealthCheckAttrs) -> Result<()> {
        checks::delete(cx, &attrs.health_check_id).await
    }

    async fn retag(&self, cx: &StepContext, attrs: &CalculatedHealthCheckAttrs) -> Result<()> {
        checks::retag(cx, &attrs.health_check_id, &attrs.missing_tags).await
    }

    /// A check that is created while its record has traffic must not take it away.
    fn with_target_share(&self, target_percent: u8) -> Option<(Self, Option<u8>)> {
        let share = if is_target(&self.set_identifier) { target_percent } else { 100 - target_percent };
        let starts_unhealthy = self.starts_unhealthy && share == 0;
        self.starts_unhealthy.then(|| (Self { starts_unhealthy, ..self.clone() }, None))
    }

    fn from_id(id: &str) -> Option<CalculatedHealthCheckAttrs> {
        let (children, overridden, missing_tags) = (BTreeSet::new(), Overridden::default(), Tags::new());
        Some(CalculatedHealthCheckAttrs {
            health_check_id: id.into(),
            children,
            health_threshold: 0,
            forced_unhealthy: false,
            overridden,
            missing_tags,
        })
    }
}

impl CalculatedHealthCheck {
    fn children(&self) -> Result<BTreeSet<String>> {
        self.children.iter().map(|child| Ok(child.get()?.to_string())).collect()
    }

    fn threshold(&self, forced_unhealthy: bool, children: &BTreeSet<String>) -> i32 {
        forced_unhealthy::threshold(self.health_threshold, children.len(), forced_unhealthy)
    }

    async fn create(&self, cx: &StepContext, children: &BTreeSet<String>) -> Result<CalculatedHealthCheckAttrs> {
        let config = HealthCheckConfig::builder().r#type(HealthCheckType::Calculated);
        let config = config
            .set_child_health_checks(Some(children.iter().cloned().collect()))
            .health_threshold(self.threshold(self.starts_unhealthy, children));
        let current = checks::create(cx, built(config.build())?).await?;
        Ok(attrs_of(&current, checks::missing_tags(cx, &self.name, &Tags::new())))
    }
}

fn attrs_of(current: &Description, missing_tags: Tags) -> CalculatedHealthCheckAttrs {
    let config = current.health_check_config();
    let children: BTreeSet<String> =
        config.map(|config| config.child_health_checks().iter().cloned().collect()).unwrap_or_default();
    let threshold = config.and_then(HealthCheckConfig::health_threshold).unwrap_or_default();
    let (health_threshold, forced_unhealthy) = forced_unhealthy::split(threshold, children.len());
    CalculatedHealthCheckAttrs {
        health_check_id: current.id().into(),
        children,
        health_threshold,
        forced_unhealthy,
        overridden: Overridden::of(current),
        missing_tags,
    }
}
