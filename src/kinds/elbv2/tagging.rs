//! Tags of load balancers, target groups and listeners. The responses of the describe calls do not contain them.

use async_trait::async_trait;
use aws_sdk_elasticloadbalancingv2::types::{Tag, TagDescription};

use crate::ownership::{self, Tags};
use crate::tag_index;
use infra_core::resource::{Observed, Result, StepContext, Tagger, ignore_codes};

/// Sets and removes tags by ARN.
pub struct Elb;

#[async_trait]
impl Tagger for Elb {
    const CALLS: &'static [&'static str] = &["elasticloadbalancing:AddTags", "elasticloadbalancing:RemoveTags"];

    async fn sync(cx: &StepContext, arn: &str) -> Result<()> {
        let tags = to_sdk(cx.tags_to_set());
        if !tags.is_empty() {
            let call = || cx.aws.elb.add_tags().resource_arns(arn).set_tags(Some(tags.clone())).send();
            cx.mutate("elasticloadbalancing:AddTags", call).await?;
        }
        let remove = |keys| cx.aws.elb.remove_tags().resource_arns(arn).set_tag_keys(Some(keys)).send();
        cx.untag("elasticloadbalancing:RemoveTags", remove).await
    }

    async fn exists(cx: &StepContext, arn: &str) -> Result<bool> {
        let call = cx.aws.elb.describe_tags().resource_arns(arn).send();
        let not_found = ["LoadBalancerNotFound", "TargetGroupNotFound", "ListenerNotFound", "RuleNotFound"];
        Ok(ignore_codes(cx.read("elasticloadbalancing:DescribeTags", call).await, &not_found)?.is_some())
    }
}

/// Converts tags for a call.
pub(super) fn to_sdk(tags: Tags) -> Vec<Tag> {
    tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// Classifies the resource with this ARN by its tags. `not_found` is the error code when it does not exist.
pub(super) async fn classify<A>(cx: &StepContext, arn: &str, not_found: &str, attrs: A) -> Result<Observed<A>> {
    if let Some(tags) = tag_index::tags(cx, arn).await? {
        return Ok(ownership::classify(cx, &tags, arn, || attrs));
    }
    let call = cx.aws.elb.describe_tags().resource_arns(arn).send();
    let Some(found) = ignore_codes(cx.read("elasticloadbalancing:DescribeTags", call).await, &[not_found])? else {
        return Ok(Observed::Absent);
    };
    let tags = found.tag_descriptions().iter().flat_map(TagDescription::tags);
    let tags = tags.filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned()))).collect();
    Ok(ownership::classify(cx, &tags, arn, || attrs))
}
