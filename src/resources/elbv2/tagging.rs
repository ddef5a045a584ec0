//! Tags of load balancers, target groups and listeners. They are not part of what the describing calls answer.

use aws_sdk_elasticloadbalancingv2::types::Tag;

use crate::resource::{Cx, Observed, Result, settled};
use crate::resources::owned::{self, Tags};

/// The tags for a create call.
pub(super) fn all(cx: &Cx) -> Vec<Tag> {
    sent(cx.identity.all_tags())
}

fn sent(tags: Tags) -> Vec<Tag> {
    tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// Judges the thing with this ARN by its tags. `gone` is the code that AWS answers when it does not exist any more.
pub(super) async fn judge<A>(cx: &Cx, arn: &str, gone: &str, attrs: A) -> Result<Observed<A>> {
    let call = cx.aws.elb.describe_tags().resource_arns(arn).send();
    let Some(found) = settled(cx.read("elasticloadbalancing:DescribeTags", call).await, &[gone])? else {
        return Ok(Observed::Absent);
    };
    let tags = found.tag_descriptions().iter().flat_map(aws_sdk_elasticloadbalancingv2::types::TagDescription::tags);
    let tags = tags.filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned()))).collect();
    Ok(owned::judge(cx, &tags, arn, || attrs))
}

/// Brings the tags of a thing that exists to what they should be.
pub(super) async fn retag(cx: &Cx, arn: &str) -> Result<()> {
    let tags = sent(cx.tags_to_set());
    if !tags.is_empty() {
        cx.mutate("elasticloadbalancing:AddTags", || cx.aws.elb.add_tags().resource_arns(arn).set_tags(Some(tags.clone())).send()).await?;
    }
    let remove = |keys| cx.aws.elb.remove_tags().resource_arns(arn).set_tag_keys(Some(keys)).send();
    cx.untag("elasticloadbalancing:RemoveTags", remove).await
}
