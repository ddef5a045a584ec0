//! A health check that counts how many others are healthy.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use aws_sdk_route53::operation::update_health_check::builders::UpdateHealthCheckFluentBuilder as Update;
use aws_sdk_route53::types::{HealthCheck as Shown, HealthCheckConfig, HealthCheckType};
use serde::{Deserialize, Serialize};

use super::checks::Overridden;
use super::{built, checks};
use crate::address::HealthCheckId;
use crate::graph::Input;
use crate::resource::{About, Cx, Handle, Observed, Resource, Result};
use crate::resources::owned::Tags;

/// The specification of a calculated health check.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CalculatedHealthCheck {
    /// The checks that it counts, 1 to 255.
    pub children: Vec<Input<HealthCheckId>>,
    /// How many of them must be healthy for this one to be.
    pub health_threshold: i32,
    /// What consoles call it: the tag `Name`.
    pub name: String,
}

/// What is known of a calculated health check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CalculatedHealthCheckAttrs {
    pub health_check_id: HealthCheckId,
    pub children: BTreeSet<String>,
    pub health_threshold: i32,
    /// What makes its verdict another one; nothing in states of before it was kept.
    #[serde(flatten)]
    pub overridden: Overridden,
    /// Tags that it should carry and does not.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub missing_tags: Tags,
}

impl Handle<CalculatedHealthCheck> {
    /// The health check's id.
    pub fn id(&self) -> Input<HealthCheckId> {
        self.created("health_check_id")
    }
}

#[async_trait]
impl Resource for CalculatedHealthCheck {
    const KIND: &'static str = "route53.calculated_health_check";
    const ABOUT: About = About { summary: "a health check that counts others", mentions: &["children"], ..checks::ABOUT };
    type Attrs = CalculatedHealthCheckAttrs;

    async fn observe(&self, cx: &Cx, known: Option<&CalculatedHealthCheckAttrs>) -> Result<Observed<CalculatedHealthCheckAttrs>> {
        let is_alike = |config: &HealthCheckConfig| *config.r#type() == HealthCheckType::Calculated;
        let found = checks::observe(cx, known.map(|attrs| &attrs.health_check_id), &self.name, is_alike).await?;
        Ok(found.map_or(Observed::Absent, |(shown, missing_tags)| Observed::Ours(attrs_of(&shown, missing_tags))))
    }

    async fn ensure(&self, cx: &Cx, seen: Option<CalculatedHealthCheckAttrs>) -> Result<CalculatedHealthCheckAttrs> {
        let children = self.children()?;
        let mut attrs = match seen {
            Some(attrs) => attrs,
            None => self.create(cx, &children).await?,
        };
        self.retag(cx, &attrs).await?;
        attrs.missing_tags.clear();
        if attrs.children == children && attrs.health_threshold == self.health_threshold && attrs.overridden == Overridden::default() {
            return Ok(attrs);
        }
        let change = |call: Update| call.set_child_health_checks(Some(children.iter().cloned().collect())).health_threshold(self.health_threshold);
        let shown = checks::update(cx, &attrs.health_check_id, change).await?;
        Ok(attrs_of(&shown, Tags::new()))
    }

    async fn delete(&self, cx: &Cx, attrs: &CalculatedHealthCheckAttrs) -> Result<()> {
        checks::delete(cx, &attrs.health_check_id).await
    }

    async fn retag(&self, cx: &Cx, attrs: &CalculatedHealthCheckAttrs) -> Result<()> {
        checks::retag(cx, &attrs.health_check_id, &attrs.missing_tags).await
    }

    fn known_by(id: &str) -> Option<CalculatedHealthCheckAttrs> {
        let (children, overridden, missing_tags) = (BTreeSet::new(), Overridden::default(), Tags::new());
        Some(CalculatedHealthCheckAttrs { health_check_id: id.into(), children, health_threshold: 0, overridden, missing_tags })
    }

    fn id(attrs: &CalculatedHealthCheckAttrs) -> String {
        attrs.health_check_id.0.clone()
    }
}

impl CalculatedHealthCheck {
    fn children(&self) -> Result<BTreeSet<String>> {
        self.children.iter().map(|child| Ok(child.get()?.to_string())).collect()
    }

    async fn create(&self, cx: &Cx, children: &BTreeSet<String>) -> Result<CalculatedHealthCheckAttrs> {
        let config = HealthCheckConfig::builder().r#type(HealthCheckType::Calculated);
        let config = config.set_child_health_checks(Some(children.iter().cloned().collect())).health_threshold(self.health_threshold);
        let shown = checks::create(cx, built(config.build())?).await?;
        Ok(attrs_of(&shown, checks::missing_tags(cx, &self.name, &Tags::new())))
    }
}

fn attrs_of(shown: &Shown, missing_tags: Tags) -> CalculatedHealthCheckAttrs {
    let config = shown.health_check_config();
    CalculatedHealthCheckAttrs {
        health_check_id: shown.id().into(),
        children: config.map(|config| config.child_health_checks().iter().cloned().collect()).unwrap_or_default(),
        health_threshold: config.and_then(HealthCheckConfig::health_threshold).unwrap_or_default(),
        overridden: Overridden::of(shown),
        missing_tags,
    }
}
