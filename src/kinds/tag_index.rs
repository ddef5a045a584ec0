//! The tags of all resources of the stack in a region, from one listing instead of one read for each resource.
//!
//! The listing lags behind a change. So it answers only what it shows as it should be: what differs, or is missing, is
//! read from the service.

use std::sync::Arc;

use aws_sdk_resourcegroupstagging::types::TagFilter;

use crate::ownership::{Tags, missing_tags};
use infra_base::address::Arn;
use infra_base::tags::OWNER_STACK;
use infra_core::resource::{Result, StepContext};

/// An ARN and its tags.
type Indexed = (Arn, Tags);

/// Returns the tags of the resource with this ARN if the listing shows all that it should have; nothing outside of the
/// refresh for a plan.
pub(super) async fn tags(cx: &StepContext, arn: &str) -> Result<Option<Tags>> {
    let Some(all) = list(cx).await? else { return Ok(None) };
    let Ok(at) = all.binary_search_by(|(other, _)| other.as_str().cmp(arn)) else { return Ok(None) };
    let (_, tags) = &all[at];
    Ok(missing_tags(cx, tags).is_empty().then(|| tags.clone()))
}

/// Returns the resource that `is_this` selects, from what `describe` says of all resources of the type with this prefix
/// (see [`Arn::id_after`]); nothing outside of the refresh for a plan.
///
/// New resources may be missing: what is not found here is read by itself. If the call fails, nothing is found; then
/// each resource is read, and reports what is the matter with it.
pub(super) async fn described<T, F>(
    cx: &StepContext,
    call: &'static str,
    prefix: &str,
    describe: impl FnOnce(Vec<Arn>) -> F + Send,
    is_this: impl Fn(&T) -> bool + Send,
) -> Result<Option<T>>
where
    T: Clone + Send + Sync + 'static,
    F: Future<Output = Result<Vec<T>>> + Send,
{
    let Some(all) = list(cx).await? else { return Ok(None) };
    let describe = || async {
        let arns: Vec<Arn> =
            all.iter().map(|(arn, _)| arn).filter(|arn| arn.id_after(prefix).is_some()).cloned().collect();
        if arns.is_empty() { Ok(Vec::new()) } else { Ok(describe(arns).await.unwrap_or_default()) }
    };
    let found = cx.cached_list(call, describe).await?;
    Ok(found.and_then(|found| found.iter().find(|one| is_this(one)).cloned()))
}

async fn list(cx: &StepContext) -> Result<Option<Arc<Vec<Indexed>>>> {
    const CALL: &str = "tag:GetResources";
    if !cx.lists_tags {
        return Ok(None);
    }
    cx.cached_list(CALL, || async {
        let ours = TagFilter::builder().key(OWNER_STACK).values(&cx.identity.stack).build();
        let pages = cx.aws.tagging.get_resources().tag_filters(ours).into_paginator().items().send();
        // Without this permission, or this service, each resource is read, and reports what is the matter with it.
        let mappings = cx.read(CALL, pages.collect::<Result<Vec<_>, _>>()).await.unwrap_or_default();
        let mut all: Vec<Indexed> = mappings
            .into_iter()
            .filter_map(|mapping| {
                let tags = mapping.tags.unwrap_or_default();
                let tags = tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
                Some((mapping.resource_arn?.trim_end_matches(":*").into(), tags))
            })
            .collect();
        all.sort();
        Ok(all)
    })
    .await
}
