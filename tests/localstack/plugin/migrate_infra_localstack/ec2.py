"""EC2: LocalStack's provider (moto's with additions), repaired."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from localstack.aws.api import ServiceException
from moto.ec2.models.security_groups import SecurityGroupRule

from .serving import Call, Dict, Repairs, refuse, tag_dict, tag_list

repair = Repairs()


# --- filters -------------------------------------------------------------------------------------------------------

Match = Callable[[Dict, list[str]], bool]


def described(call: Call, key: str, known: dict[str, Match] | None = None) -> Dict:
    """Forwards a Describe call without the filters that moto gets wrong (tags and `known`), and applies them here."""
    ours: list[tuple[Match, list[str]]] = []
    theirs = []
    parameter = "Filter" if "Filter" in call.request else "Filters"  # NAT gateways use the singular
    for item in call.request.get(parameter) or []:
        name, values = item["Name"], item.get("Values") or []
        if name.startswith("tag:"):
            ours.append((lambda one, v, tag=name[4:]: tag_dict(one.get("Tags")).get(tag) in v, values))
        elif name == "tag-key":
            ours.append((lambda one, v: bool(tag_dict(one.get("Tags")).keys() & set(v)), values))
        elif name in (known or {}):
            ours.append((known[name], values))
        else:
            theirs.append(item)
    answer = call.forward(**{parameter: theirs or None}) if ours else call.forward()
    answer[key] = [one for one in answer.get(key) or [] if all(match(one, values) for match, values in ours)]
    return answer


@repair("DescribeNatGateways")
def describe_nat_gateways(call: Call) -> Dict:
    """Applies tag filters, which moto ignores. A gateway is public by default."""
    answer = described(call, "NatGateways")
    for nat in answer["NatGateways"]:
        if nat.get("ConnectivityType") in (None, "None"):
            nat["ConnectivityType"] = "public"
    return answer


@repair("DescribeVpcPeeringConnections")
def describe_peerings(call: Call) -> Dict:
    """Applies tag filters, which moto ignores."""
    return described(call, "VpcPeeringConnections")


@repair("DescribeVpcEndpoints")
def describe_vpc_endpoints(call: Call) -> Dict:
    """Supports the filter vpc-endpoint-id, for which moto answers 501."""
    return described(call, "VpcEndpoints", {"vpc-endpoint-id": lambda one, values: one["VpcEndpointId"] in values})


@repair("DeleteVpcEndpoints")
def delete_vpc_endpoints(call: Call) -> Dict:
    """The answer names missing endpoints. Deleted ones no longer exist (moto lists them as `deleted` forever)."""
    endpoints, unsuccessful = call.backend().vpc_end_points, []
    for endpoint in call.request["VpcEndpointIds"]:
        if endpoint not in endpoints:
            error = {
                "Code": "InvalidVpcEndpoint.NotFound",
                "Message": f"The Vpc Endpoint Id '{endpoint}' does not exist",
            }
            unsuccessful.append({"ResourceId": endpoint, "Error": error})
    call.forward()
    for endpoint in call.request["VpcEndpointIds"]:
        endpoints.pop(endpoint, None)
    return {"Unsuccessful": unsuccessful}


# --- NAT gateways and addresses ------------------------------------------------------------------------------------


@repair("CreateNatGateway")
def create_nat_gateway(call: Call) -> Dict:
    """A repeated ClientToken returns the existing gateway, or IdempotentParameterMismatch for a different request."""
    token = call.request.get("ClientToken")
    known = call.memory["nat tokens"]
    if token in known:
        request, answer = known[token]
        if request != call.request:
            raise refuse("IdempotentParameterMismatch", "The client token was used with other parameters.")
        return answer
    answer = call.forward()
    if token:
        known[token] = (dict(call.request), answer)
    return answer


@repair("DeleteNatGateway")
def delete_nat_gateway(call: Call) -> Dict:
    """Deletes the gateway's interface and the association of its address; moto leaves both behind."""
    ec2, nat_id = call.backend(), call.request["NatGatewayId"]
    nat = ec2.nat_gateways.get(nat_id)
    if not nat:
        raise refuse("NatGatewayNotFound", f"NAT gateway {nat_id} was not found")
    answer = call.forward()
    for address in nat.address_set:
        if association := address.pop("associationId", None):
            ec2.disassociate_address(association_id=association)
        ec2.enis.pop(address.get("networkInterfaceId"), None)
    return answer


@repair("ReleaseAddress")
def release_address(call: Call) -> Dict:
    """Refuses an address that is still associated."""
    allocation = call.request.get("AllocationId")
    for address in call.backend().addresses:
        if address.allocation_id == allocation and address.association_id:
            raise refuse("InvalidIPAddress.InUse", f"Address {address.public_ip} is in use.")
    return call.forward()


# --- security groups -----------------------------------------------------------------------------------------------


@repair("CreateVpc")
def create_vpc(call: Call) -> Dict:
    """Members of the default security group may reach each other; moto creates its outbound rule only."""
    answer = call.forward()
    ec2 = call.backend()
    group = ec2.get_default_security_group(answer["Vpc"]["VpcId"])
    ec2.authorize_security_group_ingress(group.id, "-1", None, None, [], source_groups=[{"GroupId": group.id}])
    return answer


@repair("CreateSecurityGroup")
def create_security_group(call: Call) -> Dict:
    """Adds the tags of the request to the answer."""
    answer = call.forward()
    specifications = call.request.get("TagSpecifications") or []
    answer["Tags"] = [t for s in specifications if s["ResourceType"] == "security-group" for t in s["Tags"]]
    return answer


# The description of a rule that refers to a group: moto supports it only for rules with an address range.
SecurityGroupRule.description = property(
    lambda rule: rule.ip_range.get("Description") or rule.source_group.get("Description")
)


def _same_rule(one: SecurityGroupRule, other: SecurityGroupRule) -> bool:
    """Descriptions do not distinguish rules; moto compares those of group references."""

    def identity(rule: SecurityGroupRule) -> tuple:
        source = rule.source_group.get("GroupId") or rule.source_group.get("GroupName")
        ranges = rule.ip_range.get("CidrIp"), rule.ip_range.get("CidrIpv6")
        return rule.ip_protocol, rule.from_port, rule.to_port, source, rule.prefix_list_id, ranges

    return identity(one) == identity(other)


SecurityGroupRule.__eq__ = _same_rule


@repair("AuthorizeSecurityGroupIngress", "AuthorizeSecurityGroupEgress")
def authorize(call: Call) -> Dict:
    """Adds all rules or none, and returns all of them; moto returns only those of the last permission."""
    name = call.request.get("GroupId") or call.request.get("GroupName")
    group = call.backend().get_security_group_by_name_or_id(name)
    if not group:
        raise refuse("InvalidGroup.NotFound", f"The security group '{name}' does not exist")
    rules = group.egress_rules if call.context.operation.name.endswith("Egress") else group.ingress_rules
    before = len(rules)
    try:
        call.forward()
    except ServiceException:
        del rules[before:]
        raise
    return {"Return": True, "SecurityGroupRules": [_rule(call, rule) for rule in rules[before:]]}


def _rule(call: Call, rule: SecurityGroupRule) -> Dict:
    answer = {
        "SecurityGroupRuleId": rule.id,
        "GroupId": rule.group_id,
        "GroupOwnerId": call.account,
        "IsEgress": rule.is_egress,
        "IpProtocol": rule.ip_protocol,
        "FromPort": -1 if rule.from_port is None else rule.from_port,
        "ToPort": -1 if rule.to_port is None else rule.to_port,
        "CidrIpv4": rule.cidr_ipv4,
        "CidrIpv6": rule.cidr_ipv6,
        "PrefixListId": rule.prefix_list_id,
        "Description": rule.description,
        "Tags": tag_list(call.backend().tags.get(rule.id, {})),
        "SecurityGroupRuleArn": f"arn:aws:ec2:{call.region}:{call.account}:security-group-rule/{rule.id}",
    }
    if group := rule.source_group.get("GroupId"):
        answer["ReferencedGroupInfo"] = {"GroupId": group, "UserId": rule.source_group.get("UserId", call.account)}
    return {k: v for k, v in answer.items() if v is not None}


# --- refusals for resources in use ----------------------------------------------------------------------------------
# On AWS, all of these are network interfaces. moto has none for databases, load balancers, replication instances and
# containers. Without these refusals, a wrong deletion order would not be detected.


def users(call: Call) -> Iterator[tuple[str, set[str], set[str]]]:
    """An owner of network interfaces: its name, its security groups, its subnets."""
    for eni in call.backend().enis.values():
        yield eni.id, {g.id for g in eni._group_set}, {eni.subnet.id}
    for db in call.backend("rds").databases.values():
        group = getattr(db, "db_subnet_group", None)
        subnets = {s["SubnetIdentifier"] for s in group.subnets[:1]} if group else set()
        yield f"DB instance {db.db_instance_identifier}", set(db.vpc_security_group_ids), subnets
    for lb in call.backend("elbv2").load_balancers.values():
        yield f"load balancer {lb.name}", set(lb.security_groups or []), {s.id for s in lb.subnets}
    for one in call.backend("dms").replication_instances.values():
        groups = {group["VpcSecurityGroupId"] for group in one.vpc_security_groups}
        yield f"replication instance {one.id}", groups, set(getattr(one, "subnets", [])[:1])
    for service in call.backend("ecs").services.values():
        if service.status == "ACTIVE" and service.desired_count:
            network = (service.network_configuration or {}).get("awsvpcConfiguration") or {}
            yield f"service {service.name}", set(network.get("securityGroups", [])), set(network.get("subnets", []))


@repair("DeleteSecurityGroup")
def delete_security_group(call: Call) -> Dict:
    """Refuses a group that an interface uses or that a rule of another group references."""
    group_id = call.request.get("GroupId")
    holders = [name for name, groups, _ in users(call) if group_id in groups]
    for groups in call.backend().groups.values():
        for group in groups.values():
            rules = [*group.ingress_rules, *group.egress_rules]
            if group.id != group_id and any(r.source_group.get("GroupId") == group_id for r in rules):
                holders.append(group.id)
    _none_of(holders, f"resource {group_id} has a dependent object")
    return call.forward()


@repair("DeleteSubnet")
def delete_subnet(call: Call) -> Dict:
    """Refuses a subnet that contains interfaces."""
    subnet = call.request["SubnetId"]
    holders = [name for name, _, subnets in users(call) if subnet in subnets]
    _none_of(holders, f"The subnet '{subnet}' has dependencies and cannot be deleted.")
    return call.forward()


@repair("DetachInternetGateway")
def detach_internet_gateway(call: Call) -> Dict:
    """Refused while public addresses of the VPC are mapped: NAT gateways, public load balancers."""
    vpc = call.request["VpcId"]
    holders = [n.id for n in call.backend().nat_gateways.values() if n.vpc_id == vpc and n.state == "available"]
    balancers = call.backend("elbv2").load_balancers.values()
    holders += [lb.name for lb in balancers if lb.vpc_id == vpc and lb.scheme == "internet-facing"]
    _none_of(holders, f"Network {vpc} has some mapped public address(es).")
    return call.forward()


def _none_of(holders: list[Any], message: str) -> None:
    if holders:
        raise refuse("DependencyViolation", f"{message} ({', '.join(map(str, holders))})")
