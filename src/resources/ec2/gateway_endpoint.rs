//! A VPC endpoint of the gateway type: a way to S3 or DynamoDB that does not go through the NAT gateway and costs nothing.
//!
//! The route tables that lead to it can be changed in place.

use std::collections::BTreeSet;

use async_trait::async_trait;
use aws_sdk_ec2::types::{ResourceType, VpcEndpointType};
use serde::{Deserialize, Serialize};

use super::listing::seek;
use super::tagging;
use super::visible::once_visible;
use crate::address::{RouteTableId, VpcEndpointId, VpcId};
use crate::aws::{Progress, Wait};
use crate::graph::Input;
use crate::resource::{About, Cx, Error, Handle, Observed, Resource, Result, settled};

/// EC2 uses both, the second one in the items of an answer.
const NOT_FOUND: &[&str] = &["InvalidVpcEndpointId.NotFound", "InvalidVpcEndpoint.NotFound"];

/// The specification of a gateway endpoint.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GatewayEndpoint {
    /// Its VPC.
    pub vpc: Input<VpcId>,
    /// The service in the VPC's region: `s3` or `dynamodb`.
    pub service: String,
    /// The route tables of the subnets that use it.
    pub route_tables: Vec<Input<RouteTableId>>,
}

/// What is known of a gateway endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GatewayEndpointAttrs {
    /// Its id.
    pub vpc_endpoint_id: VpcEndpointId,
    /// The route tables that lead to it.
    pub route_table_ids: BTreeSet<RouteTableId>,
    /// The VPC, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc: Option<VpcId>,
    /// The last part of the service's name, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
}

impl Handle<GatewayEndpoint> {
    /// The endpoint's id.
    pub fn id(&self) -> Input<VpcEndpointId> {
        self.created("vpc_endpoint_id")
    }
}

#[async_trait]
impl Resource for GatewayEndpoint {
    const KIND: &'static str = "ec2.gateway_endpoint";
    const ABOUT: About = About {
        summary: "a VPC endpoint for S3 or DynamoDB",
        create_seconds: 2,
        ready_seconds: 3,
        delete_seconds: 5,
        operations: &[
            "ec2:CreateVpcEndpoint",
            "ec2:DescribeVpcEndpoints",
            "ec2:ModifyVpcEndpoint",
            "ec2:DeleteVpcEndpoints",
            "ec2:CreateTags",
            "ec2:DeleteTags",
        ],
        creates: &["ec2:CreateVpcEndpoint"],
        deletes: &["ec2:DeleteVpcEndpoints"],
        changes: &["ec2:ModifyVpcEndpoint", "ec2:CreateTags", "ec2:DeleteTags"],
        immutable: &["vpc", "service"],
        tagged: true,
        blocked_by: "nothing",
        unique: &[&["vpc", "service"]],
        mentions: &["route_tables"],
        ..About::PLAIN
    };
    type Attrs = GatewayEndpointAttrs;

    async fn observe(&self, cx: &Cx, known: Option<&GatewayEndpointAttrs>) -> Result<Observed<GatewayEndpointAttrs>> {
        let id = known.map(|attrs| attrs.vpc_endpoint_id.as_str());
        let describe = |ids, filters| {
            cx.aws
                .ec2
                .describe_vpc_endpoints()
                .set_vpc_endpoint_ids(ids)
                .set_filters(filters)
                .into_paginator()
                .items()
                .send()
                .collect::<Result<Vec<_>, _>>()
        };
        let found = seek(cx, "ec2:DescribeVpcEndpoints", id, aws_sdk_ec2::types::VpcEndpoint::vpc_endpoint_id, NOT_FOUND, describe).await?;
        let Some(found) = found else { return Ok(Observed::Absent) };
        let mut living = Vec::new();
        for endpoint in found {
            match state(&endpoint).as_str() {
                "deleted" => {}
                "deleting" => wait_deleted(cx, &endpoint.vpc_endpoint_id.unwrap_or_default().into()).await?,
                _ => living.push(endpoint),
            }
        }
        let attrs = |endpoint: aws_sdk_ec2::types::VpcEndpoint| GatewayEndpointAttrs {
            vpc: endpoint.vpc_id().map(Into::into),
            service: endpoint.service_name().and_then(|name| name.rsplit('.').next()).map(str::to_owned),
            route_table_ids: endpoint.route_table_ids().iter().map(|id| id.as_str().into()).collect(),
            vpc_endpoint_id: endpoint.vpc_endpoint_id.unwrap_or_default().into(),
        };
        tagging::judge(cx, living, |endpoint| endpoint.tags(), |endpoint| endpoint.vpc_endpoint_id().unwrap_or_default().to_owned(), attrs)
    }

    async fn ensure(&self, cx: &Cx, seen: Option<GatewayEndpointAttrs>) -> Result<GatewayEndpointAttrs> {
        let wanted = self.route_tables.iter().map(|table| table.get().cloned()).collect::<Result<BTreeSet<_>, _>>()?;
        let Some(attrs) = seen else { return self.create(cx, wanted).await };
        let difference = |one: &BTreeSet<RouteTableId>, other: &BTreeSet<RouteTableId>| {
            let ids: Vec<String> = one.difference(other).map(Into::into).collect();
            (!ids.is_empty()).then_some(ids)
        };
        let (add, remove) = (difference(&wanted, &attrs.route_table_ids), difference(&attrs.route_table_ids, &wanted));
        if add.is_some() || remove.is_some() {
            let call = || {
                let call = cx.aws.ec2.modify_vpc_endpoint().vpc_endpoint_id(&attrs.vpc_endpoint_id);
                call.set_add_route_table_ids(add.clone()).set_remove_route_table_ids(remove.clone()).send()
            };
            once_visible(cx, || cx.mutate("ec2:ModifyVpcEndpoint", call)).await?;
        }
        Ok(GatewayEndpointAttrs { route_table_ids: wanted, ..attrs })
    }

    async fn ready(&self, cx: &Cx, attrs: GatewayEndpointAttrs) -> Result<GatewayEndpointAttrs> {
        let id = &attrs.vpc_endpoint_id;
        cx.wait(Wait::new(format!("endpoint {id} to become available"), 2, 5 * 60), || async {
            let Some(endpoint) = look(cx, id).await? else { return Ok(Progress::Pending("not visible yet".to_owned())) };
            let reason = || endpoint.last_error().and_then(|error| error.message()).or(endpoint.failure_reason()).map(str::to_owned);
            Ok(match state(&endpoint) {
                state if state == "available" => Progress::Reached(()),
                state if ["failed", "rejected", "expired", "deleting", "deleted"].contains(&state.as_str()) => {
                    Progress::Failed { status: state, reason: reason() }
                }
                state => Progress::Pending(state),
            })
        })
        .await?;
        Ok(attrs)
    }

    async fn delete(&self, cx: &Cx, attrs: &GatewayEndpointAttrs) -> Result<()> {
        let id = &attrs.vpc_endpoint_id;
        let call = || cx.aws.ec2.delete_vpc_endpoints().vpc_endpoint_ids(id).send();
        let answer = cx.mutate("ec2:DeleteVpcEndpoints", call).await?;
        // The call succeeds also when it has deleted nothing; the answer then says why.
        if let Some(error) = answer.unsuccessful().iter().find_map(|item| item.error())
            && !NOT_FOUND.contains(&error.code().unwrap_or_default())
        {
            let (status, reason) = (error.code().unwrap_or("unknown").to_owned(), error.message().map(str::to_owned));
            return Err(Error::Failed { what: format!("the deletion of endpoint {id}"), status, reason });
        }
        wait_deleted(cx, id).await
    }

    async fn retag(&self, cx: &Cx, attrs: &GatewayEndpointAttrs) -> Result<()> {
        tagging::retag(cx, attrs.vpc_endpoint_id.as_str()).await
    }

    fn known_by(id: &str) -> Option<GatewayEndpointAttrs> {
        Some(GatewayEndpointAttrs { vpc_endpoint_id: id.into(), route_table_ids: BTreeSet::new(), vpc: None, service: None })
    }

    fn id(attrs: &GatewayEndpointAttrs) -> String {
        attrs.vpc_endpoint_id.0.clone()
    }
}

impl GatewayEndpoint {
    async fn create(&self, cx: &Cx, route_table_ids: BTreeSet<RouteTableId>) -> Result<GatewayEndpointAttrs> {
        let vpc = self.vpc.get()?;
        let (tags, token) = (tagging::specification(cx, ResourceType::VpcEndpoint), &cx.identity.token);
        let service = format!("com.amazonaws.{}.{}", cx.region, self.service);
        let tables: Vec<String> = route_table_ids.iter().map(Into::into).collect();
        let call = || {
            let call = cx.aws.ec2.create_vpc_endpoint().vpc_endpoint_type(VpcEndpointType::Gateway).vpc_id(vpc).service_name(&service);
            call.set_route_table_ids(Some(tables.clone())).client_token(token).tag_specifications(tags.clone()).send()
        };
        let made = once_visible(cx, || cx.mutate("ec2:CreateVpcEndpoint", call)).await?;
        let id = made.vpc_endpoint.and_then(|endpoint| endpoint.vpc_endpoint_id);
        let id = id.ok_or(Error::Incomplete { call: "ec2:CreateVpcEndpoint", what: "the endpoint id" })?;
        let (vpc, service) = (Some(vpc.clone()), Some(self.service.clone()));
        Ok(GatewayEndpointAttrs { vpc_endpoint_id: id.into(), route_table_ids, vpc, service })
    }
}

/// EC2 writes the state in lower case, its documentation with a capital.
fn state(endpoint: &aws_sdk_ec2::types::VpcEndpoint) -> String {
    endpoint.state().map_or_else(|| "unknown".to_owned(), |state| state.as_str().to_lowercase())
}

async fn look(cx: &Cx, id: &VpcEndpointId) -> Result<Option<aws_sdk_ec2::types::VpcEndpoint>> {
    let call = cx.aws.ec2.describe_vpc_endpoints().vpc_endpoint_ids(id).send();
    let found = settled(cx.read("ec2:DescribeVpcEndpoints", call).await, NOT_FOUND)?;
    Ok(found.and_then(|found| found.vpc_endpoints?.into_iter().next()))
}

async fn wait_deleted(cx: &Cx, id: &VpcEndpointId) -> Result<()> {
    cx.wait(Wait::new(format!("endpoint {id} to be deleted"), 2, 10 * 60), || async {
        Ok(match look(cx, id).await?.as_ref().map(state) {
            None => Progress::Reached(()),
            Some(state) if state == "deleted" => Progress::Reached(()),
            Some(state) => Progress::Pending(state),
        })
    })
    .await
}
