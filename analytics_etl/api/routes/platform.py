"""Routes of the platform: metrics, health, business, tenants. PostgreSQL shows a tenant its own rows only."""

import json
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import Depends, Path, Query
from starlette.responses import Response

from analytics_etl.api.answers import Answer
from analytics_etl.api.openapi import documented
from analytics_etl.api.periods import Period, Stretch, days_of
from analytics_etl.api.problems import Problem
from analytics_etl.api.problems import documented as problems
from analytics_etl.api.routes.pipeline import About, states_of_days
from analytics_etl.api.serving import Asked, AskedWhole, Cursor, Limit, router
from analytics_etl.catalog.calendar import Cadence, period_start, report_path
from analytics_etl.families.queries import platform
from analytics_etl.pipeline.tenant_reports import tenant_folder

routes = router("/analytics", "platform", "platform", is_of_tenants=True)
states = router("/aggregation", "platform")
"""Not for tenants: the rows of a day that are counted are those of all."""

reports = router("/reports", "platform", is_of_tenants=True)

_DAYS = "platform.metric_1d"
_CADENCES: dict[str, Cadence] = {"daily": "day", "weekly": "week", "monthly": "month"}
_LIST: dict[str, Any] = {"type": "array"}
Category = Annotated[Literal["system", "business", "user", "performance", "security"], Path(description="A category.")]
Metric = Annotated[str, Path(max_length=200, description="Name of the metric.")]
Tenant = Annotated[
    str | None,
    Query(max_length=200, description="A tenant; empty: the platform itself; without it all that the token may see."),
]


@routes.get("/health", **documented("/analytics/health?period=1d", "platform.health_of_range"))
def health(
    asked: Annotated[Asked, Depends()],
    period: Period = "1d",
    tenant: Tenant = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Whether each service was healthy on each day, and why not."""
    days = days_of(asked.database, _DAYS, period)
    return asked.page(platform.health(asked.database, days.first, days.last, tenant, limit, cursor), [_DAYS], days)


@routes.get("/business", **documented("/analytics/business?period=1d", "platform.business_of_range"))
def business(
    asked: Annotated[Asked, Depends()],
    period: Period = "7d",
    tenant: Tenant = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """The business metrics of each day, by unit and dimension."""
    days = days_of(asked.database, _DAYS, period)
    return asked.page(platform.business(asked.database, days.first, days.last, tenant, limit, cursor), [_DAYS], days)


@routes.get("/engagement", **documented("/analytics/engagement?period=1d", "platform.tenants_of_range"))
def engagement(
    asked: Annotated[Asked, Depends()],
    period: Period = "7d",
    tenant: Tenant = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Each tenant on each day: samples, users, and how its services were."""
    days = days_of(asked.database, _DAYS, period)
    return asked.page(platform.tenants(asked.database, days.first, days.last, tenant, limit, cursor), [_DAYS], days)


@routes.get("/metrics/latest/{name}", **documented("/analytics/metrics/latest/revenue", "platform.latest_of_range"))
def latest(
    asked: Annotated[Asked, Depends()],
    name: Metric,
    period: Period = "7d",
    tenant: Tenant = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """The newest sample of each series of a metric."""
    days = days_of(asked.database, _DAYS, period)
    return asked.page(
        platform.latest(asked.database, days.first, days.last, name, tenant, limit, cursor), [_DAYS], days
    )


@routes.get("/metrics/aggregated/{name}", **documented(
    "/analytics/metrics/aggregated/revenue?interval=1d&period=1d", "platform.aggregated_1d"
))  # fmt: skip
def aggregated(
    asked: Annotated[Asked, Depends()], name: Metric,
    interval: Annotated[platform.Grain, Query(description="Length of the buckets.")] = "1h",
    period: Period = "1d", tenant: Tenant = None, limit: Limit = 1_000, cursor: Cursor = None,
) -> Response:  # fmt: skip
    """A metric per hour or day and series, the oldest first."""
    days = days_of(asked.database, _DAYS, period)
    page = platform.aggregated(asked.database, days.first, days.last, name, interval, tenant, limit, cursor)
    return asked.page(page, [_DAYS], days)


@routes.get("/metrics/{category}", **documented("/analytics/metrics/business", "platform.category_of_range"))
def of_category(
    asked: Annotated[Asked, Depends()], category: Category, period: Period = "7d", tenant: Tenant = None,
    limit: Limit = 100, cursor: Cursor = None,
) -> Response:  # fmt: skip
    """The metrics of a category, those with the most samples first; units are apart."""
    days = days_of(asked.database, _DAYS, period)
    page = platform.category(asked.database, days.first, days.last, category, tenant, limit, cursor)
    return asked.page(page, [_DAYS], days)


@routes.get("/dashboard", **documented(
    "/analytics/dashboard?metrics=revenue,cpu_percent", "platform.tenants_of_range",
    {"health": _LIST, "business": _LIST, "metrics": {"type": "object"}}, "engagement",
))  # fmt: skip
def dashboard(
    asked: Annotated[AskedWhole, Depends()], stretch: Annotated[Stretch, Depends()], tenant: Tenant = None,
    metrics: Annotated[str, Query(max_length=2_000, description="Names of metrics, with commas between.")] = "",
) -> Response:  # fmt: skip
    """Everything of some days: health, business, tenants, and the newest samples of the named metrics."""
    days = stretch.days(asked.database, _DAYS)
    names = [name.strip() for name in metrics.split(",") if name.strip()]
    found = platform.dashboard(asked.database, days.first, days.last, tenant, names)
    rows = found["engagement"]
    fields = {name: found[name] for name in ("health", "business", "metrics")}
    answer = Answer(rows, "engagement", fields, list(rows[0]) if rows else ())
    return asked.about([_DAYS], days.first, days.last, answer)


@states.get("/status", **documented("/analytics/aggregation/status?table=platform.metric_1d"))
def status(
    asked: Annotated[Asked, Depends()], about: Annotated[About, Depends()], limit: Limit = 100, cursor: Cursor = None
) -> Response:
    """The state of each day of each table of the platform, newest first: expected, provisional, final and so on."""
    return states_of_days(asked, about, limit, cursor, "platform")


@reports.get(
    "/{cadence}/{day}", response_model=None,
    responses={200: {"content": {"application/json": {"schema": {"type": "object"}}}}, **problems(404)},
)  # fmt: skip
def report(
    asked: Annotated[Asked, Depends()],
    cadence: Annotated[Literal["daily", "weekly", "monthly"], Path(description="Length of the period.")],
    day: Annotated[date, Path(description="A day of the period.")],
    tenant: Tenant = None,
) -> dict[str, Any]:
    """The report of a day, ISO week or month as it was written: of a tenant, for its token; or of the platform."""
    own, folder = asked.database.tenant_id, asked.settings.reports_dir
    whose = own if tenant is None else tenant
    if own is None or own == whose:
        of_whom = tenant_folder(folder, whose) if whose else folder
        path = of_whom / report_path("platform", cadence, period_start(_CADENCES[cadence], day), "json")
        if path.is_file():
            found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            return found
    raise Problem(404, f"no {cadence} report of {day} was written")


routes.include_router(reports)
routes.include_router(states)
