"""Secrets Manager, served from moto: LocalStack's own provider fails on tokens, rotation and repeated creation."""

from __future__ import annotations

import time
import uuid
from typing import Any

from .serving import Call, Dict, Repairs, refuse

repair = Repairs()


def _secret(call: Call, identifier: str | None = None) -> Any:
    """Returns moto's secret by name or ARN; None if there is none."""
    secrets, wanted = call.backend().secrets, identifier or call.request["SecretId"]
    return next((s for s in secrets.values() if wanted in (s.name, s.arn)), None)


def _not_deleted(secret: Any) -> None:
    if secret and secret.is_deleted():
        message = "You can't perform this operation on the secret because it was marked for deletion."
        raise refuse("InvalidRequestException", message)


@repair("CreateSecret")
def create(call: Call) -> Dict:
    """Refuses a name scheduled for deletion, and a taken name, unless token and value are equal."""
    name, token = call.request["Name"], call.request.get("ClientRequestToken")
    secret = _secret(call, name)
    if secret and secret.is_deleted():
        message = "You can't create this secret because a secret with this name is already scheduled for deletion."
        raise refuse("InvalidRequestException", message)
    if secret and token not in secret.versions:
        raise refuse("ResourceExistsException", f"The operation failed because the secret {name} already exists.")
    return call.forward()


@repair("PutSecretValue", "UpdateSecret")
def change(call: Call) -> Dict:
    """Refused while the secret is scheduled for deletion."""
    _not_deleted(_secret(call))
    return call.forward()


@repair("RotateSecret")
def rotate(call: Call) -> Dict:
    """Sets up rotation without running the function, because functions cannot run here.

    If RotateImmediately is false, AWS tests the function and leaves no version behind. If it is true, AWS runs the
    function after the answer. Here it never runs, which looks like a stuck rotation: a version with the label
    AWSPENDING and no value, and every further RotateSecret is refused.
    """
    request, secret = call.request, _secret(call)
    if not secret:
        raise refuse("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
    _not_deleted(secret)
    function = request.get("RotationLambdaARN") or secret.rotation_lambda_arn
    if not function:
        raise refuse("InvalidRequestException", "No Lambda rotation function ARN is associated with this secret.")
    functions = call.backend("lambda")._lambdas
    if not functions.get_function_by_name_or_arn_with_qualifier(function):
        raise refuse("ResourceNotFoundException", f"Secrets Manager can't find the resource {function}")
    if any(v["version_stages"] == ["AWSPENDING"] for v in secret.versions.values()):
        message = "A previous rotation isn't complete. That rotation will be reattempted."
        raise refuse("InvalidRequestException", message)
    rules = request.get("RotationRules") or {}
    secret.rotation_requested = secret.rotation_enabled = True
    secret.rotation_lambda_arn = function
    secret.auto_rotate_after_days = rules.get("AutomaticallyAfterDays", secret.auto_rotate_after_days)
    call.memory["rotation rules"][secret.arn] = rules or call.memory["rotation rules"].get(secret.arn, {})
    secret.next_rotation_date = int(time.time()) + (secret.auto_rotate_after_days or 1) * 86400
    answer = {"ARN": secret.arn, "Name": secret.name}
    if request.get("RotateImmediately", True):
        version = request.get("ClientRequestToken") or str(uuid.uuid4())
        pending = {"createdate": int(time.time()), "version_id": version, "version_stages": ["AWSPENDING"]}
        secret.versions[version] = pending
        answer["VersionId"] = version
    return answer


@repair("DescribeSecret")
def describe(call: Call) -> Dict:
    """Returns the rotation rules as configured, including a schedule expression, without the date of a rotation."""
    answer = call.forward()
    if rules := call.memory["rotation rules"].get(answer["ARN"]):
        answer["RotationRules"] = rules
    if answer.get("LastRotatedDate") is None:
        answer.pop("LastRotatedDate", None)
    return answer


@repair("CancelRotateSecret")
def cancel(call: Call) -> Dict:
    """Turns rotation off. Function and rules stay, as on AWS, for the next RotateSecret."""
    secret = _secret(call)
    if not secret:
        raise refuse("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
    _not_deleted(secret)
    if not secret.rotation_lambda_arn:
        raise refuse("InvalidRequestException", "You tried to cancel the rotation of a secret that has none.")
    secret.rotation_enabled, secret.next_rotation_date = False, None
    for version, stages in list(secret.versions.items()):
        if stages["version_stages"] == ["AWSPENDING"]:
            del secret.versions[version]
    return {"ARN": secret.arn, "Name": secret.name}
