"""Refuses what the policies of an IAM user do not allow.

LocalStack's free edition enforces no policies. Here, moto's evaluator of policies judges each request whose session
token is `user/NAME`: the user and its policies are those of moto's IAM in the same process, and the account is that of
the access key, as always. Other requests are not judged, so one server has tests of both kinds.

moto supports neither the conditions of an identity policy nor, for most services, its resources (see the list at the top
of `moto/iam/access_control.py`): a statement with a condition denies everything there. So statements are judged here by
their effects and actions alone.
"""

from __future__ import annotations

import json
from typing import Any

from localstack.aws import handlers
from localstack.aws.api import CommonServiceException, RequestContext
from localstack.aws.chain import HandlerChain
from localstack.http import Response
from localstack.runtime import hooks
from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.iam.models import iam_backends

TOKEN = "X-Amz-Security-Token"

# The services whose actions have another prefix than the service has a name.
PREFIXES = {"elbv2": "elasticloadbalancing", "resourcegroupstaggingapi": "tag"}

# The operations whose permission has another name ("Required permissions for Amazon S3 API operations", Amazon S3 User
# Guide; "Actions defined by AWS Lambda").
ACTIONS = {
    "lambda:Invoke": "lambda:InvokeFunction",
    "s3:DeleteBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:DeleteBucketLifecycle": "s3:PutLifecycleConfiguration",
    "s3:DeleteBucketOwnershipControls": "s3:PutBucketOwnershipControls",
    "s3:DeleteBucketReplication": "s3:PutReplicationConfiguration",
    "s3:DeleteBucketTagging": "s3:PutBucketTagging",
    "s3:DeleteObjects": "s3:DeleteObject",
    "s3:DeletePublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "s3:GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "s3:GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "s3:GetBucketReplication": "s3:GetReplicationConfiguration",
    "s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
    "s3:ListBuckets": "s3:ListAllMyBuckets",
    "s3:ListObjects": "s3:ListBucket",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:ListObjectVersions": "s3:ListBucketVersions",
    "s3:PutBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
    "s3:PutBucketReplication": "s3:PutReplicationConfiguration",
    "s3:PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
}


@hooks.on_infra_start()
def enforce() -> None:
    handlers.serve_custom_service_request_handlers.append(judge)


def judge(_: HandlerChain, context: RequestContext, __: Response) -> None:
    token = context.request.headers.get(TOKEN, "")
    if not token.startswith("user/") or context.operation is None:
        return
    service = context.service.service_name
    operation = f"{PREFIXES.get(service, service)}:{context.operation.name}"
    action = ACTIONS.get(operation, operation)
    # "No permissions are required to perform this operation" (GetCallerIdentity).
    if action == "sts:GetCallerIdentity":
        return
    user = token.removeprefix("user/")
    if not permits(policies(context.account_id, context.partition, user), action):
        text = f"User: arn:aws:iam::{context.account_id}:user/{user} is not authorized to perform: {action}"
        raise CommonServiceException(code_of(context), text, status_code=403, sender_fault=True)


def policies(account: str, partition: str, user: str) -> list[Any]:
    """Returns the documents of a user's policies, without what moto does not support."""
    backend = iam_backends[account][partition]
    attached, _ = backend.list_attached_user_policies(user)
    documents = [next(one.document for one in policy.versions if one.is_default) for policy in attached]
    documents += [backend.get_user_policy(user, name)["policy_document"] for name in backend.list_user_policies(user)]
    return [bare(json.loads(document)) for document in documents]


def bare(document: dict[str, Any]) -> dict[str, Any]:
    keys = ("Effect", "Action")
    statements = [{**{key: one[key] for key in keys}, "Resource": "*"} for one in document["Statement"]]
    return {"Version": document["Version"], "Statement": statements}


def permits(documents: list[Any], action: str) -> bool:
    """Returns whether one policy allows the action, and none denies it ("Policy evaluation logic", IAM User Guide)."""
    results = [IAMPolicy(json.dumps(one)).is_action_permitted(action) for one in documents]
    return PermissionResult.PERMITTED in results and PermissionResult.DENIED not in results


def code_of(context: RequestContext) -> str:
    """Returns the code of a refusal, which depends on the service and its protocol."""
    if context.service.service_name == "ec2":
        return "UnauthorizedOperation"
    return "AccessDeniedException" if "json" in context.service.protocol else "AccessDenied"
