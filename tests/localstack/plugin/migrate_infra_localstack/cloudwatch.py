"""CloudWatch, served from moto, which is asked in the query protocol (see providers.py).

LocalStack's own provider fails to answer DescribeAlarms over CBOR and does not keep dashboards under their names.
"""

from __future__ import annotations

import cbor2

from .serving import Call, Dict, Repairs, refuse, tag_dict, tag_list

repair = Repairs()


@repair("PutMetricAlarm")
def put_alarm(call: Call) -> Dict:
    """A new alarm starts as INSUFFICIENT_DATA, and an update keeps state and tags; moto starts anew with OK."""
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


# Dashboards have tags on AWS ("alarms, dashboards, metric streams and Contributor Insights rules", TagResource); moto knows
# those of alarms only. They are kept by ARN here, and go with their dashboard.


def _dashboard_tags(call: Call) -> dict[str, str] | None:
    """The tags of the dashboard that the call names, or nothing when it does not name one that exists."""
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
    """The call that makes a dashboard can give it tags. The pinned service model does not know that yet, so LocalStack's parser leaves
    them out of the request: they are read from its body."""
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
