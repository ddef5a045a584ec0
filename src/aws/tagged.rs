//! Listing by tag: everything in a region that carries a stack's tags.

use aws_sdk_resourcegroupstagging::types::TagFilter;

use super::budget::Class;
use super::clients::Cloud;
use super::error::AwsError;
use super::run::Meter;
use super::tags::{OWNER_ADDRESS, OWNER_STACK};
use crate::address::{Address, Arn, Region};

/// Something that carries the ownership tags.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Tagged {
    /// Its ARN.
    pub arn: Arn,
    /// The address in its tags.
    pub address: Address,
    /// The region that lists it.
    pub region: Region,
}

/// Returns everything in a region that carries the tags of `stack`.
///
/// The listing lags behind, shows some deleted things for an hour, and leaves out roles ("Resource Groups Tagging API",
/// supported services).
///
/// # Errors
/// What AWS answered.
pub async fn tagged(cloud: &Cloud, meter: &Meter, region: &Region, stack: &str) -> Result<Vec<Tagged>, AwsError> {
    const CALL: &str = "tag:GetResources";
    let (clients, budgets) = cloud.clients(region);
    let ours = TagFilter::builder().key(OWNER_STACK).values(stack).build();
    let mut found = Vec::new();
    let mut token: Option<String> = None;
    loop {
        budgets.acquire("tag", Class::Read).await;
        meter.count(CALL, false);
        let page = clients.tagging.get_resources().tag_filters(ours.clone()).set_pagination_token(token).send().await;
        let page = page.map_err(|error| AwsError::of(CALL, &error))?;
        for mapping in page.resource_tag_mapping_list() {
            let address = mapping.tags().iter().find(|tag| tag.key() == OWNER_ADDRESS).map(|tag| Address::new(tag.value()));
            if let (Some(arn), Some(address)) = (mapping.resource_arn(), address) {
                found.push(Tagged { arn: arn.into(), address, region: region.clone() });
            }
        }
        token = page.pagination_token().filter(|token| !token.is_empty()).map(str::to_owned);
        if token.is_none() {
            return Ok(found);
        }
    }
}
