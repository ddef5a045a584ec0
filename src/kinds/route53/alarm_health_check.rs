//! A health check that follows the metric of a CloudWatch alarm.
//!
//! Route 53 evaluates the metric with the settings of the alarm, and does not wait for the state of the alarm ("How
//! Route 53 determines the status of health checks that monitor CloudWatch alarms").

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_route53::operation::update_health_check::builders::UpdateHealthCheckFluentBuilder as Update;
use aws_sdk_route53::types::{
    AlarmIdentifier, CloudWatchRegion, HealthCheck as Description, HealthCheckConfig, HealthCheckType,
    InsufficientDataHealthStatus,
};
use serde::{Deserialize, Serialize};

use super::checks::Overridden;
use super::request::built;
use super::{checks, tagging};
use crate::ownership::Tags;
use infra_base::address::{HealthCheckId, Region};
use infra_core::graph::Input;
use infra_core::resource::{Observed, Resource, Result, StepContext};
use infra_macros::{Attrs, Spec};

/// The specification of a health check on an alarm.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "route53.alarm_health_check",
    summary = "a health check on an alarm",
    repeat = "token",
    arns("route53:healthcheck/"),
    base = checks::SCHEMA,
    tagger = tagging::HealthChecks,
)]
pub struct AlarmHealthCheck {
    /// The name of the alarm.
    #[weak_ref]
    pub alarm: Input<String>,
    /// The region of the alarm.
    pub alarm_region: Region,
    /// How it counts without enough data: `Healthy`, `Unhealthy` or `LastKnownStatus`, which is healthy at first.
    pub insufficient_data: String,
    /// Its name in consoles: the tag `Name`.
    pub name: String,
}

/// What is known of a health check on an alarm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
pub struct AlarmHealthCheckAttrs {
    #[id]
    #[output(created, name = "id", doc = "The health check's id.")]
    pub health_check_id: HealthCheckId,
    pub alarm: String,
    pub alarm_region: Region,
    pub insufficient_data: String,
    /// Settings that override its verdict. Older states lack them.
    #[serde(flatten)]
    pub overridden: Overridden,
    /// Missing tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub missing_tags: Tags,
}

#[async_trait]
impl Resource for AlarmHealthCheck {
    async fn observe(
        &self,
        cx: &StepContext,
        known: Option<&AlarmHealthCheckAttrs>,
    ) -> Result<Observed<AlarmHealthCheckAttrs>> {
        let is_alike = |config: &HealthCheckConfig| *config.r#type() == HealthCheckType::CloudwatchMetric;
        let found = checks::observe(cx, known.map(|attrs| &attrs.health_check_id), &self.name, is_alike).await?;
        Ok(found.map(|(current, missing_tags)| attrs_of(&current, missing_tags)))
    }

    async fn ensure(&self, cx: &StepContext, seen: Option<AlarmHealthCheckAttrs>) -> Result<AlarmHealthCheckAttrs> {
        let mut attrs = match seen {
            Some(attrs) => attrs,
            None => self.create(cx).await?,
        };
        self.retag(cx, &attrs).await?;
        attrs.missing_tags.clear();
        let same = attrs.alarm == *self.alarm.get()?
            && attrs.alarm_region == self.alarm_region
            && attrs.insufficient_data == self.insufficient_data;
        if same && attrs.overridden == Overridden::default() {
            return Ok(attrs);
        }
        let alarm = self.identifier()?;
        let status = InsufficientDataHealthStatus::from(self.insufficient_data.as_str());
        let change =
            |call: Update| call.alarm_identifier(alarm.clone()).insufficient_data_health_status(status.clone());
        let current = checks::update(cx, &attrs.health_check_id, change).await?;
        Ok(attrs_of(&current, Tags::new()))
    }

    async fn delete(&self, cx: &StepContext, attrs: &AlarmHealthCheckAttrs) -> Result<()> {
        checks::delete(cx, &attrs.health_check_id).await
    }

    async fn retag(&self, cx: &StepContext, attrs: &AlarmHealthCheckAttrs) -> Result<()> {
        checks::retag(cx, &attrs.health_check_id, &attrs.missing_tags).await
    }

    fn from_id(id: &str) -> Option<AlarmHealthCheckAttrs> {
        Some(AlarmHealthCheckAttrs {
            health_check_id: id.into(),
            alarm: String::new(),
            alarm_region: "".into(),
            insufficient_data: String::new(),
            overridden: Overridden::default(),
            missing_tags: Tags::new(),
        })
    }
}

impl AlarmHealthCheck {
    fn identifier(&self) -> Result<AlarmIdentifier> {
        let region = CloudWatchRegion::from(self.alarm_region.as_str());
        built(AlarmIdentifier::builder().name(self.alarm.get()?).region(region).build())
    }

    async fn create(&self, cx: &StepContext) -> Result<AlarmHealthCheckAttrs> {
        let config =
            HealthCheckConfig::builder().r#type(HealthCheckType::CloudwatchMetric).alarm_identifier(self.identifier()?);
        let config = config.insufficient_data_health_status(self.insufficient_data.as_str().into());
        let current = checks::create(cx, built(config.build())?).await?;
        Ok(attrs_of(&current, checks::missing_tags(cx, &self.name, &Tags::new())))
    }
}

fn attrs_of(current: &Description, missing_tags: Tags) -> AlarmHealthCheckAttrs {
    let config = current.health_check_config();
    let alarm = config.and_then(HealthCheckConfig::alarm_identifier);
    let status = config.and_then(HealthCheckConfig::insufficient_data_health_status);
    AlarmHealthCheckAttrs {
        health_check_id: current.id().into(),
        alarm: alarm.map(|alarm| alarm.name().to_owned()).unwrap_or_default(),
        alarm_region: alarm.map(|alarm| alarm.region().as_str()).unwrap_or_default().into(),
        // "LastKnownStatus" is the default (UpdateHealthCheck).
        insufficient_data: status.unwrap_or(&InsufficientDataHealthStatus::LastKnownStatus).as_str().to_owned(),
        overridden: Overridden::of(current),
        missing_tags,
    }
}
