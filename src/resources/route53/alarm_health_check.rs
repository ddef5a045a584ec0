//! A health check that follows the metric of a CloudWatch alarm.
//!
//! Route 53 judges the metric by the alarm's settings itself, and does not wait for the alarm's state ("How Route 53 determines the status
//! of health checks that monitor CloudWatch alarms").

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_route53::operation::update_health_check::builders::UpdateHealthCheckFluentBuilder as Update;
use aws_sdk_route53::types::{
    AlarmIdentifier, CloudWatchRegion, HealthCheck as Shown, HealthCheckConfig, HealthCheckType, InsufficientDataHealthStatus,
};
use serde::{Deserialize, Serialize};

use super::checks::Overridden;
use super::{built, checks};
use crate::address::{HealthCheckId, Region};
use crate::graph::Input;
use crate::resource::{About, Cx, Handle, Observed, Resource, Result};
use crate::resources::owned::Tags;

/// The specification of a health check on an alarm.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AlarmHealthCheck {
    /// The name of the alarm.
    pub alarm: Input<String>,
    /// The region of the alarm.
    pub alarm_region: Region,
    /// What it counts as without enough data: `Healthy`, `Unhealthy` or `LastKnownStatus`, which is healthy at first.
    pub insufficient_data: String,
    /// What consoles call it: the tag `Name`.
    pub name: String,
}

/// What is known of a health check on an alarm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlarmHealthCheckAttrs {
    pub health_check_id: HealthCheckId,
    pub alarm: String,
    pub alarm_region: Region,
    pub insufficient_data: String,
    /// What makes its verdict another one; nothing in states of before it was kept.
    #[serde(flatten)]
    pub overridden: Overridden,
    /// Tags that it should carry and does not.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub missing_tags: Tags,
}

impl Handle<AlarmHealthCheck> {
    /// The health check's id.
    pub fn id(&self) -> Input<HealthCheckId> {
        self.created("health_check_id")
    }
}

#[async_trait]
impl Resource for AlarmHealthCheck {
    const KIND: &'static str = "route53.alarm_health_check";
    const ABOUT: About = About { summary: "a health check on an alarm", mentions: &["alarm"], ..checks::ABOUT };
    type Attrs = AlarmHealthCheckAttrs;

    async fn observe(&self, cx: &Cx, known: Option<&AlarmHealthCheckAttrs>) -> Result<Observed<AlarmHealthCheckAttrs>> {
        let is_alike = |config: &HealthCheckConfig| *config.r#type() == HealthCheckType::CloudwatchMetric;
        let found = checks::observe(cx, known.map(|attrs| &attrs.health_check_id), &self.name, is_alike).await?;
        Ok(found.map_or(Observed::Absent, |(shown, missing_tags)| Observed::Ours(attrs_of(&shown, missing_tags))))
    }

    async fn ensure(&self, cx: &Cx, seen: Option<AlarmHealthCheckAttrs>) -> Result<AlarmHealthCheckAttrs> {
        let mut attrs = match seen {
            Some(attrs) => attrs,
            None => self.create(cx).await?,
        };
        self.retag(cx, &attrs).await?;
        attrs.missing_tags.clear();
        let same = attrs.alarm == *self.alarm.get()? && attrs.alarm_region == self.alarm_region && attrs.insufficient_data == self.insufficient_data;
        if same && attrs.overridden == Overridden::default() {
            return Ok(attrs);
        }
        let alarm = self.identifier()?;
        let status = InsufficientDataHealthStatus::from(self.insufficient_data.as_str());
        let change = |call: Update| call.alarm_identifier(alarm.clone()).insufficient_data_health_status(status.clone());
        let shown = checks::update(cx, &attrs.health_check_id, change).await?;
        Ok(attrs_of(&shown, Tags::new()))
    }

    async fn delete(&self, cx: &Cx, attrs: &AlarmHealthCheckAttrs) -> Result<()> {
        checks::delete(cx, &attrs.health_check_id).await
    }

    async fn retag(&self, cx: &Cx, attrs: &AlarmHealthCheckAttrs) -> Result<()> {
        checks::retag(cx, &attrs.health_check_id, &attrs.missing_tags).await
    }

    fn known_by(id: &str) -> Option<AlarmHealthCheckAttrs> {
        Some(AlarmHealthCheckAttrs {
            health_check_id: id.into(),
            alarm: String::new(),
            alarm_region: "".into(),
            insufficient_data: String::new(),
            overridden: Overridden::default(),
            missing_tags: Tags::new(),
        })
    }

    fn id(attrs: &AlarmHealthCheckAttrs) -> String {
        attrs.health_check_id.0.clone()
    }
}

impl AlarmHealthCheck {
    fn identifier(&self) -> Result<AlarmIdentifier> {
        let region = CloudWatchRegion::from(self.alarm_region.as_str());
        built(AlarmIdentifier::builder().name(self.alarm.get()?).region(region).build())
    }

    async fn create(&self, cx: &Cx) -> Result<AlarmHealthCheckAttrs> {
        let config = HealthCheckConfig::builder().r#type(HealthCheckType::CloudwatchMetric).alarm_identifier(self.identifier()?);
        let config = config.insufficient_data_health_status(self.insufficient_data.as_str().into());
        let shown = checks::create(cx, built(config.build())?).await?;
        Ok(attrs_of(&shown, checks::missing_tags(cx, &self.name, &Tags::new())))
    }
}

fn attrs_of(shown: &Shown, missing_tags: Tags) -> AlarmHealthCheckAttrs {
    let config = shown.health_check_config();
    let alarm = config.and_then(HealthCheckConfig::alarm_identifier);
    let status = config.and_then(HealthCheckConfig::insufficient_data_health_status);
    AlarmHealthCheckAttrs {
        health_check_id: shown.id().into(),
        alarm: alarm.map(|alarm| alarm.name().to_owned()).unwrap_or_default(),
        alarm_region: alarm.map(|alarm| alarm.region().as_str()).unwrap_or_default().into(),
        // "LastKnownStatus" is what counts unless told (UpdateHealthCheck).
        insufficient_data: status.unwrap_or(&InsufficientDataHealthStatus::LastKnownStatus).as_str().to_owned(),
        overridden: Overridden::of(shown),
        missing_tags,
    }
}
