"""Route 53: LocalStack's provider (moto's with additions), repaired."""

from __future__ import annotations

from localstack.aws.api.route53 import InvalidChangeBatch
from moto.backends import get_backend

from .serving import Call, Dict, Repairs, refuse

repair = Repairs()


@repair("CreateHostedZone")
def create_zone(call: Call) -> Dict:
    """A CallerReference creates at most one zone."""
    reference = call.request["CallerReference"]
    if reference in call.memory["zone references"]:
        message = "A hosted zone has already been created with the specified caller reference."
        raise refuse("HostedZoneAlreadyExists", message, 409)
    answer = call.forward()
    call.memory["zone references"][reference] = True
    return answer


@repair("CreateHealthCheck")
def create_health_check(call: Call) -> Dict:
    """A repeated CallerReference returns the existing check if the settings are equal, and is refused otherwise."""
    reference, settings = call.request["CallerReference"], call.request["HealthCheckConfig"]
    known = call.memory["health checks"]
    if reference in known:
        before, check = known[reference]
        if before != settings or check not in call.backend().health_checks:
            message = "A health check with this caller reference was created with other settings."
            raise refuse("HealthCheckAlreadyExists", message, 409)
        return {"HealthCheck": _check(call, check), "Location": f"/2013-04-01/healthcheck/{check}"}
    if settings["Type"] == "CLOUDWATCH_METRIC":
        _must_exist(call, settings["AlarmIdentifier"])
    missing = [child for child in settings.get("ChildHealthChecks", []) if child not in call.backend().health_checks]
    if missing:
        raise refuse("InvalidInput", f"The child health checks {missing} do not exist.")
    answer = call.forward()
    known[reference] = settings, answer["HealthCheck"]["Id"]
    if settings["Type"] in _WITHOUT_ENDPOINT:
        call.memory["settings"][answer["HealthCheck"]["Id"]] = dict(settings)
    return _as_made(call, answer)


# Types that moto supports only partly, and returns with a port and other properties of an endpoint.
_WITHOUT_ENDPOINT = ("CALCULATED", "CLOUDWATCH_METRIC")
_CHANGEABLE = (
    "ChildHealthChecks",
    "HealthThreshold",
    "AlarmIdentifier",
    "InsufficientDataHealthStatus",
    "Inverted",
    "Disabled",
)


def _must_exist(call: Call, alarm: Dict) -> None:
    alarms = get_backend("cloudwatch")[call.account][alarm["Region"]].alarms
    if alarm["Name"] not in alarms:
        raise refuse("InvalidInput", f"The alarm {alarm['Name']} does not exist in {alarm['Region']}.")


def _as_made(call: Call, answer: Dict) -> Dict:
    """Returns a check with the children and the alarm that it was created with."""
    check = answer["HealthCheck"]
    kept = call.memory["settings"].get(check["Id"])
    if kept:
        check["HealthCheckConfig"] = dict(kept)
    return answer


@repair("GetHealthCheck")
def get_health_check(call: Call) -> Dict:
    """Adds the version that updates increment, children and alarm."""
    answer = call.forward()
    answer["HealthCheck"]["HealthCheckVersion"] = _version(call, answer["HealthCheck"]["Id"])
    return _as_made(call, answer)


@repair("ListHealthChecks")
def list_health_checks(call: Call) -> Dict:
    """Adds children and alarms."""
    answer = call.forward()
    for check in answer["HealthChecks"]:
        _as_made(call, {"HealthCheck": check})
    return answer


@repair("UpdateHealthCheck")
def update_health_check(call: Call) -> Dict:
    """Each update increments the version. A version in the request must be the current one."""
    check = call.request["HealthCheckId"]
    if call.request.get("HealthCheckVersion") not in (None, _version(call, check)):
        raise refuse("HealthCheckVersionMismatch", "The value of HealthCheckVersion does not match.", 409)
    answer = call.forward()
    if check in call.memory["settings"]:
        changed = {name: call.request[name] for name in _CHANGEABLE if name in call.request}
        call.memory["settings"][check].update(changed)
    call.memory["versions"][check] = answer["HealthCheck"]["HealthCheckVersion"] = _version(call, check) + 1
    return _as_made(call, answer)


def _version(call: Call, check: str) -> int:
    return call.memory["versions"].get(check, 1)


def _check(call: Call, check: str) -> Dict:
    answer = _as_made(call, call.ask("GetHealthCheck", HealthCheckId=check))["HealthCheck"]
    return answer | {"HealthCheckVersion": _version(call, check)}


@repair("ChangeResourceRecordSets")
def change_records(call: Call) -> Dict:
    """A batch is executed as a whole or not at all.

    Refuses CREATE of an existing record set and DELETE of one with other values; moto accepts both. moto also deletes
    by set identifier alone, including the record sets of other names, so deletions are performed here.
    """
    zone_id = call.request["HostedZoneId"]
    records = call.ask("ListResourceRecordSets", HostedZoneId=zone_id, MaxItems="300")["ResourceRecordSets"]
    existing = {_identity(record): record for record in records}
    errors, deletions, rest = [], [], []
    for change in call.request["ChangeBatch"]["Changes"]:
        record = change["ResourceRecordSet"]
        identity = _identity(record)
        what = f"[name='{identity[0]}', type='{identity[1]}', set-identifier='{identity[2]}']"
        if change["Action"] == "CREATE" and identity in existing:
            errors.append(f"Tried to create resource record set {what} but it already exists")
        if change["Action"] == "DELETE":
            if identity not in existing:
                errors.append(f"Tried to delete resource record set {what} but it was not found")
            elif _values(existing[identity]) != _values(record):
                errors.append(f"Tried to delete resource record set {what} but the values provided do not match")
            deletions.append(identity)
        else:
            rest.append(change)
    if errors:
        raise InvalidChangeBatch(f"[{', '.join(errors)}]", messages=errors)
    zone = call.backend().zones[zone_id.split("/")[-1]]
    zone.rrsets[:] = [
        r for r in zone.rrsets if (r.name.lower().rstrip("."), r.type_, r.set_identifier) not in deletions
    ]
    if rest:
        return call.forward(ChangeBatch={**call.request["ChangeBatch"], "Changes": rest})
    return {"ChangeInfo": call.ask("GetChange", Id="C2682N5HXP0BZ4")["ChangeInfo"]}


def _identity(record: Dict) -> tuple[str, str, str | None]:
    return record["Name"].lower().rstrip("."), record["Type"], record.get("SetIdentifier")


def _values(record: Dict) -> Dict:
    alias = record.get("AliasTarget")
    target = alias and {**alias, "DNSName": alias["DNSName"].rstrip(".").lower()}
    values = sorted(r["Value"] for r in record.get("ResourceRecords") or [])
    return {"alias": target, "values": values, "ttl": record.get("TTL"), "weight": record.get("Weight")}
