"""Routes that take records: one for every event table, and those of the systems that are replaced.

Answered 202 once the records are on disk; a load finds them within seconds as ordinary landing files.
"""

import asyncio
import errno
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Request
from fastapi.responses import JSONResponse

from analytics_etl.api import records
from analytics_etl.api.problems import Problem, documented
from analytics_etl.api.serving import PostingRoute, Serving
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.catalog.contracts import Contract
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
_BODY: dict[str, Any] = {"requestBody": {"required": True, "content": {
    records.JSON: {"schema": {"anyOf": [{"type": "object"}, {"type": "array", "items": {"type": "object"}}]}},
    records.NDJSON: {"schema": {"type": "string"}},
}}}  # fmt: skip
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key", min_length=1, max_length=200,
        description="Names this request: sent again, its records are the same ones, whether they have ids or not.",
    ),
]  # fmt: skip


@routes.post("/api/v1/landing/{table}", status_code=202, openapi_extra=_BODY)
async def post_records(
    request: Request,
    table: Annotated[str, Path(max_length=200, description="An event table, like registry.download_events.")],
    idempotency_key: Key = None,
) -> JSONResponse:
    """Take one or many records of an event table; all of them are kept, or none is."""
    return await take(request, table, await request.body(), _media_type(request), {}, idempotency_key)


def _former(path: str, table: str, given: Mapping[str, str] = MappingProxyType({})) -> None:
    """A route of a former system that takes records of one table."""

    async def post(request: Request, idempotency_key: Key = None) -> JSONResponse:
        return await take(request, table, await request.body(), _media_type(request), given, idempotency_key)

    said = "".join(f", with {name} {value}" for name, value in given.items())
    post.__name__ = f"post_{table.replace('.', '_')}{''.join(f'_{value}' for value in given.values())}"
    post.__doc__ = f"Take one or many records of {table}{said}; all of them are kept, or none is."
    routes.add_api_route(path, post, methods=["POST"], status_code=202, openapi_extra=_BODY)


_SCHEDULES = "schedules.schedule_events"
_former("/api/v1/usage/events", "usage.schema_usage_events")
_former("/api/v1/schedule-analytics/", _SCHEDULES)
_former("/api/v1/schedule-analytics/mongo/execution", _SCHEDULES, {"schedule_type": "mongo"})
_former("/api/v1/schedule-analytics/clickhouse/transfer", _SCHEDULES, {"schedule_type": "clickhouse"})
_former("/api/v1/schedule-analytics/redis/processing", _SCHEDULES, {"schedule_type": "redis"})
_former("/api/v1/schedule-analytics/warning", _SCHEDULES, {"level": "WARNING"})
_former("/api/v1/schedule-analytics/error", _SCHEDULES, {"level": "ERROR"})
_former("/analytics/metrics", "platform.metric_samples")
_former("/api/v1/analytics/events", "services.service_events")
_former("/api/v1/analytics/behavior", "services.user_behavior_events")
_former("/api/v1/analytics/performance", "services.performance_events")


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def take(
    request: Request, table: str, body: bytes, media_type: str, given: Mapping[str, str] = MappingProxyType({}),
    key: str | None = None,
) -> JSONResponse:  # fmt: skip
    """Keep the records of a body: all of them, or none."""
    serving, identity = Serving.of(request), request.state.identity
    contract = Catalog.of(serving.settings).contracts.get(table)
    if contract is None:
        raise Problem(404, f"there is no event table {table!r}")
    if media_type not in (records.JSON, records.NDJSON):
        raise Problem(415, f"expected Content-Type: {records.JSON} or {records.NDJSON}")
    said = {**given, **_of_tenant(contract, identity.tenant_id)}
    named = None if key is None else f"{identity.key}\0{table}\0{key}"
    found = records.read(body, media_type, said, named)
    try:
        await asyncio.wrap_future(serving.posting.post(contract, found.lines))
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


def _of_tenant(contract: Contract, tenant_id: str | None) -> dict[str, str]:
    """What a tenant's records say of themselves; a tenant posts to tables with tenants only, and its own records."""
    if tenant_id is None:
        return {}
    if all(column.name != "tenant_id" for column in contract.columns):
        raise Problem(403, f"{contract.table} has no tenants: a token of the platform is needed")
    return {"tenant_id": tenant_id}
