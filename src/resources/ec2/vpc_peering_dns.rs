//! Whether names that one side of a peering resolves become private addresses on the other side.
//!
//! Each side has an option of its own, which is set in its own region ("Enable DNS resolution for a VPC peering connection"). It
//! goes with the peering, so deleting it makes no call.

use async_trait::async_trait;
use aws_sdk_ec2::types::{PeeringConnectionOptionsRequest, VpcPeeringConnection};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::vpc_peering_connection::{look, status};
use crate::address::VpcPeeringConnectionId;
use crate::graph::Input;
use crate::resource::{About, Cx, Handle, Observed, Resource, Result};

/// A side of a peering.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PeeringSide {
    /// The VPC that asked.
    Requester,
    /// The VPC that was asked.
    Accepter,
}

/// The specification of the option of one side.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VpcPeeringDns {
    /// The peering, which must be active.
    pub peering: Input<VpcPeeringConnectionId>,
    /// Whose names the other side resolves to private addresses.
    pub side: PeeringSide,
}

/// What is known of the option.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VpcPeeringDnsAttrs {
    /// The peering.
    pub peering_id: VpcPeeringConnectionId,
}

impl Handle<VpcPeeringDns> {
    /// For resources that wait for the option without using a value of it.
    pub fn done(&self) -> Input<String> {
        self.created("peering_id")
    }
}

#[async_trait]
impl Resource for VpcPeeringDns {
    const KIND: &'static str = "ec2.vpc_peering_dns";
    const ABOUT: About = About {
        summary: "name resolution across a peering, for one side",
        create_seconds: 1,
        ready_seconds: 0,
        delete_seconds: 0,
        operations: &["ec2:DescribeVpcPeeringConnections", "ec2:ModifyVpcPeeringConnectionOptions"],
        creates: &["ec2:ModifyVpcPeeringConnectionOptions"],
        immutable: &["peering", "side"],
        tagged: false,
        blocked_by: "nothing",
        unique: &[&["peering", "side"]],
        ..About::PLAIN
    };
    type Attrs = VpcPeeringDnsAttrs;

    async fn observe(&self, cx: &Cx, known: Option<&VpcPeeringDnsAttrs>) -> Result<Observed<VpcPeeringDnsAttrs>> {
        let id = match known {
            Some(attrs) => &attrs.peering_id,
            None => self.peering.get()?,
        };
        let on = look(cx, id).await?.is_some_and(|peering| status(&peering) == "active" && self.is_on(&peering));
        Ok(if on { Observed::Ours(VpcPeeringDnsAttrs { peering_id: id.clone() }) } else { Observed::Absent })
    }

    async fn ensure(&self, cx: &Cx, seen: Option<VpcPeeringDnsAttrs>) -> Result<VpcPeeringDnsAttrs> {
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
        // Both sides of one peering are changed at the same time, and one side may know later than the other that it is active.
        let passing = &["OperationNotPermitted", "IncorrectState", "InvalidStateTransition"];
        cx.retry("the peering to take options", passing, 60, || cx.mutate("ec2:ModifyVpcPeeringConnectionOptions", call)).await?;
        Ok(VpcPeeringDnsAttrs { peering_id: id.clone() })
    }

    async fn delete(&self, _cx: &Cx, _attrs: &VpcPeeringDnsAttrs) -> Result<()> {
        Ok(())
    }

    fn as_inputs(attrs: &VpcPeeringDnsAttrs) -> Vec<(&'static str, Value)> {
        vec![("peering", attrs.peering_id.as_str().into())]
    }

    fn id(attrs: &VpcPeeringDnsAttrs) -> String {
        attrs.peering_id.0.clone()
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
