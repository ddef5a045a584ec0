//! A peering between two VPCs, which may be in two regions and two accounts.
//!
//! The requester creates it; the other side must accept it in its own region and account. A peering that has failed,
//! has expired or was deleted stays visible for hours with its tags ("VPC peering connection lifecycle"), and counts as
//! absent.

use async_trait::async_trait;
use aws_sdk_ec2::types::{ResourceType, VpcPeeringConnection as Description};
use serde::{Deserialize, Serialize};

use super::find::{self, classify, find_by_id_or_tags};
use super::tagging;
use infra_aws::{Progress, Wait};
use infra_base::address::{AccountId, Arn, VpcId, VpcPeeringConnectionId};
use infra_core::graph::Input;
use infra_core::resource::{Error, Observed, Resource, Result, StepContext, ignore_codes};
use infra_macros::{Attrs, Spec};

pub(super) const NOT_FOUND: &str = "InvalidVpcPeeringConnectionID.NotFound";
/// Final statuses.
const FINAL: &[&str] = &["failed", "expired", "rejected", "deleted"];

/// The specification of a peering.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "ec2.vpc_peering_connection",
    summary = "a peering between two VPCs",
    repeat = "name",
    arns("ec2:vpc-peering-connection/"),
    create_seconds = 2,
    ready_seconds = 2,
    delete_seconds = 5,
    tagger = tagging::Ec2,
    delete_blockers = "nothing; routes through it lose their target",
    reads("ec2:DescribeVpcPeeringConnections"),
    creates("ec2:CreateVpcPeeringConnection"),
    deletes("ec2:DeleteVpcPeeringConnection"),
)]
pub struct VpcPeeringConnection {
    /// The requester VPC.
    #[immutable]
    #[unique]
    #[scope]
    pub vpc: Input<VpcId>,
    /// The accepter VPC.
    #[immutable]
    #[unique]
    pub peer_vpc: Input<VpcId>,
    /// The region of the accepter VPC.
    #[immutable]
    pub peer_region: String,
    /// The account of the accepter VPC, if it is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[immutable]
    pub peer_account: Option<AccountId>,
}

/// What is known of a peering.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
pub struct VpcPeeringConnectionAttrs {
    /// Its id, the same on both sides.
    #[id]
    #[output(created, name = "id")]
    pub peering_id: VpcPeeringConnectionId,
    /// The requester VPC, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc: Option<VpcId>,
    /// The accepter VPC, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer_vpc: Option<VpcId>,
    /// The region of the accepter VPC, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer_region: Option<String>,
}

#[async_trait]
impl Resource for VpcPeeringConnection {
    async fn observe(
        &self,
        cx: &StepContext,
        known: Option<&VpcPeeringConnectionAttrs>,
    ) -> Result<Observed<VpcPeeringConnectionAttrs>> {
        let known = known.map(|attrs| attrs.peering_id.as_str());
        let Some(found) = find_by_id_or_tags::<Description>(cx, known).await? else { return Ok(Observed::Absent) };
        let mut existing = Vec::new();
        for peering in found {
            match status(&peering) {
                status if FINAL.contains(&status) => {}
                "deleting" => wait_deleted(cx, &id_of(&peering)).await?,
                _ => existing.push(peering),
            }
        }
        let attrs = |peering: Description| VpcPeeringConnectionAttrs {
            peering_id: id_of(&peering),
            vpc: peering.requester_vpc_info().and_then(|side| side.vpc_id()).map(Into::into),
            peer_vpc: peering.accepter_vpc_info().and_then(|side| side.vpc_id()).map(Into::into),
            peer_region: peering.accepter_vpc_info().and_then(|side| side.region()).map(str::to_owned),
        };
        classify(cx, existing, attrs)
    }

    async fn exists(cx: &StepContext, arn: &Arn) -> Result<bool> {
        // AWS lists a deleted one for two hours ("VPC peering connection lifecycle").
        let exists = |peering: &aws_sdk_ec2::types::VpcPeeringConnection| {
            let code = peering.status().and_then(|status| status.code());
            !code.is_some_and(|code| FINAL.contains(&code.as_str()))
        };
        find::exists(cx, arn, "ec2:vpc-peering-connection/", exists).await
    }

    async fn ensure(
        &self,
        cx: &StepContext,
        seen: Option<VpcPeeringConnectionAttrs>,
    ) -> Result<VpcPeeringConnectionAttrs> {
        if let Some(attrs) = seen {
            return Ok(attrs);
        }
        let (vpc, peer) = (self.vpc.get()?, self.peer_vpc.get()?);
        let tags = tagging::specification(cx, ResourceType::VpcPeeringConnection);
        let region = (self.peer_region != cx.region.as_str()).then(|| self.peer_region.clone());
        let call = || {
            let call = cx.aws.ec2.create_vpc_peering_connection().vpc_id(vpc).peer_vpc_id(peer);
            let call = call.set_peer_owner_id(self.peer_account.clone().map(String::from));
            call.set_peer_region(region.clone()).tag_specifications(tags.clone()).send()
        };
        let created = cx.mutate("ec2:CreateVpcPeeringConnection", call).await?;
        let id = created.vpc_peering_connection.and_then(|peering| peering.vpc_peering_connection_id);
        let id = id.ok_or(Error::MissingField { call: "ec2:CreateVpcPeeringConnection", what: "the peering id" })?;
        let peer_region = Some(self.peer_region.clone());
        Ok(VpcPeeringConnectionAttrs {
            peering_id: id.into(),
            vpc: Some(vpc.clone()),
            peer_vpc: Some(peer.clone()),
            peer_region,
        })
    }

    /// Waits until AWS has accepted the request. It reports overlapping ranges only now.
    async fn ready(&self, cx: &StepContext, attrs: VpcPeeringConnectionAttrs) -> Result<VpcPeeringConnectionAttrs> {
        let id = &attrs.peering_id;
        cx.wait(Wait::new(format!("peering {id} to be requested"), 1, 5 * 60), || async {
            Ok(match describe(cx, id).await? {
                None => Progress::Pending("not visible yet".to_owned()),
                Some(peering) => match status(&peering) {
                    "pending-acceptance" | "provisioning" | "active" => Progress::Reached(()),
                    status if FINAL.contains(&status) => failed(&peering),
                    status => Progress::Pending(status.to_owned()),
                },
            })
        })
        .await?;
        Ok(attrs)
    }

    async fn delete(&self, cx: &StepContext, attrs: &VpcPeeringConnectionAttrs) -> Result<()> {
        let id = &attrs.peering_id;
        // "InvalidStateTransition: the specified state transition is invalid for the peering": it has ended already.
        let call = || cx.aws.ec2.delete_vpc_peering_connection().vpc_peering_connection_id(id).send();
        ignore_codes(cx.mutate("ec2:DeleteVpcPeeringConnection", call).await, &[NOT_FOUND, "InvalidStateTransition"])?;
        wait_deleted(cx, id).await
    }

    fn from_id(id: &str) -> Option<VpcPeeringConnectionAttrs> {
        Some(VpcPeeringConnectionAttrs { peering_id: id.into(), vpc: None, peer_vpc: None, peer_region: None })
    }
}

fn id_of(peering: &Description) -> VpcPeeringConnectionId {
    peering.vpc_peering_connection_id().unwrap_or_default().into()
}

/// Returns the status of a peering as AWS spells it.
pub(super) fn status(peering: &Description) -> &str {
    peering
        .status()
        .and_then(|status| status.code())
        .map_or("unknown", aws_sdk_ec2::types::VpcPeeringConnectionStateReasonCode::as_str)
}

/// Reports a peering that can never become active.
pub(super) fn failed<T>(peering: &Description) -> Progress<T> {
    let reason = peering.status().and_then(|status| status.message()).map(str::to_owned);
    Progress::Failed { status: status(peering).to_owned(), reason }
}

/// Returns the peering as the region of the resource shows it.
pub(super) async fn describe(cx: &StepContext, id: &VpcPeeringConnectionId) -> Result<Option<Description>> {
    Ok(find_by_id_or_tags(cx, Some(id.as_str())).await?.and_then(|found| found.into_iter().next()))
}

async fn wait_deleted(cx: &StepContext, id: &VpcPeeringConnectionId) -> Result<()> {
    cx.wait(Wait::new(format!("peering {id} to be deleted"), 2, 10 * 60), || async {
        Ok(match describe(cx, id).await?.as_ref().map(status) {
            None => Progress::Reached(()),
            Some(status) if FINAL.contains(&status) => Progress::Reached(()),
            Some(status) => Progress::Pending(status.to_owned()),
        })
    })
    .await
}
