//! A gateway VPC endpoint: free access to S3 or DynamoDB without the NAT gateway.
//!
//! Its route tables can be changed in place.

use std::collections::BTreeSet;

use async_trait::async_trait;
use aws_sdk_ec2::types::{ResourceType, VpcEndpoint, VpcEndpointType};
use serde::{Deserialize, Serialize};

use super::find::{self, classify, find_by_id_or_tags};
use super::tagging;
use infra_aws::{Progress, Wait};
use infra_base::address::{Arn, RouteTableId, VpcEndpointId, VpcId};
use infra_core::graph::Input;
use infra_core::resource::{Error, Observed, Resource, Result, StepContext, ignore_codes};
use infra_macros::{Attrs, Spec};

/// EC2 uses both, the second one in the items of a response.
const NOT_FOUND: &[&str] = &["InvalidVpcEndpointId.NotFound", "InvalidVpcEndpoint.NotFound"];

/// The specification of a gateway endpoint.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "ec2.gateway_endpoint",
    summary = "a VPC endpoint for S3 or DynamoDB",
    repeat = "token",
    arns("ec2:vpc-endpoint/"),
    create_seconds = 2,
    ready_seconds = 3,
    delete_seconds = 5,
    tagger = tagging::Ec2,
    reads("ec2:DescribeVpcEndpoints"),
    creates("ec2:CreateVpcEndpoint"),
    updates("ec2:ModifyVpcEndpoint"),
    deletes("ec2:DeleteVpcEndpoints"),
)]
pub struct GatewayEndpoint {
    /// Its VPC.
    #[immutable]
    #[unique]
    #[scope]
    pub vpc: Input<VpcId>,
    /// The service in the VPC's region: `s3` or `dynamodb`.
    #[immutable]
    #[unique]
    pub service: String,
    /// The route tables of the subnets that use it.
    #[weak_ref]
    pub route_tables: Vec<Input<RouteTableId>>,
}

/// What is known of a gateway endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
pub struct GatewayEndpointAttrs {
    /// Its id.
    #[id]
    #[output(created, name = "id")]
    pub vpc_endpoint_id: VpcEndpointId,
    /// Its route tables.
    pub route_table_ids: BTreeSet<RouteTableId>,
    /// The VPC, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc: Option<VpcId>,
    /// The last part of the service's name, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
}

#[async_trait]
impl Resource for GatewayEndpoint {
    async fn observe(
        &self,
        cx: &StepContext,
        known: Option<&GatewayEndpointAttrs>,
    ) -> Result<Observed<GatewayEndpointAttrs>> {
        let id = known.map(|attrs| attrs.vpc_endpoint_id.as_str());
        let Some(found) = find_by_id_or_tags::<VpcEndpoint>(cx, id).await? else { return Ok(Observed::Absent) };
        let mut existing = Vec::new();
        for endpoint in found {
            match state(&endpoint).as_str() {
                "deleted" => {}
                "deleting" => wait_deleted(cx, &endpoint.vpc_endpoint_id.unwrap_or_default().into()).await?,
                _ => existing.push(endpoint),
            }
        }
        let attrs = |endpoint: VpcEndpoint| GatewayEndpointAttrs {
            vpc: endpoint.vpc_id().map(Into::into),
            service: endpoint.service_name().and_then(|name| name.rsplit('.').next()).map(str::to_owned),
            route_table_ids: endpoint.route_table_ids().iter().map(|id| id.as_str().into()).collect(),
            vpc_endpoint_id: endpoint.vpc_endpoint_id.unwrap_or_default().into(),
        };
        classify(cx, existing, attrs)
    }

    async fn exists(cx: &StepContext, arn: &Arn) -> Result<bool> {
        let exists = |endpoint: &aws_sdk_ec2::types::VpcEndpoint| {
            !endpoint.state().is_some_and(|state| state.as_str().eq_ignore_ascii_case("deleted"))
        };
        find::exists(cx, arn, "ec2:vpc-endpoint/", exists).await
    }

    async fn ensure(&self, cx: &StepContext, seen: Option<GatewayEndpointAttrs>) -> Result<GatewayEndpointAttrs> {
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
            cx.mutate("ec2:ModifyVpcEndpoint", call).await?;
        }
        Ok(GatewayEndpointAttrs { route_table_ids: wanted, ..attrs })
    }

    async fn ready(&self, cx: &StepContext, attrs: GatewayEndpointAttrs) -> Result<GatewayEndpointAttrs> {
        let id = &attrs.vpc_endpoint_id;
        cx.wait(Wait::new(format!("endpoint {id} to become available"), 2, 5 * 60), || async {
            let Some(endpoint) = describe(cx, id).await? else {
                return Ok(Progress::Pending("not visible yet".to_owned()));
            };
            let reason = || {
                endpoint.last_error().and_then(|error| error.message()).or(endpoint.failure_reason()).map(str::to_owned)
            };
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

    async fn delete(&self, cx: &StepContext, attrs: &GatewayEndpointAttrs) -> Result<()> {
        let id = &attrs.vpc_endpoint_id;
        let call = || cx.aws.ec2.delete_vpc_endpoints().vpc_endpoint_ids(id).send();
        let answer = cx.mutate("ec2:DeleteVpcEndpoints", call).await?;
        // The call succeeds even when it deletes nothing; the response then has the reason.
        if let Some(error) = answer.unsuccessful().iter().find_map(|item| item.error())
            && !NOT_FOUND.contains(&error.code().unwrap_or_default())
        {
            let (status, reason) = (error.code().unwrap_or("unknown").to_owned(), error.message().map(str::to_owned));
            return Err(Error::Failed { what: format!("the deletion of endpoint {id}"), status, reason });
        }
        wait_deleted(cx, id).await
    }

    fn from_id(id: &str) -> Option<GatewayEndpointAttrs> {
        Some(GatewayEndpointAttrs {
            vpc_endpoint_id: id.into(),
            route_table_ids: BTreeSet::new(),
            vpc: None,
            service: None,
        })
    }
}

impl GatewayEndpoint {
    async fn create(&self, cx: &StepContext, route_table_ids: BTreeSet<RouteTableId>) -> Result<GatewayEndpointAttrs> {
        let vpc = self.vpc.get()?;
        let (tags, token) = (tagging::specification(cx, ResourceType::VpcEndpoint), &cx.identity.token);
        let service = format!("com.amazonaws.{}.{}", cx.region, self.service);
        let tables: Vec<String> = route_table_ids.iter().map(Into::into).collect();
        let call = || {
            let call = cx
                .aws
                .ec2
                .create_vpc_endpoint()
                .vpc_endpoint_type(VpcEndpointType::Gateway)
                .vpc_id(vpc)
                .service_name(&service);
            call.set_route_table_ids(Some(tables.clone())).client_token(token).tag_specifications(tags.clone()).send()
        };
        let created = cx.mutate("ec2:CreateVpcEndpoint", call).await?;
        let id = created.vpc_endpoint.and_then(|endpoint| endpoint.vpc_endpoint_id);
        let id = id.ok_or(Error::MissingField { call: "ec2:CreateVpcEndpoint", what: "the endpoint id" })?;
        let (vpc, service) = (Some(vpc.clone()), Some(self.service.clone()));
        Ok(GatewayEndpointAttrs { vpc_endpoint_id: id.into(), route_table_ids, vpc, service })
    }
}

/// Returns the state in lower case. The documentation spells it with a capital.
fn state(endpoint: &aws_sdk_ec2::types::VpcEndpoint) -> String {
    endpoint.state().map_or_else(|| "unknown".to_owned(), |state| state.as_str().to_lowercase())
}

async fn describe(cx: &StepContext, id: &VpcEndpointId) -> Result<Option<aws_sdk_ec2::types::VpcEndpoint>> {
    let call = cx.aws.ec2.describe_vpc_endpoints().vpc_endpoint_ids(id).send();
    let found = ignore_codes(cx.read("ec2:DescribeVpcEndpoints", call).await, NOT_FOUND)?;
    Ok(found.and_then(|found| found.vpc_endpoints?.into_iter().next()))
}

async fn wait_deleted(cx: &StepContext, id: &VpcEndpointId) -> Result<()> {
    cx.wait(Wait::new(format!("endpoint {id} to be deleted"), 2, 10 * 60), || async {
        Ok(match describe(cx, id).await?.as_ref().map(state) {
            None => Progress::Reached(()),
            Some(state) if state == "deleted" => Progress::Reached(()),
            Some(state) => Progress::Pending(state),
        })
    })
    .await
}
