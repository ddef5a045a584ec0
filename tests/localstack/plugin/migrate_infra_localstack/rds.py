"""RDS, served from moto. Answers consist of the attributes of moto's objects, so most repairs set an attribute."""

from __future__ import annotations

import random
import string
from typing import Any

from .serving import Call, Dict, Repairs, refuse

repair = Repairs()


# --- instances -----------------------------------------------------------------------------------------------------


@repair("CreateDBInstance")
def create_instance(call: Call) -> Dict:
    """Every instance has a unique resource id. Performance Insights and monitoring settings can be read back."""
    request = call.request
    password = request.get("MasterUserPassword")
    if password is not None and not 8 <= len(password) <= 128:
        raise refuse("InvalidParameterValue", "The parameter MasterUserPassword is not a valid password.")
    known = {group_id for groups in call.backend("ec2").groups.values() for group_id in groups}
    for group in request.get("VpcSecurityGroupIds") or []:
        if group not in known:
            raise refuse("InvalidParameterValue", f"Invalid security group , groupId= {group}, groupName=.")
    call.forward()
    instance = _instance(call)
    instance.dbi_resource_id = "db-" + "".join(random.choices(string.ascii_uppercase + string.digits, k=26))
    instance.performance_insights_enabled = request.get("EnablePerformanceInsights", False)
    if instance.performance_insights_enabled:
        instance.performance_insights_retention_period = request.get("PerformanceInsightsRetentionPeriod", 7)
        instance.performance_insights_kms_key_id = request.get("PerformanceInsightsKMSKeyId")
    instance.monitoring_interval = request.get("MonitoringInterval", 0)
    if role := request.get("MonitoringRoleArn"):
        instance.monitoring_role_arn = role
    return _described(call)


@repair("ModifyDBInstance")
def modify_instance(call: Call) -> Dict:
    """Stores the same settings after a change."""
    call.forward()
    instance, request = _instance(call, call.request.get("NewDBInstanceIdentifier")), call.request
    if "EnablePerformanceInsights" in request:
        instance.performance_insights_enabled = request["EnablePerformanceInsights"]
    if "PerformanceInsightsRetentionPeriod" in request:
        instance.performance_insights_retention_period = request["PerformanceInsightsRetentionPeriod"]
    if "MonitoringInterval" in request:
        instance.monitoring_interval = request["MonitoringInterval"]
    return _described(call, call.request.get("NewDBInstanceIdentifier"))


@repair("DeleteDBInstance")
def delete_instance(call: Call) -> Dict:
    """Refused without either a final snapshot or SkipFinalSnapshot."""
    skip, snapshot = call.request.get("SkipFinalSnapshot"), call.request.get("FinalDBSnapshotIdentifier")
    if not skip and not snapshot:
        message = "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified."
        raise refuse("InvalidParameterCombination", message)
    return call.forward()


def _instance(call: Call, name: str | None = None) -> Any:
    return call.backend().databases[name or call.request["DBInstanceIdentifier"]]


def _described(call: Call, name: str | None = None) -> Dict:
    """Returns the instance as in Describe: the answer of a call after which a repair changed something."""
    answer = call.ask("DescribeDBInstances", DBInstanceIdentifier=name or call.request["DBInstanceIdentifier"])
    return {"DBInstance": answer["DBInstances"][0]}


# --- preflight queries --------------------------------------------------------------------------------------------

_VERSIONS = ("15.8", "15.10", "16.3", "16.6", "16.8", "17.2", "17.4")


@repair("DescribeDBEngineVersions")
def engine_versions(call: Call) -> Dict:
    """Not in moto: some versions of PostgreSQL."""
    request = call.request
    versions = []
    for version in _VERSIONS if request.get("Engine", "postgres") == "postgres" else ():
        family = f"postgres{version.split('.')[0]}"
        wanted = request.get("EngineVersion")
        matches = wanted in (None, version, version.split(".")[0])
        if matches and request.get("DBParameterGroupFamily") in (None, family):
            versions.append({"Engine": "postgres", "EngineVersion": version, "DBParameterGroupFamily": family})
            versions[-1] |= {"Status": "available", "ExportableLogTypes": ["postgresql", "upgrade"]}
    return {"DBEngineVersions": versions}


@repair("DescribeAccountAttributes")
def account_attributes(call: Call) -> Dict:
    """Not in moto: AWS's default quotas and their usage."""
    rds = call.backend()
    storage = sum(instance.allocated_storage for instance in rds.databases.values())
    used = {
        "DBInstances": (len(rds.databases), 40),
        "AllocatedStorage": (storage, 100000),
        "DBSubnetGroups": (len(rds.subnet_groups), 50),
        "DBParameterGroups": (len(rds.db_parameter_groups), 50),
        "ManualSnapshots": (len(rds.database_snapshots), 100),
    }
    return {"AccountQuotas": [{"AccountQuotaName": k, "Used": u, "Max": m} for k, (u, m) in used.items()]}


# --- subnet groups -------------------------------------------------------------------------------------------------


@repair("CreateDBSubnetGroup")
def create_subnet_group(call: Call) -> Dict:
    """Refuses a taken name (moto replaces the group), and subnets in only one availability zone."""
    name, subnets = call.request["DBSubnetGroupName"], call.request["SubnetIds"]
    if name in call.backend().subnet_groups:
        raise refuse("DBSubnetGroupAlreadyExists", f"The DB subnet group '{name}' already exists.")
    if len({call.backend("ec2").get_subnet(s).availability_zone for s in subnets}) < 2:
        message = "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement."
        raise refuse("DBSubnetGroupDoesNotCoverEnoughAZs", message)
    return call.forward()


@repair("DeleteDBSubnetGroup")
def delete_subnet_group(call: Call) -> Dict:
    """Refused while an instance uses it."""
    name = call.request["DBSubnetGroupName"]
    for instance in call.backend().databases.values():
        group = getattr(instance, "db_subnet_group", None)
        if group and group.name == name.lower():
            message = (
                f"Cannot delete the subnet group '{name}' because at least one database instance is still using it."
            )
            raise refuse("InvalidDBSubnetGroupStateFault", message)
    return call.forward()


# --- parameter groups ----------------------------------------------------------------------------------------------

# Some parameters of PostgreSQL with the values of the engine: a group always has more than the changed ones.
_ENGINE_PARAMETERS = (
    ("max_connections", "LEAST({DBInstanceClassMemory/9531392},5000)", "static", "integer"),
    ("rds.logical_replication", "0", "static", "boolean"),
    ("rds.force_ssl", "1", "dynamic", "boolean"),
    ("max_replication_slots", "20", "static", "integer"),
    ("max_wal_senders", "35", "static", "integer"),
    ("log_statement", None, "dynamic", "string"),
)


@repair("DescribeDBParameters")
def describe_parameters(call: Call) -> Dict:
    """A changed parameter has the source `user`, the others have `system`. Applies Source."""
    changed = {p["ParameterName"]: p for p in call.forward(Source=None).get("Parameters") or []}
    parameters = []
    for name, value, kind, data_type in _ENGINE_PARAMETERS:
        parameter = {"ParameterName": name, "ApplyType": kind, "DataType": data_type, "IsModifiable": True}
        parameter |= {"Source": "system", "ApplyMethod": "pending-reboot"}
        if value is not None:
            parameter["ParameterValue"] = value
        parameters.append(parameter | {**changed.pop(name), "Source": "user"} if name in changed else parameter)
    parameters += [{"IsModifiable": True, **p, "Source": "user"} for p in changed.values()]
    source = call.request.get("Source")
    return {"Parameters": [p for p in parameters if source in (None, p["Source"])]}


@repair("ModifyDBParameterGroup")
def modify_parameters(call: Call) -> Dict:
    """Refuses to apply a static parameter immediately."""
    static = {name for name, _, kind, _ in _ENGINE_PARAMETERS if kind == "static"}
    for parameter in call.request.get("Parameters") or []:
        if parameter["ParameterName"] in static and parameter.get("ApplyMethod") == "immediate":
            message = "cannot use immediate apply method for static parameter"
            raise refuse("InvalidParameterCombination", message)
    return call.forward()


@repair("ResetDBParameterGroup")
def reset_parameters(call: Call) -> Dict:
    """Not in moto."""
    name, parameters = call.request["DBParameterGroupName"], call.request.get("Parameters") or []
    group = call.backend().db_parameter_groups.get(name)
    if not group:
        raise refuse("DBParameterGroupNotFound", f"DBParameterGroup not found: {name}", 404)
    for parameter in [p["ParameterName"] for p in parameters] or list(group.parameters):
        group.parameters.pop(parameter, None)
    return {"DBParameterGroupName": name}


@repair("DescribeDBParameterGroups")
def describe_parameter_groups(call: Call) -> Dict:
    """A missing group is an error; moto returns an empty list."""
    answer = call.forward()
    if (name := call.request.get("DBParameterGroupName")) and not answer.get("DBParameterGroups"):
        raise refuse("DBParameterGroupNotFound", f"DBParameterGroup not found: {name}", 404)
    return answer


@repair("DeleteDBParameterGroup")
def delete_parameter_group(call: Call) -> Dict:
    """Refused while an instance uses it."""
    name = call.request["DBParameterGroupName"]
    if any(instance.db_parameter_group_name == name for instance in call.backend().databases.values()):
        raise refuse("InvalidDBParameterGroupState", "One or more database instances are still members of this group.")
    return call.forward()
