"""Lambda, served from moto: LocalStack's own provider can't create, update or delete a function without Docker."""

from __future__ import annotations

from typing import Any

from .serving import Call, Dict, Repairs, refuse

repair = Repairs()


def _with_vpc(call: Call, configuration: Dict) -> Dict:
    """The VPC is that of the subnets; moto makes one up."""
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
    """The same for the answer that has the configuration one level down."""
    answer = call.forward()
    answer["Configuration"] = _with_vpc(call, answer["Configuration"])
    answer["Configuration"] |= {"State": "Active", "LastUpdateStatus": "Successful"}
    return answer


@repair("AddPermission")
def add_permission(call: Call) -> Dict:
    """A statement id that is taken is refused."""
    policy = getattr(_function(call), "policy", None)
    statement = call.request["StatementId"]
    if policy and any(s.get("Sid") == statement for s in policy.statements):
        message = f"The statement id ({statement}) provided already exists. Please provide a new statement id."
        raise refuse("ResourceConflictException", message, 409)
    return call.forward()


@repair("GetPolicy")
def get_policy(call: Call) -> Dict:
    """No statements is no policy."""
    policy = getattr(_function(call), "policy", None)
    if not policy or not policy.statements:
        raise refuse("ResourceNotFoundException", "The resource you requested does not exist.", 404)
    return call.forward()


@repair("Invoke")
def invoke(call: Call) -> Dict:
    """There is nothing here to run a function with: say so at once (moto would look for Docker)."""
    raise refuse("ServiceException", "functions can't be run here: the test lane has no containers", 500)


def _function(call: Call) -> Any:
    functions = call.backend()._lambdas
    return functions.get_function_by_name_or_arn_with_qualifier(call.request["FunctionName"])
