"""Lambda, served from moto: LocalStack's own provider cannot create, update or delete a function without Docker."""

from __future__ import annotations

from typing import Any

from .serving import Call, Dict, Repairs, refuse

repair = Repairs()


def _with_vpc(call: Call, configuration: Dict) -> Dict:
    """The VPC is that of the subnets; moto invents one."""
    vpc = configuration.get("VpcConfig") or {}
    if subnets := vpc.get("SubnetIds"):
        vpc["VpcId"] = call.backend("ec2").get_subnet(subnets[0]).vpc_id
    return configuration


@repair("CreateFunction", "GetFunctionConfiguration", "UpdateFunctionConfiguration", "UpdateFunctionCode")
def configuration(call: Call) -> Dict:
    """A function is Active at once."""
    answer = _with_vpc(call, call.forward())
    return answer | {"State": "Active", "LastUpdateStatus": "Successful"}


@repair("GetFunction")
def get_function(call: Call) -> Dict:
    """The same for the answer that has the configuration one level deeper."""
    answer = call.forward()
    answer["Configuration"] = _with_vpc(call, answer["Configuration"])
    answer["Configuration"] |= {"State": "Active", "LastUpdateStatus": "Successful"}
    return answer


@repair("AddPermission")
def add_permission(call: Call) -> Dict:
    """Refuses a statement id that is taken."""
    policy = getattr(_function(call), "policy", None)
    statement = call.request["StatementId"]
    if policy and any(s.get("Sid") == statement for s in policy.statements):
        message = f"The statement id ({statement}) provided already exists. Please provide a new statement id."
        raise refuse("ResourceConflictException", message, 409)
    return call.forward()


@repair("GetPolicy")
def get_policy(call: Call) -> Dict:
    """Without statements, there is no policy."""
    policy = getattr(_function(call), "policy", None)
    if not policy or not policy.statements:
        raise refuse("ResourceNotFoundException", "The resource you requested does not exist.", 404)
    return call.forward()


@repair("Invoke")
def invoke(call: Call) -> Dict:
    """Fails at once, because functions cannot run here (moto would search for Docker)."""
    raise refuse("ServiceException", "functions can't be run here: the test lane has no containers", 500)


def _function(call: Call) -> Any:
    functions = call.backend()._lambdas
    return functions.get_function_by_name_or_arn_with_qualifier(call.request["FunctionName"])
