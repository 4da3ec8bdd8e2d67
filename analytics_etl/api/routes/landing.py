"""Routes that take records: one for every event table, and those of the systems that are replaced.

Answered 202 once the records are on disk; a load finds them within seconds as ordinary landing files.
"""

import asyncio
import errno
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Request
from fastapi.responses import JSONResponse

from analytics_etl.api import records
from analytics_etl.api.problems import Problem, documented
from analytics_etl.api.serving import PostingRoute, Serving
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.catalog.contracts import Contract
from analytics_etl.catalog.models import Model
from analytics_etl.landing.mappings import mapping_inputs
from analytics_etl.pipeline.posting import BacklogError, RefusedError

ACCEPTED = {
    "description": "All records are on disk.",
    "content": {"application/json": {"schema": {
        "type": "object", "required": ["accepted", "event_ids"],
        "properties": {
            "accepted": {"type": "integer", "description": "Number of records."},
            "event_ids": {"type": "array", "description": "Their ids, in their order."},
        },
    }}},
}  # fmt: skip
STATUSES = documented(401, 403, 404, 408, 413, 415, 422, 429, 503, 507)
routes = APIRouter(tags=["landing"], route_class=PostingRoute, responses={202: ACCEPTED, **STATUSES})
_CONTENT: dict[str, Any] = {
    records.JSON: {"schema": {"anyOf": [{"type": "object"}, {"type": "array", "items": {"type": "object"}}]}},
    records.NDJSON: {"schema": {"type": "string"}},
}
_BODY: dict[str, Any] = {"requestBody": {"required": True, "content": _CONTENT}}
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key", min_length=1, max_length=200,
        description="Names this request: sent again, its records are the same ones, whether they have ids or not.",
    ),
]  # fmt: skip


@dataclass(frozen=True)
class Taken:
    """What a route takes: records of a table, or of a foreign form that a source mapping makes some of."""

    table: str
    source: str | None = None
    given: Mapping[str, str] = field(default_factory=dict)
    """What the route says of its records."""


@routes.post("/api/v1/landing/{table}", status_code=202, openapi_extra=_BODY)
async def post_records(
    request: Request,
    table: Annotated[str, Path(max_length=200, description="An event table, like registry.download_events.")],
    idempotency_key: Key = None,
) -> JSONResponse:
    """Take one or many records of an event table; all of them are kept, or none is."""
    return await take(request, Taken(table), await request.body(), _media_type(request), idempotency_key)


def _former(path: str, taken: Taken, example: Mapping[str, Any]) -> None:
    """A route of a former system that takes records, with a record as its clients send it."""

    async def post(request: Request, idempotency_key: Key = None) -> JSONResponse:
        return await take(request, taken, await request.body(), _media_type(request), idempotency_key)

    said = "".join(f", with {name} {value}" for name, value in taken.given.items())
    form = f" in the form {taken.source}" if taken.source else ""
    words = (taken.table.replace(".", "_"), taken.source, *taken.given.values())
    post.__name__ = "_".join(("post", *(word for word in words if word)))
    post.__doc__ = f"Take one or many records of {taken.table}{form}{said}; all of them are kept, or none is."
    content = {**_CONTENT, records.JSON: {**_CONTENT[records.JSON], "example": dict(example)}}
    extra = {"requestBody": {"required": True, "content": content}}
    routes.add_api_route(path, post, methods=["POST"], status_code=202, openapi_extra=extra)


_SCHEDULES, _SAMPLES = "schedules.schedule_events", "platform.metric_samples"
_ATTEMPT = {
    "schedule_id": "nightly", "execution_id": "nightly-1", "recorded_at": "2025-03-31T02:00:00Z",
    "event_type": "execution", "result": "success", "retry_count": 0, "queue_time_ms": 40, "processing_time_ms": 900,
}  # fmt: skip
_WHOLE_ATTEMPT = {**_ATTEMPT, "schedule_type": "mongo", "level": "INFO"}
_FORMER: Sequence[tuple[str, Taken, Mapping[str, Any]]] = (
    ("/api/v1/usage/events", Taken("usage.schema_usage_events"), {
        "schema_id": "00000000-0000-4000-8000-000000000001", "occurred_at": "2025-03-31T02:00:00Z", "operation": "read",
        "service": "checkout", "region": "eu-west-1", "latency_ms": 12, "success": True,
    }),
    ("/api/v1/schedule-analytics/", Taken(_SCHEDULES), _WHOLE_ATTEMPT),
    *((f"/api/v1/schedule-analytics/{path}", Taken(_SCHEDULES, given={"schedule_type": kind}),
       {**_ATTEMPT, "level": "INFO"})
      for path, kind in (
          ("mongo/execution", "mongo"), ("clickhouse/transfer", "clickhouse"), ("redis/processing", "redis"),
      )),
    *((f"/api/v1/schedule-analytics/{level.lower()}", Taken(_SCHEDULES, given={"level": level}),
       {**_ATTEMPT, "schedule_type": "mongo", "result": "failure", "error_message": "connection lost"})
      for level in ("WARNING", "ERROR")),
    ("/analytics/metrics", Taken(_SAMPLES), {
        "name": "cpu_percent", "type": "gauge", "category": "system", "value": 71.5, "unit": "percent",
        "labels": {"host": "a"}, "tenant_id": "acme", "recorded_at": "2025-03-31T02:00:00Z",
    }),
    ("/api/v1/analytics/events", Taken("services.service_events"), {
        "event_type": "started", "service_id": "play", "occurred_at": "2025-03-31T02:00:00Z", "user_id": "u1",
        "metadata": {"device": "tv"}, "tags": {"region": "eu"},
    }),
    ("/api/v1/analytics/behavior", Taken("services.user_behavior_events"), {
        "user_id": "u1", "action": "play", "content_id": "c1", "session_id": "s1", "duration_ms": 1200,
        "success": True, "occurred_at": "2025-03-31T02:00:00Z",
    }),
    ("/api/v1/analytics/performance", Taken("services.performance_events"), {
        "service_id": "play", "operation": "open", "duration_ms": 45, "success": True,
        "occurred_at": "2025-03-31T02:00:00Z",
    }),
    ("/api/v1/analytics/metrics", Taken(_SAMPLES, "service_metrics"), {
        "service_id": "play", "timestamp": "2025-03-31T02:00:00Z", "cpu_usage": 45.2, "memory_usage": 67.8,
        "disk_usage": 23.1, "request_rate": 1250.5, "error_rate": 0.02, "latency_ms": 145.5, "cache_hit_rate": 0.85,
    }),
    ("/api/v1/analytics/business", Taken(_SAMPLES, "business_metrics"), {
        "tenant_id": "acme", "timestamp": "2025-03-31T02:00:00Z", "revenue": 1250.5, "currency": "EUR",
        "user_count": 420, "content_views": 9000, "conversion_rate": 0.031,
    }),
)  # fmt: skip
for _path, _taken, _example in _FORMER:
    _former(_path, _taken, _example)


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def take(request: Request, taken: Taken, body: bytes, media_type: str, key: str | None = None) -> JSONResponse:
    """Keep the records of a body: all of them, or none."""
    serving, identity, table = Serving.of(request), request.state.identity, taken.table
    catalog = Catalog.of(serving.settings)
    contract = catalog.contracts.get(table)
    if contract is None:
        raise Problem(404, f"there is no event table {table!r}")
    mapping = catalog.mappings(contract.family)[taken.source] if taken.source else None
    if media_type not in (records.JSON, records.NDJSON):
        raise Problem(415, f"expected Content-Type: {records.JSON} or {records.NDJSON}")
    said = {**taken.given, **_of_tenant(contract, mapping, identity.tenant_id)}
    named = None if key is None else f"{identity.key}\0{table}\0{key}"
    found = records.read(body, media_type, said, named, "event_id" if mapping is None else "id")
    try:
        await asyncio.wrap_future(serving.posting.post(contract, found.lines, mapping))
    except RefusedError as error:
        wrong = [{"where": f"records.{number}", "reason": why} for number, why in error.reasons.items()]
        detail = "; ".join(f"{e['where']}: {e['reason']}" for e in wrong[:10])
        raise Problem(422, f"none of the records was kept: {detail}", errors=wrong) from None
    except BacklogError as error:
        raise Problem(429, f"{error}; try again", {"Retry-After": "2"}) from None
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise Problem(507, "the disk of the landing folder is full; none of the records was kept") from None
        raise
    return JSONResponse({"accepted": len(found.lines), "event_ids": found.event_ids}, 202)


def _of_tenant(contract: Contract, mapping: Model | None, tenant_id: str | None) -> dict[str, str]:
    """What a tenant's records say of themselves; a tenant posts to tables with tenants only, and its own records."""
    if tenant_id is None:
        return {}
    names = [column.name for column in contract.columns] if mapping is None else mapping_inputs(mapping)
    if "tenant_id" not in names:
        raise Problem(403, f"{contract.table} has no tenants: a token of the platform is needed")
    return {"tenant_id": tenant_id}
