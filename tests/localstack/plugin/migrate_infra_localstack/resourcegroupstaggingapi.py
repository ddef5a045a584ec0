"""Resource Groups Tagging API: moto's, with the resources that moto omits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from .serving import Call, Dict, Repairs, tag_dict, tag_list

repair = Repairs()


@repair("GetResources")
def get_resources(call: Call) -> Dict:
    """Returns every tagged resource whose tags match all filters, in pages."""
    wanted = {f["Key"]: f.get("Values") or [] for f in call.request.get("TagFilters") or []}
    types = call.request.get("ResourceTypeFilters") or []
    arns = call.request.get("ResourceARNList") or []
    found: dict[str, dict[str, str]] = {}
    for arn, tags in _tagged(call):
        if all(key in tags and (not values or tags[key] in values) for key, values in wanted.items()):
            if tags and (not types or any(_is_a(arn, t) for t in types)) and (not arns or arn in arns):
                found[arn] = tags
    start, size = int(call.request.get("PaginationToken") or 0), call.request.get("ResourcesPerPage") or 100
    page = sorted(found)[start : start + size]
    return {
        "ResourceTagMappingList": [{"ResourceARN": arn, "Tags": tag_list(found[arn])} for arn in page],
        "PaginationToken": str(start + size) if start + size < len(found) else "",
    }


def _is_a(arn: str, kind: str) -> bool:
    """Returns whether an ARN is of a type such as `ec2` or `ec2:vpc`."""
    service, _, resource = kind.partition(":")
    parts = arn.split(":", 5)
    return parts[2] == service and (not resource or parts[5].replace("/", ":").split(":")[0] == resource)


def _tagged(call: Call) -> Iterator[tuple[str, dict[str, str]]]:
    for one in call.backend()._get_resources_generator(tag_filters=[], resource_type_filters=[]):
        if one["ResourceARN"].split(":")[2] not in ("s3", "ec2", "application-autoscaling"):
            yield one["ResourceARN"], {tag["Key"]: tag["Value"] for tag in one["Tags"]}
    ec2 = call.backend("ec2")
    there = set(_ids(value for name, value in vars(ec2).items() if name != "tags"))
    for resource, tags in ec2.tags.items():  # moto has only some types, and keeps tags of deleted resources
        if resource not in there:
            continue
        if kind := _EC2_TYPES.get(resource.split("-")[0]):
            yield f"arn:aws:ec2:{call.region}:{call.account}:{kind}/{resource}", dict(tags)
    # S3 is implemented by LocalStack, not by moto.
    from localstack.services.s3.models import s3_stores

    for name in s3_stores[call.account][call.region].buckets:
        yield f"arn:aws:s3:::{name}", _bucket_tags(call, name)
    yield from call.memory_of("application-autoscaling")["tags"].items()
    yield from _not_in_moto(call)


def _not_in_moto(call: Call) -> Iterator[tuple[str, dict[str, str]]]:
    """Returns the resources of types that moto does not list; AWS does ("The GetResources, GetTagKeys, and GetTagValues
    operations support all resource types", Services that support the Resource Groups Tagging API)."""
    rds = call.backend("rds")
    for group in (*rds.subnet_groups.values(), *rds.db_parameter_groups.values()):
        yield group.arn, tag_dict(group.tags)
    balancing = call.backend("elbv2")
    for balancer in balancing.load_balancers.values():
        for listener in balancer.listeners.values():
            for arn in (listener.arn, *(rule.arn for rule in listener._non_default_rules.values())):
                yield arn, balancing.tagging_service.get_tag_dict_for_resource(arn)
    dms = call.backend("dms")
    groups = [f"arn:aws:dms:{call.region}:{call.account}:subgrp:{name}" for name in dms.replication_subnet_groups]
    certificates = call.memory_of("dms")["certificates"].values()
    for arn in (*groups, *(one["CertificateArn"] for one in certificates)):
        yield arn, dms.tagger.get_tag_dict_for_resource(arn)


def _ids(values: Iterable[Any]) -> Iterator[str]:
    """Returns the ids of all objects in these collections, regardless of their shape."""
    for value in values:
        if isinstance(value, dict):
            yield from (key for key in value if isinstance(key, str))
            yield from _ids(value.values())
        elif isinstance(value, (list, set, tuple)):
            yield from _ids(value)
        else:
            names = (getattr(value, "id", None), getattr(value, "allocation_id", None))
            yield from (name for name in names if isinstance(name, str))
            for rules in ("ingress_rules", "egress_rules"):
                yield from _ids(getattr(value, rules, None) or [])


_EC2_TYPES = {
    "vpc": "vpc",
    "subnet": "subnet",
    "sg": "security-group",
    "sgr": "security-group-rule",
    "igw": "internet-gateway",
    "nat": "natgateway",
    "eipalloc": "elastic-ip",
    "rtb": "route-table",
    "vpce": "vpc-endpoint",
    "pcx": "vpc-peering-connection",
    "eni": "network-interface",
    "i": "instance",
    "vol": "volume",
    "snap": "snapshot",
}


def _bucket_tags(call: Call, name: str) -> dict[str, str]:
    from localstack.services.s3.models import s3_stores

    store = s3_stores[call.account][call.region]
    arn = f"arn:aws:s3:::{name}"
    return dict(store.tags.get_tags(arn))
