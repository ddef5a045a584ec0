"""CloudWatch, served from moto, which is asked in the query protocol (see providers.py).

LocalStack's own provider fails to answer DescribeAlarms over CBOR and does not keep dashboards under their names.
"""

from __future__ import annotations

from .serving import Call, Dict, Repairs

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
