//! The acceptance of a peering, in the region of the VPC that was asked.
//!
//! It can not be taken back: it goes with the peering, so deleting it makes no call.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::vpc_peering_connection::{NOT_FOUND, look, over, status};
use crate::address::VpcPeeringConnectionId;
use crate::aws::{Progress, Wait};
use crate::graph::Input;
use crate::resource::{About, Cx, Handle, Observed, Resource, Result};

/// How long the region of the other side may take to know of a peering, in seconds.
const SECONDS: u64 = 5 * 60;

/// The specification of an acceptance.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VpcPeeringAcceptance {
    /// The peering.
    pub peering: Input<VpcPeeringConnectionId>,
}

/// What is known of an acceptance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VpcPeeringAcceptanceAttrs {
    /// The peering that was accepted.
    pub peering_id: VpcPeeringConnectionId,
}

impl Handle<VpcPeeringAcceptance> {
    /// The id of the peering, once it is active: for routes, options and rules.
    pub fn active_id(&self) -> Input<VpcPeeringConnectionId> {
        self.ready("peering_id")
    }
}

#[async_trait]
impl Resource for VpcPeeringAcceptance {
    const KIND: &'static str = "ec2.vpc_peering_acceptance";
    const ABOUT: About = About {
        summary: "the acceptance of a peering",
        create_seconds: 3,
        ready_seconds: 5,
        delete_seconds: 0,
        operations: &["ec2:DescribeVpcPeeringConnections", "ec2:AcceptVpcPeeringConnection"],
        creates: &["ec2:AcceptVpcPeeringConnection"],
        immutable: &["peering"],
        tagged: false,
        blocked_by: "nothing",
        unique: &[&["peering"]],
        ..About::PLAIN
    };
    type Attrs = VpcPeeringAcceptanceAttrs;

    async fn observe(&self, cx: &Cx, known: Option<&VpcPeeringAcceptanceAttrs>) -> Result<Observed<VpcPeeringAcceptanceAttrs>> {
        let id = match known {
            Some(attrs) => &attrs.peering_id,
            None => self.peering.get()?,
        };
        let accepted = look(cx, id).await?.is_some_and(|peering| ["provisioning", "active"].contains(&status(&peering)));
        Ok(if accepted { Observed::Ours(VpcPeeringAcceptanceAttrs { peering_id: id.clone() }) } else { Observed::Absent })
    }

    async fn ensure(&self, cx: &Cx, seen: Option<VpcPeeringAcceptanceAttrs>) -> Result<VpcPeeringAcceptanceAttrs> {
        if let Some(attrs) = seen {
            return Ok(attrs);
        }
        let id = self.peering.get()?;
        let waiting = cx
            .wait(Wait::new(format!("peering {id} to be requested"), 1, SECONDS), || async {
                Ok(match look(cx, id).await? {
                    None => Progress::Pending("not visible yet".to_owned()),
                    Some(peering) => match status(&peering) {
                        "pending-acceptance" => Progress::Reached(true),
                        // Somebody has accepted it in the meantime.
                        "provisioning" | "active" => Progress::Reached(false),
                        "initiating-request" => Progress::Pending("initiating-request".to_owned()),
                        "failed" | "expired" | "rejected" | "deleting" | "deleted" => over(&peering),
                        status => Progress::Pending(status.to_owned()),
                    },
                })
            })
            .await?;
        if waiting {
            let call = || cx.aws.ec2.accept_vpc_peering_connection().vpc_peering_connection_id(id).send();
            cx.retry("EC2 to know of the peering", &[NOT_FOUND], 60, || cx.mutate("ec2:AcceptVpcPeeringConnection", call)).await?;
        }
        Ok(VpcPeeringAcceptanceAttrs { peering_id: id.clone() })
    }

    async fn ready(&self, cx: &Cx, attrs: VpcPeeringAcceptanceAttrs) -> Result<VpcPeeringAcceptanceAttrs> {
        let id = &attrs.peering_id;
        cx.wait(Wait::new(format!("peering {id} to become active"), 2, 10 * 60), || async {
            Ok(match look(cx, id).await? {
                None => Progress::Pending("not visible yet".to_owned()),
                Some(peering) => match status(&peering) {
                    "active" => Progress::Reached(()),
                    "failed" | "expired" | "rejected" | "deleting" | "deleted" => over(&peering),
                    status => Progress::Pending(status.to_owned()),
                },
            })
        })
        .await?;
        Ok(attrs)
    }

    async fn delete(&self, _cx: &Cx, _attrs: &VpcPeeringAcceptanceAttrs) -> Result<()> {
        Ok(())
    }

    fn as_inputs(attrs: &VpcPeeringAcceptanceAttrs) -> Vec<(&'static str, Value)> {
        vec![("peering", attrs.peering_id.as_str().into())]
    }

    fn id(attrs: &VpcPeeringAcceptanceAttrs) -> String {
        attrs.peering_id.0.clone()
    }
}
