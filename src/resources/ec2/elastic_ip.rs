//! An elastic IP address, for a NAT gateway.
//!
//! It has no name and its allocation takes no client token, so it is found by its tags.

use async_trait::async_trait;
use aws_sdk_ec2::operation::describe_addresses::DescribeAddressesError;
use aws_sdk_ec2::types::{Address, DomainType, ResourceType};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use serde::{Deserialize, Serialize};

use super::listing::seek;
use super::tagging;
use crate::address::AllocationId;
use crate::aws::{Progress, Wait};
use crate::graph::Input;
use crate::resource::{About, Blocker, Cx, Error, Handle, Observed, Resource, Result, settled};

const NOT_FOUND: &str = "InvalidAllocationID.NotFound";
/// A NAT gateway gives its address back when it is deleted, which takes about a minute.
const HELD_SECONDS: u64 = 10 * 60;

/// The specification of an elastic IP address.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ElasticIp {}

/// What is known of an elastic IP address.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ElasticIpAttrs {
    /// Its allocation id.
    pub allocation_id: AllocationId,
    /// The address.
    pub public_ip: String,
}

impl Handle<ElasticIp> {
    /// The allocation id.
    pub fn id(&self) -> Input<AllocationId> {
        self.created("allocation_id")
    }

    /// The address itself.
    pub fn public_ip(&self) -> Input<String> {
        self.created("public_ip")
    }
}

#[async_trait]
impl Resource for ElasticIp {
    const KIND: &'static str = "ec2.elastic_ip";
    const ABOUT: About = About {
        summary: "an elastic IP address",
        create_seconds: 1,
        ready_seconds: 0,
        delete_seconds: 1,
        operations: &["ec2:AllocateAddress", "ec2:DescribeAddresses", "ec2:ReleaseAddress", "ec2:CreateTags", "ec2:DeleteTags"],
        creates: &["ec2:AllocateAddress"],
        deletes: &["ec2:ReleaseAddress"],
        changes: &["ec2:CreateTags", "ec2:DeleteTags"],
        immutable: &[],
        tagged: true,
        blocked_by: "the NAT gateway that it is associated with",
        ..About::PLAIN
    };
    type Attrs = ElasticIpAttrs;

    async fn observe(&self, cx: &Cx, known: Option<&ElasticIpAttrs>) -> Result<Observed<ElasticIpAttrs>> {
        let id = known.map(|attrs| attrs.allocation_id.as_str());
        let describe = |ids, filters| async move {
            let found = cx.aws.ec2.describe_addresses().set_allocation_ids(ids).set_filters(filters).send().await?;
            Ok::<_, SdkError<DescribeAddressesError, HttpResponse>>(found.addresses.unwrap_or_default())
        };
        let found = seek(cx, "ec2:DescribeAddresses", id, |address: &Address| address.allocation_id(), &[NOT_FOUND], describe).await?;
        let Some(found) = found else { return Ok(Observed::Absent) };
        let attrs = |address: Address| ElasticIpAttrs {
            allocation_id: address.allocation_id.unwrap_or_default().into(),
            public_ip: address.public_ip.unwrap_or_default(),
        };
        let id = |address: &Address| address.allocation_id().unwrap_or_default().to_owned();
        tagging::judge(cx, found, |address| address.tags(), id, attrs)
    }

    async fn ensure(&self, cx: &Cx, seen: Option<ElasticIpAttrs>) -> Result<ElasticIpAttrs> {
        if let Some(attrs) = seen {
            return Ok(attrs);
        }
        let tags = tagging::specification(cx, ResourceType::ElasticIp);
        let call = || cx.aws.ec2.allocate_address().domain(DomainType::Vpc).tag_specifications(tags.clone()).send();
        let made = cx.mutate("ec2:AllocateAddress", call).await?;
        let id = made.allocation_id.ok_or(Error::Incomplete { call: "ec2:AllocateAddress", what: "the allocation id" })?;
        let public_ip = made.public_ip.ok_or(Error::Incomplete { call: "ec2:AllocateAddress", what: "the address" })?;
        Ok(ElasticIpAttrs { allocation_id: id.into(), public_ip })
    }

    async fn delete(&self, cx: &Cx, attrs: &ElasticIpAttrs) -> Result<()> {
        let release = || cx.aws.ec2.release_address().allocation_id(&attrs.allocation_id).send();
        let look = || async {
            let refusal = match settled(cx.mutate("ec2:ReleaseAddress", release).await, &[NOT_FOUND]) {
                Ok(_) => return Ok(Progress::Reached(())),
                // An address that a service holds is answered with the second code, which has other reasons too.
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
        match cx.wait(wait, look).await {
            Err(timeout @ Error::Timeout { .. }) => Err(match holder(cx, attrs).await? {
                Some(id) => Error::Blocked(vec![Blocker { id, what: format!("the network interface that {} is mapped to", attrs.public_ip) }]),
                None => timeout,
            }),
            other => other,
        }
    }

    async fn retag(&self, cx: &Cx, attrs: &ElasticIpAttrs) -> Result<()> {
        tagging::retag(cx, attrs.allocation_id.as_str()).await
    }

    fn known_by(id: &str) -> Option<ElasticIpAttrs> {
        Some(ElasticIpAttrs { allocation_id: id.into(), public_ip: String::new() })
    }

    fn id(attrs: &ElasticIpAttrs) -> String {
        attrs.allocation_id.0.clone()
    }
}

/// Returns the network interface that has the address, if one does.
async fn holder(cx: &Cx, attrs: &ElasticIpAttrs) -> Result<Option<String>> {
    let call = cx.aws.ec2.describe_addresses().allocation_ids(&attrs.allocation_id).send();
    let found = settled(cx.read("ec2:DescribeAddresses", call).await, &[NOT_FOUND])?;
    let address = found.and_then(|found| found.addresses?.into_iter().next());
    Ok(address.and_then(|address| address.network_interface_id.or(address.association_id)))
}
