"""Application Auto Scaling, served from moto."""

from __future__ import annotations

from .serving import Call, Dict, Repairs, refuse

repair = Repairs()


def _missing(message: str) -> Exception:
    return refuse("ObjectNotFoundException", message)


def _target(call: Call) -> str | None:
    """Returns the ARN of the target that the request names."""
    by_resource = call.backend().targets.get(call.request["ScalableDimension"], {})
    target = by_resource.get(call.request["ResourceId"])
    return target.arn if target else None


@repair("RegisterScalableTarget")
def register(call: Call) -> Dict:
    """Returns the ARN, and accepts tags for a new target; moto does neither."""
    new = _target(call) is None
    call.forward()
    arn = _target(call)
    if new:
        call.memory["tags"][arn] = dict(call.request.get("Tags") or {})
    return {"ScalableTargetARN": arn}


@repair("DescribeScalableTargets")
def describe(call: Call) -> Dict:
    """Adds ARNs."""
    answer = call.forward()
    for one in answer.get("ScalableTargets") or []:
        one["ScalableTargetARN"] = call.backend().targets[one["ScalableDimension"]][one["ResourceId"]].arn
    return answer


@repair("DeregisterScalableTarget")
def deregister(call: Call) -> Dict:
    """A missing target is ObjectNotFoundException. Its policies (with their alarms) and tags are deleted with it."""
    arn = _target(call)
    if not arn:
        raise _missing("No scalable target found for the given service namespace, resource ID and dimension")
    answer = call.forward()
    scaling, request = call.backend(), call.request
    for policy in list(scaling.policies.values()):
        if (policy.resource_id, policy.scalable_dimension) == (request["ResourceId"], request["ScalableDimension"]):
            scaling.delete_scaling_policy(
                policy.policy_name, policy.service_namespace, policy.resource_id, policy.scalable_dimension
            )
    call.memory["tags"].pop(arn, None)
    return answer


@repair("PutScalingPolicy")
def put_policy(call: Call) -> Dict:
    """Requires a registered target."""
    if not _target(call):
        raise _missing("No scalable target registered for the given service namespace, resource ID and dimension")
    return call.forward()


@repair("DescribeScalingPolicies")
def describe_policies(call: Call) -> Dict:
    """Applies PolicyNames, which moto ignores."""
    answer = call.forward()
    if names := call.request.get("PolicyNames"):
        answer["ScalingPolicies"] = [p for p in answer["ScalingPolicies"] if p["PolicyName"] in names]
    return answer


@repair("DeleteScalingPolicy")
def delete_policy(call: Call) -> Dict:
    """A missing policy is ObjectNotFoundException."""
    wanted = call.request["PolicyName"], call.request["ResourceId"], call.request["ScalableDimension"]
    known = {(p.policy_name, p.resource_id, p.scalable_dimension) for p in call.backend().policies.values()}
    if wanted not in known:
        raise _missing("No scaling policy found")
    return call.forward()


# --- tags: not in moto ---------------------------------------------------------------------------------------------


def _tags(call: Call) -> dict[str, str]:
    arn = call.request["ResourceARN"]
    if arn not in call.memory["tags"]:
        raise refuse("ResourceNotFoundException", f"The resource {arn} was not found")
    return call.memory["tags"][arn]


@repair("ListTagsForResource")
def list_tags(call: Call) -> Dict:
    return {"Tags": dict(_tags(call))}


@repair("TagResource")
def tag(call: Call) -> Dict:
    _tags(call).update(call.request["Tags"])
    return {}


@repair("UntagResource")
def untag(call: Call) -> Dict:
    for key in call.request["TagKeys"]:
        _tags(call).pop(key, None)
    return {}
