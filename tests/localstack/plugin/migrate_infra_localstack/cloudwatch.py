"""CloudWatch, served from moto in the query protocol (see providers.py).

LocalStack's own provider does not answer DescribeAlarms over CBOR, and does not store dashboards by name.
"""

from __future__ import annotations

import cbor2

from .serving import Call, Dict, Repairs, refuse, tag_dict, tag_list

repair = Repairs()


@repair("PutMetricAlarm")
def put_alarm(call: Call) -> Dict:
    """A new alarm is INSUFFICIENT_DATA, and an update keeps state and tags; moto resets the state to OK."""
    name = call.request["AlarmName"]
    before = call.backend().alarms.get(name)
    tags = call.backend().list_tags_for_resource(before.alarm_arn) if before else {}
    answer = call.forward()
    alarm = call.backend().alarms[name]
    alarm.state_value = before.state_value if before else "INSUFFICIENT_DATA"
    if before:
        alarm.state_updated_timestamp = before.state_updated_timestamp
        call.backend().tag_resource(alarm.alarm_arn, [{"Key": k, "Value": v} for k, v in tags.items()])
    return answer


# On AWS, dashboards have tags ("alarms, dashboards, metric streams and Contributor Insights rules", TagResource); moto
# supports only those of alarms. They are stored by ARN here, and deleted with their dashboard.


def _dashboard_tags(call: Call) -> dict[str, str] | None:
    """Returns the tags of the dashboard that the call names; None if it does not name an existing one."""
    arn = call.request.get("ResourceARN", "")
    name = arn.rpartition(":dashboard/")[2] if ":dashboard/" in arn else None
    if name is None:
        return None
    if name not in {dashboard.name for dashboard in call.backend().dashboards.values()}:
        raise refuse("ResourceNotFoundException", f"Dashboard {name} does not exist", 404)
    return call.memory["dashboard_tags"].setdefault(name, {})


@repair("TagResource")
def tag(call: Call) -> Dict:
    tags = _dashboard_tags(call)
    if tags is None:
        return call.forward()
    tags |= tag_dict(call.request.get("Tags"))
    return {}


@repair("UntagResource")
def untag(call: Call) -> Dict:
    tags = _dashboard_tags(call)
    if tags is None:
        return call.forward()
    for key in call.request.get("TagKeys", []):
        tags.pop(key, None)
    return {}


@repair("ListTagsForResource")
def list_tags(call: Call) -> Dict:
    tags = _dashboard_tags(call)
    return call.forward() if tags is None else {"Tags": tag_list(tags)}


@repair("PutDashboard")
def put_dashboard(call: Call) -> Dict:
    """Reads the tags of a new dashboard from the body of the request.

    The pinned service model does not have them yet, so LocalStack's parser omits them.
    """
    name = call.request["DashboardName"]
    is_new = name not in {dashboard.name for dashboard in call.backend().dashboards.values()}
    answer = call.forward()
    if is_new and "cbor" in call.context.request.headers.get("Smithy-Protocol", ""):
        sent = cbor2.loads(call.context.request.get_data())
        call.memory["dashboard_tags"].setdefault(name, {}).update(tag_dict(sent.get("Tags")))
    return answer


@repair("DeleteDashboards")
def delete_dashboards(call: Call) -> Dict:
    answer = call.forward()
    for name in call.request.get("DashboardNames", []):
        call.memory["dashboard_tags"].pop(name, None)
    return answer
