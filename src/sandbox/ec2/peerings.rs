//! Peerings between VPCs, of one account or of two.

use aws_sdk_ec2::operation::accept_vpc_peering_connection::{
    AcceptVpcPeeringConnectionError, AcceptVpcPeeringConnectionInput, AcceptVpcPeeringConnectionOutput,
};
use aws_sdk_ec2::operation::create_vpc_peering_connection::{
    CreateVpcPeeringConnectionError, CreateVpcPeeringConnectionInput, CreateVpcPeeringConnectionOutput,
};
use aws_sdk_ec2::operation::delete_vpc_peering_connection::{
    DeleteVpcPeeringConnectionError, DeleteVpcPeeringConnectionInput, DeleteVpcPeeringConnectionOutput,
};
use aws_sdk_ec2::operation::describe_vpc_peering_connections::{
    DescribeVpcPeeringConnectionsError, DescribeVpcPeeringConnectionsInput, DescribeVpcPeeringConnectionsOutput,
};
use aws_sdk_ec2::operation::modify_vpc_peering_connection_options::{
    ModifyVpcPeeringConnectionOptionsError, ModifyVpcPeeringConnectionOptionsInput,
    ModifyVpcPeeringConnectionOptionsOutput,
};
use aws_sdk_ec2::types::{
    PeeringConnectionOptionsRequest, ResourceType, VpcPeeringConnection, VpcPeeringConnectionOptionsDescription,
    VpcPeeringConnectionStateReason, VpcPeeringConnectionStateReasonCode as Code, VpcPeeringConnectionVpcInfo,
};
use ipnet::Ipv4Net;

use super::filters::{matches_filters, sdk_tags, tags_from_specifications};
use super::vpcs;
use crate::registry::{Call, Registry, Rejection, refuse};
use crate::world::AccountRegion;
use crate::world::ec2::{Peering, PeeringState, Side};
use crate::world::tags::Tags;

pub(super) fn register(registry: &mut Registry) {
    let fields = &["vpc_id", "peer_vpc_id", "peer_region", "peer_owner_id", "tag_specifications"];
    registry.on("ec2", "CreateVpcPeeringConnection", fields, CreateVpcPeeringConnectionError::generic, create);
    registry.on(
        "ec2",
        "AcceptVpcPeeringConnection",
        &["vpc_peering_connection_id"],
        AcceptVpcPeeringConnectionError::generic,
        accept,
    );
    let fields = &["vpc_peering_connection_ids", "filters"];
    registry.on("ec2", "DescribeVpcPeeringConnections", fields, DescribeVpcPeeringConnectionsError::generic, describe);
    let fields =
        &["vpc_peering_connection_id", "requester_peering_connection_options", "accepter_peering_connection_options"];
    registry.on(
        "ec2",
        "ModifyVpcPeeringConnectionOptions",
        fields,
        ModifyVpcPeeringConnectionOptionsError::generic,
        modify,
    );
    registry.on(
        "ec2",
        "DeleteVpcPeeringConnection",
        &["vpc_peering_connection_id"],
        DeleteVpcPeeringConnectionError::generic,
        delete,
    );
}

/// Returns the peering if one of its sides is in the called region.
pub(super) fn find<'a>(call: &'a mut Call<'_>, id: &str) -> Result<&'a mut Peering, Rejection> {
    let called_region = call.world.key(call.region.as_str());
    let mut all = call.world.regions.values_mut().filter_map(|region| region.ec2.peerings.get_mut(id));
    match all.find(|peering| peering.requester.region == called_region || peering.accepter.region == called_region) {
        Some(peering) => Ok(peering),
        None => refuse(
            "InvalidVpcPeeringConnectionID.NotFound",
            format!("The vpcPeeringConnection ID '{id}' does not exist"),
        ),
    }
}

fn find_side(call: &mut Call<'_>, region: &str, vpc_id: &str) -> Result<Side, Rejection> {
    match call.world.region_of_key(region).ec2.vpcs.get(vpc_id) {
        Some(vpc) => Ok(Side {
            vpc_id: vpc_id.to_owned(),
            region: region.to_owned(),
            cidr_block: vpc.cidr_block.clone(),
            dns: false,
        }),
        None => refuse("InvalidVpcID.NotFound", format!("The vpc ID '{vpc_id}' does not exist")),
    }
}

fn create(
    call: &mut Call<'_>,
    input: &CreateVpcPeeringConnectionInput,
) -> Result<CreateVpcPeeringConnectionOutput, Rejection> {
    let tags = tags_from_specifications(input.tag_specifications(), &ResourceType::VpcPeeringConnection)?;
    let called_region = call.world.key(call.region.as_str());
    let requester = find_side(call, &called_region, input.vpc_id().unwrap_or_default())?;
    let peer_id = input.peer_vpc_id().unwrap_or_default().to_owned();
    let peer_region = AccountRegion {
        region: input.peer_region().unwrap_or(call.region.as_str()).into(),
        // "Default: Your Amazon Web Services account ID" (CreateVpcPeeringConnection).
        account: input.peer_owner_id().map_or_else(|| call.account(), str::to_owned),
    }
    .key();
    // The call does not look up a VPC of another region: the request fails later ("failed", lifecycle). The model
    // rejects it immediately, like the call within a region.
    let accepter = find_side(call, &peer_region, &peer_id)?;
    if requester.vpc_id == accepter.vpc_id {
        return refuse("InvalidParameterValue", "The VPC cannot be peered with itself");
    }
    let now = call.now();
    // "You can't have more than one VPC peering connection between the same two VPCs at the same time" ("VPC peering
    // limitations"). A second request returns an error that names the first one ("CreateVpcPeeringConnection":
    // VpcPeeringConnectionAlreadyExists).
    let connects_both = |peering: &&Peering| {
        let ends = [&peering.requester.vpc_id, &peering.accepter.vpc_id];
        !peering.has_ended() && ends.contains(&&requester.vpc_id) && ends.contains(&&accepter.vpc_id)
    };
    if let Some(existing_peering) =
        call.world.regions.values().flat_map(|region| region.ec2.peerings.values()).find(connects_both)
    {
        return refuse(
            "VpcPeeringConnectionAlreadyExists",
            format!("The VPC peering connection {} already exists", existing_peering.peering_id),
        );
    }
    let pending_at = call.completion_time(0.5, 1.0, 4.0);
    let (one, other) = (requester.cidr_block.parse::<Ipv4Net>(), accepter.cidr_block.parse::<Ipv4Net>());
    let overlap = one.is_ok_and(|one| other.is_ok_and(|other| one.contains(&other) || other.contains(&one)));
    // "A VPC peering connection between VPCs with overlapping CIDR blocks goes to the state failed"
    // (CreateVpcPeeringConnection).
    let failure = overlap
        .then(|| (pending_at, "Failed due to incorrect VPC-ID, Account ID, or overlapping CIDR range".to_owned()));
    let id = call.new_id("pcx");
    let peering = Peering {
        peering_id: id.clone(),
        requester,
        accepter,
        pending_at,
        active_at: None,
        failure,
        removed_at: None,
        tags,
    };
    let answer = to_sdk(&peering, now, &called_region);
    call.region_state().ec2.peerings.insert(id, peering);
    Ok(CreateVpcPeeringConnectionOutput::builder().vpc_peering_connection(answer).build())
}

fn to_sdk(peering: &Peering, now: u64, called_region: &str) -> VpcPeeringConnection {
    let state = peering.state(now);
    let code = match state {
        PeeringState::InitiatingRequest => Code::InitiatingRequest,
        PeeringState::PendingAcceptance => Code::PendingAcceptance,
        PeeringState::Provisioning => Code::Provisioning,
        PeeringState::Active => Code::Active,
        PeeringState::Failed => Code::Failed,
        PeeringState::Deleting => Code::Deleting,
        PeeringState::Deleted => Code::Deleted,
    };
    let message = match (&peering.failure, state) {
        (Some((_, why)), PeeringState::Failed) => why.clone(),
        _ => code.as_str().to_owned(),
    };
    let info = |side: &Side| {
        let AccountRegion { region, account } = AccountRegion::of_key(&side.region);
        let info = VpcPeeringConnectionVpcInfo::builder()
            .vpc_id(&side.vpc_id)
            .owner_id(account)
            .region(region.as_str())
            .cidr_block(&side.cidr_block);
        // Options are returned while it is active ("VpcPeeringConnectionVpcInfo").
        let options =
            VpcPeeringConnectionOptionsDescription::builder().allow_dns_resolution_from_remote_vpc(side.dns).build();
        info.set_peering_options((state == PeeringState::Active).then_some(options)).build()
    };
    // Tags belong to one side: the accepter sees only its own ("Tag your Amazon EC2 resources").
    let none = Tags::new();
    let tags = if called_region == peering.requester.region { &peering.tags } else { &none };
    VpcPeeringConnection::builder()
        .vpc_peering_connection_id(&peering.peering_id)
        .requester_vpc_info(info(&peering.requester))
        .accepter_vpc_info(info(&peering.accepter))
        .status(VpcPeeringConnectionStateReason::builder().code(code).message(message).build())
        .set_tags(sdk_tags(tags))
        .build()
}

fn describe(
    call: &mut Call<'_>,
    input: &DescribeVpcPeeringConnectionsInput,
) -> Result<DescribeVpcPeeringConnectionsOutput, Rejection> {
    let (now, called_region) = (call.now(), call.world.key(call.region.as_str()));
    for id in input.vpc_peering_connection_ids() {
        find(call, id)?;
    }
    let ids = input.vpc_peering_connection_ids();
    let mut found = Vec::new();
    for peering in call.world.regions.values().flat_map(|region| region.ec2.peerings.values()) {
        // The other side's region lists it once it can be accepted.
        let visible = peering.requester.region == called_region
            || (peering.accepter.region == called_region && now >= peering.pending_at);
        if !visible || !(ids.is_empty() || ids.contains(&peering.peering_id)) {
            continue;
        }
        let described = to_sdk(peering, now, &called_region);
        let field = |name: &str| match name {
            "status-code" => Some(vec![described.status()?.code()?.as_str().to_owned()]),
            "requester-vpc-info.vpc-id" => Some(vec![peering.requester.vpc_id.clone()]),
            "accepter-vpc-info.vpc-id" => Some(vec![peering.accepter.vpc_id.clone()]),
            _ => None,
        };
        let none = Tags::new();
        let tags = if called_region == peering.requester.region { &peering.tags } else { &none };
        if matches_filters(input.filters(), tags, field)? {
            found.push(described);
        }
    }
    Ok(DescribeVpcPeeringConnectionsOutput::builder().set_vpc_peering_connections(Some(found)).build())
}

fn accept(
    call: &mut Call<'_>,
    input: &AcceptVpcPeeringConnectionInput,
) -> Result<AcceptVpcPeeringConnectionOutput, Rejection> {
    let id = input.vpc_peering_connection_id().unwrap_or_default();
    let (now, called_region, active_at) =
        (call.now(), call.world.key(call.region.as_str()), call.completion_time(1.0, 3.0, 15.0));
    let peering = find(call, id)?;
    // "For an inter-Region VPC peering connection request, you must accept the VPC peering connection in the Region of
    // the accepter VPC" (AcceptVpcPeeringConnection).
    if peering.accepter.region != called_region {
        return refuse(
            "OperationNotPermitted",
            format!(
                "Incorrect region ( {called_region} ) specified for this request. VPC peering connection {id} must be \
                 accepted in region {}",
                peering.accepter.region
            ),
        );
    }
    match peering.state(now) {
        PeeringState::PendingAcceptance => peering.active_at = Some(active_at),
        // A second acceptance succeeds.
        PeeringState::Provisioning | PeeringState::Active => {}
        _ => return refuse("InvalidStateTransition", format!("Invalid state transition for {id}")),
    }
    let answer = to_sdk(peering, now, &called_region);
    Ok(AcceptVpcPeeringConnectionOutput::builder().vpc_peering_connection(answer).build())
}

fn modify(
    call: &mut Call<'_>,
    input: &ModifyVpcPeeringConnectionOptionsInput,
) -> Result<ModifyVpcPeeringConnectionOptionsOutput, Rejection> {
    let id = input.vpc_peering_connection_id().unwrap_or_default();
    let (now, called_region) = (call.now(), call.world.key(call.region.as_str()));
    let peering = find(call, id)?.clone();
    if peering.state(now) != PeeringState::Active {
        return refuse(
            "OperationNotPermitted",
            format!("Peering {id} is not active. Peering options can be added only to active peerings."),
        );
    }
    let wanted = [
        (&peering.requester, input.requester_peering_connection_options()),
        (&peering.accepter, input.accepter_peering_connection_options()),
    ];
    for (side, options) in wanted {
        let Some(on) = options.and_then(PeeringConnectionOptionsRequest::allow_dns_resolution_from_remote_vpc) else {
            continue;
        };
        // "If the peered VPCs are in different Regions, you must modify the options in the Region of the VPC" (the same
        // page).
        if side.region != called_region {
            return refuse(
                "OperationNotPermitted",
                format!("The options of {} can be modified in {} only", side.vpc_id, side.region),
            );
        }
        // "Both VPCs must be enabled for DNS hostnames and DNS resolution" ("Enable DNS resolution").
        let vpc = vpcs::find(call, &side.vpc_id)?;
        if on && !(vpc.dns_support && vpc.dns_hostnames) {
            return refuse(
                "InvalidParameterCombination",
                format!("The VPC {} must have DNS support and DNS hostnames enabled", side.vpc_id),
            );
        }
    }
    let peering = find(call, id)?;
    let on = |options: Option<&PeeringConnectionOptionsRequest>| {
        options.and_then(PeeringConnectionOptionsRequest::allow_dns_resolution_from_remote_vpc)
    };
    peering.requester.dns = on(input.requester_peering_connection_options()).unwrap_or(peering.requester.dns);
    peering.accepter.dns = on(input.accepter_peering_connection_options()).unwrap_or(peering.accepter.dns);
    Ok(ModifyVpcPeeringConnectionOptionsOutput::builder().build())
}

fn delete(
    call: &mut Call<'_>,
    input: &DeleteVpcPeeringConnectionInput,
) -> Result<DeleteVpcPeeringConnectionOutput, Rejection> {
    let id = input.vpc_peering_connection_id().unwrap_or_default();
    let (now, removed_at) = (call.now(), call.completion_time(0.5, 2.0, 10.0));
    let peering = find(call, id)?;
    // "You cannot delete a VPC peering connection that's in the failed or rejected state" (DeleteVpcPeeringConnection).
    if matches!(peering.state(now), PeeringState::Failed | PeeringState::Deleted) {
        return refuse("InvalidStateTransition", format!("Invalid state transition for {id}"));
    }
    peering.removed_at.get_or_insert(removed_at);
    Ok(DeleteVpcPeeringConnectionOutput::builder().r#return(true).build())
}
