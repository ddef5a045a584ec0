//! What EC2 refuses on the sandbox, call by call, without the kinds.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::error::ProvideErrorMetadata;
use aws_sdk_ec2::types::{
    DomainType, Filter, IpPermission, IpRange, NatGatewayState, SecurityGroupRuleRequest, SecurityGroupRuleUpdate,
    UserIdGroupPair, VpcEndpointType,
};
use migrate_infra::aws::{Cloud, Endpoint, intended};
use migrate_infra::clock::Clock;
use migrate_infra::crash_point::CrashPoints;
use migrate_infra::sandbox::{Sandbox, World};

/// An empty account.
async fn account() -> (Arc<Sandbox>, Client) {
    let sandbox = Sandbox::new(World::new(), Clock::real(), None, CrashPoints::default());
    let cloud =
        Cloud::connect(Endpoint::InProcess(sandbox.in_process()), &"us-east-1".into(), Clock::real()).await.unwrap();
    let client = cloud.clients(&"us-east-1".into()).0.ec2.clone();
    (sandbox, client)
}

/// Makes a mutating call that must succeed.
macro_rules! ok {
    ($name:literal, $call:expr) => {
        intended(concat!("ec2:", $name), $call.send()).await.unwrap()
    };
}

/// Makes a mutating call that must be refused with this code.
macro_rules! refused {
    ($code:literal, $name:literal, $call:expr) => {
        let error = intended(concat!("ec2:", $name), $call.send()).await.unwrap_err();
        assert_eq!(error.code(), Some($code), "{error:?}");
    };
}

async fn vpc(client: &Client, cidr: &str) -> String {
    ok!("CreateVpc", client.create_vpc().cidr_block(cidr)).vpc.unwrap().vpc_id.unwrap()
}

async fn subnet(client: &Client, vpc: &str, cidr: &str) -> String {
    ok!("CreateSubnet", client.create_subnet().vpc_id(vpc).cidr_block(cidr)).subnet.unwrap().subnet_id.unwrap()
}

async fn gateway(client: &Client, vpc: &str) -> String {
    let id = ok!("CreateInternetGateway", client.create_internet_gateway())
        .internet_gateway
        .unwrap()
        .internet_gateway_id
        .unwrap();
    ok!("AttachInternetGateway", client.attach_internet_gateway().internet_gateway_id(&id).vpc_id(vpc));
    id
}

async fn address(client: &Client) -> String {
    ok!("AllocateAddress", client.allocate_address().domain(DomainType::Vpc)).allocation_id.unwrap()
}

async fn nat(client: &Client, subnet: &str, address: &str) -> String {
    let made = ok!("CreateNatGateway", client.create_nat_gateway().subnet_id(subnet).allocation_id(address));
    made.nat_gateway.unwrap().nat_gateway_id.unwrap()
}

async fn nat_state(client: &Client, id: &str) -> NatGatewayState {
    let found = client.describe_nat_gateways().nat_gateway_ids(id).send().await.unwrap();
    found.nat_gateways()[0].state().unwrap().clone()
}

async fn table(client: &Client, vpc: &str) -> String {
    ok!("CreateRouteTable", client.create_route_table().vpc_id(vpc)).route_table.unwrap().route_table_id.unwrap()
}

async fn group(client: &Client, vpc: &str, name: &str) -> String {
    ok!("CreateSecurityGroup", client.create_security_group().vpc_id(vpc).group_name(name).description("a group"))
        .group_id
        .unwrap()
}

fn tcp(from: i32, to: i32) -> aws_sdk_ec2::types::builders::IpPermissionBuilder {
    IpPermission::builder().ip_protocol("tcp").from_port(from).to_port(to)
}

fn from_cidr(cidr: &str) -> IpPermission {
    tcp(80, 80).ip_ranges(IpRange::builder().cidr_ip(cidr).build()).build()
}

fn from_group(id: &str) -> IpPermission {
    tcp(80, 80).user_id_group_pairs(UserIdGroupPair::builder().group_id(id).build()).build()
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn names_and_descriptions_of_groups() {
    let (_, client) = account().await;
    let vpc = vpc(&client, "10.0.0.0/16").await;
    let create = |name: &str, description: &str| {
        client.create_security_group().vpc_id(&vpc).group_name(name).description(description)
    };
    refused!("InvalidParameterValue", "CreateSecurityGroup", create("sg-mine", "x"));
    refused!("InvalidParameterValue", "CreateSecurityGroup", create("größe", "x"));
    refused!("InvalidParameterValue", "CreateSecurityGroup", create(&"x".repeat(256), "x"));
    refused!("InvalidParameterValue", "CreateSecurityGroup", create("db", "what's this"));
    refused!("MissingParameter", "CreateSecurityGroup", create("db", ""));
    refused!("InvalidGroup.Reserved", "CreateSecurityGroup", create("default", "x"));
    refused!("InvalidVpcID.NotFound", "CreateSecurityGroup", create("db", "x").vpc_id("vpc-none"));
    ok!("CreateSecurityGroup", create("db", "x"));
    refused!("InvalidGroup.Duplicate", "CreateSecurityGroup", create("db", "another"));
}

#[tokio::test(start_paused = true)]
async fn rules_that_are_modified() {
    let (_, client) = account().await;
    let vpc = vpc(&client, "10.0.0.0/16").await;
    let (db, ecs) = (group(&client, &vpc, "db").await, group(&client, &vpc, "ecs").await);
    let authorize =
        |permission: IpPermission| client.authorize_security_group_ingress().group_id(&db).ip_permissions(permission);
    let made = ok!("AuthorizeSecurityGroupIngress", authorize(from_cidr("10.0.0.0/24"))).security_group_rules.unwrap();
    ok!("AuthorizeSecurityGroupIngress", authorize(from_cidr("10.0.1.0/24")));
    let id = made[0].security_group_rule_id().unwrap();
    let http = || SecurityGroupRuleRequest::builder().ip_protocol("tcp").from_port(80).to_port(80);
    let modify = |group: &str, id: &str, rule: SecurityGroupRuleRequest| {
        let update = SecurityGroupRuleUpdate::builder().security_group_rule_id(id).security_group_rule(rule).build();
        client.modify_security_group_rules().group_id(group).security_group_rules(update)
    };
    refused!(
        "InvalidGroup.NotFound",
        "ModifySecurityGroupRules",
        modify("sg-none", id, http().cidr_ipv4("10.0.2.0/24").build())
    );
    refused!(
        "InvalidSecurityGroupRuleId.NotFound",
        "ModifySecurityGroupRules",
        modify(&ecs, id, http().cidr_ipv4("10.0.2.0/24").build())
    );
    refused!(
        "InvalidSecurityGroupRuleId.NotFound",
        "ModifySecurityGroupRules",
        modify(&db, "sgr-none", http().cidr_ipv4("10.0.2.0/24").build())
    );
    refused!("InvalidPermission.Malformed", "ModifySecurityGroupRules", modify(&db, id, http().build()));
    refused!(
        "InvalidParameterValue",
        "ModifySecurityGroupRules",
        modify(&db, id, http().referenced_group_id(&ecs).build())
    );
    refused!(
        "InvalidParameterValue",
        "ModifySecurityGroupRules",
        modify(&db, id, http().to_port(79).cidr_ipv4("10.0.2.0/24").build())
    );
    refused!(
        "InvalidPermission.Duplicate",
        "ModifySecurityGroupRules",
        modify(&db, id, http().cidr_ipv4("10.0.1.0/24").build())
    );
    ok!("ModifySecurityGroupRules", modify(&db, id, http().to_port(81).cidr_ipv4("10.0.2.0/24").build()));
    let shown = client
        .describe_security_group_rules()
        .security_group_rule_ids(id)
        .send()
        .await
        .unwrap()
        .security_group_rules
        .unwrap();
    assert_eq!(
        (shown[0].cidr_ipv4(), shown[0].to_port(), shown[0].group_id()),
        (Some("10.0.2.0/24"), Some(81), Some(db.as_str()))
    );
}

#[tokio::test(start_paused = true)]
async fn groups_in_use() {
    let (sandbox, client) = account().await;
    let vpc_id = vpc(&client, "10.0.0.0/16").await;
    let subnet = subnet(&client, &vpc_id, "10.0.0.0/24").await;
    let (db, ecs) = (group(&client, &vpc_id, "db").await, group(&client, &vpc_id, "ecs").await);
    let delete = |id: &str| client.delete_security_group().group_id(id);
    // Two groups that reference each other: neither can be deleted before a rule is.
    ok!(
        "AuthorizeSecurityGroupIngress",
        client.authorize_security_group_ingress().group_id(&db).ip_permissions(from_group(&ecs))
    );
    ok!(
        "AuthorizeSecurityGroupEgress",
        client.authorize_security_group_egress().group_id(&ecs).ip_permissions(from_group(&db))
    );
    refused!("DependencyViolation", "DeleteSecurityGroup", delete(&db));
    refused!("DependencyViolation", "DeleteSecurityGroup", delete(&ecs));
    ok!(
        "RevokeSecurityGroupEgress",
        client.revoke_security_group_egress().group_id(&ecs).ip_permissions(from_group(&db))
    );
    sandbox.mutate_out_of_band(|world| {
        let ec2 = &mut world.region("us-east-1").ec2;
        ec2.attach_interface(
            "eni-db".into(),
            &subnet,
            std::slice::from_ref(&db),
            "RDSNetworkInterface".into(),
            "amazon-rds",
            false,
        );
    });
    refused!("DependencyViolation", "DeleteSecurityGroup", delete(&db));
    refused!("DependencyViolation", "DeleteSubnet", client.delete_subnet().subnet_id(&subnet));
    let found = client
        .describe_network_interfaces()
        .filters(Filter::builder().name("group-id").values(&db).build())
        .send()
        .await
        .unwrap();
    assert_eq!(found.network_interfaces()[0].requester_id(), Some("amazon-rds"));
    sandbox.mutate_out_of_band(|world| world.region("us-east-1").ec2.interfaces.clear());
    ok!("DeleteSecurityGroup", delete(&db));
    ok!("DeleteSecurityGroup", delete(&ecs));
    refused!("InvalidGroup.NotFound", "DeleteSecurityGroup", delete(&db));
    let default =
        client.describe_security_groups().send().await.unwrap().security_groups()[0].group_id().unwrap().to_owned();
    refused!("CannotDelete", "DeleteSecurityGroup", delete(&default));
}

#[tokio::test(start_paused = true)]
async fn rules() {
    let (_, client) = account().await;
    let vpc_id = vpc(&client, "10.0.0.0/16").await;
    let id = group(&client, &vpc_id, "alb").await;
    let allow =
        |permission: IpPermission| client.authorize_security_group_ingress().group_id(&id).ip_permissions(permission);
    ok!("AuthorizeSecurityGroupIngress", allow(from_cidr("0.0.0.0/0")));
    let described = tcp(80, 80)
        .ip_ranges(IpRange::builder().cidr_ip("0.0.0.0/0").description("says something else").build())
        .build();
    refused!("InvalidPermission.Duplicate", "AuthorizeSecurityGroupIngress", allow(described));
    refused!("InvalidParameterValue", "AuthorizeSecurityGroupIngress", allow(from_cidr("10.0.0.1/16")));
    refused!(
        "InvalidParameterValue",
        "AuthorizeSecurityGroupIngress",
        allow(tcp(443, 80).ip_ranges(IpRange::builder().cidr_ip("0.0.0.0/0").build()).build())
    );
    let quoted = IpRange::builder().cidr_ip("10.0.0.0/16").description("the \"world\"").build();
    refused!("InvalidParameterValue", "AuthorizeSecurityGroupIngress", allow(tcp(1, 1).ip_ranges(quoted).build()));
    refused!("InvalidGroup.NotFound", "AuthorizeSecurityGroupIngress", allow(from_group("sg-none")));
    refused!("InvalidPermission.Malformed", "AuthorizeSecurityGroupIngress", allow(tcp(1, 1).build()));
    let elsewhere = vpc(&client, "10.1.0.0/16").await;
    let other = group(&client, &elsewhere, "other").await;
    refused!("InvalidGroup.NotFound", "AuthorizeSecurityGroupIngress", allow(from_group(&other)));
    let revoke = client.revoke_security_group_ingress().group_id(&id);
    refused!(
        "InvalidSecurityGroupRuleId.NotFound",
        "RevokeSecurityGroupIngress",
        revoke.clone().security_group_rule_ids("sgr-none")
    );
    refused!(
        "InvalidPermission.NotFound",
        "RevokeSecurityGroupIngress",
        revoke.ip_permissions(from_cidr("10.9.0.0/16"))
    );
}

#[tokio::test(start_paused = true)]
async fn what_a_vpc_contains_and_what_blocks_its_deletion() {
    let (sandbox, client) = account().await;
    let id = vpc(&client, "10.0.0.0/16").await;
    let delete = || client.delete_vpc().vpc_id(&id);
    let rules = client.describe_security_group_rules().send().await.unwrap();
    assert_eq!(rules.security_group_rules().len(), 2, "a default group lets its members in and everything out");
    let tables = client.describe_route_tables().send().await.unwrap();
    let main = tables.route_tables()[0].route_table_id().unwrap().to_owned();
    assert_eq!(tables.route_tables()[0].associations()[0].main(), Some(true));
    refused!("DependencyViolation", "DeleteRouteTable", client.delete_route_table().route_table_id(&main));
    assert_eq!(sandbox.snapshot().inventory(), [format!("us-east-1 {id}")], "what comes with a VPC is nobody's");

    let rtb = table(&client, &id).await;
    refused!("DependencyViolation", "DeleteVpc", delete());
    ok!("DeleteRouteTable", client.delete_route_table().route_table_id(&rtb));
    let sg = group(&client, &id, "db").await;
    refused!("DependencyViolation", "DeleteVpc", delete());
    ok!("DeleteSecurityGroup", client.delete_security_group().group_id(&sg));
    let igw = gateway(&client, &id).await;
    refused!("DependencyViolation", "DeleteVpc", delete());
    ok!("DetachInternetGateway", client.detach_internet_gateway().internet_gateway_id(&igw).vpc_id(&id));
    let endpoint = client
        .create_vpc_endpoint()
        .vpc_id(&id)
        .vpc_endpoint_type(VpcEndpointType::Gateway)
        .service_name("com.amazonaws.us-east-1.s3");
    let endpoint = ok!("CreateVpcEndpoint", endpoint).vpc_endpoint.unwrap().vpc_endpoint_id.unwrap();
    refused!("DependencyViolation", "DeleteVpc", delete());
    ok!("DeleteVpcEndpoints", client.delete_vpc_endpoints().vpc_endpoint_ids(endpoint));
    pass(30).await;
    let net = subnet(&client, &id, "10.0.0.0/24").await;
    refused!("DependencyViolation", "DeleteVpc", delete());
    ok!("DeleteSubnet", client.delete_subnet().subnet_id(&net));
    ok!("DeleteVpc", delete());
    let left = sandbox.snapshot();
    let ec2 = &left.regions["us-east-1"].ec2;
    assert!(ec2.route_tables.is_empty() && ec2.security_groups.is_empty() && ec2.security_group_rules.is_empty());
}

#[tokio::test(start_paused = true)]
async fn internet_gateways() {
    let (_, client) = account().await;
    let (one, two) = (vpc(&client, "10.0.0.0/16").await, vpc(&client, "10.1.0.0/16").await);
    let igw = gateway(&client, &one).await;
    let spare = ok!("CreateInternetGateway", client.create_internet_gateway())
        .internet_gateway
        .unwrap()
        .internet_gateway_id
        .unwrap();
    let attach = |id: &str, vpc: &str| client.attach_internet_gateway().internet_gateway_id(id).vpc_id(vpc);
    refused!("Resource.AlreadyAssociated", "AttachInternetGateway", attach(&igw, &two));
    refused!("InvalidParameterValue", "AttachInternetGateway", attach(&spare, &one));
    refused!("InvalidInternetGatewayID.NotFound", "AttachInternetGateway", attach("igw-none", &two));
    refused!(
        "DependencyViolation",
        "DeleteInternetGateway",
        client.delete_internet_gateway().internet_gateway_id(&igw)
    );
    refused!(
        "Gateway.NotAttached",
        "DetachInternetGateway",
        client.detach_internet_gateway().internet_gateway_id(&spare).vpc_id(&one)
    );
}

#[tokio::test(start_paused = true)]
async fn a_nat_gateway_through_its_states() {
    let (sandbox, client) = account().await;
    let vpc_id = vpc(&client, "10.0.0.0/16").await;
    let net = subnet(&client, &vpc_id, "10.0.0.0/24").await;
    let ip = address(&client).await;
    let igw = gateway(&client, &vpc_id).await;
    let id = nat(&client, &net, &ip).await;
    assert_eq!(nat_state(&client, &id).await, NatGatewayState::Pending);
    let release = || client.release_address().allocation_id(&ip);
    let detach = || client.detach_internet_gateway().internet_gateway_id(&igw).vpc_id(&vpc_id);
    let in_its_place = || client.delete_subnet().subnet_id(&net);
    pass(150).await;
    assert_eq!(nat_state(&client, &id).await, NatGatewayState::Available);
    refused!("InvalidIPAddress.InUse", "ReleaseAddress", release());
    refused!("DependencyViolation", "DetachInternetGateway", detach());
    refused!("DependencyViolation", "DeleteSubnet", in_its_place());
    ok!("DeleteNatGateway", client.delete_nat_gateway().nat_gateway_id(&id));
    pass(10).await;
    assert_eq!(nat_state(&client, &id).await, NatGatewayState::Deleting);
    refused!("InvalidIPAddress.InUse", "ReleaseAddress", release());
    refused!("DependencyViolation", "DetachInternetGateway", detach());
    refused!("DependencyViolation", "DeleteSubnet", in_its_place());
    pass(90).await;
    assert_eq!(nat_state(&client, &id).await, NatGatewayState::Deleted);
    ok!("ReleaseAddress", release());
    ok!("DetachInternetGateway", detach());
    ok!("DeleteSubnet", in_its_place());
    assert!(!sandbox.snapshot().inventory().iter().any(|thing| thing.contains("nat-")));
    pass(3700).await;
    let gone = client.describe_nat_gateways().nat_gateway_ids(&id).send().await.unwrap_err();
    assert_eq!(gone.code(), Some("NatGatewayNotFound"));
}

#[tokio::test(start_paused = true)]
async fn nat_gateways_that_fail_and_client_tokens() {
    let (_, client) = account().await;
    let vpc_id = vpc(&client, "10.0.0.0/16").await;
    let net = subnet(&client, &vpc_id, "10.0.0.0/24").await;
    let (one, two) = (address(&client).await, address(&client).await);
    refused!(
        "InvalidSubnetID.NotFound",
        "CreateNatGateway",
        client.create_nat_gateway().subnet_id("subnet-none").allocation_id(&one)
    );
    refused!(
        "InvalidElasticIpID.NotFound",
        "CreateNatGateway",
        client.create_nat_gateway().subnet_id(&net).allocation_id("eipalloc-none")
    );
    let lonely = nat(&client, &net, &one).await;
    pass(60).await;
    let found = client.describe_nat_gateways().nat_gateway_ids(&lonely).send().await.unwrap();
    assert_eq!(found.nat_gateways()[0].state(), Some(&NatGatewayState::Failed));
    assert_eq!(found.nat_gateways()[0].failure_code(), Some("Gateway.NotAttached"));

    gateway(&client, &vpc_id).await;
    let create =
        |address: &str| client.create_nat_gateway().subnet_id(&net).allocation_id(address).client_token("once");
    let first = ok!("CreateNatGateway", create(&one)).nat_gateway.unwrap().nat_gateway_id;
    let again = ok!("CreateNatGateway", create(&one)).nat_gateway.unwrap().nat_gateway_id;
    assert_eq!(first, again);
    refused!("IdempotentParameterMismatch", "CreateNatGateway", create(&two));
    let second = nat(&client, &net, &one).await;
    pass(60).await;
    let found = client.describe_nat_gateways().nat_gateway_ids(second).send().await.unwrap();
    assert_eq!(found.nat_gateways()[0].failure_code(), Some("Resource.AlreadyAssociated"));
}

#[tokio::test(start_paused = true)]
async fn addresses_are_limited() {
    let (_, client) = account().await;
    for _ in 0..5 {
        address(&client).await;
    }
    refused!("AddressLimitExceeded", "AllocateAddress", client.allocate_address().domain(DomainType::Vpc));
    refused!("InvalidAllocationID.NotFound", "ReleaseAddress", client.release_address().allocation_id("eipalloc-none"));
}

#[tokio::test(start_paused = true)]
async fn route_tables_and_routes() {
    let (_, client) = account().await;
    let vpc_id = vpc(&client, "10.0.0.0/16").await;
    let other_vpc = vpc(&client, "10.1.0.0/16").await;
    let (net, igw) = (subnet(&client, &vpc_id, "10.0.0.0/24").await, gateway(&client, &vpc_id).await);
    let (rtb, second) = (table(&client, &vpc_id).await, table(&client, &vpc_id).await);
    let elsewhere = table(&client, &other_vpc).await;
    let associate = |table: &str| client.associate_route_table().route_table_id(table).subnet_id(&net);
    refused!("InvalidParameterValue", "AssociateRouteTable", associate(&elsewhere));
    let association = ok!("AssociateRouteTable", associate(&rtb)).association_id.unwrap();
    refused!("Resource.AlreadyAssociated", "AssociateRouteTable", associate(&second));
    refused!("DependencyViolation", "DeleteRouteTable", client.delete_route_table().route_table_id(&rtb));

    let route = |table: &str, destination: &str| {
        client.create_route().route_table_id(table).destination_cidr_block(destination).gateway_id(&igw)
    };
    ok!("CreateRoute", route(&rtb, "0.0.0.0/0"));
    refused!("RouteAlreadyExists", "CreateRoute", route(&rtb, "0.0.0.0/0"));
    refused!("RouteAlreadyExists", "CreateRoute", route(&rtb, "10.0.0.0/16"));
    refused!("InvalidParameterValue", "CreateRoute", route(&rtb, "10.0.7.0/24"));
    refused!("InvalidParameterValue", "CreateRoute", route(&rtb, "everywhere"));
    refused!("InvalidParameterValue", "CreateRoute", route(&elsewhere, "0.0.0.0/0"));
    refused!("InvalidRouteTableID.NotFound", "CreateRoute", route("rtb-none", "0.0.0.0/0"));
    refused!(
        "InvalidRoute.NotFound",
        "DeleteRoute",
        client.delete_route().route_table_id(&second).destination_cidr_block("0.0.0.0/0")
    );
    refused!(
        "InvalidRoute.NotFound",
        "ReplaceRoute",
        client.replace_route().route_table_id(&second).destination_cidr_block("0.0.0.0/0").gateway_id(&igw)
    );
    let through =
        client.create_route().route_table_id(&second).destination_cidr_block("0.0.0.0/0").nat_gateway_id("nat-none");
    refused!("InvalidNatGatewayID.NotFound", "CreateRoute", through);

    ok!("DisassociateRouteTable", client.disassociate_route_table().association_id(&association));
    refused!(
        "InvalidAssociationID.NotFound",
        "DisassociateRouteTable",
        client.disassociate_route_table().association_id(&association)
    );
    ok!("DeleteRouteTable", client.delete_route_table().route_table_id(&rtb));
}

#[tokio::test(start_paused = true)]
async fn endpoints() {
    let (_, client) = account().await;
    let vpc_id = vpc(&client, "10.0.0.0/16").await;
    let rtb = table(&client, &vpc_id).await;
    let create = |service: &str| {
        let call = client.create_vpc_endpoint().vpc_id(&vpc_id).vpc_endpoint_type(VpcEndpointType::Gateway);
        call.service_name(format!("com.amazonaws.us-east-1.{service}")).route_table_ids(&rtb)
    };
    refused!("InvalidServiceName", "CreateVpcEndpoint", create("rds"));
    ok!("CreateVpcEndpoint", create("s3").client_token("once"));
    ok!("CreateVpcEndpoint", create("s3").client_token("once"));
    refused!("IdempotentParameterMismatch", "CreateVpcEndpoint", create("dynamodb").client_token("once"));
    refused!("RouteAlreadyExists", "CreateVpcEndpoint", create("s3"));
    let answer = ok!("DeleteVpcEndpoints", client.delete_vpc_endpoints().vpc_endpoint_ids("vpce-none"));
    assert_eq!(answer.unsuccessful()[0].error().unwrap().code(), Some("InvalidVpcEndpoint.NotFound"));
}
