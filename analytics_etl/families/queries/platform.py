"""Questions about the platform: samples of metrics, health, business, tenants, and the dashboard of all of them.

`tenant` is a tenant, "" the platform itself, None all of them. A session of the role of tenants sees its own rows only,
whatever is asked. `after` is the cursor of the page before.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, Literal

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.catalog.models import window_parameters
from analytics_etl.families.queries import Page, QueryError
from analytics_etl.families.queries.coverage import ask_days
from analytics_etl.families.queries.keyset import Key
from analytics_etl.families.queries.texts import check_texts
from analytics_etl.postgres.database import Database

Grain = Literal["1h", "1d"]
Bucket = Literal["1m", "5m", "1h", "1d"]

_BUCKET_AND_GAUGE = Key({"bucket": datetime, "tenant_id": str, "service_id": str, "name": str, "unit": str})
_DAY, _WEEK = timedelta(days=1), timedelta(days=7)
_RANK = Key({"rank": int})
_DAY_AND_SERVICE = Key({"day": date, "tenant_id": str, "service_id": str})
_DAY_AND_TENANT = Key({"day": date, "tenant_id": str})
_SHOWN_METRICS = 1_000
"""Series of a metric that the dashboard shows, at most."""


def latest(
    database: Database, first: date, last: date, name: str, tenant: str | None = None, limit: int = 100,
    after: str | None = None,
) -> Page:  # fmt: skip
    """The newest sample of each series of a metric in the days first to last, the newest first."""
    check_texts({"metric": name})
    return _asked(database, "metric_1d", "latest_of_range", first, last, tenant, limit, after, name=name)


def aggregated(
    database: Database, first: date, last: date, name: str, grain: Grain = "1h", tenant: str | None = None,
    limit: int = 100, after: str | None = None,
) -> Page:  # fmt: skip
    """A metric per hour or day and series in the days first to last, oldest first."""
    check_texts({"metric": name})
    return _asked(database, f"metric_{grain}", f"aggregated_{grain}", first, last, tenant, limit, after, name=name)


def category(
    database: Database, first: date, last: date, category: str, tenant: str | None = None, limit: int = 100,
    after: str | None = None,
) -> Page:  # fmt: skip
    """The metrics of a category in the days first to last together, those with the most samples first."""
    check_texts({"category": category})
    return _asked(database, "metric_1d", "category_of_range", first, last, tenant, limit, after, category=category)


def health(
    database: Database, first: date, last: date, tenant: str | None = None, limit: int = 100, after: str | None = None
) -> Page:
    """Whether each service was healthy on each of the days first to last, and why not."""
    table = "system_health_daily"
    return _asked(database, table, "health_of_range", first, last, tenant, limit, after, _DAY_AND_SERVICE)


def business(
    database: Database, first: date, last: date, tenant: str | None = None, limit: int = 100, after: str | None = None
) -> Page:
    """The business metrics of each of the days first to last, by unit and dimension."""
    return _asked(database, "business_daily", "business_of_range", first, last, tenant, limit, after)


def tenants(
    database: Database, first: date, last: date, tenant: str | None = None, limit: int = 100, after: str | None = None
) -> Page:
    """Each tenant on each of the days first to last: samples, users, and how its services were."""
    table = "tenant_overview_daily"
    return _asked(database, table, "tenants_of_range", first, last, tenant, limit, after, _DAY_AND_TENANT)


def gauges(
    database: Database, first: date, last: date, grain: Bucket = "1h", service: str | None = None,
    name: str | None = None, tenant: str | None = None, limit: int = 100, after: str | None = None,
) -> Page:  # fmt: skip
    """The gauges of one service or of each of them per bucket of the days first to last, the oldest first."""
    check_texts({"service": service, "gauge": name})
    table, wanted = f"service_gauges_{grain}", {"service_id": service or "", "name": name or ""}
    return _asked(database, table, f"gauges_{grain}", first, last, tenant, limit, after, _BUCKET_AND_GAUGE, **wanted)


def capacity(database: Database, day: date) -> Page:
    """The lake at the end of a day: its tables, the largest first, how they grow, and when it is full at this pace.

    The books are about all tenants together, and so no tenant may ask.
    """
    if database.tenant_id is not None:
        raise QueryError("the books of the lake are of no tenant")
    before = window_parameters(day - _WEEK, day - _WEEK + _DAY)
    parameters = {"previous_start": before["start"], "previous_end": before["end"]}
    query = Catalog.of(database.settings).reports("platform").get("capacity")
    if query is None:
        raise QueryError("the family platform is not in use, or its report capacity.sql is broken")
    return Page(database.query(query.select, parameters, day, day + _DAY))


def dashboard(
    database: Database, first: date, last: date, tenant: str | None = None, metrics: Sequence[str] = (),
    limit: int = 1_000,
) -> dict[str, Any]:  # fmt: skip
    """Everything of the days first to last as one value; of the named metrics the newest samples."""
    overview = tenants(database, first, last, tenant, limit)
    assert overview.coverage is not None
    return {
        "tenant": tenant,
        "from": first,
        "to": last,
        "health": health(database, first, last, tenant, limit).rows,
        "business": business(database, first, last, tenant, limit).rows,
        "engagement": overview.rows,
        "metrics": {name: latest(database, first, last, name, tenant, _SHOWN_METRICS).rows for name in metrics},
        "missing": [{"first": start, "last": end} for start, end in overview.coverage.missing],
    }


def _asked(
    database: Database, table: str, query: str, first: date, last: date, tenant: str | None, limit: int,
    after: str | None, key: Key = _RANK, **more: str,
) -> Page:  # fmt: skip
    check_texts({"tenant": tenant})
    wanted: dict[str, str | int] = {"tenant_id": tenant or "", "is_any_tenant": tenant is None, **more}
    wanted |= key.parameters(after, limit)
    found = ask_days(database, [f"platform.{table}"], f"platform.{query}", first, last, wanted)
    return replace(key.page(found.rows, limit), coverage=found.coverage)
