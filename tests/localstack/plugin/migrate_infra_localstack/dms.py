"""DMS, served from moto.

moto writes dates as ISO strings, but the protocol requires epoch seconds (the Rust and Go SDKs refuse the answer). This
needs no repair here: LocalStack's gateway parses moto's answer and encodes it again by the service model.
"""

from __future__ import annotations

import random
import string
from typing import Any

from .serving import Call, Dict, Repairs, refuse, tag_dict, tag_list

repair = Repairs()


def _arn(call: Call, kind: str, last: str | None) -> str:
    """An ARN ends with the request's ResourceIdentifier or a random string; moto uses the name of the resource."""
    last = last or "".join(random.choices(string.ascii_uppercase + string.digits, k=26))
    return f"arn:aws:dms:{call.region}:{call.account}:{kind}:{last}"


def _missing(what: str) -> Exception:
    return refuse("ResourceNotFoundFault", f"{what} not found.")


def _exists(what: str) -> Exception:
    return refuse("ResourceAlreadyExistsFault", f"{what} already exists.")


def _wrong_state(message: str) -> Exception:
    return refuse("InvalidResourceStateFault", message)


def _described(call: Call, key: str) -> Dict:
    """A filter that matches nothing is ResourceNotFoundFault; moto returns an empty list, or fails without one."""
    answer = call.forward() if call.request.get("Filters") else call.forward(Filters=[])
    if call.request.get("Filters") and not answer.get(key):
        raise _missing(key)
    return answer


@repair("DescribeAccountAttributes")
def account_attributes(call: Call) -> Dict:
    """Not in moto: AWS's default quotas and their usage."""
    dms = call.backend()
    storage = sum(int(one.allocated_storage) for one in dms.replication_instances.values())
    used = {
        "ReplicationInstances": (len(dms.replication_instances), 60),
        "AllocatedStorage": (storage, 30000),
        "ReplicationSubnetGroups": (len(dms.replication_subnet_groups), 60),
        "Endpoints": (len(dms.endpoints), 1000),
        "ReplicationTasks": (len(dms.replication_tasks), 600),
    }
    quotas = [{"AccountQuotaName": k, "Used": u, "Max": m} for k, (u, m) in used.items()]
    return {"AccountQuotas": quotas, "UniqueAccountIdentifier": f"dms-{call.region}-{call.account}"}


# --- tags ----------------------------------------------------------------------------------------------------------


@repair("AddTagsToResource")
def add_tags(call: Call) -> Dict:
    """Not in moto."""
    call.backend().tagger.tag_resource(call.request["ResourceArn"], call.request["Tags"])
    return {}


@repair("RemoveTagsFromResource")
def remove_tags(call: Call) -> Dict:
    """Not in moto."""
    call.backend().tagger.untag_resource_using_names(call.request["ResourceArn"], call.request["TagKeys"])
    return {}


def _tag(call: Call, arn: str) -> None:
    call.backend().tagger.tag_resource(arn, tag_list(tag_dict(call.request.get("Tags"))))


# --- subnet groups -------------------------------------------------------------------------------------------------


@repair("CreateReplicationSubnetGroup")
def create_subnet_group(call: Call) -> Dict:
    """Stores the subnets; moto returns an invented VPC and subnet, and tags the name instead of the ARN."""
    name, wanted = call.request["ReplicationSubnetGroupIdentifier"], call.request["SubnetIds"]
    subnets = [call.backend("ec2").get_subnet(s) for s in wanted]
    if len({s.availability_zone for s in subnets}) < 2:
        message = "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement."
        raise refuse("ReplicationSubnetGroupDoesNotCoverEnoughAZs", message)
    call.forward()
    _tag(call, f"arn:aws:dms:{call.region}:{call.account}:subgrp:{name}")
    call.memory["subnet groups"][name] = {
        "ReplicationSubnetGroupIdentifier": name,
        "ReplicationSubnetGroupDescription": call.request.get("ReplicationSubnetGroupDescription"),
        "VpcId": subnets[0].vpc_id,
        "SubnetGroupStatus": "Complete",
        "Subnets": [
            {
                "SubnetIdentifier": s.id,
                "SubnetAvailabilityZone": {"Name": s.availability_zone},
                "SubnetStatus": "Active",
            }
            for s in subnets
        ],
        "SupportedNetworkTypes": ["IPV4"],
    }
    return {"ReplicationSubnetGroup": call.memory["subnet groups"][name]}


@repair("DescribeReplicationSubnetGroups")
def describe_subnet_groups(call: Call) -> Dict:
    """Returns the real VPC and subnets."""
    answer = _described(call, "ReplicationSubnetGroups")
    names = [g["ReplicationSubnetGroupIdentifier"] for g in answer["ReplicationSubnetGroups"]]
    return answer | {"ReplicationSubnetGroups": [call.memory["subnet groups"][name] for name in names]}


@repair("DeleteReplicationSubnetGroup")
def delete_subnet_group(call: Call) -> Dict:
    """Refused while a replication instance uses it."""
    name = call.request["ReplicationSubnetGroupIdentifier"]
    for one in call.backend().replication_instances.values():
        if one.replication_subnet_group_identifier == name:
            raise _wrong_state(f"Subnet group {name} is currently in use by replication instance {one.id}")
    return call.forward()


# --- instances -----------------------------------------------------------------------------------------------------


@repair("CreateReplicationInstance")
def create_instance(call: Call) -> Dict:
    """Refuses a taken name and an unknown subnet group. The ARN does not contain the name."""
    dms, request = call.backend(), call.request
    name, group = request["ReplicationInstanceIdentifier"], request.get("ReplicationSubnetGroupIdentifier")
    if any(one.id == name for one in dms.replication_instances.values()):
        raise _exists(f"Replication instance {name}")
    if group and group not in call.memory["subnet groups"]:
        raise _missing(f"Subnet group {group}")
    answer = call.forward()["ReplicationInstance"]
    one = dms.replication_instances.pop(answer["ReplicationInstanceArn"])
    one.arn = _arn(call, "rep", request.get("ResourceIdentifier"))
    one.subnets = [s["SubnetIdentifier"] for s in call.memory["subnet groups"].get(group, {}).get("Subnets", [])]
    dms.replication_instances[one.arn] = one
    _tag(call, one.arn)
    return {"ReplicationInstance": _instance(call, answer | {"ReplicationInstanceArn": one.arn})}


@repair("DescribeReplicationInstances")
def describe_instances(call: Call) -> Dict:
    """Returns the real subnet group; ResourceNotFoundFault if a filter matches nothing."""
    answer = _described(call, "ReplicationInstances")
    return answer | {"ReplicationInstances": [_instance(call, one) for one in answer["ReplicationInstances"]]}


@repair("DeleteReplicationInstance")
def delete_instance(call: Call) -> Dict:
    """Refused while a task uses it."""
    arn = call.request["ReplicationInstanceArn"]
    if any(task.replication_instance_arn == arn for task in call.backend().replication_tasks.values()):
        raise _wrong_state("Replication Instance cannot be deleted: it has one or more replication tasks")
    return {"ReplicationInstance": _instance(call, call.forward()["ReplicationInstance"])}


def _instance(call: Call, one: Dict) -> Dict:
    if group := one.get("ReplicationSubnetGroup"):
        name = group["ReplicationSubnetGroupIdentifier"]
        one["ReplicationSubnetGroup"] = call.memory["subnet groups"].get(name, group)
    return one


# --- certificates --------------------------------------------------------------------------------------------------


@repair("ImportCertificate")
def import_certificate(call: Call) -> Dict:
    """Not in moto. Refuses a taken name and what is no PEM file."""
    name, pem = call.request["CertificateIdentifier"], call.request.get("CertificatePem") or ""
    if "-----BEGIN CERTIFICATE-----" not in pem:
        raise refuse("InvalidCertificateFault", f"The certificate {name} is not valid")
    if name in call.memory["certificates"]:
        raise _exists(f"Certificate {name}")
    arn = _arn(call, "cert", None)
    made = {"CertificateIdentifier": name, "CertificateArn": arn, "CertificatePem": pem}
    call.memory["certificates"][name] = made
    _tag(call, arn)
    return {"Certificate": made}


@repair("DescribeCertificates")
def describe_certificates(call: Call) -> Dict:
    """Not in moto. ResourceNotFoundFault if a filter matches nothing."""
    found = list(call.memory["certificates"].values())
    fields = {"certificate-id": "CertificateIdentifier", "certificate-arn": "CertificateArn"}
    for item in call.request.get("Filters") or []:
        found = [one for one in found if one[fields[item["Name"]]] in item["Values"]]
    if call.request.get("Filters") and not found:
        raise _missing("Certificates")
    return {"Certificates": found}


@repair("DeleteCertificate")
def delete_certificate(call: Call) -> Dict:
    """Not in moto. Refused while an endpoint uses it."""
    arn = call.request["CertificateArn"]
    made = _certificate(call, arn)
    if any(one.certificate_arn == arn for one in call.backend().endpoints.values()):
        raise _wrong_state(f"Certificate {arn} is in use by one or more endpoints.")
    return {"Certificate": call.memory["certificates"].pop(made["CertificateIdentifier"])}


def _certificate(call: Call, arn: str) -> Dict:
    for one in call.memory["certificates"].values():
        if one["CertificateArn"] == arn:
            return one
    raise _missing(f"Certificate {arn}")


def _check_certificate(call: Call, mode: str | None, arn: str | None) -> None:
    if arn:
        _certificate(call, arn)
    elif (mode or "none").startswith("verify-"):
        message = f"A certificate is required for the SSL mode {mode}"
        raise refuse("InvalidParameterCombinationException", message)


# --- endpoints and connections -------------------------------------------------------------------------------------


@repair("CreateEndpoint")
def create_endpoint(call: Call) -> Dict:
    """Refuses a taken name (moto replaces the endpoint) and wrong certificates. An endpoint is `active` at once."""
    name = call.request["EndpointIdentifier"]
    if name in call.backend().endpoints:
        raise _exists(f"Endpoint {name}")
    _check_certificate(call, call.request.get("SslMode"), call.request.get("CertificateArn"))
    answer = call.forward()["Endpoint"]
    call.backend().endpoints[name].status = "active"
    return {"Endpoint": answer | {"Status": "active"}}


@repair("DescribeEndpoints")
def describe_endpoints(call: Call) -> Dict:
    """ResourceNotFoundFault if a filter matches nothing."""
    return _described(call, "Endpoints")


_ENDPOINT_ATTRIBUTES = {
    "EndpointType": "endpoint_type",
    "EngineName": "engine_name",
    "Username": "username",
    "Password": "password",
    "ServerName": "server_name",
    "Port": "port",
    "DatabaseName": "database_name",
    "ExtraConnectionAttributes": "extra_connection_attributes",
    "CertificateArn": "certificate_arn",
    "SslMode": "ssl_mode",
    "ServiceAccessRoleArn": "service_access_role_arn",
    "PostgreSQLSettings": "postgre_sql_settings",
}


@repair("ModifyEndpoint")
def modify_endpoint(call: Call) -> Dict:
    """Not in moto. Engine settings are merged unless ExactSettings is true."""
    endpoint = _endpoint(call, call.request["EndpointArn"])
    arn = call.request.get("CertificateArn", endpoint.certificate_arn)
    _check_certificate(call, call.request.get("SslMode") or endpoint.ssl_mode, arn)
    for parameter, attribute in _ENDPOINT_ATTRIBUTES.items():
        value = call.request.get(parameter)
        if isinstance(value, dict) and not call.request.get("ExactSettings"):
            value = {**(getattr(endpoint, attribute) or {}), **value}
        if value is not None:
            setattr(endpoint, attribute, value)
    name, new_name = endpoint.endpoint_identifier, call.request.get("EndpointIdentifier")
    if new_name and new_name != name:
        endpoint.endpoint_identifier = new_name
        call.backend().endpoints[new_name] = call.backend().endpoints.pop(name)
    return {"Endpoint": {k: v for k, v in endpoint.to_dict().items() if v is not None}}


@repair("DeleteEndpoint")
def delete_endpoint(call: Call) -> Dict:
    """Refused while a task uses it."""
    arn = call.request["EndpointArn"]
    for task in call.backend().replication_tasks.values():
        if arn in (task.source_endpoint_arn, task.target_endpoint_arn):
            raise _wrong_state(f"Endpoint {arn} is part of one or more ReplicationTasks.")
    return call.forward()


@repair("TestConnection")
def test_connection(call: Call) -> Dict:
    """A second test replaces the first one; moto fails with an internal error."""
    pair = call.request["ReplicationInstanceArn"], call.request["EndpointArn"]
    dms = call.backend()
    dms.connections[:] = [c for c in dms.connections if (c.replication_instance_arn, c.endpoint_arn) != pair]
    return call.forward()


@repair("DescribeConnections")
def describe_connections(call: Call) -> Dict:
    """Applies all filters, not only the last one. An empty answer is ResourceNotFoundFault, as elsewhere in DMS."""
    answer = call.forward(Filters=None) if call.request.get("Filters") else call.forward()
    fields = {"endpoint-arn": "EndpointArn", "replication-instance-arn": "ReplicationInstanceArn"}
    for item in call.request.get("Filters") or []:
        kept = [c for c in answer["Connections"] if c[fields[item["Name"]]] in item["Values"]]
        answer["Connections"] = kept
    if call.request.get("Filters") and not answer["Connections"]:
        raise _missing("Connections")
    return answer


def _endpoint(call: Call, arn: str) -> Any:
    for endpoint in call.backend().endpoints.values():
        if endpoint.endpoint_arn == arn:
            return endpoint
    raise _missing(f"Endpoint {arn}")


# --- tasks ---------------------------------------------------------------------------------------------------------


@repair("CreateReplicationTask")
def create_task(call: Call) -> Dict:
    """Refuses a taken name and missing parts. The ARN ends with ResourceIdentifier, and the task becomes `ready`."""
    dms, request = call.backend(), call.request
    name = request["ReplicationTaskIdentifier"]
    if any(task.id == name for task in dms.replication_tasks.values()):
        raise _exists(f"Replication task {name}")
    for end in ("SourceEndpointArn", "TargetEndpointArn"):
        _endpoint(call, request[end])
    if request["ReplicationInstanceArn"] not in dms.replication_instances:
        raise _missing(f"Replication instance {request['ReplicationInstanceArn']}")
    answer = call.forward()["ReplicationTask"]
    task = dms.replication_tasks.pop(answer["ReplicationTaskArn"])
    task.arn = _arn(call, "task", request.get("ResourceIdentifier"))
    dms.replication_tasks[task.arn] = task
    _tag(call, task.arn)
    task.ready()
    return {"ReplicationTask": answer | {"ReplicationTaskArn": task.arn}}


@repair("DescribeReplicationTasks")
def describe_tasks(call: Call) -> Dict:
    """A task that has not run has no load statistics. WithoutSettings omits the two long texts."""
    answer = _described(call, "ReplicationTasks")
    for task in answer["ReplicationTasks"]:
        if "ReplicationTaskStartDate" not in task:
            task["ReplicationTaskStats"] = {"FullLoadProgressPercent": 0, "TablesLoaded": 0, "TablesErrored": 0}
        if task["Status"] == "stopped":
            task["StopReason"] = "Stop Reason NORMAL"
        if call.request.get("WithoutSettings"):
            task.pop("TableMappings", None)
            task.pop("ReplicationTaskSettings", None)
    return answer


@repair("StartReplicationTask")
def start_task(call: Call) -> Dict:
    """Refused while it runs. The first start is `start-replication`; later ones are not (for a full load)."""
    task = _task(call)
    if task.status not in ("ready", "stopped", "failed"):
        raise _wrong_state(f"Replication task is {task.status}; it cannot be started")
    kind = call.request.get("StartReplicationTaskType")
    if "full-load" in task.migration_type and (kind == "start-replication") == bool(task.start_date):
        raise refuse("InvalidParameterCombinationException", f"Start Type : {kind}, not valid for this task's state")
    return call.forward()


@repair("ModifyReplicationTask")
def modify_task(call: Call) -> Dict:
    """Not in moto. Only a task that is not running can be changed."""
    task, request = _task(call), call.request
    if task.status not in ("ready", "stopped", "failed"):
        raise _wrong_state(f"Replication task is {task.status}; it cannot be modified")
    task.id = request.get("ReplicationTaskIdentifier", task.id)
    task.migration_type = request.get("MigrationType", task.migration_type)
    task.table_mappings = request.get("TableMappings", task.table_mappings)
    task.replication_task_settings = request.get("ReplicationTaskSettings", task.replication_task_settings)
    return {"ReplicationTask": {k: v for k, v in task.to_dict().items() if k != "ReplicationTaskStats" and v}}


@repair("DeleteReplicationTask")
def delete_task(call: Call) -> Dict:
    """A running task is refused."""
    if _task(call).status == "running":
        raise _wrong_state("Replication task is running; it cannot be deleted")
    return call.forward()


@repair("DescribeTableStatistics")
def table_statistics(call: Call) -> Dict:
    """Not in moto. Returns an empty list, as for a task that found no tables."""
    return {"ReplicationTaskArn": _task(call).arn, "TableStatistics": []}


def _task(call: Call) -> Any:
    task = call.backend().replication_tasks.get(call.request["ReplicationTaskArn"])
    if not task:
        raise _missing("Replication task")
    return task
