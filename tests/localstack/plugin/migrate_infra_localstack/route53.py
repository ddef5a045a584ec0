"""Route 53: LocalStack's provider (which is moto's with additions), mended."""

from __future__ import annotations

from localstack.aws.api.route53 import InvalidChangeBatch

from .serving import Call, Dict, Repairs, refuse

repair = Repairs()


@repair("CreateHostedZone")
def create_zone(call: Call) -> Dict:
    """A CallerReference makes one zone, ever."""
    reference = call.request["CallerReference"]
    if reference in call.memory["zone references"]:
        message = "A hosted zone has already been created with the specified caller reference."
        raise refuse("HostedZoneAlreadyExists", message, 409)
    answer = call.forward()
    call.memory["zone references"][reference] = True
    return answer


@repair("CreateHealthCheck")
def create_health_check(call: Call) -> Dict:
    """The same CallerReference with the same settings returns the same check; with other settings it is refused."""
    reference, settings = call.request["CallerReference"], call.request["HealthCheckConfig"]
    known = call.memory["health checks"]
    if reference in known:
        before, check = known[reference]
        if before != settings or check not in call.backend().health_checks:
            message = "A health check with this caller reference was created with other settings."
            raise refuse("HealthCheckAlreadyExists", message, 409)
        return {"HealthCheck": _check(call, check), "Location": f"/2013-04-01/healthcheck/{check}"}
    answer = call.forward()
    known[reference] = settings, answer["HealthCheck"]["Id"]
    return answer


@repair("GetHealthCheck")
def get_health_check(call: Call) -> Dict:
    """With the version that updates count up."""
    answer = call.forward()
    answer["HealthCheck"]["HealthCheckVersion"] = _version(call, answer["HealthCheck"]["Id"])
    return answer


@repair("UpdateHealthCheck")
def update_health_check(call: Call) -> Dict:
    """Each update counts the version up; a given version must be the current one."""
    check = call.request["HealthCheckId"]
    if call.request.get("HealthCheckVersion") not in (None, _version(call, check)):
        raise refuse("HealthCheckVersionMismatch", "The value of HealthCheckVersion does not match.", 409)
    answer = call.forward()
    call.memory["versions"][check] = answer["HealthCheck"]["HealthCheckVersion"] = _version(call, check) + 1
    return answer


def _version(call: Call, check: str) -> int:
    return call.memory["versions"].get(check, 1)


def _check(call: Call, check: str) -> Dict:
    answer = call.ask("GetHealthCheck", HealthCheckId=check)["HealthCheck"]
    return answer | {"HealthCheckVersion": _version(call, check)}


@repair("ChangeResourceRecordSets")
def change_records(call: Call) -> Dict:
    """A batch is done whole or not at all.

    CREATE of a record set that exists and DELETE of one with other values are refused; moto accepts both. It also
    deletes by set identifier alone, which takes the record sets of other names along: deletions are done here.
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
