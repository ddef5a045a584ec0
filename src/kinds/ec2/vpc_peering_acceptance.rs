//! The acceptance of a peering, in the region of the accepter.
//!
//! It cannot be revoked: AWS deletes it with the peering, so the deletion makes no call.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::vpc_peering_connection::VpcPeeringConnection;
use super::vpc_peering_connection::{describe, failed, status};
use infra_aws::{Progress, Wait};
use infra_base::address::VpcPeeringConnectionId;
use infra_core::graph::Input;
use infra_core::resource::{Observed, Parent, Resource, Result, StepContext};
use infra_macros::{Attrs, Spec};

/// How long the region of the other side can take to show a peering, in seconds.
const SECONDS: u64 = 5 * 60;

/// The specification of an acceptance.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "ec2.vpc_peering_acceptance",
    summary = "the acceptance of a peering",
    repeat = "setting",
    create_seconds = 3,
    ready_seconds = 5,
    reads("ec2:DescribeVpcPeeringConnections"),
    creates("ec2:AcceptVpcPeeringConnection")
)]
pub struct VpcPeeringAcceptance {
    /// The peering.
    #[immutable]
    #[unique]
    pub peering: Input<VpcPeeringConnectionId>,
}

/// What is known of an acceptance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
pub struct VpcPeeringAcceptanceAttrs {
    /// The peering that was accepted.
    #[id]
    #[output(
        ready,
        name = "active_id",
        doc = "The id of the peering, once it is active: for routes, options and rules."
    )]
    pub peering_id: VpcPeeringConnectionId,
}

#[async_trait]
impl Resource for VpcPeeringAcceptance {
    async fn observe(
        &self,
        cx: &StepContext,
        known: Option<&VpcPeeringAcceptanceAttrs>,
    ) -> Result<Observed<VpcPeeringAcceptanceAttrs>> {
        let id = match known {
            Some(attrs) => &attrs.peering_id,
            None => self.peering.get()?,
        };
        let accepted =
            describe(cx, id).await?.is_some_and(|peering| ["provisioning", "active"].contains(&status(&peering)));
        Ok(if accepted {
            Observed::Ours(VpcPeeringAcceptanceAttrs { peering_id: id.clone() })
        } else {
            Observed::Absent
        })
    }

    fn parents(&self, attrs: Option<&VpcPeeringAcceptanceAttrs>) -> Result<Vec<Parent>> {
        Parent::only::<VpcPeeringConnection>("peering_id", attrs.map(|attrs| &attrs.peering_id), &self.peering)
    }

    async fn ensure(
        &self,
        cx: &StepContext,
        seen: Option<VpcPeeringAcceptanceAttrs>,
    ) -> Result<VpcPeeringAcceptanceAttrs> {
        if let Some(attrs) = seen {
            return Ok(attrs);
        }
        let id = self.peering.get()?;
        let waiting = cx
            .wait(Wait::new(format!("peering {id} to be requested"), 1, SECONDS), || async {
                Ok(match describe(cx, id).await? {
                    None => Progress::Pending("not visible yet".to_owned()),
                    Some(peering) => match status(&peering) {
                        "pending-acceptance" => Progress::Reached(true),
                        // It was accepted in the meantime.
                        "provisioning" | "active" => Progress::Reached(false),
                        "initiating-request" => Progress::Pending("initiating-request".to_owned()),
                        "failed" | "expired" | "rejected" | "deleting" | "deleted" => failed(&peering),
                        status => Progress::Pending(status.to_owned()),
                    },
                })
            })
            .await?;
        if waiting {
            let call = || cx.aws.ec2.accept_vpc_peering_connection().vpc_peering_connection_id(id).send();
            cx.mutate("ec2:AcceptVpcPeeringConnection", call).await?;
        }
        Ok(VpcPeeringAcceptanceAttrs { peering_id: id.clone() })
    }

    async fn ready(&self, cx: &StepContext, attrs: VpcPeeringAcceptanceAttrs) -> Result<VpcPeeringAcceptanceAttrs> {
        let id = &attrs.peering_id;
        cx.wait(Wait::new(format!("peering {id} to become active"), 2, 10 * 60), || async {
            Ok(match describe(cx, id).await? {
                None => Progress::Pending("not visible yet".to_owned()),
                Some(peering) => match status(&peering) {
                    "active" => Progress::Reached(()),
                    "failed" | "expired" | "rejected" | "deleting" | "deleted" => failed(&peering),
                    status => Progress::Pending(status.to_owned()),
                },
            })
        })
        .await?;
        Ok(attrs)
    }

    async fn delete(&self, _cx: &StepContext, _attrs: &VpcPeeringAcceptanceAttrs) -> Result<()> {
        Ok(())
    }

    fn inputs_from_attrs(attrs: &VpcPeeringAcceptanceAttrs) -> Vec<(&'static str, Value)> {
        vec![("peering", attrs.peering_id.as_str().into())]
    }
}
