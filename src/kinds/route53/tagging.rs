//! Tags of zones and health checks. The create calls accept none, so a second call sets them.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_route53::types::{Tag, TagResourceType};

use super::retry::when_idle;
use crate::ownership::Tags;
use infra_core::resource::{Result, StepContext, Tagger, ignore_codes};

/// "A list of up to 10 resource ids" (ListTagsForResources), and 10 tags per call (ChangeTagsForResource).
const BATCH: usize = 10;

const CALLS: &[&str] = &["route53:ChangeTagsForResource"];

/// Sets and removes the tags of hosted zones by id.
pub struct HostedZones;

/// Sets and removes the tags of health checks by id.
pub struct HealthChecks;

#[async_trait]
impl Tagger for HostedZones {
    const CALLS: &'static [&'static str] = CALLS;

    async fn sync(cx: &StepContext, id: &str) -> Result<()> {
        sync(cx, &TagResourceType::Hostedzone, id, &cx.tags_to_set()).await
    }

    async fn exists(cx: &StepContext, arn: &str) -> Result<bool> {
        exists(cx, &TagResourceType::Hostedzone, arn).await
    }
}

#[async_trait]
impl Tagger for HealthChecks {
    const CALLS: &'static [&'static str] = CALLS;

    async fn sync(cx: &StepContext, id: &str) -> Result<()> {
        sync(cx, &TagResourceType::Healthcheck, id, &cx.tags_to_set()).await
    }

    async fn exists(cx: &StepContext, arn: &str) -> Result<bool> {
        exists(cx, &TagResourceType::Healthcheck, arn).await
    }
}

async fn exists(cx: &StepContext, resource_type: &TagResourceType, arn: &str) -> Result<bool> {
    let id = arn.rsplit('/').next().unwrap_or_default().to_owned();
    Ok(!list(cx, resource_type, &[id]).await?.is_empty())
}

/// Returns the tags of each of the resources. It leaves out those that no longer exist.
pub(super) async fn list(
    cx: &StepContext,
    resource_type: &TagResourceType,
    ids: &[String],
) -> Result<BTreeMap<String, Tags>> {
    let mut found = BTreeMap::new();
    for ids in ids.chunks(BATCH) {
        let call = cx.aws.route53.list_tags_for_resources().resource_type(resource_type.clone());
        let call = call.set_resource_ids(Some(ids.to_vec())).send();
        let not_found = ["NoSuchHostedZone", "NoSuchHealthCheck"];
        let Some(response) = ignore_codes(cx.read("route53:ListTagsForResources", call).await, &not_found)? else {
            continue;
        };
        for set in response.resource_tag_sets {
            let tags = set
                .tags()
                .iter()
                .filter_map(|tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned())));
            found.insert(set.resource_id().unwrap_or_default().to_owned(), tags.collect());
        }
    }
    Ok(found)
}

/// Sets tags, and removes those that the configuration no longer has.
pub(super) async fn sync(cx: &StepContext, resource_type: &TagResourceType, id: &str, set: &Tags) -> Result<()> {
    let tags: Vec<Tag> = set.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    let change = || cx.aws.route53.change_tags_for_resource().resource_type(resource_type.clone()).resource_id(id);
    for tags in tags.chunks(BATCH) {
        let call = || change().set_add_tags(Some(tags.to_vec())).send();
        when_idle(cx, || cx.mutate("route53:ChangeTagsForResource", call)).await?;
    }
    let remove = |keys| change().set_remove_tag_keys(Some(keys)).send();
    when_idle(cx, || cx.untag("route53:ChangeTagsForResource", remove)).await
}
