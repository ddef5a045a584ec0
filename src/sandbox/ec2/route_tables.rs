//! Route tables and their associations with subnets.

use aws_sdk_ec2::operation::associate_route_table::{
    AssociateRouteTableError, AssociateRouteTableInput, AssociateRouteTableOutput,
};
use aws_sdk_ec2::operation::create_route_table::{
    CreateRouteTableError, CreateRouteTableInput, CreateRouteTableOutput,
};
use aws_sdk_ec2::operation::delete_route_table::{
    DeleteRouteTableError, DeleteRouteTableInput, DeleteRouteTableOutput,
};
use aws_sdk_ec2::operation::describe_route_tables::{
    DescribeRouteTablesError, DescribeRouteTablesInput, DescribeRouteTablesOutput,
};
use aws_sdk_ec2::operation::disassociate_route_table::{
    DisassociateRouteTableError, DisassociateRouteTableInput, DisassociateRouteTableOutput,
};
use aws_sdk_ec2::operation::replace_route_table_association::{
    ReplaceRouteTableAssociationError, ReplaceRouteTableAssociationInput, ReplaceRouteTableAssociationOutput,
};
use aws_sdk_ec2::types::{
    ResourceType, RouteTableAssociation, RouteTableAssociationState, RouteTableAssociationStateCode,
};

use super::filters::{matches_filters, sdk_tags, tags_from_specifications};
use super::route_descriptions::routes_to_sdk;
use super::{tokens, vpcs};
use crate::registry::{Call, Registry, Rejection, refuse};
use crate::world::ec2::{Ec2, RouteTable};

pub(super) fn register(registry: &mut Registry) {
    registry.on(
        "ec2",
        "CreateRouteTable",
        &["vpc_id", "client_token", "tag_specifications"],
        CreateRouteTableError::generic,
        create,
    );
    registry.on(
        "ec2",
        "DescribeRouteTables",
        &["route_table_ids", "filters"],
        DescribeRouteTablesError::generic,
        describe,
    );
    registry.on("ec2", "DeleteRouteTable", &["route_table_id"], DeleteRouteTableError::generic, delete);
    registry.on(
        "ec2",
        "AssociateRouteTable",
        &["route_table_id", "subnet_id"],
        AssociateRouteTableError::generic,
        associate,
    );
    let fields = &["association_id", "route_table_id"];
    registry.on(
        "ec2",
        "ReplaceRouteTableAssociation",
        fields,
        ReplaceRouteTableAssociationError::generic,
        replace_association,
    );
    registry.on(
        "ec2",
        "DisassociateRouteTable",
        &["association_id"],
        DisassociateRouteTableError::generic,
        disassociate,
    );
}

fn create(call: &mut Call<'_>, input: &CreateRouteTableInput) -> Result<CreateRouteTableOutput, Rejection> {
    let parameters = format!("{input:?}");
    if let Some(id) = tokens::find_by_token(call, "CreateRouteTable", input.client_token(), &parameters)? {
        let table = find(call, &id)?.clone();
        return Ok(CreateRouteTableOutput::builder().route_table(to_sdk(&call.region_state().ec2, &table)).build());
    }
    let tags = tags_from_specifications(input.tag_specifications(), &ResourceType::RouteTable)?;
    let vpc_id = vpcs::find(call, input.vpc_id().unwrap_or_default())?.vpc_id.clone();
    let id = call.new_id("rtb");
    let table = RouteTable {
        route_table_id: id.clone(),
        vpc_id,
        main: false,
        routes: std::collections::BTreeMap::new(),
        associations: std::collections::BTreeMap::new(),
        tags,
    };
    let answer = to_sdk(&call.region_state().ec2, &table);
    call.region_state().ec2.route_tables.insert(id.clone(), table);
    tokens::record_token(call, "CreateRouteTable", input.client_token(), &parameters, &id);
    Ok(CreateRouteTableOutput::builder().route_table(answer).build())
}

fn associated() -> RouteTableAssociationState {
    RouteTableAssociationState::builder().state(RouteTableAssociationStateCode::Associated).build()
}

fn to_sdk(ec2: &Ec2, table: &RouteTable) -> aws_sdk_ec2::types::RouteTable {
    let association = |(id, subnet_id): (&String, &String)| {
        RouteTableAssociation::builder()
            .route_table_association_id(id)
            .route_table_id(&table.route_table_id)
            .subnet_id(subnet_id)
            .main(false)
            .association_state(associated())
            .build()
    };
    let mut associations: Vec<RouteTableAssociation> = table.associations.iter().map(association).collect();
    if table.main {
        let id = table.route_table_id.replace("rtb-", "rtbassoc-");
        let main = RouteTableAssociation::builder()
            .route_table_association_id(id)
            .route_table_id(&table.route_table_id)
            .main(true);
        associations.push(main.association_state(associated()).build());
    }
    aws_sdk_ec2::types::RouteTable::builder()
        .route_table_id(&table.route_table_id)
        .vpc_id(&table.vpc_id)
        .set_routes(Some(routes_to_sdk(ec2, table)))
        .set_associations(Some(associations))
        .set_tags(sdk_tags(&table.tags))
        .build()
}

fn describe(call: &mut Call<'_>, input: &DescribeRouteTablesInput) -> Result<DescribeRouteTablesOutput, Rejection> {
    let ec2 = &call.region_state().ec2;
    let ids = input.route_table_ids();
    if let Some(missing) = ids.iter().find(|id| !ec2.route_tables.contains_key(*id)) {
        return not_found(missing);
    }
    let mut found = Vec::new();
    for table in ec2.route_tables.values().filter(|table| ids.is_empty() || ids.contains(&table.route_table_id)) {
        let field = |name: &str| match name {
            "vpc-id" => Some(vec![table.vpc_id.clone()]),
            "route-table-id" => Some(vec![table.route_table_id.clone()]),
            "association.subnet-id" => Some(table.associations.values().cloned().collect()),
            "association.route-table-association-id" => Some(table.associations.keys().cloned().collect()),
            _ => None,
        };
        if matches_filters(input.filters(), &table.tags, field)? {
            found.push(to_sdk(ec2, table));
        }
    }
    Ok(DescribeRouteTablesOutput::builder().set_route_tables(Some(found)).build())
}

pub(super) fn not_found<T>(id: &str) -> Result<T, Rejection> {
    refuse("InvalidRouteTableID.NotFound", format!("The routeTable ID '{id}' does not exist"))
}

pub(super) fn find<'a>(call: &'a mut Call<'_>, id: &str) -> Result<&'a mut RouteTable, Rejection> {
    match call.region_state().ec2.route_tables.get_mut(id) {
        Some(table) => Ok(table),
        None => not_found(id),
    }
}

fn delete(call: &mut Call<'_>, input: &DeleteRouteTableInput) -> Result<DeleteRouteTableOutput, Rejection> {
    let id = input.route_table_id().unwrap_or_default();
    let table = find(call, id)?;
    // "You must disassociate the route table from any subnets before you can delete it. You can't delete the main route
    // table" (DeleteRouteTable).
    if table.main || !table.associations.is_empty() {
        return refuse("DependencyViolation", format!("The routeTable '{id}' has dependencies and cannot be deleted."));
    }
    let ec2 = &mut call.region_state().ec2;
    ec2.route_tables.remove(id);
    for endpoint in ec2.vpc_endpoints.values_mut() {
        endpoint.route_table_ids.remove(id);
    }
    Ok(DeleteRouteTableOutput::builder().build())
}

fn associate(call: &mut Call<'_>, input: &AssociateRouteTableInput) -> Result<AssociateRouteTableOutput, Rejection> {
    let (id, subnet_id) = (input.route_table_id().unwrap_or_default(), input.subnet_id().unwrap_or_default());
    let table_vpc = find(call, id)?.vpc_id.clone();
    let ec2 = &call.region_state().ec2;
    let Some(subnet) = ec2.subnets.get(subnet_id) else {
        return refuse("InvalidSubnetID.NotFound", format!("The subnet ID '{subnet_id}' does not exist"));
    };
    // "This action associates a subnet […] in your VPC with a route table in your VPC" (AssociateRouteTable).
    if subnet.vpc_id != table_vpc {
        return refuse(
            "InvalidParameterValue",
            format!("Route table {id} and subnet {subnet_id} belong to different networks"),
        );
    }
    // "Resource.AlreadyAssociated: […] you cannot associate a subnet with more than one route table" (EC2 error codes).
    let taken = |table: &&RouteTable| table.associations.values().any(|subnet| subnet == subnet_id);
    if let Some(other) = ec2.route_tables.values().find(taken) {
        let (association, _) = other.associations.iter().find(|(_, subnet)| *subnet == subnet_id).unzip();
        let message = format!(
            "the specified association for route table {id} conflicts with an existing association {}",
            association.cloned().unwrap_or_default()
        );
        return refuse("Resource.AlreadyAssociated", message);
    }
    let association_id = call.new_id("rtbassoc");
    find(call, id)?.associations.insert(association_id.clone(), subnet_id.to_owned());
    Ok(AssociateRouteTableOutput::builder().association_id(association_id).association_state(associated()).build())
}

/// Removes an association from its table and returns the subnet.
fn remove_association(call: &mut Call<'_>, association_id: &str) -> Result<String, Rejection> {
    let mut tables = call.region_state().ec2.route_tables.values_mut();
    match tables.find_map(|table| table.associations.remove(association_id)) {
        Some(subnet_id) => Ok(subnet_id),
        None => {
            refuse("InvalidAssociationID.NotFound", format!("The association ID '{association_id}' does not exist"))
        }
    }
}

fn replace_association(
    call: &mut Call<'_>,
    input: &ReplaceRouteTableAssociationInput,
) -> Result<ReplaceRouteTableAssociationOutput, Rejection> {
    let id = input.route_table_id().unwrap_or_default();
    find(call, id)?;
    let subnet_id = remove_association(call, input.association_id().unwrap_or_default())?;
    let new_id = call.new_id("rtbassoc");
    find(call, id)?.associations.insert(new_id.clone(), subnet_id);
    // "The new association ID […] is different" (ReplaceRouteTableAssociation).
    Ok(ReplaceRouteTableAssociationOutput::builder().new_association_id(new_id).association_state(associated()).build())
}

fn disassociate(
    call: &mut Call<'_>,
    input: &DisassociateRouteTableInput,
) -> Result<DisassociateRouteTableOutput, Rejection> {
    remove_association(call, input.association_id().unwrap_or_default())?;
    Ok(DisassociateRouteTableOutput::builder().build())
}
