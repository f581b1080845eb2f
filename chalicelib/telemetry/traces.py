"""X-Ray: a sampled request becomes one document, with its calls to AWS inside, sent to the daemon when the request is over.

Entities and emitter are the X-Ray SDK's; its recorder is not used, since it keeps the open segment by thread, and a request here
is worked for by several threads and by tasks of one loop (`docs/adr/0011-telemetry.md`). In Lambda the document is a subsegment
of the function's segment, which Lambda makes; in a container it is the segment. Source: AWS X-Ray developer guide, "AWS X-Ray
segment documents", "Sending segment documents to the X-Ray daemon".
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any

from chalicelib.telemetry.observation import Call, Observation, trace_id
from chalicelib.telemetry.plan import Plan

if TYPE_CHECKING:
    from aws_xray_sdk.core.emitters.udp_emitter import UDPEmitter

HEADER = "x-amzn-trace-id"
_PARENT = re.compile(r"Parent=([0-9a-f]{16})")
_RESOURCES = {"dynamodb": "table_name", "s3": "bucket_name", "sqs": "queue_url"}
_last_second = [0]


def is_sampled(trace: str, plan: Plan, second: int) -> bool:
    """Say whether a request is traced where traces are on: as its header says. Where nobody decided before a container, one in a
    second is, as X-Ray's own default begins."""
    if "Sampled=0" in trace:
        return False
    if "Sampled=1" in trace:
        return bool(trace_id(trace))
    if not plan.is_container or _last_second[0] == second:
        return False
    _last_second[0] = second
    return True


def send(seen: Observation, plan: Plan, *, has_failed: bool, ended_at: float) -> None:
    """Send a sampled observation that is over. `ended_at` is Unix time in seconds. Costs no wait: it is a datagram."""
    begun_at = ended_at - seen.duration_s
    entity, segment = _entity(seen, plan)
    entity.start_time = begun_at
    for call in seen.calls:
        _add(entity, segment, call, begun_at - seen.begun, plan)
    if seen.aws_calls > len(seen.calls):
        entity.put_metadata("calls_left_out", seen.aws_calls - len(seen.calls))
    if seen.method:
        entity.put_http_meta("method", seen.method)
        entity.put_http_meta("status", seen.status)
    if has_failed:
        entity.add_fault_flag()
    for name, value in {"duty": plan.duty, **seen.names}.items():
        if name != "principal":
            entity.put_annotation(name, value)
    entity.close(ended_at)
    _emitter(plan.xray_daemon).send_entity(entity)


def load() -> None:
    """Import what the first sampled request would else wait for."""
    import aws_xray_sdk.core  # noqa: F401, PLC0415 - 54 ms of a cold start


def _entity(seen: Observation, plan: Plan) -> tuple[Any, Any]:
    """The document, and the segment it belongs to."""
    from aws_xray_sdk.core.models.facade_segment import FacadeSegment  # noqa: PLC0415 - 54 ms of a cold start
    from aws_xray_sdk.core.models.segment import Segment  # noqa: PLC0415
    from aws_xray_sdk.core.models.subsegment import Subsegment  # noqa: PLC0415

    parent = _PARENT.search(seen.trace)
    root_id, parent_id = trace_id(seen.trace) or None, parent[1] if parent else None
    if plan.is_container or parent_id is None:
        segment = Segment(f"{plan.service}-{plan.duty}", traceid=root_id, parent_id=parent_id)
        return segment, segment
    function = FacadeSegment("facade", parent_id, root_id, True)
    entity = Subsegment(seen.operation, "local", function)
    function.add_subsegment(entity)
    return entity, function


def _add(entity: Any, segment: Any, call: Call, offset_s: float, plan: Plan) -> None:
    from aws_xray_sdk.core.models.subsegment import Subsegment  # noqa: PLC0415 - see above

    inner = Subsegment(call.service, "aws", segment)
    inner.start_time = call.begun + offset_s
    entity.add_subsegment(inner)
    told: dict[str, Any] = {"operation": call.operation, "region": plan.region, "retries": call.retries}
    if call.request_id:
        told["request_id"] = call.request_id
    if call.resource and call.service in _RESOURCES:
        told[_RESOURCES[call.service]] = call.resource
    inner.set_aws(told)
    if call.status:
        inner.put_http_meta("status", call.status)
    else:
        inner.add_fault_flag()
    if call.throttles:
        inner.add_throttle_flag()
    inner.close(call.ended + offset_s)


@functools.cache
def _emitter(address: str) -> UDPEmitter:
    from aws_xray_sdk.core.emitters.udp_emitter import UDPEmitter  # noqa: PLC0415 - see above

    return UDPEmitter(address)
