"""ECS, served from moto. Answers consist of the attributes of moto's objects, so most repairs set an attribute."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any

from .serving import Call, Dict, Repairs, refuse

repair = Repairs()


# --- clusters ------------------------------------------------------------------------------------------------------


@repair("CreateCluster")
def create_cluster(call: Call) -> Dict:
    """A taken name returns the existing cluster, unchanged; moto replaces it, with its settings and tags."""
    name = call.request.get("clusterName", "default")
    cluster = call.backend().clusters.get(name)
    if cluster and cluster.status == "ACTIVE":
        return {"cluster": call.ask("DescribeClusters", clusters=[name], include=["TAGS", "SETTINGS"])["clusters"][0]}
    answer = call.forward()
    cluster = call.backend().clusters[name]
    cluster.tags = cluster.tags or []  # GetResources of the tagging API fails on None
    return answer


@repair("DeleteCluster")
def delete_cluster(call: Call) -> Dict:
    """Refused while it has services."""
    name = call.request["cluster"].split("/")[-1]
    if any(s.cluster_name == name and s.status == "ACTIVE" for s in call.backend().services.values()):
        raise refuse("ClusterContainsServicesException", "The Cluster cannot be deleted while Services are active.")
    return call.forward()


@repair("RegisterTaskDefinition")
def register_task_definition(call: Call) -> Dict:
    """Without tags, the list is empty; GetResources of the tagging API fails on None."""
    answer = call.forward()
    for revisions in call.backend().task_definitions.values():
        for one in revisions.values():
            one.tags = one.tags or []
    return answer


# --- services ------------------------------------------------------------------------------------------------------

# Settings of a service that moto drops: parameter, attribute, default on AWS.
_SETTINGS = (
    ("healthCheckGracePeriodSeconds", "health_check_grace_period_seconds", None),
    ("enableECSManagedTags", "enable_ecs_managed_tags", False),
    ("enableExecuteCommand", "enable_execute_command", False),
    ("availabilityZoneRebalancing", "availability_zone_rebalancing", None),
)
_DEPLOYMENT = {"maximumPercent": 200, "minimumHealthyPercent": 100}


def _service(call: Call, name: str) -> Any:
    cluster = call.request.get("cluster", "default").split("/")[-1]
    return call.backend().services.get(f"{cluster}:{name.split('/')[-1]}")


@repair("CreateService")
def create_service(call: Call) -> Dict:
    """Refuses a taken name (moto replaces the service). All settings are stored, and the service is stable at once."""
    request = call.request
    known = _service(call, request["serviceName"])
    if known and known.status == "ACTIVE":
        if request.get("clientToken") and request == call.memory["requests"].get(known.arn):
            return _described(call, request["serviceName"])
        raise refuse("InvalidParameterException", "Creation of service was not idempotent.")
    for balancer in request.get("loadBalancers") or []:
        arn = balancer.get("targetGroupArn")
        if arn and arn not in call.backend("elbv2").target_groups:
            raise refuse("InvalidParameterException", f"The target group with targetGroupArn {arn} does not exist.")
    call.forward()
    service = _service(call, request["serviceName"])
    call.memory["requests"][service.arn] = dict(request)
    service.created_at = datetime.now(UTC)
    for parameter, attribute, default in _SETTINGS:
        setattr(service, attribute, request.get(parameter, default))
    service.deployment_configuration = _deployment(request.get("deploymentConfiguration"))
    _settle(call, service, new=True)
    return _described(call, request["serviceName"])


@repair("UpdateService")
def update_service(call: Call) -> Dict:
    """Stores changed settings. Another task definition or a forced deployment creates a new deployment."""
    request = call.request
    service = _service(call, request["service"])
    if not service:
        raise refuse("ServiceNotFoundException", "Service not found.")
    if service.status != "ACTIVE":
        raise refuse("ServiceNotActiveException", "Service was not ACTIVE.")
    before = service.task_definition
    call.forward()
    if task := request.get("taskDefinition"):
        service.task_definition = call.backend().describe_task_definition(task).arn
    for parameter, attribute, _ in _SETTINGS:
        if parameter in request:
            setattr(service, attribute, request[parameter])
    if "deploymentConfiguration" in request:
        service.deployment_configuration = _deployment(request["deploymentConfiguration"])
    changed = service.task_definition != before or bool({"networkConfiguration", "loadBalancers"} & request.keys())
    _settle(call, service, new=changed or bool(request.get("forceNewDeployment")))
    return _described(call, request["service"])


@repair("DeleteService")
def delete_service(call: Call) -> Dict:
    """Returns DRAINING. Then the service is INACTIVE, and its cluster no longer counts it."""
    service = _service(call, call.request["service"])
    if service and service.status != "ACTIVE":
        raise refuse("ServiceNotActiveException", "Service was not ACTIVE.")
    answer = call.forward()
    service.desired_count = service.running_count = 0
    _set_targets(call, service, 0)
    service.deployments = []
    return {"service": answer["service"] | {"status": "DRAINING", "desiredCount": 0}}


@repair("ListServices")
def list_services(call: Call) -> Dict:
    """Omits INACTIVE services."""
    answer = call.forward()
    gone = {s.arn for s in call.backend().services.values() if s.status == "INACTIVE"}
    return answer | {"serviceArns": [arn for arn in answer["serviceArns"] if arn not in gone]}


def _deployment(wanted: Dict | None) -> Dict:
    breaker = {"deploymentCircuitBreaker": {"enable": False, "rollback": False}}
    return {**breaker, **_DEPLOYMENT, **(wanted or {})}


def _set_targets(call: Call, service: Any, count: int) -> None:
    """Registers the addresses of the tasks in the service's target groups (moto has no tasks of a service)."""
    network = (service.network_configuration or {}).get("awsvpcConfiguration") or {}
    subnets = [call.backend("ec2").get_subnet(s) for s in network.get("subnets", [])]
    for balancer in service.load_balancers if subnets else []:
        group = call.backend("elbv2").target_groups.get(balancer.get("targetGroupArn"))
        if group is None or group.target_type != "ip":
            continue
        registered: list[str] = service.__dict__.setdefault("addresses", [])
        while len(registered) < count:
            subnet = subnets[len(registered) % len(subnets)]
            address = str(ip_network(subnet.cidr_block)[10 + len(registered)])
            group.register([{"Id": address, "Port": balancer["containerPort"]}])
            registered.append(address)
        while len(registered) > count:
            address = registered.pop()
            if address in group.targets:
                group.deregister([{"Id": address}])


def _settle(call: Call, service: Any, new: bool) -> None:
    """All desired tasks run, in one PRIMARY deployment that is COMPLETED; in moto the number stays zero."""
    now = datetime.now(UTC)
    cluster = call.backend().clusters[service.cluster_name]
    cluster.pending_tasks_count -= service.pending_count
    cluster.running_tasks_count += service.desired_count - service.running_count
    service.running_count, service.pending_count = service.desired_count, 0
    _set_targets(call, service, service.running_count)
    if not service.deployments:
        return  # the deployment controller is not ECS
    deployment = service.deployments[0]
    if new and deployment.get("rolloutState"):
        deployment |= {"id": f"ecs-svc/{now.timestamp():.6f}".replace(".", ""), "createdAt": now}
    deployment |= {
        "updatedAt": now,
        "taskDefinition": service.task_definition,
        "networkConfiguration": service.network_configuration or None,
        "desiredCount": service.desired_count,
        "runningCount": service.running_count,
        "pendingCount": 0,
        "failedTasks": 0,
        "rolloutState": "COMPLETED",
        "rolloutStateReason": f"ECS deployment {deployment['id']} completed.",
    }
    message = f"(service {service.name}) has reached a steady state."
    service.events.insert(0, {"id": f"{now.timestamp()}", "createdAt": now, "message": message})


def _described(call: Call, name: str) -> Dict:
    cluster = call.request.get("cluster", "default")
    return {"service": call.ask("DescribeServices", cluster=cluster, services=[name], include=["TAGS"])["services"][0]}
