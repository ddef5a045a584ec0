//! Finds resources by tag: all in a region that have the tags of a stack.

use aws_sdk_resourcegroupstagging::types::TagFilter;

use super::budget::Class;
use super::clients::Cloud;
use super::error::AwsError;
use super::metrics::CallCounter;
use infra_base::address::{Address, Arn, Location};
use infra_base::tags::{OWNER_ADDRESS, OWNER_STACK, SHARED_USER};

/// A resource with ownership tags.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Tagged {
    /// Its ARN.
    pub arn: Arn,
    /// The address in its tags.
    pub address: Address,
    /// The region and account that list it.
    #[serde(flatten)]
    pub location: Location,
}

/// Returns the roles that have the tags of `stack`, and the account-wide roles that the stack uses. The listing by tag
/// omits roles. Tags are read only for roles that pass `candidates`, because an account may have thousands of roles.
///
/// # Errors
/// The error of AWS.
pub async fn tagged_roles(
    cloud: &Cloud,
    calls: &CallCounter,
    location: &Location,
    stack: &str,
    candidates: &(dyn Fn(&str) -> bool + Sync),
) -> Result<Vec<Tagged>, AwsError> {
    let (clients, budgets) = cloud.clients(location);
    let mut found = Vec::new();
    let mut marker: Option<String> = None;
    loop {
        budgets.acquire("iam:ListRoles", Class::Read).await;
        calls.count("iam:ListRoles", false);
        let page = clients
            .iam
            .list_roles()
            .set_marker(marker)
            .send()
            .await
            .map_err(|error| AwsError::of("iam:ListRoles", &error))?;
        for role in page.roles().iter().filter(|role| candidates(role.role_name())) {
            budgets.acquire("iam:ListRoleTags", Class::Read).await;
            calls.count("iam:ListRoleTags", false);
            let tags = clients.iam.list_role_tags().role_name(role.role_name()).send().await;
            let tags = match tags.map_err(|error| AwsError::of("iam:ListRoleTags", &error)) {
                Ok(tags) => tags.tags,
                // It was deleted in the meantime.
                Err(error) if error.is("NoSuchEntity") => continue,
                Err(error) => return Err(error),
            };
            let value = |key: &str| tags.iter().find(|tag| tag.key() == key).map(aws_sdk_iam::types::Tag::value);
            if let (Some(owner), Some(address)) = (value(OWNER_STACK), value(OWNER_ADDRESS))
                && owner == stack
            {
                found.push(Tagged {
                    arn: role.arn().into(),
                    address: Address::new(address),
                    location: location.clone(),
                });
            }
            let users = tags
                .iter()
                .filter(|tag| tag.key().starts_with(SHARED_USER))
                .filter_map(|tag| tag.value().split_once(' '));
            let own = users.filter(|(owner, _)| *owner == stack).map(|(_, address)| Address::new(address));
            found.extend(own.map(|address| Tagged { arn: role.arn().into(), address, location: location.clone() }));
        }
        marker = page.marker.filter(|_| page.is_truncated);
        if marker.is_none() {
            return Ok(found);
        }
    }
}

/// Returns all resources in a region that have the tags of `stack`.
///
/// The listing lags, shows some deleted resources for an hour, and omits roles ("Resource Groups Tagging API",
/// supported services).
///
/// # Errors
/// The error of AWS.
pub async fn tagged(
    cloud: &Cloud,
    calls: &CallCounter,
    location: &Location,
    stack: &str,
) -> Result<Vec<Tagged>, AwsError> {
    const CALL: &str = "tag:GetResources";
    let (clients, budgets) = cloud.clients(location);
    let ours = TagFilter::builder().key(OWNER_STACK).values(stack).build();
    let mut found = Vec::new();
    let mut token: Option<String> = None;
    loop {
        budgets.acquire(CALL, Class::Read).await;
        calls.count(CALL, false);
        let page = clients.tagging.get_resources().tag_filters(ours.clone()).set_pagination_token(token).send().await;
        let page = page.map_err(|error| AwsError::of(CALL, &error))?;
        for mapping in page.resource_tag_mapping_list() {
            let address =
                mapping.tags().iter().find(|tag| tag.key() == OWNER_ADDRESS).map(|tag| Address::new(tag.value()));
            if let (Some(arn), Some(address)) = (mapping.resource_arn(), address) {
                found.push(Tagged { arn: arn.into(), address, location: location.clone() });
            }
        }
        token = page.pagination_token().filter(|token| !token.is_empty()).map(str::to_owned);
        if token.is_none() {
            return Ok(found);
        }
    }
}
