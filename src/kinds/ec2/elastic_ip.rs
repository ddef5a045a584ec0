//! An elastic IP address, for a NAT gateway.
//!
//! It has no name and its allocation takes no client token, so it is found by its tags.

use async_trait::async_trait;
use aws_sdk_ec2::types::{Address, DomainType, ResourceType};
use serde::{Deserialize, Serialize};

use super::find;
use super::tagging;
use infra_aws::{Progress, Wait};
use infra_base::address::{AllocationId, Arn};
use infra_core::resource::{Blocker, Error, Observed, Resource, Result, StepContext, ignore_codes};
use infra_macros::{Attrs, Spec};

const NOT_FOUND: &str = "InvalidAllocationID.NotFound";
/// A NAT gateway releases its address when it is deleted, which takes about a minute.
const HELD_SECONDS: u64 = 10 * 60;

/// The specification of an elastic IP address.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Spec)]
#[kind(
    name = "ec2.elastic_ip",
    summary = "an elastic IP address",
    repeat = "tags",
    arns("ec2:elastic-ip/"),
    create_seconds = 1,
    delete_seconds = 1,
    tagger = tagging::Ec2,
    delete_blockers = "the NAT gateway that uses it",
    reads("ec2:DescribeAddresses"),
    creates("ec2:AllocateAddress"),
    deletes("ec2:ReleaseAddress"),
)]
pub struct ElasticIp {}

/// What is known of an elastic IP address.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
pub struct ElasticIpAttrs {
    /// Its allocation id.
    #[id]
    #[output(created, name = "id")]
    pub allocation_id: AllocationId,
    /// The address.
    #[output(created)]
    pub public_ip: String,
}

#[async_trait]
impl Resource for ElasticIp {
    async fn observe(&self, cx: &StepContext, known: Option<&ElasticIpAttrs>) -> Result<Observed<ElasticIpAttrs>> {
        let attrs = |address: Address| ElasticIpAttrs {
            allocation_id: address.allocation_id.unwrap_or_default().into(),
            public_ip: address.public_ip.unwrap_or_default(),
        };
        find::observe(cx, known.map(|attrs| attrs.allocation_id.as_str()), attrs).await
    }

    async fn exists(cx: &StepContext, arn: &Arn) -> Result<bool> {
        find::exists::<Address>(cx, arn, "ec2:elastic-ip/", |_| true).await
    }

    async fn ensure(&self, cx: &StepContext, seen: Option<ElasticIpAttrs>) -> Result<ElasticIpAttrs> {
        if let Some(attrs) = seen {
            return Ok(attrs);
        }
        let tags = tagging::specification(cx, ResourceType::ElasticIp);
        let call = || cx.aws.ec2.allocate_address().domain(DomainType::Vpc).tag_specifications(tags.clone()).send();
        let created = cx.mutate("ec2:AllocateAddress", call).await?;
        let id = created
            .allocation_id
            .ok_or(Error::MissingField { call: "ec2:AllocateAddress", what: "the allocation id" })?;
        let public_ip =
            created.public_ip.ok_or(Error::MissingField { call: "ec2:AllocateAddress", what: "the address" })?;
        Ok(ElasticIpAttrs { allocation_id: id.into(), public_ip })
    }

    async fn delete(&self, cx: &StepContext, attrs: &ElasticIpAttrs) -> Result<()> {
        let release = || cx.aws.ec2.release_address().allocation_id(&attrs.allocation_id).send();
        let attempt = || async {
            let refusal = match ignore_codes(cx.mutate("ec2:ReleaseAddress", release).await, &[NOT_FOUND]) {
                Ok(_) => return Ok(Progress::Reached(())),
                // AWS returns the second code for an address that a service uses, and for other reasons.
                Err(error) if error.is_code("InvalidIPAddress.InUse") || error.is_code("AuthFailure") => error,
                Err(error) => return Err(error),
            };
            match holder(cx, attrs).await? {
                Some(holder) => Ok(Progress::Pending(format!("held by {holder}"))),
                None if refusal.is_code("InvalidIPAddress.InUse") => Ok(Progress::Pending("in use".to_owned())),
                None => Err(refusal),
            }
        };
        let wait = Wait::new(format!("the address {} to become free", attrs.public_ip), 10, HELD_SECONDS);
        match cx.wait(wait, attempt).await {
            Err(timeout @ Error::Timeout { .. }) => Err(match holder(cx, attrs).await? {
                Some(id) => Error::Blocked(vec![Blocker {
                    id,
                    what: format!("the network interface that {} is mapped to", attrs.public_ip),
                }]),
                None => timeout,
            }),
            other => other,
        }
    }

    async fn is_unused(&self, cx: &StepContext, attrs: &ElasticIpAttrs) -> Result<bool> {
        Ok(holder(cx, attrs).await?.is_none())
    }

    fn from_id(id: &str) -> Option<ElasticIpAttrs> {
        Some(ElasticIpAttrs { allocation_id: id.into(), public_ip: String::new() })
    }
}

/// Returns the network interface that has the address, if any.
async fn holder(cx: &StepContext, attrs: &ElasticIpAttrs) -> Result<Option<String>> {
    let call = cx.aws.ec2.describe_addresses().allocation_ids(&attrs.allocation_id).send();
    let found = ignore_codes(cx.read("ec2:DescribeAddresses", call).await, &[NOT_FOUND])?;
    let address = found.and_then(|found| found.addresses?.into_iter().next());
    Ok(address.and_then(|address| address.network_interface_id.or(address.association_id)))
}
