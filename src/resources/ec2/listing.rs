//! Things of EC2, each looked for by its id or its marks, or taken out of a listing of all that this stack has in the region.

use std::sync::Arc;

use aws_sdk_ec2::types::{Filter, SecurityGroup, SecurityGroupRule, Vpc};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::tagging;
use crate::aws::OWNER_STACK;
use crate::resource::{Cx, Result, settled};

/// How many values a filter takes ("Filtering": up to 200 values).
const VALUES: usize = 200;

/// Looks for a thing by the id that is known of it, or by the marks of this address. Returns nothing when AWS does not know the id.
///
/// # Errors
/// What AWS answers, but for the codes that say that there is no such thing.
pub(super) async fn seek<T, E, Fut>(
    cx: &Cx,
    call: &'static str,
    known: Option<&str>,
    id: impl Fn(&T) -> Option<&str>,
    missing: &[&str],
    describe: impl Fn(Option<Vec<String>>, Option<Vec<Filter>>) -> Fut + Send + Sync,
) -> Result<Option<Vec<T>>>
where
    T: Clone + Send + Sync + 'static,
    E: ProvideErrorMetadata + std::error::Error + 'static,
    Fut: Future<Output = Result<Vec<T>, SdkError<E, HttpResponse>>> + Send,
{
    if let Some(known) = known
        && let Some(all) = cx.listed(call, || cx.read(call, describe(None, Some(vec![of_the_stack(cx)])))).await?
        && let Some(one) = all.iter().find(|one| id(one) == Some(known))
    {
        return Ok(Some(vec![one.clone()]));
    }
    // What is not in the listing may be new, or may have lost its marks.
    let ids = known.map(|id| vec![id.to_owned()]);
    let filters = known.is_none().then(|| tagging::filters(cx));
    settled(cx.read(call, describe(ids, filters)).await, missing)
}

fn of_the_stack(cx: &Cx) -> Filter {
    Filter::builder().name(format!("tag:{OWNER_STACK}")).values(&cx.identity.stack).build()
}

fn of(name: &str, values: Vec<String>) -> Filter {
    Filter::builder().name(name).set_values(Some(values)).build()
}

/// All VPCs of the stack.
async fn vpcs(cx: &Cx) -> Result<Option<Arc<Vec<Vpc>>>> {
    const CALL: &str = "ec2:DescribeVpcs";
    cx.listed(CALL, || async {
        let pages = cx.aws.ec2.describe_vpcs().filters(of_the_stack(cx)).into_paginator().items().send();
        cx.read(CALL, pages.collect::<Result<Vec<_>, _>>()).await
    })
    .await
}

/// All security groups in the VPCs of the stack, those that come with a VPC too; nothing outside of a survey.
pub(super) async fn groups(cx: &Cx) -> Result<Option<Arc<Vec<SecurityGroup>>>> {
    const CALL: &str = "ec2:DescribeSecurityGroups";
    let Some(vpcs) = vpcs(cx).await? else { return Ok(None) };
    cx.listed(CALL, || async {
        let mut all = Vec::new();
        let ids: Vec<String> = vpcs.iter().filter_map(|vpc| vpc.vpc_id.clone()).collect();
        for some in ids.chunks(VALUES) {
            let pages = cx.aws.ec2.describe_security_groups().filters(of("vpc-id", some.to_vec())).into_paginator().items().send();
            all.extend(cx.read(CALL, pages.collect::<Result<Vec<_>, _>>()).await?);
        }
        Ok(all)
    })
    .await
}

/// All rules of these groups; nothing outside of a survey.
pub(super) async fn rules(cx: &Cx) -> Result<Option<Arc<Vec<SecurityGroupRule>>>> {
    const CALL: &str = "ec2:DescribeSecurityGroupRules";
    let Some(groups) = groups(cx).await? else { return Ok(None) };
    cx.listed(CALL, || async {
        let mut all = Vec::new();
        let ids: Vec<String> = groups.iter().filter_map(|group| group.group_id.clone()).collect();
        for some in ids.chunks(VALUES) {
            let pages = cx.aws.ec2.describe_security_group_rules().filters(of("group-id", some.to_vec())).into_paginator().items().send();
            all.extend(cx.read(CALL, pages.collect::<Result<Vec<_>, _>>()).await?);
        }
        Ok(all)
    })
    .await
}
