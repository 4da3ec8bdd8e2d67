"""Routes of schema usage: statistics, events, what is used most, what nobody uses any more, reports."""

import json
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Depends, Path, Query
from starlette.responses import Response

from analytics_etl.api.openapi import documented
from analytics_etl.api.periods import Moment, Period, as_moments, days_of, moments
from analytics_etl.api.problems import Problem
from analytics_etl.api.problems import documented as problems
from analytics_etl.api.serving import Asked, AskedWhole, Cursor, Limit, router
from analytics_etl.catalog.calendar import Cadence, period_start, report_path
from analytics_etl.families.queries import usage, usage_breakdowns, usage_schemas

routes = router("/api/v1/usage", "usage", "usage")

_DAYS, _HEALTH, _ANOMALIES = "usage.schema_usage_1d", "usage.schema_health_daily", "usage.usage_anomalies_daily"
_SAMPLE_ID = "00000000-0000-4000-8000-000000000001"
Operation = Annotated[
    Literal["read", "write", "validate", "compatibility_check", "register", "list", "delete"] | None,
    Query(description="An operation; all of them by default."),
]
_CADENCES: Mapping[str, Cadence] = {"daily": "day", "weekly": "week", "monthly": "month"}
Schema = Annotated[UUID, Path(description="Id of the schema.")]


@routes.get("/stats", **documented(
    "/api/v1/usage/stats?grain=1d&from=2025-03-30&to=2025-03-31", "usage.statistics_1h"
))  # fmt: skip
def stats(
    asked: Annotated[AskedWhole, Depends()], start: Annotated[Moment, Query(alias="from")],
    end: Annotated[Moment, Query(alias="to")],
    grain: Annotated[usage.Grain, Query(description="Length of the buckets.")] = "1h",
    schema_id: Annotated[UUID | None, Query(description="A schema; all of them together by default.")] = None,
) -> Response:  # fmt: skip
    """Counts and latencies per minute, 5 minutes, hour or day. The end is included when it is a day."""
    page = usage.statistics(asked.database, grain, *moments(start, end), schema_id)
    return asked.page(page, [f"usage.schema_usage_{grain}"])


@routes.get("/events", **documented("/api/v1/usage/events?last_days=2&success=false&limit=5", "usage.events"))
def events(
    asked: Annotated[Asked, Depends()],
    last_days: Annotated[int, Query(ge=1, le=400, description="Days up to the newest one that is loaded.")] = 1,
    operation: Operation = None,
    region: Annotated[str | None, Query(max_length=1_000, description="A region.")] = None,
    service: Annotated[str | None, Query(max_length=1_000, description="A service.")] = None,
    success: Annotated[bool | None, Query(description="Only what succeeded, or only what failed.")] = None,
    schema_id: Annotated[UUID | None, Query(description="A schema.")] = None,
    limit: Limit = 100, cursor: Cursor = None,
) -> Response:  # fmt: skip
    """Single operations, newest first."""
    wanted = usage.EventFilter(schema_id, operation, service, region, success)
    return asked.page(usage.events(asked.database, last_days, wanted, limit, cursor), [usage.EVENTS])


@routes.get("/top", **documented("/api/v1/usage/top?operation=read&period=7d", "usage.top_of_days"))
def top(
    asked: Annotated[Asked, Depends()], operation: Operation = None, period: Period = "7d", limit: Limit = 20,
    cursor: Cursor = None,
) -> Response:  # fmt: skip
    """The schemas with the most operations."""
    days = days_of(asked.database, _DAYS, period)
    page = usage_schemas.top_of_days(asked.database, days.first, days.last, operation, limit, cursor)
    return asked.page(page, [_DAYS], days)


@routes.get("/trending", **documented("/api/v1/usage/trending?direction=new", "usage.trends"))
def trending(
    asked: Annotated[Asked, Depends()],
    direction: Annotated[usage_schemas.Direction, Query(description="Which schemas.")] = "up",
    limit: Limit = 20, cursor: Cursor = None,
) -> Response:  # fmt: skip
    """The schemas that grew or fell most in 7 days against the 7 before, and new ones; at most 50."""
    return asked.page(usage_schemas.trending(asked.database, direction, limit, cursor), [_DAYS])


@routes.get(
    "/schemas/{schema_id}", **documented(f"/api/v1/usage/schemas/{_SAMPLE_ID}?period=7d", "usage.statistics_1d")
)
def schema(asked: Annotated[AskedWhole, Depends()], schema_id: Schema, period: Period = "30d") -> Response:
    """One schema day by day; a day without operations has no row."""
    days = days_of(asked.database, _DAYS, period)
    return asked.page(usage.statistics(asked.database, "1d", *as_moments(days), schema_id), [_DAYS], days)


@routes.get("/schemas/{schema_id}/health", **documented(
    f"/api/v1/usage/schemas/{_SAMPLE_ID}/health?period=7d", "usage.scores"
))  # fmt: skip
def health(asked: Annotated[AskedWhole, Depends()], schema_id: Schema, period: Period = "30d") -> Response:
    """The scorecard of one schema on each day."""
    days = days_of(asked.database, _HEALTH, period)
    page = usage_schemas.health(asked.database, days.first, days.last, schema_id, 1_000)
    return asked.page(page, [_HEALTH], days)


@routes.get("/zombies", **documented("/api/v1/usage/zombies?limit=5", "usage.states"))
def zombies(asked: Annotated[Asked, Depends()], limit: Limit = 100, cursor: Cursor = None) -> Response:
    """Schemas that nobody uses any more, as of the newest day; the longest unused first."""
    page = usage_schemas.liveness(asked.database, None, "zombie", limit, cursor)
    return asked.page(page, ["usage.schema_liveness_daily"])


@routes.get("/anomalies", **documented("/api/v1/usage/anomalies?hours=48", "usage.anomalous_hours"))
def anomalies(
    asked: Annotated[Asked, Depends()],
    hours: Annotated[int, Query(ge=1, le=9_000, description="Hours up to the end of the newest day.")] = 24,
    limit: Limit = 100, cursor: Cursor = None,
) -> Response:  # fmt: skip
    """Hours with too many errors, or far slower than usual, newest first; all schemas together have the nil UUID."""
    page = usage_breakdowns.anomalies_of_last_hours(asked.database, hours, limit, cursor)
    return asked.page(page, [_ANOMALIES])


@routes.get("/regions", **documented("/api/v1/usage/regions?period=7d", "usage.operations_of_range"))
def regions(asked: Annotated[AskedWhole, Depends()], period: Period = "7d") -> Response:
    """What was done in each region, operation by operation."""
    days = days_of(asked.database, _DAYS, period)
    page = usage_breakdowns.operations(asked.database, days.first, days.last, by_region=True)
    return asked.page(page, [_DAYS], days)


@routes.get(
    "/reports/{cadence}/{day}", response_model=None,
    responses={200: {"content": {"application/json": {"schema": {"type": "object"}}}}, **problems(404)},
)  # fmt: skip
def report(
    asked: Annotated[Asked, Depends()],
    cadence: Annotated[Literal["daily", "weekly", "monthly"], Path(description="Length of the period.")],
    day: Annotated[date, Path(description="A day of the period.")],
) -> dict[str, Any]:
    """The report of a day, ISO week or month, as it was written. Its format is JSON only."""
    path = asked.settings.reports_dir / report_path("usage", cadence, period_start(_CADENCES[cadence], day), "json")
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Problem(404, f"no {cadence} report of {day} was written") from None
    return found
