"""Elastic Load Balancing v2, served from moto."""

from __future__ import annotations

from typing import Any

from .serving import Call, Dict, Repairs, refuse

repair = Repairs()

# Two create requests are identical if everything but the tags is equal.
_APART = {"Tags"}


def _create_once(call: Call, key: str, arn_key: str, existing: Any, taken: str) -> Dict:
    """A repeated request returns the same resource. A different request with a taken name is refused."""
    request = {k: v for k, v in call.request.items() if k not in _APART}
    for arn, one in existing.items():
        if one.name == call.request["Name"]:
            if call.memory["requests"].get(arn) != request:
                raise refuse(taken, f"A resource with the name '{one.name}' exists with other settings")
            return {key: call.ask(f"Describe{key}", **{f"{arn_key}s": [arn]})[key]}
    answer = call.forward()
    call.memory["requests"][answer[key][0][arn_key]] = request
    return answer


@repair("CreateLoadBalancer")
def create_load_balancer(call: Call) -> Dict:
    """Refuses a taken name and two subnets of one availability zone; moto creates a second one."""
    subnets = [call.backend("ec2").get_subnet(s) for s in call.request.get("Subnets") or []]
    if len({s.availability_zone for s in subnets}) < len(subnets):
        message = "A load balancer cannot be attached to multiple subnets in the same Availability Zone"
        raise refuse("InvalidConfigurationRequest", message)
    return _create_once(
        call, "LoadBalancers", "LoadBalancerArn", call.backend().load_balancers, "DuplicateLoadBalancerName"
    )


@repair("DeleteLoadBalancer")
def delete_load_balancer(call: Call) -> Dict:
    """Refused under deletion protection. A missing balancer is not an error."""
    one = call.backend().load_balancers.get(call.request["LoadBalancerArn"])
    if one and str(one.attrs.get("deletion_protection.enabled")).lower() == "true":
        message = f"Load balancer '{one.arn}' cannot be deleted because deletion protection is enabled"
        raise refuse("OperationNotPermitted", message)
    return call.forward()


@repair("CreateTargetGroup")
def create_target_group(call: Call) -> Dict:
    """Accepts a repeated request, which moto refuses."""
    return _create_once(
        call, "TargetGroups", "TargetGroupArn", call.backend().target_groups, "DuplicateTargetGroupName"
    )


@repair("DescribeTargetGroups")
def describe_target_groups(call: Call) -> Dict:
    """Lists each balancer once, and only while one of its listeners uses the group."""
    answer = call.forward()
    for group in answer.get("TargetGroups") or []:
        group["LoadBalancerArns"] = sorted(set(group.get("LoadBalancerArns") or []))
    return answer


@repair("CreateListener")
def create_listener(call: Call) -> Dict:
    """Refuses a port that has a listener, unless the request is identical (then nothing is created)."""
    balancer = call.backend().load_balancers.get(call.request["LoadBalancerArn"])
    for arn, listener in (balancer.listeners if balancer else {}).items():
        if int(listener.port) == call.request.get("Port"):
            request = {k: v for k, v in call.request.items() if k not in _APART}
            if call.memory["requests"].get(arn) != request:
                raise refuse("DuplicateListener", "A listener already exists on this port for this load balancer")
            return {"Listeners": call.ask("DescribeListeners", ListenerArns=[arn])["Listeners"]}
    answer = call.forward()
    request = {k: v for k, v in call.request.items() if k not in _APART}
    call.memory["requests"][answer["Listeners"][0]["ListenerArn"]] = request
    return answer
