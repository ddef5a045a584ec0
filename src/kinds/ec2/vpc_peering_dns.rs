//! DNS resolution across a peering: names of one side resolve to private addresses on the other side.
//!
//! Each side has its own option, which is set in its region ("Enable DNS resolution for a VPC peering connection"). AWS
//! deletes it with the peering, so the deletion makes no call.

use async_trait::async_trait;
use aws_sdk_ec2::types::{PeeringConnectionOptionsRequest, VpcPeeringConnection};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::vpc_peering_connection::{describe, status};
use infra_base::address::VpcPeeringConnectionId;
use infra_core::graph::Input;
use infra_core::resource::{Observed, Parent, Resource, Result, StepContext};
use infra_macros::{Attrs, Spec};

/// A side of a peering.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PeeringSide {
    /// The requester.
    Requester,
    /// The accepter.
    Accepter,
}

/// The specification of the option of one side.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "ec2.vpc_peering_dns",
    summary = "name resolution across a peering, for one side",
    repeat = "setting",
    create_seconds = 1,
    reads("ec2:DescribeVpcPeeringConnections"),
    creates("ec2:ModifyVpcPeeringConnectionOptions")
)]
pub struct VpcPeeringDns {
    /// The peering, which must be active.
    #[immutable]
    #[unique]
    pub peering: Input<VpcPeeringConnectionId>,
    /// The side whose names resolve to private addresses on the other side.
    #[immutable]
    #[unique]
    pub side: PeeringSide,
}

/// What is known of the option.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
pub struct VpcPeeringDnsAttrs {
    /// The peering.
    #[id]
    #[output(
        created,
        name = "done",
        ty = String,
        doc = "For resources that only depend on the option.",
    )]
    pub peering_id: VpcPeeringConnectionId,
}

#[async_trait]
impl Resource for VpcPeeringDns {
    async fn observe(
        &self,
        cx: &StepContext,
        known: Option<&VpcPeeringDnsAttrs>,
    ) -> Result<Observed<VpcPeeringDnsAttrs>> {
        let id = match known {
            Some(attrs) => &attrs.peering_id,
            None => self.peering.get()?,
        };
        let on = describe(cx, id).await?.is_some_and(|peering| status(&peering) == "active" && self.is_on(&peering));
        Ok(if on { Observed::Ours(VpcPeeringDnsAttrs { peering_id: id.clone() }) } else { Observed::Absent })
    }

    fn parents(&self, attrs: Option<&VpcPeeringDnsAttrs>) -> Result<Vec<Parent>> {
        Parent::only::<super::vpc_peering_connection::VpcPeeringConnection>(
            "peering_id",
            attrs.map(|attrs| &attrs.peering_id),
            &self.peering,
        )
    }

    async fn ensure(&self, cx: &StepContext, seen: Option<VpcPeeringDnsAttrs>) -> Result<VpcPeeringDnsAttrs> {
        if let Some(attrs) = seen {
            return Ok(attrs);
        }
        let id = self.peering.get()?;
        let on = PeeringConnectionOptionsRequest::builder().allow_dns_resolution_from_remote_vpc(true).build();
        let call = || {
            let call = cx.aws.ec2.modify_vpc_peering_connection_options().vpc_peering_connection_id(id);
            match self.side {
                PeeringSide::Requester => call.requester_peering_connection_options(on.clone()).send(),
                PeeringSide::Accepter => call.accepter_peering_connection_options(on.clone()).send(),
            }
        };
        // Both sides of a peering are changed at the same time, and one side can see later than the other that it is
        // active.
        let passing = &["OperationNotPermitted", "IncorrectState", "InvalidStateTransition"];
        cx.retry("the peering to accept options", passing, 60, || {
            cx.mutate("ec2:ModifyVpcPeeringConnectionOptions", call)
        })
        .await?;
        Ok(VpcPeeringDnsAttrs { peering_id: id.clone() })
    }

    async fn delete(&self, _cx: &StepContext, _attrs: &VpcPeeringDnsAttrs) -> Result<()> {
        Ok(())
    }

    fn inputs_from_attrs(attrs: &VpcPeeringDnsAttrs) -> Vec<(&'static str, Value)> {
        vec![("peering", attrs.peering_id.as_str().into())]
    }
}

impl VpcPeeringDns {
    fn is_on(&self, peering: &VpcPeeringConnection) -> bool {
        let side = match self.side {
            PeeringSide::Requester => peering.requester_vpc_info(),
            PeeringSide::Accepter => peering.accepter_vpc_info(),
        };
        side.and_then(|side| side.peering_options())
            .and_then(aws_sdk_ec2::types::VpcPeeringConnectionOptionsDescription::allow_dns_resolution_from_remote_vpc)
            == Some(true)
    }
}
