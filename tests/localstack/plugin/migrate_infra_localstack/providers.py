"""The entry points: one function for each service, loaded on its first request."""

import os
from pathlib import Path

from localstack.runtime import hooks
from localstack.services.plugins import Service, aws_provider

from .serving import from_moto, over_localstack

mended = lambda api: aws_provider(api=api, name="mended")  # noqa: E731


@mended("application-autoscaling")
def application_autoscaling() -> Service:
    from .application_autoscaling import repair

    return from_moto("application-autoscaling", repair)


@mended("cloudwatch")
def cloudwatch() -> Service:
    from .cloudwatch import repair

    # The Rust SDK uses only Smithy RPC v2 CBOR for CloudWatch, which moto does not support: use the query protocol.
    return from_moto("cloudwatch", repair, protocol="query")


@mended("dms")
def dms() -> Service:
    from .dms import repair

    return from_moto("dms", repair)


@mended("ec2")
def ec2() -> Service:
    from localstack.services.providers import ec2 as plugin

    from .ec2 import repair

    return over_localstack(plugin, repair)


@mended("ecs")
def ecs() -> Service:
    from .ecs import repair

    return from_moto("ecs", repair)


@mended("elbv2")
def elbv2() -> Service:
    from .elbv2 import repair

    return from_moto("elbv2", repair)


@mended("lambda")
def lambda_() -> Service:
    from .lambda_ import repair

    return from_moto("lambda", repair)


@mended("rds")
def rds() -> Service:
    from .rds import repair

    return from_moto("rds", repair)


@mended("resourcegroupstaggingapi")
def resourcegroupstaggingapi() -> Service:
    from .resourcegroupstaggingapi import repair

    return from_moto("resourcegroupstaggingapi", repair)


@mended("route53")
def route53() -> Service:
    from localstack.services.providers import route53 as plugin

    from .route53 import repair

    return over_localstack(plugin, repair)


@mended("s3")
def s3() -> Service:
    from localstack.services.providers import s3 as plugin

    from .s3 import repair

    return over_localstack(plugin, repair)


@mended("secretsmanager")
def secretsmanager() -> Service:
    from .secretsmanager import repair

    return from_moto("secretsmanager", repair)


@hooks.on_infra_ready()
def write_ready_file() -> None:
    """Writes the file that signals that requests are answered now."""
    if path := os.environ.get("MIGRATE_INFRA_READY_FILE"):
        Path(path).write_text(f"{os.getpid()}\n")
