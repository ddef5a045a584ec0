//! What health checks of every sort have in common.
//!
//! None has a name of its own: it is found again by its tags, and in the moment between its creation and its tags by the caller
//! reference, which is our token. A reference can be used once only, "even if the health check is deleted" (CreateHealthCheck).

use aws_sdk_route53::operation::update_health_check::builders::UpdateHealthCheckFluentBuilder as Update;
use aws_sdk_route53::types::{HealthCheck, HealthCheckConfig, TagResourceType};
use serde::{Deserialize, Serialize};

use super::tagging;
use crate::address::HealthCheckId;
use crate::resource::{About, Cx, Error, Result, settled};
use crate::resources::owned::{Tags, missing, other_owner};

/// What every sort of health check is.
pub(super) const ABOUT: About = About {
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
    tagged: true,
    blocked_by: "nothing",
    global: true,
    ..About::PLAIN
};

/// What makes the verdict of a check another one, whatever it finds. This tool sets none of it: a disabled check counts as healthy for ever, which
/// takes its sense from the emergency switch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Overridden {
    /// Whether it is not made, and counts as healthy.
    pub disabled: bool,
    /// Whether healthy counts as unhealthy.
    pub inverted: bool,
}

impl Overridden {
    pub(super) fn of(shown: &HealthCheck) -> Self {
        let config = shown.health_check_config();
        let is_on = |of: fn(&HealthCheckConfig) -> Option<bool>| config.and_then(of).unwrap_or_default();
        Self { disabled: is_on(HealthCheckConfig::disabled), inverted: is_on(HealthCheckConfig::inverted) }
    }
}

const GONE: &[&str] = &["NoSuchHealthCheck"];

/// Looks for a check by its id; without one, for ours among those that are alike. Returns it with the tags that it lacks.
pub(super) async fn observe(
    cx: &Cx,
    known: Option<&HealthCheckId>,
    name: &str,
    is_alike: impl Fn(&HealthCheckConfig) -> bool,
) -> Result<Option<(HealthCheck, Tags)>> {
    let found = match known {
        Some(id) => {
            let call = cx.aws.route53.get_health_check().health_check_id(id.as_str()).send();
            settled(cx.read("route53:GetHealthCheck", call).await, GONE)?.and_then(|found| found.health_check)
        }
        None => find(cx, is_alike).await?,
    };
    let Some(shown) = found else { return Ok(None) };
    let id = shown.id().to_owned();
    let tags = tagging::of(cx, &TagResourceType::Healthcheck, std::slice::from_ref(&id)).await?.remove(&id).unwrap_or_default();
    Ok(Some((shown, missing_tags(cx, name, &tags))))
}

async fn find(cx: &Cx, is_alike: impl Fn(&HealthCheckConfig) -> bool) -> Result<Option<HealthCheck>> {
    let pages = cx.aws.route53.list_health_checks().into_paginator().items().send();
    let all = cx.read("route53:ListHealthChecks", pages.collect::<Result<Vec<_>, _>>()).await?;
    if let Some(ours) = all.iter().find(|check| check.caller_reference() == cx.identity.token) {
        return Ok(Some(ours.clone()));
    }
    let alike = all.iter().filter(|check| check.health_check_config().is_some_and(&is_alike));
    let ids: Vec<String> = alike.map(|check| check.id().to_owned()).collect();
    let tags = tagging::of(cx, &TagResourceType::Healthcheck, &ids).await?;
    let is_ours = |id: &String, tags: &Tags| other_owner(cx, tags).is_none() && !cx.namesakes.contains(id);
    let ours: Vec<String> = tags.into_iter().filter(|(id, tags)| is_ours(id, tags)).map(|(id, _)| id).collect();
    match ours.as_slice() {
        [] => Ok(None),
        [id] => Ok(all.into_iter().find(|check| check.id() == id)),
        _ => Err(Error::Ambiguous(ours)),
    }
}

/// Makes a check. Its tags are put on it by another call.
pub(super) async fn create(cx: &Cx, config: HealthCheckConfig) -> Result<HealthCheck> {
    let call = || cx.aws.route53.create_health_check().caller_reference(&cx.identity.token).health_check_config(config.clone()).send();
    let made = cx.mutate("route53:CreateHealthCheck", call).await?;
    made.health_check.ok_or(Error::Incomplete { call: "route53:CreateHealthCheck", what: "the health check" })
}

/// Changes a check in place; `change` says what. Its verdict is its own again.
pub(super) async fn update(cx: &Cx, id: &HealthCheckId, change: impl Fn(Update) -> Update + Send + Sync) -> Result<HealthCheck> {
    let call = || change(cx.aws.route53.update_health_check().health_check_id(id.as_str()).disabled(false).inverted(false)).send();
    let changed = cx.mutate("route53:UpdateHealthCheck", call).await?;
    changed.health_check.ok_or(Error::Incomplete { call: "route53:UpdateHealthCheck", what: "the health check" })
}

pub(super) async fn delete(cx: &Cx, id: &HealthCheckId) -> Result<()> {
    let call = || cx.aws.route53.delete_health_check().health_check_id(id.as_str()).send();
    settled(cx.mutate("route53:DeleteHealthCheck", call).await, GONE).map(drop)
}

pub(super) async fn retag(cx: &Cx, id: &HealthCheckId, missing: &Tags) -> Result<()> {
    tagging::bring(cx, &TagResourceType::Healthcheck, id.as_str(), missing).await
}

/// The tags that are not there yet, with the one that consoles show.
pub(super) fn missing_tags(cx: &Cx, name: &str, shown: &Tags) -> Tags {
    let mut missing = missing(cx, shown);
    if shown.get("Name").is_none_or(|shown| shown != name) {
        missing.insert("Name".to_owned(), name.to_owned());
    }
    missing
}
