//! What all types of health checks have in common.
//!
//! None has a name: it is found by its tags and, between its creation and its tags, by the caller reference, which is
//! the token. A reference can be used only once, "even if the health check is deleted" (CreateHealthCheck).

use aws_sdk_route53::operation::update_health_check::builders::UpdateHealthCheckFluentBuilder as Update;
use aws_sdk_route53::types::{HealthCheck, HealthCheckConfig, TagResourceType};
use serde::{Deserialize, Serialize};

use super::tagging;
use crate::ownership::{Tags, foreign_owner, foreign_owner_of_tagged_later, missing_tags as missing};
use infra_base::address::HealthCheckId;
use infra_core::resource::{Error, KindSchema, Observed, Result, StepContext, ignore_codes};

/// The schema that all types of health checks share.
pub(super) const SCHEMA: KindSchema = KindSchema {
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
    delete_blockers: "nothing",
    global: true,
    ..KindSchema::PLAIN
};

/// Settings that override the verdict of a check. This tool sets none of them: a disabled check always counts as
/// healthy, which would disable the emergency switch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Overridden {
    /// Whether it is disabled, and counts as healthy.
    pub disabled: bool,
    /// Whether healthy counts as unhealthy.
    pub inverted: bool,
}

impl Overridden {
    pub(super) fn of(current: &HealthCheck) -> Self {
        let config = current.health_check_config();
        let is_on = |of: fn(&HealthCheckConfig) -> Option<bool>| config.and_then(of).unwrap_or_default();
        Self { disabled: is_on(HealthCheckConfig::disabled), inverted: is_on(HealthCheckConfig::inverted) }
    }
}

const NOT_FOUND: &[&str] = &["NoSuchHealthCheck"];

/// Finds a check by its id or, without one, by its tags among similar checks. Returns it with its missing tags.
pub(super) async fn observe(
    cx: &StepContext,
    known: Option<&HealthCheckId>,
    name: &str,
    is_alike: impl Fn(&HealthCheckConfig) -> bool,
) -> Result<Observed<(HealthCheck, Tags)>> {
    let found = match known {
        Some(id) => {
            let call = cx.aws.route53.get_health_check().health_check_id(id.as_str()).send();
            ignore_codes(cx.read("route53:GetHealthCheck", call).await, NOT_FOUND)?.and_then(|found| found.health_check)
        }
        None => find(cx, is_alike).await?,
    };
    let Some(current) = found else { return Ok(Observed::Absent) };
    let id = current.id().to_owned();
    let tags = tagging::list(cx, &TagResourceType::Healthcheck, std::slice::from_ref(&id))
        .await?
        .remove(&id)
        .unwrap_or_default();
    if let Some(owner) = foreign_owner_of_tagged_later(cx, &tags, current.caller_reference()) {
        return Ok(Observed::Foreign { id, owner });
    }
    Ok(Observed::Ours((current, missing_tags(cx, name, &tags))))
}

async fn find(cx: &StepContext, is_alike: impl Fn(&HealthCheckConfig) -> bool) -> Result<Option<HealthCheck>> {
    let pages = cx.aws.route53.list_health_checks().into_paginator().items().send();
    let all = cx.read("route53:ListHealthChecks", pages.collect::<Result<Vec<_>, _>>()).await?;
    if let Some(ours) = all.iter().find(|check| check.caller_reference() == cx.identity.token) {
        return Ok(Some(ours.clone()));
    }
    let alike = all.iter().filter(|check| check.health_check_config().is_some_and(&is_alike));
    let ids: Vec<String> = alike.map(|check| check.id().to_owned()).collect();
    let tags = tagging::list(cx, &TagResourceType::Healthcheck, &ids).await?;
    let is_ours = |id: &String, tags: &Tags| foreign_owner(cx, tags).is_none() && !cx.tag_siblings.contains(id);
    let ours: Vec<String> = tags.into_iter().filter(|(id, tags)| is_ours(id, tags)).map(|(id, _)| id).collect();
    match ours.as_slice() {
        [] => Ok(None),
        [id] => Ok(all.into_iter().find(|check| check.id() == id)),
        _ => Err(Error::Ambiguous(ours)),
    }
}

/// Creates a check. A second call sets its tags.
pub(super) async fn create(cx: &StepContext, config: HealthCheckConfig) -> Result<HealthCheck> {
    let call = || {
        cx.aws
            .route53
            .create_health_check()
            .caller_reference(&cx.identity.token)
            .health_check_config(config.clone())
            .send()
    };
    let created = cx.mutate("route53:CreateHealthCheck", call).await?;
    created.health_check.ok_or(Error::MissingField { call: "route53:CreateHealthCheck", what: "the health check" })
}

/// Changes a check in place with `change`, and removes all overrides.
pub(super) async fn update(
    cx: &StepContext,
    id: &HealthCheckId,
    change: impl Fn(Update) -> Update + Send + Sync,
) -> Result<HealthCheck> {
    let call = || {
        change(cx.aws.route53.update_health_check().health_check_id(id.as_str()).disabled(false).inverted(false)).send()
    };
    let changed = cx.mutate("route53:UpdateHealthCheck", call).await?;
    changed.health_check.ok_or(Error::MissingField { call: "route53:UpdateHealthCheck", what: "the health check" })
}

pub(super) async fn delete(cx: &StepContext, id: &HealthCheckId) -> Result<()> {
    let call = || cx.aws.route53.delete_health_check().health_check_id(id.as_str()).send();
    ignore_codes(cx.mutate("route53:DeleteHealthCheck", call).await, NOT_FOUND).map(drop)
}

pub(super) async fn retag(cx: &StepContext, id: &HealthCheckId, missing: &Tags) -> Result<()> {
    tagging::sync(cx, &TagResourceType::Healthcheck, id.as_str(), missing).await
}

/// Returns the missing tags, including the name that consoles show.
pub(super) fn missing_tags(cx: &StepContext, name: &str, current: &Tags) -> Tags {
    let mut missing = missing(cx, current);
    if current.get("Name").is_none_or(|current| current != name) {
        missing.insert("Name".to_owned(), name.to_owned());
    }
    missing
}
