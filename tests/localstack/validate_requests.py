#!/usr/bin/env python3
"""Checks recorded requests against AWS's service models, which botocore ships.

    VENV/bin/python validate_requests.py RECORDED.jsonl

Each line is a request as the program would have sent it: {"service", "method", "url", "headers", "body" (base64)}. A
request is parsed by the protocol of its service and must match the input shape of its operation: required members,
enums, patterns, lengths, ranges. Documents that AWS accepts as text must be JSON. The script prints the problems, then
the number of requests and operations, and exits with 1 if there is a problem.
"""

from __future__ import annotations

import base64
import collections
import functools
import json
import re
import sys
from typing import Any
from urllib.parse import urlsplit

from localstack.aws.protocol.parser import RequestParser, create_parser
from localstack.aws.spec import load_service
from localstack.http import Request

# Maps the signing name of a service to its name in botocore, if they differ.
SERVICES = {"monitoring": "cloudwatch", "elasticloadbalancing": "elbv2", "tagging": "resourcegroupstaggingapi"}

# Members that contain a JSON document as text.
DOCUMENTS = {
    "iam": {"AssumeRolePolicyDocument", "PolicyDocument"},
    "s3": {"Policy"},
    "dms": {"TableMappings", "ReplicationTaskSettings"},
    "cloudwatch": {"DashboardBody"},
    "secretsmanager": {"SecretString"},
}

# The patterns are Java regular expressions. Python lacks their classes by Unicode property, and their notation of
# characters above U+FFFF as surrogate pairs.
JAVA = (
    ("\\uD800\\uDC00-\\uDBFF\\uDFFF", "\U00010000-\U0010ffff"),
    ("\\p{ASCII}", "[\\x00-\\x7f]"),
    ("\\p{Print}", "[\\x20-\\x7e]"),
    ("\\p{L}", "A-Za-zÀ-ÿ"),
    ("\\p{Z}", "\\s"),
    ("\\p{N}", "0-9"),
    ("\\p{M}", ""),
    ("\\p{S}", "$+<=>^`|~"),
    ("\\p{P}", "!-/:-@\\[-`{-~"),
)


def main() -> int:
    problems: collections.Counter[str] = collections.Counter()
    operations: collections.Counter[str] = collections.Counter()
    with open(sys.argv[1], encoding="utf-8") as lines:
        for line in lines:
            recorded = json.loads(line)
            service = SERVICES.get(recorded["service"], recorded["service"])
            operation, found = check(service, recorded)
            operations[f"{service}:{operation}"] += 1
            problems.update(f"{service}:{operation} {problem}" for problem in found)
    for problem, count in sorted(problems.items()):
        print(f"{problem} ({count}x)")
    summary = {"requests": sum(operations.values()), "operations": sorted(operations), "problems": len(problems)}
    print(json.dumps(summary))
    return 1 if problems else 0


@functools.cache
def parser(service: str, protocol: str | None) -> RequestParser:
    """Returns the parser of a service: its map of paths takes most of the time."""
    model = load_service(service, protocol=protocol) if protocol else load_service(service)
    return create_parser(model, protocol)


def check(service: str, recorded: dict[str, Any]) -> tuple[str, list[str]]:
    request = rebuild(recorded)
    protocol = "smithy-rpc-v2-cbor" if "rpc-v2-cbor" in request.headers.get("Smithy-Protocol", "") else None
    try:
        operation, parameters = parser(service, protocol).parse(request)
    except Exception as error:  # any parser error is a problem of the request
        return "?", [f"cannot be parsed: {type(error).__name__}: {error}"]
    found: list[str] = []
    if operation.input_shape is not None:
        fits(service, parameters or {}, operation.input_shape, "", found)
    return operation.name, found


def rebuild(recorded: dict[str, Any]) -> Request:
    url = urlsplit(recorded["url"])
    headers = {name: value for name, value in recorded["headers"].items() if name.lower() != "content-length"}
    headers.setdefault("Host", url.netloc)
    body = base64.b64decode(recorded["body"])
    return Request(
        method=recorded["method"],
        path=url.path or "/",
        query_string=url.query,
        headers=headers,
        body=body,
        raw_path=url.path or "/",
    )


def fits(service: str, value: Any, shape: Any, path: str, found: list[str]) -> None:
    kind = shape.type_name
    if kind == "structure":
        if not isinstance(value, dict):
            found.append(f"{path}: {type(value).__name__} instead of a structure")
            return
        for name in shape.required_members:
            if value.get(name) is None:
                found.append(f"{path}.{name} is required")
        for name, inner in value.items():
            if name not in shape.members:
                found.append(f"{path}.{name} is not a member")
            elif inner is not None:
                fits(service, inner, shape.members[name], f"{path}.{name}", found)
                if name in DOCUMENTS.get(service, ()):
                    parses(inner, f"{path}.{name}", found)
    elif kind == "list":
        within(len(value), shape, f"{path}: the number of items", found)
        for item in value:
            fits(service, item, shape.member, f"{path}[]", found)
    elif kind == "map":
        within(len(value), shape, f"{path}: the number of entries", found)
        for key, item in value.items():
            fits(service, key, shape.key, f"{path}.key", found)
            fits(service, item, shape.value, f"{path}{{}}", found)
    elif kind == "string":
        text(value, shape, path, found)
    elif kind in ("integer", "long", "float", "double"):
        within(value, shape, path, found)


def text(value: Any, shape: Any, path: str, found: list[str]) -> None:
    if not isinstance(value, str):
        found.append(f"{path}: {type(value).__name__} instead of a string")
        return
    if shape.enum and value not in shape.enum:
        found.append(f"{path}: {value!r} is not one of {', '.join(shape.enum[:12])}")
    within(len(value), shape, f"{path}: the length of {value[:60]!r}", found)
    pattern = shape.metadata.get("pattern")
    if pattern and not matches(pattern, value):
        found.append(f"{path}: {value[:60]!r} does not match {pattern}")


def matches(pattern: str, value: str) -> bool:
    for java, python in JAVA:
        pattern = pattern.replace(java, python)
    return re.search(f"^(?:{pattern})$", value, re.DOTALL) is not None


def within(number: float, shape: Any, what: str, found: list[str]) -> None:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and number < least:
        found.append(f"{what}: {number} is less than {least}")
    if most is not None and number > most:
        found.append(f"{what}: {number} is more than {most}")


def parses(value: Any, path: str, found: list[str]) -> None:
    try:
        json.loads(value)
    except (TypeError, ValueError) as error:
        found.append(f"{path} is not JSON: {error}")


if __name__ == "__main__":
    sys.exit(main())
