//! A peering between two VPCs of this account, which may be in two regions.
//!
//! The requester makes it; the other side has to accept it, in its own region. A peering that has failed, expired or was deleted
//! stays visible for hours, with its tags ("VPC peering connection lifecycle"), so those do not count.

use async_trait::async_trait;
use aws_sdk_ec2::types::{ResourceType, VpcPeeringConnection as Shown};
use serde::{Deserialize, Serialize};

use super::listing::seek;
use super::tagging;
use super::visible::once_visible;
use crate::address::{VpcId, VpcPeeringConnectionId};
use crate::aws::{Progress, Wait};
use crate::graph::Input;
use crate::resource::{About, Cx, Error, Handle, Observed, Resource, Result, settled};

pub(super) const NOT_FOUND: &str = "InvalidVpcPeeringConnectionID.NotFound";
/// Where it can not come back from.
const OVER: &[&str] = &["failed", "expired", "rejected", "deleted"];

/// The specification of a peering.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VpcPeeringConnection {
    /// The VPC that asks.
    pub vpc: Input<VpcId>,
    /// The VPC that is asked.
    pub peer_vpc: Input<VpcId>,
    /// The region of the VPC that is asked.
    pub peer_region: String,
}

/// What is known of a peering.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VpcPeeringConnectionAttrs {
    /// Its id, the same on both sides.
    pub peering_id: VpcPeeringConnectionId,
    /// The VPC that asks, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc: Option<VpcId>,
    /// The VPC that is asked, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer_vpc: Option<VpcId>,
    /// The region of the VPC that is asked, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer_region: Option<String>,
}

impl Handle<VpcPeeringConnection> {
    /// The peering's id. The peering may not be accepted yet.
    pub fn id(&self) -> Input<VpcPeeringConnectionId> {
        self.created("peering_id")
    }
}

#[async_trait]
impl Resource for VpcPeeringConnection {
    const KIND: &'static str = "ec2.vpc_peering_connection";
    const ABOUT: About = About {
        summary: "a peering between two VPCs",
        create_seconds: 2,
        ready_seconds: 2,
        delete_seconds: 5,
        operations: &[
            "ec2:CreateVpcPeeringConnection",
            "ec2:DescribeVpcPeeringConnections",
            "ec2:DeleteVpcPeeringConnection",
            "ec2:CreateTags",
            "ec2:DeleteTags",
        ],
        creates: &["ec2:CreateVpcPeeringConnection"],
        deletes: &["ec2:DeleteVpcPeeringConnection"],
        changes: &["ec2:CreateTags", "ec2:DeleteTags"],
        immutable: &["vpc", "peer_vpc", "peer_region"],
        tagged: true,
        blocked_by: "nothing; routes through it lead nowhere afterwards",
        unique: &[&["vpc", "peer_vpc"]],
        ..About::PLAIN
    };
    type Attrs = VpcPeeringConnectionAttrs;

    async fn observe(&self, cx: &Cx, known: Option<&VpcPeeringConnectionAttrs>) -> Result<Observed<VpcPeeringConnectionAttrs>> {
        let found = find(cx, known.map(|attrs| &attrs.peering_id)).await?;
        let Some(found) = found else { return Ok(Observed::Absent) };
        let mut living = Vec::new();
        for peering in found {
            match status(&peering) {
                status if OVER.contains(&status) => {}
                "deleting" => wait_deleted(cx, &id_of(&peering)).await?,
                _ => living.push(peering),
            }
        }
        let attrs = |peering: Shown| VpcPeeringConnectionAttrs {
            peering_id: id_of(&peering),
            vpc: peering.requester_vpc_info().and_then(|side| side.vpc_id()).map(Into::into),
            peer_vpc: peering.accepter_vpc_info().and_then(|side| side.vpc_id()).map(Into::into),
            peer_region: peering.accepter_vpc_info().and_then(|side| side.region()).map(str::to_owned),
        };
        tagging::judge(cx, living, |peering| peering.tags(), |peering| id_of(peering).0, attrs)
    }

    async fn ensure(&self, cx: &Cx, seen: Option<VpcPeeringConnectionAttrs>) -> Result<VpcPeeringConnectionAttrs> {
        if let Some(attrs) = seen {
            return Ok(attrs);
        }
        let (vpc, peer) = (self.vpc.get()?, self.peer_vpc.get()?);
        let tags = tagging::specification(cx, ResourceType::VpcPeeringConnection);
        let region = (self.peer_region != cx.region.as_str()).then(|| self.peer_region.clone());
        let call = || {
            let call = cx.aws.ec2.create_vpc_peering_connection().vpc_id(vpc).peer_vpc_id(peer);
            call.set_peer_region(region.clone()).tag_specifications(tags.clone()).send()
        };
        let made = once_visible(cx, || cx.mutate("ec2:CreateVpcPeeringConnection", call)).await?;
        let id = made.vpc_peering_connection.and_then(|peering| peering.vpc_peering_connection_id);
        let id = id.ok_or(Error::Incomplete { call: "ec2:CreateVpcPeeringConnection", what: "the peering id" })?;
        let peer_region = Some(self.peer_region.clone());
        Ok(VpcPeeringConnectionAttrs { peering_id: id.into(), vpc: Some(vpc.clone()), peer_vpc: Some(peer.clone()), peer_region })
    }

    /// Whether AWS has taken the request: with ranges that overlap it says so only now.
    async fn ready(&self, cx: &Cx, attrs: VpcPeeringConnectionAttrs) -> Result<VpcPeeringConnectionAttrs> {
        let id = &attrs.peering_id;
        cx.wait(Wait::new(format!("peering {id} to be requested"), 1, 5 * 60), || async {
            Ok(match look(cx, id).await? {
                None => Progress::Pending("not visible yet".to_owned()),
                Some(peering) => match status(&peering) {
                    "pending-acceptance" | "provisioning" | "active" => Progress::Reached(()),
                    status if OVER.contains(&status) => over(&peering),
                    status => Progress::Pending(status.to_owned()),
                },
            })
        })
        .await?;
        Ok(attrs)
    }

    async fn delete(&self, cx: &Cx, attrs: &VpcPeeringConnectionAttrs) -> Result<()> {
        let id = &attrs.peering_id;
        // "InvalidStateTransition: the specified state transition is invalid for the peering": it is over already.
        let call = || cx.aws.ec2.delete_vpc_peering_connection().vpc_peering_connection_id(id).send();
        settled(cx.mutate("ec2:DeleteVpcPeeringConnection", call).await, &[NOT_FOUND, "InvalidStateTransition"])?;
        wait_deleted(cx, id).await
    }

    async fn retag(&self, cx: &Cx, attrs: &VpcPeeringConnectionAttrs) -> Result<()> {
        tagging::retag(cx, attrs.peering_id.as_str()).await
    }

    fn known_by(id: &str) -> Option<VpcPeeringConnectionAttrs> {
        Some(VpcPeeringConnectionAttrs { peering_id: id.into(), vpc: None, peer_vpc: None, peer_region: None })
    }

    fn id(attrs: &VpcPeeringConnectionAttrs) -> String {
        attrs.peering_id.0.clone()
    }
}

fn id_of(peering: &Shown) -> VpcPeeringConnectionId {
    peering.vpc_peering_connection_id().unwrap_or_default().into()
}

/// Returns the status of a peering as AWS writes it.
pub(super) fn status(peering: &Shown) -> &str {
    peering.status().and_then(|status| status.code()).map_or("unknown", aws_sdk_ec2::types::VpcPeeringConnectionStateReasonCode::as_str)
}

/// A peering that will never be active.
pub(super) fn over<T>(peering: &Shown) -> Progress<T> {
    let reason = peering.status().and_then(|status| status.message()).map(str::to_owned);
    Progress::Failed { status: status(peering).to_owned(), reason }
}

/// Looks for a peering by its id, out of the listing of a survey if there is one, or by the marks of this address.
async fn find(cx: &Cx, id: Option<&VpcPeeringConnectionId>) -> Result<Option<Vec<Shown>>> {
    let describe = |ids, filters| {
        let call = cx.aws.ec2.describe_vpc_peering_connections().set_vpc_peering_connection_ids(ids).set_filters(filters);
        call.into_paginator().items().send().collect::<Result<Vec<_>, _>>()
    };
    let id = id.map(VpcPeeringConnectionId::as_str);
    seek(cx, "ec2:DescribeVpcPeeringConnections", id, Shown::vpc_peering_connection_id, &[NOT_FOUND], describe).await
}

/// Returns the peering as the region of the node shows it.
pub(super) async fn look(cx: &Cx, id: &VpcPeeringConnectionId) -> Result<Option<Shown>> {
    Ok(find(cx, Some(id)).await?.and_then(|found| found.into_iter().next()))
}

async fn wait_deleted(cx: &Cx, id: &VpcPeeringConnectionId) -> Result<()> {
    cx.wait(Wait::new(format!("peering {id} to be deleted"), 2, 10 * 60), || async {
        Ok(match look(cx, id).await?.as_ref().map(status) {
            None => Progress::Reached(()),
            Some(status) if OVER.contains(&status) => Progress::Reached(()),
            Some(status) => Progress::Pending(status.to_owned()),
        })
    })
    .await
}
