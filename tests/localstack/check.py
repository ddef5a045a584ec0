#!/usr/bin/env python3
"""Self-test of the LocalStack lane: checks that a running endpoint does what migrate-infra's tests rely on.

    VENV/bin/python check.py http://127.0.0.1:PORT [--only ec2,rds] [--bench]

It starts nothing, creates resources with unique names and deletes them. It prints one line per check and exits with 1
if a check fails. The expectations are those of the AWS documentation, not the behaviour of an emulator.
"""

from __future__ import annotations

import argparse
import datetime
import io
import json
import sys
import time
import traceback
import urllib.request
import uuid
import zipfile
from collections.abc import Callable
from functools import cache
from typing import Any

import boto3
import botocore.endpoint
import botocore.model
import cbor2
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import ClientError

ACCOUNT = "111122223333"  # LocalStack uses a 12-digit access key id as the account
REGION = "eu-central-1"
RUN = uuid.uuid4().hex[:6]
TAGS = {"mi:stack": f"check-{RUN}", "Name": "a b"}
KV = [{"Key": k, "Value": v} for k, v in TAGS.items()]
ENDPOINT = ""

Check = Callable[[], None]
checks: list[tuple[str, str, Check]] = []


def check(service: str, title: str) -> Callable[[Check], Check]:
    def register(fn: Check) -> Check:
        checks.append((service, title, fn))
        return fn

    return register


@cache
def aws(service: str, region: str = REGION) -> Any:
    return boto3.client(
        service,
        endpoint_url=ENDPOINT,
        region_name=region,
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key="test",
        config=Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"}, read_timeout=30),
    )


# --- strict typing -------------------------------------------------------------------------------------------------


def strictly(value: Any, shape: Any, cbor: bool, path: str) -> None:
    """Asserts that a value on the wire has exactly the type of its shape. botocore tolerates more than the Rust SDK."""
    if value is None:
        return
    kind = shape.type_name
    if kind == "structure":
        assert isinstance(value, dict), f"{path}: {value!r}"
        for key, member in shape.members.items():
            strictly(value.get(member.serialization.get("name", key)), member, cbor, f"{path}.{key}")
    elif kind == "list":
        assert isinstance(value, list), f"{path}: {value!r}"
        for item in value:
            strictly(item, shape.member, cbor, f"{path}[]")
    elif kind == "map":
        assert isinstance(value, dict), f"{path}: {value!r}"
        for item in value.values():
            strictly(item, shape.value, cbor, f"{path}{{}}")
    elif kind == "timestamp" and cbor:
        assert isinstance(value, datetime.datetime), f"{path}: {value!r} is not a timestamp"
    elif kind == "timestamp" and shape.serialization.get("timestampFormat") == "iso8601":
        assert isinstance(value, str), f"{path}: {value!r} is not a timestamp"
    else:
        numbers = (float,) if cbor else (int, float)
        types = {"string": str, "boolean": bool, "integer": int, "long": int, "blob": bytes if cbor else str}
        wanted = types.get(kind, numbers)
        wrong = isinstance(value, bool) and kind != "boolean"
        assert isinstance(value, wanted) and not wrong, f"{path}: {value!r} is not of type {kind}"


def watch_the_wire() -> None:
    """Checks the types of every JSON and CBOR answer."""
    convert = botocore.endpoint.convert_to_response_dict

    def checked(response: Any, operation: Any) -> Any:
        kind = response.headers.get("Content-Type", "")
        shape = operation.output_shape
        if shape and response.status_code < 300 and response.content and "payload" not in shape.serialization:
            if "cbor" in kind:
                strictly(cbor2.loads(response.content), shape, True, operation.name)
            elif "json" in kind:
                strictly(json.loads(response.content), shape, False, operation.name)
        return convert(response, operation)

    botocore.endpoint.convert_to_response_dict = checked


def same(got: Any, want: Any, what: str = "") -> None:
    assert got == want, f"{what}: got {got!r}, want {want!r}"


def has(got: dict, **want: Any) -> None:
    wrong = {k: (got.get(k), v) for k, v in want.items() if got.get(k) != v}
    assert not wrong, f"(got, want) of {wrong}"


def tags(got: list[dict] | None) -> dict[str, str]:
    return {t.get("Key", t.get("key")): t.get("Value", t.get("value")) for t in got or []}


def refused(code: str, call: Callable[..., Any], **arguments: Any) -> str:
    try:
        call(**arguments)
    except ClientError as error:
        same(error.response["Error"]["Code"], code, "error code")
        return error.response["Error"]["Message"]
    raise AssertionError(f"accepted, want {code}")


def refused_batch(change: Callable[..., Any], *actions: Any) -> None:
    """Asserts InvalidChangeBatch, whose code is in a different place than that of other errors."""
    try:
        change(*actions)
    except ClientError as error:
        same(error.response["Error"]["Code"], "InvalidChangeBatch")
        return
    raise AssertionError("accepted, want InvalidChangeBatch")


def name(what: str) -> str:
    return f"mi-{what}-{RUN}"


# --- shared network ------------------------------------------------------------------------------------------------


@cache
def network() -> dict[str, Any]:
    ec2 = aws("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=[spec("vpc")])["Vpc"]["VpcId"]
    zones = [z["ZoneName"] for z in ec2.describe_availability_zones()["AvailabilityZones"]][:2]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{i}.0/24", AvailabilityZone=z)["Subnet"]["SubnetId"]
        for i, z in enumerate(zones)
    ]
    group = ec2.create_security_group(GroupName=name("sg"), Description="shared", VpcId=vpc)["GroupId"]
    return {"vpc": vpc, "subnets": subnets, "group": group, "zones": zones}


def spec(kind: str) -> dict:
    return {"ResourceType": kind, "Tags": KV}


def by_tag() -> list[dict]:
    return [{"Name": "tag:mi:stack", "Values": [TAGS["mi:stack"]]}]


# --- sts, iam ------------------------------------------------------------------------------------------------------


@check("sts", "the account is the access key id")
def _() -> None:
    same(aws("sts").get_caller_identity()["Account"], ACCOUNT)


TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)


@check("iam", "role: tags, managed policy, inline policy, duplicate, delete order")
def _() -> None:
    iam, role = aws("iam"), name("role")
    policy = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
    made = iam.create_role(RoleName=role, AssumeRolePolicyDocument=TRUST, Tags=KV, Description="d")["Role"]
    same(tags(made["Tags"]), TAGS, "tags")
    refused("EntityAlreadyExists", iam.create_role, RoleName=role, AssumeRolePolicyDocument=TRUST)
    iam.attach_role_policy(RoleName=role, PolicyArn=policy)
    same(iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"][0]["PolicyArn"], policy)
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}]}
    iam.put_role_policy(RoleName=role, PolicyName="p", PolicyDocument=json.dumps(document))
    same(iam.get_role_policy(RoleName=role, PolicyName="p")["PolicyDocument"], document)
    same(iam.list_role_policies(RoleName=role)["PolicyNames"], ["p"])
    got = iam.get_role(RoleName=role)["Role"]
    same(got["AssumeRolePolicyDocument"], json.loads(TRUST))
    same(tags(got["Tags"]), TAGS, "tags read back")
    iam.tag_role(RoleName=role, Tags=[{"Key": "x", "Value": "y"}])
    iam.untag_role(RoleName=role, TagKeys=["x"])
    same(tags(iam.list_role_tags(RoleName=role)["Tags"]), TAGS)
    refused("DeleteConflict", iam.delete_role, RoleName=role)
    iam.detach_role_policy(RoleName=role, PolicyArn=policy)
    iam.delete_role_policy(RoleName=role, PolicyName="p")
    iam.delete_role(RoleName=role)
    refused("NoSuchEntity", iam.get_role, RoleName=role)


@check("iam", "managed policies of DMS and Lambda can be attached")
def _() -> None:
    iam, role = aws("iam"), name("role2")
    iam.create_role(RoleName=role, AssumeRolePolicyDocument=TRUST)
    for policy in (
        "AmazonDMSVPCManagementRole",
        "AmazonDMSCloudWatchLogsRole",
        "AWSLambdaBasicExecutionRole",
        "AWSLambdaVPCAccessExecutionRole",
    ):
        arn = f"arn:aws:iam::aws:policy/service-role/{policy}"
        iam.attach_role_policy(RoleName=role, PolicyArn=arn)
        iam.detach_role_policy(RoleName=role, PolicyArn=arn)
    iam.delete_role(RoleName=role)


# --- ec2 -----------------------------------------------------------------------------------------------------------


@check("ec2", "VPC: tags, DNS attributes, filter by tag")
def _() -> None:
    ec2, vpc = aws("ec2"), network()["vpc"]
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsSupport={"Value": True})
    for attribute in ("enableDnsHostnames", "enableDnsSupport"):
        got = ec2.describe_vpc_attribute(VpcId=vpc, Attribute=attribute)
        same(got[attribute[0].upper() + attribute[1:]]["Value"], True, attribute)
    found = ec2.describe_vpcs(Filters=by_tag())["Vpcs"]
    same([v["VpcId"] for v in found], [vpc])
    same(tags(found[0]["Tags"]), TAGS)


@check("ec2", "subnet: tags, public addresses; route table, routes, association, internet gateway")
def _() -> None:
    ec2, vpc = aws("ec2"), network()["vpc"]
    made = ec2.create_subnet(
        VpcId=vpc, CidrBlock="10.0.20.0/24", AvailabilityZone=network()["zones"][0], TagSpecifications=[spec("subnet")]
    )["Subnet"]
    same(tags(made["Tags"]), TAGS)
    subnet = made["SubnetId"]
    ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": True})
    has(ec2.describe_subnets(SubnetIds=[subnet])["Subnets"][0], MapPublicIpOnLaunch=True, State="available")
    igw = ec2.create_internet_gateway(TagSpecifications=[spec("internet-gateway")])["InternetGateway"]
    same(tags(igw["Tags"]), TAGS)
    ec2.attach_internet_gateway(InternetGatewayId=igw["InternetGatewayId"], VpcId=vpc)
    table = ec2.create_route_table(VpcId=vpc, TagSpecifications=[spec("route-table")])["RouteTable"]
    same(tags(table["Tags"]), TAGS)
    table = table["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=igw["InternetGatewayId"])
    refused(
        "RouteAlreadyExists",
        ec2.create_route,
        RouteTableId=table,
        DestinationCidrBlock="0.0.0.0/0",
        GatewayId=igw["InternetGatewayId"],
    )
    association = ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)["AssociationId"]
    got = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]
    assert any(r.get("GatewayId") == igw["InternetGatewayId"] for r in got["Routes"])
    same([a["SubnetId"] for a in got["Associations"] if not a["Main"]], [subnet])
    refused("DependencyViolation", ec2.delete_internet_gateway, InternetGatewayId=igw["InternetGatewayId"])
    ec2.disassociate_route_table(AssociationId=association)
    ec2.delete_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0")
    refused("InvalidRoute.NotFound", ec2.delete_route, RouteTableId=table, DestinationCidrBlock="0.0.0.0/0")
    ec2.delete_route_table(RouteTableId=table)
    ec2.detach_internet_gateway(InternetGatewayId=igw["InternetGatewayId"], VpcId=vpc)
    ec2.delete_internet_gateway(InternetGatewayId=igw["InternetGatewayId"])
    ec2.delete_subnet(SubnetId=subnet)
    refused("InvalidSubnetID.NotFound", ec2.describe_subnets, SubnetIds=[subnet])


@check("ec2", "NAT gateway: client token, tags, tag filter, delete removes its interface and frees the address")
def _() -> None:
    ec2, net = aws("ec2"), network()
    eip = ec2.allocate_address(Domain="vpc", TagSpecifications=[spec("elastic-ip")])["AllocationId"]
    same(tags(ec2.describe_addresses(AllocationIds=[eip])["Addresses"][0]["Tags"]), TAGS, "address tags")
    same([a["AllocationId"] for a in ec2.describe_addresses(Filters=by_tag())["Addresses"]], [eip])
    arguments = {
        "SubnetId": net["subnets"][0],
        "AllocationId": eip,
        "ClientToken": name("nat"),
        "TagSpecifications": [spec("natgateway")],
    }
    nat = ec2.create_nat_gateway(**arguments)["NatGateway"]
    same(tags(nat["Tags"]), TAGS)
    nat = nat["NatGatewayId"]
    same(ec2.create_nat_gateway(**arguments)["NatGateway"]["NatGatewayId"], nat, "same token, same gateway")
    got = ec2.describe_nat_gateways(Filters=by_tag())["NatGateways"]
    same([n["NatGatewayId"] for n in got], [nat], "by tag")
    same(got[0]["NatGatewayAddresses"][0]["AllocationId"], eip)
    same(got[0]["State"], "available")
    other = [{"Name": "tag:mi:stack", "Values": ["other"]}]
    same(ec2.describe_nat_gateways(Filters=other)["NatGateways"], [], "by another tag")
    table = ec2.create_route_table(VpcId=net["vpc"])["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat)
    routes = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
    assert any(r.get("NatGatewayId") == nat for r in routes), routes
    ec2.delete_route_table(RouteTableId=table)
    of_nat = [{"Name": "subnet-id", "Values": [net["subnets"][0]]}]
    assert ec2.describe_network_interfaces(Filters=of_nat)["NetworkInterfaces"], "a NAT gateway has an interface"
    ec2.delete_nat_gateway(NatGatewayId=nat)
    same(ec2.describe_nat_gateways(NatGatewayIds=[nat])["NatGateways"][0]["State"], "deleted")
    same(ec2.describe_network_interfaces(Filters=of_nat)["NetworkInterfaces"], [], "interfaces left")
    assert not ec2.describe_addresses(AllocationIds=[eip])["Addresses"][0].get("AssociationId"), "still associated"
    ec2.release_address(AllocationId=eip)
    refused("InvalidAllocationID.NotFound", ec2.describe_addresses, AllocationIds=[eip])
    refused("NatGatewayNotFound", ec2.delete_nat_gateway, NatGatewayId="nat-0123456789abcdef0")


@check("ec2", "security group: tags in the answer, rules with descriptions and tags, group references")
def _() -> None:
    ec2, vpc = aws("ec2"), network()["vpc"]
    made = ec2.create_security_group(
        GroupName=name("db"), Description="db", VpcId=vpc, TagSpecifications=[spec("security-group")]
    )
    same(tags(made.get("Tags")), TAGS, "tags in the create answer")
    db = made["GroupId"]
    refused("InvalidGroup.Duplicate", ec2.create_security_group, GroupName=name("db"), Description="d", VpcId=vpc)
    app = ec2.create_security_group(GroupName=name("app"), Description="app", VpcId=vpc)["GroupId"]
    rules = ec2.authorize_security_group_ingress(
        GroupId=db,
        IpPermissions=[
            {
                "IpProtocol": "tcp",
                "FromPort": 5432,
                "ToPort": 5432,
                "UserIdGroupPairs": [{"GroupId": app, "Description": "from app"}],
            }
        ],
        TagSpecifications=[spec("security-group-rule")],
    )["SecurityGroupRules"]
    same(
        [(r["Description"], r["ReferencedGroupInfo"]["GroupId"], r["IsEgress"]) for r in rules],
        [("from app", app, False)],
    )
    same(tags(rules[0]["Tags"]), TAGS, "rule tags in the answer")
    world = ec2.authorize_security_group_ingress(
        GroupId=db,
        IpPermissions=[
            {
                "IpProtocol": "tcp",
                "FromPort": 80,
                "ToPort": 81,
                "IpRanges": [{"CidrIp": "10.9.0.0/16", "Description": "peer"}],
            }
        ],
    )["SecurityGroupRules"][0]
    has(world, Description="peer", CidrIpv4="10.9.0.0/16", FromPort=80, ToPort=81)
    got = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [db]}])["SecurityGroupRules"]
    ingress = {r["SecurityGroupRuleId"]: r for r in got if not r["IsEgress"]}
    same(sorted(ingress), sorted([rules[0]["SecurityGroupRuleId"], world["SecurityGroupRuleId"]]), "rule ids")
    ours = ingress[rules[0]["SecurityGroupRuleId"]]
    same((ours.get("Description"), tags(ours.get("Tags"))), ("from app", TAGS), "rule read back")
    one = ec2.describe_security_group_rules(SecurityGroupRuleIds=[ours["SecurityGroupRuleId"]])["SecurityGroupRules"]
    same(len(one), 1)
    group = ec2.describe_security_groups(GroupIds=[db])["SecurityGroups"][0]
    same(tags(group["Tags"]), TAGS)
    pairs = [p for permission in group["IpPermissions"] for p in permission["UserIdGroupPairs"]]
    same([(p["GroupId"], p.get("Description")) for p in pairs], [(app, "from app")])
    refused(
        "InvalidPermission.Duplicate",
        ec2.authorize_security_group_ingress,
        GroupId=db,
        IpPermissions=[{"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "UserIdGroupPairs": [{"GroupId": app}]}],
    )
    refused("DependencyViolation", ec2.delete_security_group, GroupId=app)
    ec2.revoke_security_group_ingress(GroupId=db, SecurityGroupRuleIds=list(ingress))
    left = ec2.describe_security_groups(GroupIds=[db])["SecurityGroups"][0]["IpPermissions"]
    same(left, [], "rules left")
    egress = [r["SecurityGroupRuleId"] for r in got if r["IsEgress"]]
    ec2.revoke_security_group_egress(GroupId=db, SecurityGroupRuleIds=egress)
    same(ec2.describe_security_groups(GroupIds=[db])["SecurityGroups"][0]["IpPermissionsEgress"], [])
    out = ec2.authorize_security_group_egress(
        GroupId=db,
        IpPermissions=[
            {
                "IpProtocol": "tcp",
                "FromPort": 443,
                "ToPort": 443,
                "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "https"}],
            }
        ],
        TagSpecifications=[spec("security-group-rule")],
    )["SecurityGroupRules"][0]
    has(out, Description="https", IsEgress=True, CidrIpv4="0.0.0.0/0")
    ec2.revoke_security_group_egress(GroupId=db, SecurityGroupRuleIds=[out["SecurityGroupRuleId"]])
    for group_id in (db, app):
        ec2.delete_security_group(GroupId=group_id)
    refused("InvalidGroup.NotFound", ec2.describe_security_groups, GroupIds=[db])


@check("ec2", "default security group of the VPC can be stripped")
def _() -> None:
    ec2, vpc = aws("ec2"), network()["vpc"]
    where = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "group-name", "Values": ["default"]}]
    group = ec2.describe_security_groups(Filters=where)["SecurityGroups"][0]
    got = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group["GroupId"]]}])
    rules = {rule["IsEgress"]: rule for rule in got["SecurityGroupRules"]}
    has(rules[False], IpProtocol="-1")
    has(rules[False]["ReferencedGroupInfo"], GroupId=group["GroupId"])
    has(rules[True], IpProtocol="-1", CidrIpv4="0.0.0.0/0")
    for egress, revoke in ((False, ec2.revoke_security_group_ingress), (True, ec2.revoke_security_group_egress)):
        revoke(GroupId=group["GroupId"], SecurityGroupRuleIds=[rules[egress]["SecurityGroupRuleId"]])
    group = ec2.describe_security_groups(Filters=where)["SecurityGroups"][0]
    same((group["IpPermissions"], group["IpPermissionsEgress"]), ([], []))


@check("ec2", "VPC endpoint: by id, by filter vpc-endpoint-id, by tag; route tables; delete")
def _() -> None:
    ec2, vpc = aws("ec2"), network()["vpc"]
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    made = ec2.create_vpc_endpoint(
        VpcId=vpc,
        ServiceName=f"com.amazonaws.{REGION}.s3",
        VpcEndpointType="Gateway",
        RouteTableIds=[table],
        TagSpecifications=[spec("vpc-endpoint")],
    )["VpcEndpoint"]
    same(tags(made["Tags"]), TAGS)
    endpoint = made["VpcEndpointId"]
    for query in (
        {"VpcEndpointIds": [endpoint]},
        {"Filters": [{"Name": "vpc-endpoint-id", "Values": [endpoint]}]},
        {"Filters": by_tag()},
        {"Filters": [{"Name": "vpc-id", "Values": [vpc]}]},
    ):
        got = ec2.describe_vpc_endpoints(**query)["VpcEndpoints"]
        same([e["VpcEndpointId"] for e in got], [endpoint], str(query))
        has(got[0], VpcEndpointType="Gateway", State="available", RouteTableIds=[table], VpcId=vpc)
    same(ec2.describe_vpc_endpoints(Filters=[{"Name": "tag:mi:stack", "Values": ["other"]}])["VpcEndpoints"], [])
    same(ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])["Unsuccessful"], [])
    refused("InvalidVpcEndpointId.NotFound", ec2.describe_vpc_endpoints, VpcEndpointIds=[endpoint])
    ec2.delete_route_table(RouteTableId=table)


@check("ec2", "peering: request, accept, DNS options, route, by tag, delete")
def _() -> None:
    ec2, vpc = aws("ec2"), network()["vpc"]
    other = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    made = ec2.create_vpc_peering_connection(
        VpcId=vpc, PeerVpcId=other, TagSpecifications=[spec("vpc-peering-connection")]
    )["VpcPeeringConnection"]
    peering = made["VpcPeeringConnectionId"]
    ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering)
    ec2.modify_vpc_peering_connection_options(
        VpcPeeringConnectionId=peering,
        RequesterPeeringConnectionOptions={"AllowDnsResolutionFromRemoteVpc": True},
        AccepterPeeringConnectionOptions={"AllowDnsResolutionFromRemoteVpc": True},
    )
    got = ec2.describe_vpc_peering_connections(Filters=by_tag())["VpcPeeringConnections"]
    same([(p["VpcPeeringConnectionId"], p["Status"]["Code"]) for p in got], [(peering, "active")], "by tag")
    same(tags(got[0]["Tags"]), TAGS)
    assert got[0]["RequesterVpcInfo"]["PeeringOptions"]["AllowDnsResolutionFromRemoteVpc"], "DNS option"
    none = [{"Name": "tag:mi:stack", "Values": ["other"]}]
    same(ec2.describe_vpc_peering_connections(Filters=none)["VpcPeeringConnections"], [])
    ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=peering)
    left = ec2.describe_vpc_peering_connections(VpcPeeringConnectionIds=[peering])["VpcPeeringConnections"]
    same([p["Status"]["Code"] for p in left], ["deleted"])
    ec2.delete_vpc(VpcId=other)


# --- s3 ------------------------------------------------------------------------------------------------------------


@check("s3", "bucket settings round-trip; versions and delete markers can be emptied")
def _() -> None:
    s3, bucket = aws("s3"), name("bucket")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    same(s3.get_bucket_versioning(Bucket=bucket)["Status"], "Enabled")
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    got = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
    same(got["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"], "AES256")
    block = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=block)
    same(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"], block)
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "tls",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ],
    }
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    same(json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"]), policy)
    lifecycle = {
        "ID": "old",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "NoncurrentVersionTransitions": [{"NoncurrentDays": 90, "StorageClass": "GLACIER"}],
        "NoncurrentVersionExpiration": {"NoncurrentDays": 365},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
    }
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [lifecycle]})
    same(s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"], [lifecycle])
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": KV})
    same(tags(s3.get_bucket_tagging(Bucket=bucket)["TagSet"]), TAGS)
    for _ in range(2):
        s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    s3.delete_object(Bucket=bucket, Key="k")
    refused("BucketNotEmpty", s3.delete_bucket, Bucket=bucket)
    listed = s3.list_object_versions(Bucket=bucket)
    doomed = [{"Key": v["Key"], "VersionId": v["VersionId"]} for v in listed["Versions"] + listed["DeleteMarkers"]]
    same(len(doomed), 3)
    s3.delete_objects(Bucket=bucket, Delete={"Objects": doomed, "Quiet": True})
    s3.delete_bucket(Bucket=bucket)
    refused("404", s3.head_bucket, Bucket=bucket)


@check("s3", "replication needs versioning and round-trips")
def _() -> None:
    s3, source, target = aws("s3"), name("from"), name("to")
    for bucket in (source, target):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    rule = {
        "ID": "replicate-all",
        "Priority": 1,
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "DeleteMarkerReplication": {"Status": "Enabled"},
        "Destination": {
            "Bucket": f"arn:aws:s3:::{target}",
            "ReplicationTime": {"Status": "Enabled", "Time": {"Minutes": 15}},
            "Metrics": {"Status": "Enabled", "EventThreshold": {"Minutes": 15}},
        },
    }
    wanted = {"Role": f"arn:aws:iam::{ACCOUNT}:role/replication", "Rules": [rule]}
    s3.put_bucket_replication(Bucket=source, ReplicationConfiguration=wanted)
    same(s3.get_bucket_replication(Bucket=source)["ReplicationConfiguration"], wanted)
    s3.delete_bucket_replication(Bucket=source)
    refused("ReplicationConfigurationNotFoundError", s3.get_bucket_replication, Bucket=source)
    for bucket in (source, target):
        s3.delete_bucket(Bucket=bucket)


# --- logs ----------------------------------------------------------------------------------------------------------


@check("logs", "log group: tags, retention, prefix, duplicate, delete")
def _() -> None:
    logs, group = aws("logs"), f"/ecs/{name('logs')}"
    logs.create_log_group(logGroupName=group, tags=TAGS)
    refused("ResourceAlreadyExistsException", logs.create_log_group, logGroupName=group)
    logs.put_retention_policy(logGroupName=group, retentionInDays=7)
    got = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    same([(g["logGroupName"], g["retentionInDays"]) for g in got], [(group, 7)])
    assert isinstance(got[0]["creationTime"], int)
    arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}"
    same(got[0]["arn"], f"{arn}:*")
    same(got[0].get("logGroupArn"), arn, "logGroupArn")
    same(logs.list_tags_for_resource(resourceArn=arn)["tags"], TAGS)
    logs.tag_resource(resourceArn=arn, tags={"x": "y"})
    logs.untag_resource(resourceArn=arn, tagKeys=["x"])
    same(logs.list_tags_for_resource(resourceArn=arn)["tags"], TAGS)
    logs.delete_log_group(logGroupName=group)
    same(logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"], [])
    refused("ResourceNotFoundException", logs.delete_log_group, logGroupName=group)


# --- secretsmanager ------------------------------------------------------------------------------------------------


def make_secret(what: str) -> tuple[str, str]:
    made = aws("secretsmanager").create_secret(Name=name(what), SecretString='{"password":"x"}', Tags=KV)
    return made["Name"], made["ARN"]


@check("secretsmanager", "create is idempotent by token; stages; put with a token; describe; tags; list")
def _() -> None:
    sm, token, secret = aws("secretsmanager"), str(uuid.uuid4()), name("secret")
    arguments = {"Name": secret, "SecretString": "one", "Tags": KV, "ClientRequestToken": token, "Description": "d"}
    made = sm.create_secret(**arguments)
    same(made["VersionId"], token)
    assert made["ARN"].startswith(f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{secret}-"), made["ARN"]
    same(sm.create_secret(**arguments)["ARN"], made["ARN"], "same token again")
    refused("ResourceExistsException", sm.create_secret, Name=secret, SecretString="two")
    second = str(uuid.uuid4())
    same(sm.put_secret_value(SecretId=secret, SecretString="two", ClientRequestToken=second)["VersionId"], second)
    same(sm.put_secret_value(SecretId=secret, SecretString="two", ClientRequestToken=second)["VersionId"], second)
    same(sm.get_secret_value(SecretId=made["ARN"])["SecretString"], "two")
    same(sm.get_secret_value(SecretId=secret, VersionStage="AWSPREVIOUS")["SecretString"], "one")
    stages = sm.describe_secret(SecretId=secret)["VersionIdsToStages"]
    same(stages, {token: ["AWSPREVIOUS"], second: ["AWSCURRENT"]})
    same(sm.get_secret_value(SecretId=secret)["VersionStages"], ["AWSCURRENT"])
    got = sm.describe_secret(SecretId=secret)
    has(got, Name=secret, Description="d")
    same(tags(got["Tags"]), TAGS)
    assert isinstance(got["CreatedDate"], datetime.datetime)
    sm.update_secret(SecretId=secret, Description="e")
    same(sm.describe_secret(SecretId=secret)["Description"], "e")
    same(sm.get_secret_value(SecretId=secret)["SecretString"], "two", "value after a change of the description")
    sm.tag_resource(SecretId=secret, Tags=[{"Key": "x", "Value": "y"}])
    sm.untag_resource(SecretId=secret, TagKeys=["x"])
    same(tags(sm.describe_secret(SecretId=secret)["Tags"]), TAGS)
    for query in ([{"Key": "name", "Values": [secret]}], [{"Key": "tag-value", "Values": [TAGS["mi:stack"]]}]):
        same([s["Name"] for s in sm.list_secrets(Filters=query)["SecretList"]], [secret], str(query))
    sm.delete_secret(SecretId=secret, ForceDeleteWithoutRecovery=True)
    refused("ResourceNotFoundException", sm.describe_secret, SecretId=secret)


@check("secretsmanager", "random password follows its rules")
def _() -> None:
    got = aws("secretsmanager").get_random_password(PasswordLength=32, ExcludePunctuation=True)["RandomPassword"]
    assert len(got) == 32 and got.isalnum(), "32 letters and digits"


@check("secretsmanager", "rotation: set up without rotating, cancel")
def _() -> None:
    sm, (secret, arn) = aws("secretsmanager"), make_secret("rotated")
    before = sm.describe_secret(SecretId=secret)["VersionIdsToStages"]
    function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{make_function('rotate')}"
    refused("InvalidRequestException", sm.rotate_secret, SecretId=secret)
    answer = sm.rotate_secret(
        SecretId=secret,
        RotationLambdaARN=function,
        RotationRules={"AutomaticallyAfterDays": 30},
        RotateImmediately=False,
    )
    same(answer["ARN"], arn)
    got = sm.describe_secret(SecretId=secret)
    has(got, RotationEnabled=True, RotationLambdaARN=function)
    same(got["RotationRules"]["AutomaticallyAfterDays"], 30)
    same(got["VersionIdsToStages"], before, "no new version when RotateImmediately is false")
    sm.cancel_rotate_secret(SecretId=secret)
    same(sm.describe_secret(SecretId=secret).get("RotationEnabled"), False)
    aws("lambda").delete_function(FunctionName=name("rotate"))
    sm.delete_secret(SecretId=secret, ForceDeleteWithoutRecovery=True)


@check("secretsmanager", "deletion with a window: name blocked, restore, update after restore")
def _() -> None:
    sm, (secret, arn) = aws("secretsmanager"), make_secret("deleted")
    refused("InvalidParameterException", sm.delete_secret, SecretId=secret, RecoveryWindowInDays=3)
    sm.delete_secret(SecretId=secret, RecoveryWindowInDays=7)
    assert sm.describe_secret(SecretId=secret)["DeletedDate"]
    message = refused("InvalidRequestException", sm.create_secret, Name=secret, SecretString="n")
    assert "scheduled for deletion" in message, message
    refused("InvalidRequestException", sm.get_secret_value, SecretId=secret)
    refused("InvalidRequestException", sm.put_secret_value, SecretId=secret, SecretString="n")
    same(sm.restore_secret(SecretId=secret)["ARN"], arn)
    assert not sm.describe_secret(SecretId=secret).get("DeletedDate")
    sm.put_secret_value(SecretId=secret, SecretString="again")
    same(sm.get_secret_value(SecretId=secret)["SecretString"], "again")
    sm.delete_secret(SecretId=secret, ForceDeleteWithoutRecovery=True)
    refused("ResourceNotFoundException", sm.get_secret_value, SecretId=secret)
    sm.create_secret(Name=secret, SecretString="new")
    sm.delete_secret(SecretId=secret, ForceDeleteWithoutRecovery=True)
    refused("ResourceNotFoundException", sm.restore_secret, SecretId=secret)


@check("secretsmanager", "replica in another region")
def _() -> None:
    sm, (secret, _) = aws("secretsmanager"), make_secret("replicated")
    other = "eu-west-1"
    sm.replicate_secret_to_regions(SecretId=secret, AddReplicaRegions=[{"Region": other}])
    same([r["Region"] for r in sm.describe_secret(SecretId=secret)["ReplicationStatus"]], [other])
    same(aws("secretsmanager", other).get_secret_value(SecretId=secret)["SecretString"], '{"password":"x"}')
    sm.remove_regions_from_replication(SecretId=secret, RemoveReplicaRegions=[other])
    sm.delete_secret(SecretId=secret, ForceDeleteWithoutRecovery=True)


# --- lambda --------------------------------------------------------------------------------------------------------


def zipped(code: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("index.py", code)
    return data.getvalue()


def make_function(what: str, **more: Any) -> str:
    iam, role = aws("iam"), name("lambda-role")
    try:
        iam.create_role(RoleName=role, AssumeRolePolicyDocument=TRUST.replace("ecs-tasks", "lambda"))
    except iam.exceptions.EntityAlreadyExistsException:
        pass
    aws("lambda").create_function(
        FunctionName=name(what),
        Runtime="python3.12",
        Handler="index.handler",
        Role=f"arn:aws:iam::{ACCOUNT}:role/{role}",
        Code={"ZipFile": zipped("def handler(event, context): return 1")},
        Tags=TAGS,
        **more,
    )
    return name(what)


@check("lambda", "function: active, settings, update, VPC, permissions, tags, delete")
def _() -> None:
    client, net = aws("lambda"), network()
    function = make_function(
        "function",
        Timeout=30,
        MemorySize=256,
        Description="d",
        Environment={"Variables": {"A": "b"}},
        VpcConfig={"SubnetIds": net["subnets"], "SecurityGroupIds": [net["group"]]},
    )
    refused(
        "ResourceConflictException",
        client.create_function,
        FunctionName=function,
        Role=f"arn:aws:iam::{ACCOUNT}:role/{name('lambda-role')}",
        Code={"ZipFile": zipped("x = 1")},
        Runtime="python3.12",
        Handler="index.handler",
    )
    got = client.get_function(FunctionName=function)
    configuration = got["Configuration"]
    has(configuration, State="Active", LastUpdateStatus="Successful", Timeout=30, MemorySize=256, Description="d")
    same(configuration["Environment"]["Variables"], {"A": "b"})
    same(sorted(configuration["VpcConfig"]["SubnetIds"]), sorted(net["subnets"]))
    same(configuration["VpcConfig"].get("VpcId"), net["vpc"], "VpcId")
    same(got["Tags"], TAGS)
    arn = configuration["FunctionArn"]
    digest = configuration["CodeSha256"]
    updated = client.update_function_code(FunctionName=function, ZipFile=zipped("def handler(e, c): return 2"))
    assert updated["CodeSha256"] != digest, "CodeSha256 follows the code"
    client.update_function_configuration(FunctionName=function, Timeout=60, Environment={"Variables": {"A": "c"}})
    again = client.get_function_configuration(FunctionName=function)
    has(again, Timeout=60, State="Active", LastUpdateStatus="Successful")
    same(again["Environment"]["Variables"], {"A": "c"})
    permission = {
        "FunctionName": function,
        "StatementId": "secretsmanager",
        "Action": "lambda:InvokeFunction",
        "Principal": "secretsmanager.amazonaws.com",
        "SourceAccount": ACCOUNT,
    }
    client.add_permission(**permission)
    refused("ResourceConflictException", client.add_permission, **permission)
    statement = json.loads(client.get_policy(FunctionName=function)["Policy"])["Statement"]
    same([s["Sid"] for s in statement], ["secretsmanager"])
    same(statement[0]["Principal"], {"Service": "secretsmanager.amazonaws.com"})
    client.remove_permission(FunctionName=function, StatementId="secretsmanager")
    refused("ResourceNotFoundException", client.get_policy, FunctionName=function)
    client.tag_resource(Resource=arn, Tags={"x": "y"})
    client.untag_resource(Resource=arn, TagKeys=["x"])
    same(client.list_tags(Resource=arn)["Tags"], TAGS)
    client.delete_function(FunctionName=function)
    refused("ResourceNotFoundException", client.get_function, FunctionName=function)
    refused("ResourceNotFoundException", client.delete_function, FunctionName=function)


# --- rds -----------------------------------------------------------------------------------------------------------


def subnet_group(what: str, tags: list = KV) -> str:
    aws("rds").create_db_subnet_group(
        DBSubnetGroupName=name(what), DBSubnetGroupDescription="d", SubnetIds=network()["subnets"], Tags=tags
    )
    return name(what)


@check("rds", "subnet group: subnets, VPC, tags, duplicate, delete")
def _() -> None:
    rds, group = aws("rds"), subnet_group("dbsubnets")
    refused(
        "DBSubnetGroupAlreadyExists",
        rds.create_db_subnet_group,
        DBSubnetGroupName=group,
        DBSubnetGroupDescription="d",
        SubnetIds=network()["subnets"],
    )
    got = rds.describe_db_subnet_groups(DBSubnetGroupName=group)["DBSubnetGroups"][0]
    has(got, VpcId=network()["vpc"], SubnetGroupStatus="Complete")
    same(sorted(s["SubnetIdentifier"] for s in got["Subnets"]), sorted(network()["subnets"]))
    same(tags(rds.list_tags_for_resource(ResourceName=got["DBSubnetGroupArn"])["TagList"]), TAGS)
    rds.delete_db_subnet_group(DBSubnetGroupName=group)
    refused("DBSubnetGroupNotFoundFault", rds.describe_db_subnet_groups, DBSubnetGroupName=group)


@check("rds", "parameter group: pending-reboot, source user, tags, reset, delete")
def _() -> None:
    rds, group = aws("rds"), name("params")
    made = rds.create_db_parameter_group(
        DBParameterGroupName=group, DBParameterGroupFamily="postgres16", Description="d", Tags=KV
    )["DBParameterGroup"]
    refused(
        "DBParameterGroupAlreadyExists",
        rds.create_db_parameter_group,
        DBParameterGroupName=group,
        DBParameterGroupFamily="postgres16",
        Description="d",
    )
    same(tags(rds.list_tags_for_resource(ResourceName=made["DBParameterGroupArn"])["TagList"]), TAGS)
    wanted = {
        "rds.logical_replication": "1",
        "max_replication_slots": "10",
        "max_wal_senders": "10",
        "rds.force_ssl": "1",
    }
    parameters = [{"ParameterName": k, "ParameterValue": v, "ApplyMethod": "pending-reboot"} for k, v in wanted.items()]
    rds.modify_db_parameter_group(DBParameterGroupName=group, Parameters=parameters)
    got = rds.describe_db_parameters(DBParameterGroupName=group, Source="user")["Parameters"]
    same({p["ParameterName"]: p["ParameterValue"] for p in got}, wanted)
    same({p["Source"] for p in got}, {"user"})
    same({p["ApplyMethod"] for p in got}, {"pending-reboot"})
    everything = rds.describe_db_parameters(DBParameterGroupName=group)["Parameters"]
    changed = {p["ParameterName"]: p["ParameterValue"] for p in everything if p.get("Source") == "user"}
    same(changed, wanted, "without a source")
    assert len(rds.describe_db_parameters(DBParameterGroupName=group, Source="system")["Parameters"]) < len(everything)
    rds.delete_db_parameter_group(DBParameterGroupName=group)
    refused("DBParameterGroupNotFound", rds.describe_db_parameter_groups, DBParameterGroupName=group)


def make_instance(what: str, **more: Any) -> dict:
    return aws("rds").create_db_instance(
        **{
            "DBInstanceIdentifier": name(what),
            "DBInstanceClass": "db.r5.large",
            "Engine": "postgres",
            "EngineVersion": "16.3",
            "AllocatedStorage": 100,
            "StorageType": "gp2",
            "DBName": "paymentdb",
            "MasterUsername": "dbadmin",
            "MasterUserPassword": uuid.uuid4().hex,
            "Tags": KV,
            **more,
        }
    )["DBInstance"]


@check("rds", "engine versions and quotas")
def _() -> None:
    rds = aws("rds")
    versions = rds.describe_db_engine_versions(Engine="postgres", EngineVersion="16")["DBEngineVersions"]
    assert versions and {v["DBParameterGroupFamily"] for v in versions} == {"postgres16"}
    quotas = {q["AccountQuotaName"]: q for q in rds.describe_account_attributes()["AccountQuotas"]}
    assert quotas["DBInstances"]["Used"] < quotas["DBInstances"]["Max"]


@check("rds", "instance: every setting reads back, separate resource id, tags, modify, protection, final snapshot")
def _() -> None:
    rds, net = aws("rds"), network()
    subnets, parameters = subnet_group("dbsubnets2"), name("params2")
    rds.create_db_parameter_group(DBParameterGroupName=parameters, DBParameterGroupFamily="postgres16", Description="d")
    settings = {
        "DBSubnetGroupName": subnets,
        "DBParameterGroupName": parameters,
        "VpcSecurityGroupIds": [net["group"]],
        "StorageEncrypted": True,
        "BackupRetentionPeriod": 7,
        "MultiAZ": False,
        "PubliclyAccessible": False,
        "DeletionProtection": True,
        "CopyTagsToSnapshot": True,
        "EnablePerformanceInsights": True,
        "PerformanceInsightsRetentionPeriod": 7,
        "EnableCloudwatchLogsExports": ["postgresql", "upgrade"],
        "AutoMinorVersionUpgrade": False,
    }
    make_instance("db1", **settings)
    make_instance("db2", MonitoringInterval=0)
    refused("DBInstanceAlreadyExists", make_instance, what="db1", **settings)
    got = rds.describe_db_instances(DBInstanceIdentifier=name("db1"))["DBInstances"][0]
    has(
        got,
        DBInstanceStatus="available",
        Engine="postgres",
        EngineVersion="16.3",
        DBName="paymentdb",
        AllocatedStorage=100,
        StorageType="gp2",
        StorageEncrypted=True,
        BackupRetentionPeriod=7,
        MultiAZ=False,
        PubliclyAccessible=False,
        DeletionProtection=True,
        CopyTagsToSnapshot=True,
        PerformanceInsightsEnabled=True,
        PerformanceInsightsRetentionPeriod=7,
        EnabledCloudwatchLogsExports=["postgresql", "upgrade"],
        AutoMinorVersionUpgrade=False,
        MasterUsername="dbadmin",
    )
    same(tags(got["TagList"]), TAGS)
    same(tags(rds.list_tags_for_resource(ResourceName=got["DBInstanceArn"])["TagList"]), TAGS)
    same(got["Endpoint"]["Port"], 5432)
    same(got["DBSubnetGroup"]["DBSubnetGroupName"], subnets)
    same([g["VpcSecurityGroupId"] for g in got["VpcSecurityGroups"]], [net["group"]])
    same(
        [(g["DBParameterGroupName"], g["ParameterApplyStatus"]) for g in got["DBParameterGroups"]],
        [(parameters, "in-sync")],
    )
    other = rds.describe_db_instances(DBInstanceIdentifier=name("db2"))["DBInstances"][0]
    assert got["DbiResourceId"] != other["DbiResourceId"], "DbiResourceId is the instance's own"
    same(other.get("PerformanceInsightsEnabled"), False)
    same(other.get("MonitoringInterval"), 0)
    refused(
        "InvalidParameterCombination", rds.delete_db_instance, DBInstanceIdentifier=name("db1"), SkipFinalSnapshot=True
    )
    rds.modify_db_instance(
        DBInstanceIdentifier=name("db1"),
        DeletionProtection=False,
        BackupRetentionPeriod=8,
        PerformanceInsightsRetentionPeriod=31,
        CloudwatchLogsExportConfiguration={"DisableLogTypes": ["upgrade"]},
        ApplyImmediately=True,
    )
    has(
        rds.describe_db_instances(DBInstanceIdentifier=name("db1"))["DBInstances"][0],
        DeletionProtection=False,
        BackupRetentionPeriod=8,
        PerformanceInsightsRetentionPeriod=31,
        EnabledCloudwatchLogsExports=["postgresql"],
    )
    rds.add_tags_to_resource(ResourceName=got["DBInstanceArn"], Tags=[{"Key": "x", "Value": "y"}])
    rds.remove_tags_from_resource(ResourceName=got["DBInstanceArn"], TagKeys=["x"])
    snapshot = name("final")
    rds.delete_db_instance(
        DBInstanceIdentifier=name("db1"), SkipFinalSnapshot=False, FinalDBSnapshotIdentifier=snapshot
    )
    refused("DBInstanceNotFound", rds.describe_db_instances, DBInstanceIdentifier=name("db1"))
    made = rds.describe_db_snapshots(DBSnapshotIdentifier=snapshot)["DBSnapshots"][0]
    has(made, Status="available", DBInstanceIdentifier=name("db1"), Encrypted=True)
    rds.delete_db_snapshot(DBSnapshotIdentifier=snapshot)
    rds.delete_db_instance(DBInstanceIdentifier=name("db2"), SkipFinalSnapshot=True)
    rds.delete_db_parameter_group(DBParameterGroupName=parameters)
    rds.delete_db_subnet_group(DBSubnetGroupName=subnets)


# --- elbv2 ---------------------------------------------------------------------------------------------------------


def make_balancer(what: str) -> dict:
    net = network()
    return aws("elbv2").create_load_balancer(
        Name=name(what),
        Subnets=net["subnets"],
        SecurityGroups=[net["group"]],
        Scheme="internet-facing",
        Type="application",
        Tags=KV,
    )["LoadBalancers"][0]


def make_target_group(what: str, **more: Any) -> dict:
    return aws("elbv2").create_target_group(
        **{
            "Name": name(what),
            "Protocol": "HTTP",
            "Port": 8080,
            "VpcId": network()["vpc"],
            "TargetType": "ip",
            "HealthCheckPath": "/health",
            "HealthCheckProtocol": "HTTP",
            "HealthCheckIntervalSeconds": 30,
            "HealthCheckTimeoutSeconds": 5,
            "HealthyThresholdCount": 2,
            "UnhealthyThresholdCount": 3,
            "Matcher": {"HttpCode": "200"},
            "Tags": KV,
            **more,
        }
    )["TargetGroups"][0]


@check("elbv2", "load balancer: same request same ARN, active, attributes, tags, by name")
def _() -> None:
    elb, made = aws("elbv2"), make_balancer("lb")
    arn = made["LoadBalancerArn"]
    same(make_balancer("lb")["LoadBalancerArn"], arn, "same request again")
    refused(
        "DuplicateLoadBalancerName",
        elb.create_load_balancer,
        Name=name("lb"),
        Subnets=network()["subnets"],
        Scheme="internal",
    )
    deadline = time.monotonic() + 5
    while (got := elb.describe_load_balancers(Names=[name("lb")])["LoadBalancers"][0])["State"]["Code"] != "active":
        assert time.monotonic() < deadline, got["State"]
        time.sleep(0.2)
    has(got, Scheme="internet-facing", Type="application", VpcId=network()["vpc"], IpAddressType="ipv4")
    same(got["SecurityGroups"], [network()["group"]])
    same(sorted(z["SubnetId"] for z in got["AvailabilityZones"]), sorted(network()["subnets"]))
    assert got["DNSName"] and got["CanonicalHostedZoneId"]
    elb.modify_load_balancer_attributes(
        LoadBalancerArn=arn, Attributes=[{"Key": "idle_timeout.timeout_seconds", "Value": "61"}]
    )
    read = {a["Key"]: a["Value"] for a in elb.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]}
    has(read, **{"idle_timeout.timeout_seconds": "61", "deletion_protection.enabled": "false"})
    same(tags(elb.describe_tags(ResourceArns=[arn])["TagDescriptions"][0]["Tags"]), TAGS)
    elb.delete_load_balancer(LoadBalancerArn=arn)
    refused("LoadBalancerNotFound", elb.describe_load_balancers, Names=[name("lb")])


@check("elbv2", "target group: health check, same request same ARN, attributes, tags, listener, in use")
def _() -> None:
    elb, made = aws("elbv2"), make_target_group("tg")
    arn = made["TargetGroupArn"]
    same(make_target_group("tg")["TargetGroupArn"], arn, "same request again")
    refused("DuplicateTargetGroupName", make_target_group, what="tg", Port=9090)
    got = elb.describe_target_groups(Names=[name("tg")])["TargetGroups"][0]
    has(
        got,
        Protocol="HTTP",
        Port=8080,
        TargetType="ip",
        HealthCheckEnabled=True,
        HealthCheckPath="/health",
        HealthCheckProtocol="HTTP",
        HealthCheckIntervalSeconds=30,
        HealthCheckTimeoutSeconds=5,
        HealthyThresholdCount=2,
        UnhealthyThresholdCount=3,
        Matcher={"HttpCode": "200"},
        VpcId=network()["vpc"],
    )
    same(got.get("LoadBalancerArns", []), [], "load balancers before a listener uses it")
    elb.modify_target_group_attributes(
        TargetGroupArn=arn, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "30"}]
    )
    read = {a["Key"]: a["Value"] for a in elb.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]}
    has(read, **{"deregistration_delay.timeout_seconds": "30"})
    same(tags(elb.describe_tags(ResourceArns=[arn])["TagDescriptions"][0]["Tags"]), TAGS)
    balancer = make_balancer("lb2")["LoadBalancerArn"]
    listener = {
        "LoadBalancerArn": balancer,
        "Protocol": "HTTP",
        "Port": 80,
        "DefaultActions": [{"Type": "forward", "TargetGroupArn": arn}],
        "Tags": KV,
    }
    created = elb.create_listener(**listener)["Listeners"][0]["ListenerArn"]
    refused(
        "DuplicateListener",
        elb.create_listener,
        **{
            **listener,
            "DefaultActions": [{"Type": "redirect", "RedirectConfig": {"StatusCode": "HTTP_301", "Port": "443"}}],
        },
    )
    read = elb.describe_listeners(LoadBalancerArn=balancer)["Listeners"]
    same([(x["ListenerArn"], x["Port"], x["Protocol"]) for x in read], [(created, 80, "HTTP")])
    same(read[0]["DefaultActions"][0]["TargetGroupArn"], arn)
    same(tags(elb.describe_tags(ResourceArns=[created])["TagDescriptions"][0]["Tags"]), TAGS)
    same(elb.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"][0]["LoadBalancerArns"], [balancer])
    same(elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"], [])
    refused("ResourceInUse", elb.delete_target_group, TargetGroupArn=arn)
    elb.modify_target_group(TargetGroupArn=arn, HealthyThresholdCount=4)
    same(elb.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"][0]["HealthyThresholdCount"], 4)
    elb.delete_listener(ListenerArn=created)
    same(elb.describe_listeners(LoadBalancerArn=balancer)["Listeners"], [])
    elb.delete_load_balancer(LoadBalancerArn=balancer)
    elb.delete_target_group(TargetGroupArn=arn)
    refused("TargetGroupNotFound", elb.describe_target_groups, Names=[name("tg")])


# --- ecs -----------------------------------------------------------------------------------------------------------

ECS_TAGS = [{"key": k, "value": v} for k, v in TAGS.items()]


def make_cluster(what: str) -> str:
    aws("ecs").create_cluster(
        clusterName=name(what), settings=[{"name": "containerInsights", "value": "enabled"}], tags=ECS_TAGS
    )
    return name(what)


def make_task_definition(what: str) -> dict:
    return aws("ecs").register_task_definition(
        family=name(what),
        requiresCompatibilities=["FARGATE"],
        networkMode="awsvpc",
        cpu="512",
        memory="1024",
        executionRoleArn=f"arn:aws:iam::{ACCOUNT}:role/execution",
        taskRoleArn=f"arn:aws:iam::{ACCOUNT}:role/task",
        runtimePlatform={"cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX"},
        containerDefinitions=[
            {
                "name": "app",
                "image": "example/app:1",
                "essential": True,
                "command": ["serve"],
                "portMappings": [{"containerPort": 8080, "protocol": "tcp"}],
                "environment": [{"name": "ENVIRONMENT", "value": "source"}],
                "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/ecs/x"}},
            }
        ],
        tags=ECS_TAGS,
    )["taskDefinition"]


@check("ecs", "cluster: Container Insights, tags, same name again, delete")
def _() -> None:
    ecs, cluster = aws("ecs"), make_cluster("cluster")
    got = ecs.describe_clusters(clusters=[cluster], include=["TAGS", "SETTINGS"])["clusters"][0]
    has(got, status="ACTIVE", clusterName=cluster)
    same(tags(got["tags"]), TAGS)
    same(got["settings"], [{"name": "containerInsights", "value": "enabled"}])
    same(ecs.create_cluster(clusterName=cluster)["cluster"]["clusterArn"], got["clusterArn"], "same name again")
    again = ecs.describe_clusters(clusters=[cluster], include=["TAGS", "SETTINGS"])["clusters"][0]
    same(again["settings"], got["settings"], "settings after a second create")
    same(tags(ecs.list_tags_for_resource(resourceArn=got["clusterArn"])["tags"]), TAGS)
    ecs.delete_cluster(cluster=cluster)
    left = ecs.describe_clusters(clusters=[cluster])
    assert not left["clusters"] or left["clusters"][0]["status"] == "INACTIVE"


@check("ecs", "task definition: round trip, tags, revisions, deregister, delete")
def _() -> None:
    ecs, made = aws("ecs"), make_task_definition("task")
    has(made, status="ACTIVE", revision=1, cpu="512", memory="1024", networkMode="awsvpc")
    second = make_task_definition("task")
    same(second["revision"], 2)
    got = ecs.describe_task_definition(taskDefinition=made["taskDefinitionArn"], include=["TAGS"])
    same(tags(got["tags"]), TAGS)
    container = got["taskDefinition"]["containerDefinitions"][0]
    same(container["logConfiguration"]["options"], {"awslogs-group": "/ecs/x"})
    same(container["portMappings"][0]["containerPort"], 8080)
    has(got["taskDefinition"], runtimePlatform={"cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX"})
    arns = [t["taskDefinitionArn"] for t in (made, second)]
    same(ecs.list_task_definitions(familyPrefix=name("task"))["taskDefinitionArns"], arns)
    for arn in arns:
        same(ecs.deregister_task_definition(taskDefinition=arn)["taskDefinition"]["status"], "INACTIVE")
    same(ecs.list_task_definitions(familyPrefix=name("task"))["taskDefinitionArns"], [])
    deleted = ecs.delete_task_definitions(taskDefinitions=arns)
    same(deleted["failures"], [])
    same({t["status"] for t in deleted["taskDefinitions"]}, {"DELETE_IN_PROGRESS"})


@check("ecs", "service: settings read back, stable, name taken, scale, force delete")
def _() -> None:
    ecs, net = aws("ecs"), network()
    cluster, task = make_cluster("cluster2"), make_task_definition("task2")["taskDefinitionArn"]
    target, balancer = make_target_group("tg2")["TargetGroupArn"], make_balancer("lb3")["LoadBalancerArn"]
    aws("elbv2").create_listener(
        LoadBalancerArn=balancer,
        Protocol="HTTP",
        Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": target}],
    )
    settings = {
        "desiredCount": 2,
        "launchType": "FARGATE",
        "platformVersion": "LATEST",
        "healthCheckGracePeriodSeconds": 60,
        "enableECSManagedTags": True,
        "propagateTags": "SERVICE",
        "deploymentConfiguration": {
            "deploymentCircuitBreaker": {"enable": True, "rollback": True},
            "maximumPercent": 200,
            "minimumHealthyPercent": 100,
        },
        "networkConfiguration": {
            "awsvpcConfiguration": {
                "subnets": net["subnets"],
                "securityGroups": [net["group"]],
                "assignPublicIp": "DISABLED",
            }
        },
        "loadBalancers": [{"targetGroupArn": target, "containerName": "app", "containerPort": 8080}],
    }
    service = {"cluster": cluster, "serviceName": name("service"), "taskDefinition": task, **settings, "tags": ECS_TAGS}
    made = ecs.create_service(**service)["service"]
    message = refused("InvalidParameterException", ecs.create_service, **{**service, "desiredCount": 3})
    same(message, "Creation of service was not idempotent.")
    got = describe_service(cluster)
    has(got, status="ACTIVE", runningCount=2, pendingCount=0, taskDefinition=task)
    for key in set(settings) - {"deploymentConfiguration", "platformVersion"}:
        same(got.get(key), settings[key], key)
    for key, value in settings["deploymentConfiguration"].items():
        same(got["deploymentConfiguration"].get(key), value, key)
    same(tags(got["tags"]), TAGS)
    same(got["serviceArn"], made["serviceArn"])
    assert "/" + cluster + "/" in made["serviceArn"], made["serviceArn"]
    same(len(got["deployments"]), 1)
    has(
        got["deployments"][0],
        status="PRIMARY",
        rolloutState="COMPLETED",
        runningCount=2,
        desiredCount=2,
        pendingCount=0,
        failedTasks=0,
    )
    same(tags(ecs.list_tags_for_resource(resourceArn=made["serviceArn"])["tags"]), TAGS)
    health = aws("elbv2").describe_target_health(TargetGroupArn=target)["TargetHealthDescriptions"]
    same([(h["Target"]["Port"], h["TargetHealth"]["State"]) for h in health], [(8080, "healthy")] * 2, "targets")
    refused("ClusterContainsServicesException", ecs.delete_cluster, cluster=cluster)
    second = make_task_definition("task2")["taskDefinitionArn"]
    ecs.update_service(
        cluster=cluster, service=name("service"), taskDefinition=second, healthCheckGracePeriodSeconds=30
    )
    got = describe_service(cluster)
    has(got, taskDefinition=second, healthCheckGracePeriodSeconds=30, runningCount=2)
    primary = [d for d in got["deployments"] if d["status"] == "PRIMARY"]
    same([(d["taskDefinition"], d["rolloutState"], d["runningCount"]) for d in primary], [(second, "COMPLETED", 2)])
    refused("InvalidParameterException", ecs.delete_service, cluster=cluster, service=name("service"))
    ecs.update_service(cluster=cluster, service=name("service"), desiredCount=0)
    has(describe_service(cluster), desiredCount=0, runningCount=0)
    same(aws("elbv2").describe_target_health(TargetGroupArn=target)["TargetHealthDescriptions"], [], "targets left")
    same(ecs.delete_service(cluster=cluster, service=name("service"), force=True)["service"]["status"], "DRAINING")
    has(describe_service(cluster), status="INACTIVE", runningCount=0)
    refused("ServiceNotActiveException", ecs.update_service, cluster=cluster, service=name("service"), desiredCount=1)
    again = ecs.create_service(**service)["service"]
    same(again["status"], "ACTIVE", "the name of a deleted service is free")
    ecs.delete_service(cluster=cluster, service=name("service"), force=True)
    missing = ecs.describe_services(cluster=cluster, services=["missing"])
    same([f["reason"] for f in missing["failures"]], ["MISSING"])
    ecs.delete_cluster(cluster=cluster)
    aws("elbv2").delete_load_balancer(LoadBalancerArn=balancer)
    aws("elbv2").delete_target_group(TargetGroupArn=target)


def describe_service(cluster: str) -> dict:
    got = aws("ecs").describe_services(cluster=cluster, services=[name("service")], include=["TAGS"])
    same(got["failures"], [])
    return got["services"][0]


# --- application-autoscaling ---------------------------------------------------------------------------------------


@check("application-autoscaling", "target and policies: round trip, tags, deregister")
def _() -> None:
    scaling, ecs, cluster = aws("application-autoscaling"), aws("ecs"), make_cluster("cluster3")
    task = make_task_definition("task3")["taskDefinitionArn"]
    ecs.create_service(cluster=cluster, serviceName=name("service"), taskDefinition=task, desiredCount=2)
    resource = {
        "ServiceNamespace": "ecs",
        "ResourceId": f"service/{cluster}/{name('service')}",
        "ScalableDimension": "ecs:service:DesiredCount",
    }
    made = scaling.register_scalable_target(**resource, MinCapacity=2, MaxCapacity=10, Tags=TAGS)
    arn = made["ScalableTargetARN"]
    got = scaling.describe_scalable_targets(ServiceNamespace="ecs", ResourceIds=[resource["ResourceId"]])
    target = got["ScalableTargets"][0]
    has(target, MinCapacity=2, MaxCapacity=10, ScalableTargetARN=arn)
    assert isinstance(target["CreationTime"], datetime.datetime)
    same(scaling.list_tags_for_resource(ResourceARN=arn)["Tags"], TAGS)
    scaling.tag_resource(ResourceARN=arn, Tags={"x": "y"})
    scaling.untag_resource(ResourceARN=arn, TagKeys=["x"])
    same(scaling.list_tags_for_resource(ResourceARN=arn)["Tags"], TAGS)
    for metric, value in (("ECSServiceAverageCPUUtilization", 70.0), ("ECSServiceAverageMemoryUtilization", 80.0)):
        configuration = {
            "TargetValue": value,
            "PredefinedMetricSpecification": {"PredefinedMetricType": metric},
            "ScaleInCooldown": 60,
            "ScaleOutCooldown": 60,
        }
        made = scaling.put_scaling_policy(
            PolicyName=metric,
            **resource,
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration=configuration,
        )
        assert made["PolicyARN"], made
        got = scaling.describe_scaling_policies(**resource, PolicyNames=[metric])["ScalingPolicies"]
        same([p["TargetTrackingScalingPolicyConfiguration"] for p in got], [configuration])
    same(len(scaling.describe_scaling_policies(**resource)["ScalingPolicies"]), 2)
    scaling.delete_scaling_policy(PolicyName="ECSServiceAverageCPUUtilization", **resource)
    scaling.deregister_scalable_target(**resource)
    same(scaling.describe_scaling_policies(**resource)["ScalingPolicies"], [], "policies go with their target")
    refused("ObjectNotFoundException", scaling.deregister_scalable_target, **resource)
    refused(
        "ObjectNotFoundException",
        scaling.put_scaling_policy,
        PolicyName="x",
        **resource,
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": 1.0,
            "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
        },
    )
    refused("ResourceNotFoundException", scaling.list_tags_for_resource, ResourceARN=arn)
    ecs.delete_service(cluster=cluster, service=name("service"), force=True)
    ecs.delete_cluster(cluster=cluster)


# --- cloudwatch ----------------------------------------------------------------------------------------------------


@cache
def cloudwatch() -> Any:
    """Returns a CloudWatch client that stores its last raw request."""
    # botocore prefers JSON if a service supports it; the Rust SDK uses CBOR.
    order = botocore.model.PRIORITY_ORDERED_SUPPORTED_PROTOCOLS
    cbor_first = ("smithy-rpc-v2-cbor", *(p for p in order if p != "smithy-rpc-v2-cbor"))
    botocore.model.PRIORITY_ORDERED_SUPPORTED_PROTOCOLS = cbor_first
    client = aws("cloudwatch")
    seen = client.meta.seen = {}

    def before(request: AWSRequest, **_: Any) -> None:
        seen.update(url=request.url, headers={k.lower(): v for k, v in request.headers.items()}, body=request.body)

    client.meta.events.register("before-send.cloudwatch.*", before)
    return client


def text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def over_cbor(operation: str) -> None:
    """Asserts that the last request was Smithy RPC v2 CBOR, as the Rust SDK sends it."""
    seen = cloudwatch().meta.seen
    assert seen["url"].endswith(f"/service/GraniteServiceVersion20100801/operation/{operation}"), seen["url"]
    same(text(seen["headers"]["smithy-protocol"]), "rpc-v2-cbor")
    same(text(seen["headers"]["content-type"]), "application/cbor")


@check("cloudwatch", "dashboards over CBOR")
def _() -> None:
    cw, dashboard = cloudwatch(), name("dashboard")
    body = json.dumps(
        {"widgets": [{"type": "text", "x": 0, "y": 0, "width": 6, "height": 3, "properties": {"markdown": "é"}}]}
    )
    same(cw.put_dashboard(DashboardName=dashboard, DashboardBody=body).get("DashboardValidationMessages", []), [])
    over_cbor("PutDashboard")
    got = cw.get_dashboard(DashboardName=dashboard)
    over_cbor("GetDashboard")
    same(json.loads(got["DashboardBody"]), json.loads(body))
    assert got["DashboardArn"].endswith(f"dashboard/{dashboard}"), got["DashboardArn"]
    listed = cw.list_dashboards(DashboardNamePrefix=dashboard)["DashboardEntries"]
    over_cbor("ListDashboards")
    same([d["DashboardName"] for d in listed], [dashboard])
    assert isinstance(listed[0]["LastModified"], datetime.datetime) and isinstance(listed[0]["Size"], int)
    refused("InvalidParameterInput", cw.put_dashboard, DashboardName=dashboard, DashboardBody="{")
    cw.delete_dashboards(DashboardNames=[dashboard])
    over_cbor("DeleteDashboards")
    refused("ResourceNotFound", cw.get_dashboard, DashboardName=dashboard)


@check("cloudwatch", "alarms over CBOR: round trip, tags, delete")
def _() -> None:
    cw, alarm = cloudwatch(), name("alarm")
    settings = {
        "AlarmName": alarm,
        "AlarmDescription": "d",
        "Namespace": "AWS/RDS",
        "MetricName": "CPUUtilization",
        "Dimensions": [{"Name": "DBInstanceIdentifier", "Value": "db"}],
        "Statistic": "Average",
        "Period": 300,
        "EvaluationPeriods": 2,
        "DatapointsToAlarm": 2,
        "Threshold": 80.0,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "breaching",
        "ActionsEnabled": True,
        "AlarmActions": [f"arn:aws:sns:{REGION}:{ACCOUNT}:topic"],
        "OKActions": [f"arn:aws:sns:{REGION}:{ACCOUNT}:topic"],
    }
    cw.put_metric_alarm(**settings, Tags=KV)
    over_cbor("PutMetricAlarm")
    got = cw.describe_alarms(AlarmNames=[alarm])["MetricAlarms"]
    over_cbor("DescribeAlarms")
    same(len(got), 1)
    has(got[0], **settings, StateValue="INSUFFICIENT_DATA")
    assert isinstance(got[0]["StateUpdatedTimestamp"], datetime.datetime)
    assert not {"Metrics", "ExtendedStatistic", "Unit"} & set(k for k, v in got[0].items() if v), got[0]
    same([a["AlarmName"] for a in cw.describe_alarms(AlarmNamePrefix=alarm)["MetricAlarms"]], [alarm])
    arn = got[0]["AlarmArn"]
    same(tags(cw.list_tags_for_resource(ResourceARN=arn)["Tags"]), TAGS)
    over_cbor("ListTagsForResource")
    cw.tag_resource(ResourceARN=arn, Tags=[{"Key": "x", "Value": "y"}])
    cw.untag_resource(ResourceARN=arn, TagKeys=["x"])
    over_cbor("UntagResource")
    same(tags(cw.list_tags_for_resource(ResourceARN=arn)["Tags"]), TAGS)
    cw.put_metric_alarm(**{**settings, "Threshold": 90.0})
    has(cw.describe_alarms(AlarmNames=[alarm])["MetricAlarms"][0], Threshold=90.0)
    same(tags(cw.list_tags_for_resource(ResourceARN=arn)["Tags"]), TAGS, "tags after an update without tags")
    cw.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="test")
    same(cw.describe_alarms(AlarmNames=[alarm])["MetricAlarms"][0]["StateValue"], "ALARM")
    same([a["AlarmName"] for a in cw.describe_alarms(StateValue="ALARM")["MetricAlarms"]], [alarm])
    cw.delete_alarms(AlarmNames=[alarm])
    over_cbor("DeleteAlarms")
    same(cw.describe_alarms(AlarmNames=[alarm])["MetricAlarms"], [])


@check("cloudwatch", "metric data over CBOR: put, get, order, other dimensions, statistics")
def _() -> None:
    cw, now = cloudwatch(), datetime.datetime.now(datetime.UTC).replace(second=0, microsecond=0)
    dimensions = [
        {"Name": "ReplicationInstanceIdentifier", "Value": RUN},
        {"Name": "ReplicationTaskIdentifier", "Value": "T"},
    ]
    minute = datetime.timedelta(minutes=1)
    cw.put_metric_data(
        Namespace="AWS/DMS",
        MetricData=[
            {
                "MetricName": "CDCLatencyTarget",
                "Dimensions": dimensions,
                "Timestamp": now - minute * age,
                "Value": value,
                "Unit": "Seconds",
            }
            for age, value in ((3, 4.0), (2, 6.0), (1, 8.5))
        ],
    )
    over_cbor("PutMetricData")

    def query(dims: list[dict], **more: Any) -> dict:
        metric = {"Namespace": "AWS/DMS", "MetricName": "CDCLatencyTarget", "Dimensions": dims}
        return cw.get_metric_data(
            MetricDataQueries=[{"Id": "lag", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Maximum"}}],
            StartTime=now - minute * 10,
            EndTime=now + minute,
            **more,
        )["MetricDataResults"][0]

    got = query(dimensions, ScanBy="TimestampAscending")
    over_cbor("GetMetricData")
    same(got["Values"], [4.0, 6.0, 8.5])
    same(got["Timestamps"], [now - minute * age for age in (3, 2, 1)])
    has(got, Id="lag", StatusCode="Complete")
    same(query(dimensions)["Values"], [8.5, 6.0, 4.0], "newest first is the default")
    same(query([{"Name": "ReplicationInstanceIdentifier", "Value": "other"}])["Values"], [], "other dimensions")
    same(query(dimensions[:1])["Values"], [], "fewer dimensions are another metric")
    stats = cw.get_metric_statistics(
        Namespace="AWS/DMS",
        MetricName="CDCLatencyTarget",
        Dimensions=dimensions,
        StartTime=now - minute * 10,
        EndTime=now + minute,
        Period=60,
        Statistics=["Average", "Maximum"],
    )["Datapoints"]
    over_cbor("GetMetricStatistics")
    same(sorted(d["Maximum"] for d in stats), [4.0, 6.0, 8.5])


# --- dms -----------------------------------------------------------------------------------------------------------


def dms_instance(what: str, subnets: str) -> dict:
    return aws("dms").create_replication_instance(
        ReplicationInstanceIdentifier=name(what),
        ReplicationInstanceClass="dms.c5.large",
        AllocatedStorage=100,
        EngineVersion="3.6.1",
        ReplicationSubnetGroupIdentifier=subnets,
        VpcSecurityGroupIds=[network()["group"]],
        PubliclyAccessible=False,
        MultiAZ=False,
        AutoMinorVersionUpgrade=False,
        Tags=KV,
    )["ReplicationInstance"]


def dms_endpoint(what: str, kind: str) -> dict:
    return aws("dms").create_endpoint(
        EndpointIdentifier=name(what),
        EndpointType=kind,
        EngineName="postgres",
        DatabaseName="paymentdb",
        SslMode="require",
        PostgreSQLSettings={
            "SecretsManagerSecretId": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:s",
            "SecretsManagerAccessRoleArn": f"arn:aws:iam::{ACCOUNT}:role/dms",
            "DatabaseName": "paymentdb",
        },
        Tags=KV,
    )["Endpoint"]


PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


def dms_subnets(what: str, tags: list = KV) -> str:
    aws("dms").create_replication_subnet_group(
        ReplicationSubnetGroupIdentifier=name(what),
        ReplicationSubnetGroupDescription="d",
        SubnetIds=network()["subnets"],
        Tags=tags,
    )
    return name(what)


def where(key: str, value: str) -> dict:
    return {"Filters": [{"Name": key, "Values": [value]}]}


@check("dms", "subnet group: VPC, subnets, tags, duplicate, missing, delete")
def _() -> None:
    dms, group = aws("dms"), dms_subnets("dmssubnets")
    refused("ResourceAlreadyExistsFault", dms_subnets, what="dmssubnets")
    query = where("replication-subnet-group-id", group)
    got = dms.describe_replication_subnet_groups(**query)["ReplicationSubnetGroups"][0]
    has(got, VpcId=network()["vpc"], SubnetGroupStatus="Complete")
    same(sorted(s["SubnetIdentifier"] for s in got["Subnets"]), sorted(network()["subnets"]))
    arn = f"arn:aws:dms:{REGION}:{ACCOUNT}:subgrp:{group}"
    same(tags(dms.list_tags_for_resource(ResourceArn=arn)["TagList"]), TAGS)
    dms.delete_replication_subnet_group(ReplicationSubnetGroupIdentifier=group)
    refused("ResourceNotFoundFault", dms.describe_replication_subnet_groups, **query)
    refused("ResourceNotFoundFault", dms.delete_replication_subnet_group, ReplicationSubnetGroupIdentifier=group)


@check("dms", "certificate: filters, tags, duplicate, endpoint that needs and uses it, delete")
def _() -> None:
    dms = aws("dms")
    made = dms.import_certificate(CertificateIdentifier=name("roots"), CertificatePem=PEM, Tags=KV)["Certificate"]
    arn = made["CertificateArn"]
    refused(
        "ResourceAlreadyExistsFault", dms.import_certificate, CertificateIdentifier=name("roots"), CertificatePem=PEM
    )
    refused("InvalidCertificateFault", dms.import_certificate, CertificateIdentifier=name("none"), CertificatePem="x")
    query = where("certificate-id", name("roots"))
    has(dms.describe_certificates(**query)["Certificates"][0], CertificateArn=arn, CertificatePem=PEM)
    same(tags(dms.list_tags_for_resource(ResourceArn=arn)["TagList"]), TAGS)
    end = dict(EndpointIdentifier=name("verified"), EndpointType="source", EngineName="postgres")
    refused("InvalidParameterCombinationException", dms.create_endpoint, **end, SslMode="verify-full")
    endpoint = dms.create_endpoint(**end, SslMode="verify-full", CertificateArn=arn)["Endpoint"]
    has(endpoint, SslMode="verify-full", CertificateArn=arn)
    refused("InvalidResourceStateFault", dms.delete_certificate, CertificateArn=arn)
    dms.delete_endpoint(EndpointArn=endpoint["EndpointArn"])
    dms.delete_certificate(CertificateArn=arn)
    refused("ResourceNotFoundFault", dms.describe_certificates, **query)
    refused("ResourceNotFoundFault", dms.delete_certificate, CertificateArn=arn)


@check("dms", "quotas")
def _() -> None:
    quotas = {q["AccountQuotaName"]: q for q in aws("dms").describe_account_attributes()["AccountQuotas"]}
    assert quotas["ReplicationInstances"]["Used"] < quotas["ReplicationInstances"]["Max"]


@check("dms", "instance, endpoints, connections, task: life cycle, dates, tags, refusals")
def _() -> None:
    dms, subnets = aws("dms"), dms_subnets("dmssubnets2")
    instance = dms_instance("dms", subnets)
    refused("ResourceAlreadyExistsFault", dms_instance, what="dms", subnets=subnets)
    arn = instance["ReplicationInstanceArn"]
    query = where("replication-instance-arn", arn)
    got = dms.describe_replication_instances(**query)["ReplicationInstances"][0]
    has(
        got,
        ReplicationInstanceStatus="available",
        ReplicationInstanceClass="dms.c5.large",
        AllocatedStorage=100,
        EngineVersion="3.6.1",
        MultiAZ=False,
        PubliclyAccessible=False,
        AutoMinorVersionUpgrade=False,
    )
    assert isinstance(got["InstanceCreateTime"], datetime.datetime)
    same(got["ReplicationSubnetGroup"]["ReplicationSubnetGroupIdentifier"], subnets)
    same(got["ReplicationSubnetGroup"]["VpcId"], network()["vpc"])
    same([g["VpcSecurityGroupId"] for g in got["VpcSecurityGroups"]], [network()["group"]])
    assert got["ReplicationInstancePrivateIpAddresses"], "private address"
    by_id = where("replication-instance-id", name("dms"))
    same(len(dms.describe_replication_instances(**by_id)["ReplicationInstances"]), 1)
    same(tags(dms.list_tags_for_resource(ResourceArn=arn)["TagList"]), TAGS)
    dms.add_tags_to_resource(ResourceArn=arn, Tags=[{"Key": "x", "Value": "y"}])
    dms.remove_tags_from_resource(ResourceArn=arn, TagKeys=["x"])
    same(tags(dms.list_tags_for_resource(ResourceArn=arn)["TagList"]), TAGS)

    ends = {kind: dms_endpoint(kind, kind)["EndpointArn"] for kind in ("source", "target")}
    refused("ResourceAlreadyExistsFault", dms_endpoint, what="source", kind="source")
    got = dms.describe_endpoints(**where("endpoint-arn", ends["source"]))["Endpoints"][0]
    has(got, Status="active", EngineName="postgres", SslMode="require", DatabaseName="paymentdb")
    same(got["EndpointType"].lower(), "source")
    same(got["PostgreSQLSettings"]["SecretsManagerAccessRoleArn"], f"arn:aws:iam::{ACCOUNT}:role/dms")
    assert "Password" not in got
    same(len(dms.describe_endpoints(**where("endpoint-id", name("target")))["Endpoints"]), 1)
    same(tags(dms.list_tags_for_resource(ResourceArn=ends["target"])["TagList"]), TAGS)
    dms.modify_endpoint(EndpointArn=ends["source"], SslMode="none")
    same(dms.describe_endpoints(**where("endpoint-arn", ends["source"]))["Endpoints"][0]["SslMode"], "none")
    dms.modify_endpoint(EndpointArn=ends["source"], SslMode="require")

    for end in ends.values():
        dms.test_connection(ReplicationInstanceArn=arn, EndpointArn=end)
    for end in ends.values():
        filters = [{"Name": "endpoint-arn", "Values": [end]}, {"Name": "replication-instance-arn", "Values": [arn]}]
        deadline = time.monotonic() + 5
        while (got := dms.describe_connections(Filters=filters)["Connections"])[0]["Status"] != "successful":
            assert time.monotonic() < deadline, got
            time.sleep(0.1)
        same([c["EndpointArn"] for c in got], [end])

    mappings = json.dumps({"rules": []})
    settings = json.dumps({"Logging": {"EnableLogging": True}})
    task = {
        "ReplicationTaskIdentifier": name("task"),
        "SourceEndpointArn": ends["source"],
        "TargetEndpointArn": ends["target"],
        "ReplicationInstanceArn": arn,
        "MigrationType": "full-load-and-cdc",
        "TableMappings": mappings,
        "ReplicationTaskSettings": settings,
        "ResourceIdentifier": f"mi{RUN}",
        "Tags": KV,
    }
    made = dms.create_replication_task(**task)["ReplicationTask"]
    refused("ResourceAlreadyExistsFault", dms.create_replication_task, **task)
    task_arn = made["ReplicationTaskArn"]
    same(task_arn.rsplit(":", 1)[1], f"mi{RUN}", "ResourceIdentifier is the last segment of the ARN")
    by_arn = where("replication-task-arn", task_arn)

    def state() -> dict:
        return dms.describe_replication_tasks(**by_arn)["ReplicationTasks"][0]

    got = state()
    has(
        got,
        Status="ready",
        MigrationType="full-load-and-cdc",
        TableMappings=mappings,
        ReplicationTaskSettings=settings,
        ReplicationTaskIdentifier=name("task"),
    )
    assert isinstance(got["ReplicationTaskCreationDate"], datetime.datetime)
    same(tags(dms.list_tags_for_resource(ResourceArn=task_arn)["TagList"]), TAGS)
    by_name = where("replication-task-id", name("task"))
    same(len(dms.describe_replication_tasks(**by_name)["ReplicationTasks"]), 1)
    dms.modify_replication_task(ReplicationTaskArn=task_arn, ReplicationTaskSettings="{}")
    same(state()["ReplicationTaskSettings"], "{}")
    refused("InvalidResourceStateFault", dms.stop_replication_task, ReplicationTaskArn=task_arn)
    refused("InvalidResourceStateFault", dms.delete_endpoint, EndpointArn=ends["source"])
    refused("InvalidResourceStateFault", dms.delete_replication_instance, ReplicationInstanceArn=arn)
    started = {"ReplicationTaskArn": task_arn, "StartReplicationTaskType": "start-replication"}
    dms.start_replication_task(**started)
    got = state()
    same(got["Status"], "running")
    assert isinstance(got["ReplicationTaskStartDate"], datetime.datetime)
    has(got["ReplicationTaskStats"], FullLoadProgressPercent=100)
    refused("InvalidResourceStateFault", dms.start_replication_task, **started)
    refused("InvalidResourceStateFault", dms.delete_replication_task, ReplicationTaskArn=task_arn)
    refused("InvalidResourceStateFault", dms.modify_replication_task, ReplicationTaskArn=task_arn, MigrationType="cdc")
    same(dms.describe_table_statistics(ReplicationTaskArn=task_arn)["ReplicationTaskArn"], task_arn)
    dms.stop_replication_task(ReplicationTaskArn=task_arn)
    has(state(), Status="stopped")
    dms.start_replication_task(ReplicationTaskArn=task_arn, StartReplicationTaskType="resume-processing")
    dms.stop_replication_task(ReplicationTaskArn=task_arn)
    dms.delete_replication_task(ReplicationTaskArn=task_arn)
    refused("ResourceNotFoundFault", dms.describe_replication_tasks, **by_arn)
    for end in ends.values():
        dms.delete_endpoint(EndpointArn=end)
        refused("ResourceNotFoundFault", dms.describe_endpoints, **where("endpoint-arn", end))
    refused("InvalidResourceStateFault", dms.delete_replication_subnet_group, ReplicationSubnetGroupIdentifier=subnets)
    dms.delete_replication_instance(ReplicationInstanceArn=arn)
    refused("ResourceNotFoundFault", dms.describe_replication_instances, **query)
    same(dms.describe_replication_instances()["ReplicationInstances"], [], "without a filter: an empty list")
    dms.delete_replication_subnet_group(ReplicationSubnetGroupIdentifier=subnets)


# --- route53 -------------------------------------------------------------------------------------------------------


@check("route53", "zone, health check, weighted alias records")
def _() -> None:
    r53, zone_name = aws("route53", "us-east-1"), f"{RUN}.payments.test."
    reference = name("zone")
    zone = r53.create_hosted_zone(Name=zone_name, CallerReference=reference, HostedZoneConfig={"Comment": "c"})
    same(zone["HostedZone"]["Name"], zone_name)
    assert len(zone["DelegationSet"]["NameServers"]) == 4
    zone_id = zone["HostedZone"]["Id"].split("/")[-1]
    refused("HostedZoneAlreadyExists", r53.create_hosted_zone, Name=zone_name, CallerReference=reference)
    got = r53.get_hosted_zone(Id=zone_id)["HostedZone"]
    same(got["Config"].get("Comment"), "c")
    listed = r53.list_hosted_zones_by_name(DNSName=zone_name)["HostedZones"]
    same(listed[0]["Id"].split("/")[-1], zone_id)
    r53.change_tags_for_resource(ResourceType="hostedzone", ResourceId=zone_id, AddTags=KV)
    same(
        tags(r53.list_tags_for_resource(ResourceType="hostedzone", ResourceId=zone_id)["ResourceTagSet"]["Tags"]), TAGS
    )
    settings = {
        "Type": "HTTP",
        "FullyQualifiedDomainName": "lb.example.test",
        "Port": 80,
        "ResourcePath": "/health",
        "RequestInterval": 30,
        "FailureThreshold": 3,
    }
    made = r53.create_health_check(CallerReference=name("hc"), HealthCheckConfig=settings)["HealthCheck"]
    same(
        r53.create_health_check(CallerReference=name("hc"), HealthCheckConfig=settings)["HealthCheck"]["Id"],
        made["Id"],
        "same request again",
    )
    refused(
        "HealthCheckAlreadyExists",
        r53.create_health_check,
        CallerReference=name("hc"),
        HealthCheckConfig={**settings, "Port": 81},
    )
    read = r53.get_health_check(HealthCheckId=made["Id"])["HealthCheck"]
    has(read["HealthCheckConfig"], **settings)
    r53.change_tags_for_resource(ResourceType="healthcheck", ResourceId=made["Id"], AddTags=KV)
    same(
        tags(r53.list_tags_for_resource(ResourceType="healthcheck", ResourceId=made["Id"])["ResourceTagSet"]["Tags"]),
        TAGS,
    )
    r53.update_health_check(HealthCheckId=made["Id"], FailureThreshold=5)
    read = r53.get_health_check(HealthCheckId=made["Id"])["HealthCheck"]
    same((read["HealthCheckConfig"]["FailureThreshold"], read["HealthCheckVersion"]), (5, 2))

    def record(which: str, weight: int) -> dict:
        return {
            "Name": f"api.{zone_name}",
            "Type": "A",
            "SetIdentifier": which,
            "Weight": weight,
            "AliasTarget": {
                "HostedZoneId": "Z215JYRZR1TBD5",
                "DNSName": f"{which}.elb.amazonaws.com.",
                "EvaluateTargetHealth": True,
            },
            "HealthCheckId": made["Id"],
        }

    def change(*actions: tuple[str, dict]) -> dict:
        batch = {"Changes": [{"Action": a, "ResourceRecordSet": r} for a, r in actions]}
        return r53.change_resource_record_sets(HostedZoneId=zone_id, ChangeBatch=batch)["ChangeInfo"]

    def records() -> dict[str, dict]:
        got = r53.list_resource_record_sets(HostedZoneId=zone_id)["ResourceRecordSets"]
        return {r["SetIdentifier"]: r for r in got if "SetIdentifier" in r}

    info = change(("CREATE", record("source", 100)), ("CREATE", record("target", 0)))
    same(r53.get_change(Id=info["Id"].split("/")[-1])["ChangeInfo"]["Status"], "INSYNC")
    same(records(), {"source": record("source", 100), "target": record("target", 0)})
    refused_batch(change, ("CREATE", record("source", 100)))
    refused_batch(change, ("DELETE", record("source", 50)))
    change(("UPSERT", record("source", 90)), ("UPSERT", record("target", 10)))
    same({k: r["Weight"] for k, r in records().items()}, {"source": 90, "target": 10})
    refused("HostedZoneNotEmpty", r53.delete_hosted_zone, Id=zone_id)
    change(("DELETE", record("source", 90)), ("DELETE", record("target", 10)))
    same(records(), {})
    r53.delete_health_check(HealthCheckId=made["Id"])
    refused("NoSuchHealthCheck", r53.get_health_check, HealthCheckId=made["Id"])
    r53.delete_hosted_zone(Id=zone_id)
    refused("NoSuchHostedZone", r53.get_hosted_zone, Id=zone_id)


# --- resourcegroupstaggingapi --------------------------------------------------------------------------------------


@check("resourcegroupstaggingapi", "resources by tag across services")
def _() -> None:
    client, other = aws("resourcegroupstaggingapi"), {"mi:stack": f"tagged-{RUN}"}
    kv = [{"Key": k, "Value": v} for k, v in other.items()]
    ec2, logs, sm, s3 = aws("ec2"), aws("logs"), aws("secretsmanager"), aws("s3")
    vpc = ec2.create_vpc(CidrBlock="10.7.0.0/16", TagSpecifications=[{"ResourceType": "vpc", "Tags": kv}])["Vpc"][
        "VpcId"
    ]
    group = name("tagged")
    logs.create_log_group(logGroupName=group, tags=other)
    secret = sm.create_secret(Name=group, SecretString="s", Tags=kv)["ARN"]
    s3.create_bucket(Bucket=group, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_tagging(Bucket=group, Tagging={"TagSet": kv})
    targets = make_target_group("tagged", Tags=kv)["TargetGroupArn"]
    elb, balancer = aws("elbv2"), make_balancer("tagged")["LoadBalancerArn"]
    to_targets = [{"Type": "forward", "TargetGroupArn": targets}]
    listener = elb.create_listener(
        LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=to_targets, Tags=kv
    )["Listeners"][0]["ListenerArn"]
    path = [{"Field": "path-pattern", "Values": ["/x"]}]
    rule = elb.create_rule(ListenerArn=listener, Conditions=path, Priority=1, Actions=to_targets, Tags=kv)["Rules"][0]
    rds, dms = aws("rds"), aws("dms")
    parameters = rds.create_db_parameter_group(
        DBParameterGroupName=group, DBParameterGroupFamily="postgres16", Description="d", Tags=kv
    )["DBParameterGroup"]["DBParameterGroupArn"]
    subnet_group("tagged", kv)
    dms_subnets("tagged", kv)
    certificate = dms.import_certificate(CertificateIdentifier=group, CertificatePem=PEM, Tags=kv)["Certificate"]
    cluster = aws("ecs").create_cluster(clusterName=group, tags=[{"key": k, "value": v} for k, v in other.items()])
    cluster_arn = cluster["cluster"]["clusterArn"]
    query = [{"Key": "mi:stack", "Values": [other["mi:stack"]]}]
    got = client.get_resources(TagFilters=query)["ResourceTagMappingList"]
    want = {
        f"arn:aws:ec2:{REGION}:{ACCOUNT}:vpc/{vpc}",
        f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}",
        f"arn:aws:s3:::{group}",
        secret,
        targets,
        listener,
        rule["RuleArn"],
        parameters,
        f"arn:aws:rds:{REGION}:{ACCOUNT}:subgrp:{group}",
        f"arn:aws:dms:{REGION}:{ACCOUNT}:subgrp:{group}",
        certificate["CertificateArn"],
        cluster_arn,
    }
    same({m["ResourceARN"] for m in got} & want, want)
    same([tags(m["Tags"]) for m in got if m["ResourceARN"] == secret], [other])
    same(client.get_resources(TagFilters=[{"Key": "mi:stack", "Values": ["none"]}])["ResourceTagMappingList"], [])
    ec2.delete_vpc(VpcId=vpc)
    logs.delete_log_group(logGroupName=group)
    sm.delete_secret(SecretId=secret, ForceDeleteWithoutRecovery=True)
    s3.delete_bucket(Bucket=group)
    elb.delete_load_balancer(LoadBalancerArn=balancer)
    elb.delete_target_group(TargetGroupArn=targets)
    rds.delete_db_parameter_group(DBParameterGroupName=group)
    rds.delete_db_subnet_group(DBSubnetGroupName=group)
    dms.delete_replication_subnet_group(ReplicationSubnetGroupIdentifier=group)
    dms.delete_certificate(CertificateArn=certificate["CertificateArn"])
    aws("ecs").delete_cluster(cluster=group)


# --- overall -------------------------------------------------------------------------------------------------------


@check("isolation", "another account sees none of these resources")
def _() -> None:
    other = boto3.client(
        "ec2",
        endpoint_url=ENDPOINT,
        region_name=REGION,
        aws_access_key_id="444455556666",
        aws_secret_access_key="test",
    )
    network()
    same(other.describe_vpcs(Filters=by_tag())["Vpcs"], [])


@check("cleanup", "the shared network can be deleted")
def _() -> None:
    ec2, net = aws("ec2"), network()
    ec2.delete_security_group(GroupId=net["group"])
    for subnet in net["subnets"]:
        ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_vpc(VpcId=net["vpc"])
    refused("InvalidVpcID.NotFound", ec2.describe_vpcs, VpcIds=[net["vpc"]])


def bench() -> None:
    for label, call in (
        ("sts GetCallerIdentity", aws("sts").get_caller_identity),
        ("ec2 DescribeVpcs", aws("ec2").describe_vpcs),
        ("rds DescribeDBInstances (moto)", aws("rds").describe_db_instances),
        ("cloudwatch DescribeAlarms (CBOR)", cloudwatch().describe_alarms),
    ):
        call()
        start = time.perf_counter()
        for _ in range(100):
            call()
        print(f"100 requests {label}: {time.perf_counter() - start:.2f} s")


def main() -> int:
    global ENDPOINT
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("endpoint")
    parser.add_argument("--only", help="comma-separated services")
    parser.add_argument("--bench", action="store_true", help="also measure 100 requests of several types")
    parser.add_argument("--trace", action="store_true", help="show where a check failed")
    args = parser.parse_args()
    ENDPOINT = args.endpoint
    watch_the_wire()
    chosen = args.only.split(",") if args.only else None
    try:
        urllib.request.urlopen(f"{ENDPOINT}/_localstack/health", timeout=30).close()
    except OSError as error:
        print(f"no response from {ENDPOINT}: {error}")
        return 1
    failed = total = 0
    for service, title, run in checks:
        if chosen and service not in chosen:
            continue
        total += 1
        try:
            run()
            print(f"ok    {service}: {title}", flush=True)
        except Exception as error:  # noqa: BLE001 (each check is independent)
            failed += 1
            line = traceback.extract_tb(error.__traceback__)[1].lineno
            print(f"FAIL  {service}: {title}: line {line}: {str(error)[:600] or type(error).__name__}", flush=True)
            if args.trace:
                traceback.print_exc()
    print(f"{total - failed} of {total} checks passed")
    if args.bench:
        bench()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
