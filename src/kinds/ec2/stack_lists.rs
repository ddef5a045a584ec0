//! Lists of all objects that this stack has in the region. A refresh reads each list once for all resources.

use std::sync::Arc;

use aws_sdk_ec2::types::{Filter, SecurityGroup, SecurityGroupRule, Vpc};

use super::tagging::of_stack;
use infra_core::resource::{Result, StepContext};

/// How many values a filter accepts ("Filtering": up to 200 values).
const FILTER_VALUES: usize = 200;

fn filter(name: &str, values: Vec<String>) -> Filter {
    Filter::builder().name(name).set_values(Some(values)).build()
}

/// Returns all VPCs of the stack.
async fn vpcs(cx: &StepContext) -> Result<Option<Arc<Vec<Vpc>>>> {
    const CALL: &str = "ec2:DescribeVpcs";
    cx.cached_list(CALL, || async {
        let pages = cx.aws.ec2.describe_vpcs().filters(of_stack(cx)).into_paginator().items().send();
        cx.read(CALL, pages.collect::<Result<Vec<_>, _>>()).await
    })
    .await
}

/// Returns all security groups in the VPCs of the stack, including the default groups; `None` outside of a refresh.
pub(super) async fn groups(cx: &StepContext) -> Result<Option<Arc<Vec<SecurityGroup>>>> {
    const CALL: &str = "ec2:DescribeSecurityGroups";
    let Some(vpcs) = vpcs(cx).await? else { return Ok(None) };
    cx.cached_list(CALL, || async {
        let mut all = Vec::new();
        let ids: Vec<String> = vpcs.iter().filter_map(|vpc| vpc.vpc_id.clone()).collect();
        for some in ids.chunks(FILTER_VALUES) {
            let pages = cx
                .aws
                .ec2
                .describe_security_groups()
                .filters(filter("vpc-id", some.to_vec()))
                .into_paginator()
                .items()
                .send();
            all.extend(cx.read(CALL, pages.collect::<Result<Vec<_>, _>>()).await?);
        }
        Ok(all)
    })
    .await
}

/// Returns all rules of these groups; `None` outside of a refresh.
pub(super) async fn rules(cx: &StepContext) -> Result<Option<Arc<Vec<SecurityGroupRule>>>> {
    const CALL: &str = "ec2:DescribeSecurityGroupRules";
    let Some(groups) = groups(cx).await? else { return Ok(None) };
    cx.cached_list(CALL, || async {
        let mut all = Vec::new();
        let ids: Vec<String> = groups.iter().filter_map(|group| group.group_id.clone()).collect();
        for some in ids.chunks(FILTER_VALUES) {
            let pages = cx
                .aws
                .ec2
                .describe_security_group_rules()
                .filters(filter("group-id", some.to_vec()))
                .into_paginator()
                .items()
                .send();
            all.extend(cx.read(CALL, pages.collect::<Result<Vec<_>, _>>()).await?);
        }
        Ok(all)
    })
    .await
}
