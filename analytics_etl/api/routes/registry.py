"""Routes of the registry: modules, languages, organisations. Paths and names of fields are those of its former API."""

from dataclasses import replace
from typing import Annotated, Literal

from fastapi import Depends, Path, Query
from starlette.responses import Response

from analytics_etl.api.answers import Answer
from analytics_etl.api.openapi import documented
from analytics_etl.api.periods import Period, days_of
from analytics_etl.api.serving import Asked, AskedWhole, Cursor, Limit, router
from analytics_etl.families.queries import registry, registry_details, registry_modules
from analytics_etl.families.queries.registry_overview import DAYS_BEFORE, OVERVIEW, overview_of_newest_day

routes = router("/api/v2/analytics", "registry", "registry")

_MODULES, _LANGUAGES = "registry.module_stats_daily", "registry.language_stats_daily"
_ORGANIZATIONS = "registry.org_stats_daily"
_ADDED = ("requests", "downloads", "compilations", "modules_created", "versions_created")
"""Columns of an organisation's days that add up."""
_SHOWN = 10
"""Modules of an organisation."""
_KINDS: dict[str, registry_modules.Direction] = {"growing": "up", "declining": "down", "new": "new"}
_FIGURES = {name: {"type": ["number", "null"]} for name in DAYS_BEFORE}
_PREVIOUS = {
    "type": ["object", "null"], "properties": _FIGURES,
    "description": "The same before: " + ", ".join(f"{name} {days} days" for name, days in DAYS_BEFORE.items()) + ".",
}  # fmt: skip


@routes.get(
    "/overview",
    **documented("/api/v2/analytics/overview", "registry.overview_figures", {**_FIGURES, "previous": _PREVIOUS}),
)
def overview(asked: Annotated[AskedWhole, Depends()]) -> Response:
    """The registry as a whole at the end of the newest day, and a period before."""
    found = overview_of_newest_day(asked.database)
    columns = ["day", *DAYS_BEFORE]
    if found is None:
        return asked.respond(Answer(fields={**dict.fromkeys(DAYS_BEFORE), "previous": None}, columns=columns))
    rows = [{"day": found.day, **found.now}]
    fields = {**found.now, "previous": found.before}
    return asked.about([OVERVIEW], found.day, found.day, Answer(rows, fields=fields, columns=columns))


@routes.get("/modules/popular", **documented(
    "/api/v2/analytics/modules/popular?period=7d&limit=5", {
        "rank": "Position, 1 for the most downloads; ties in the order of their names.", "module_name": "Module.",
        "downloads": "Successful downloads.", "views": "Pages viewed.",
        "unique_users": "Distinct users over downloads and views, failed downloads included, anonymous ones left out.",
        "total_download_bytes": "Bytes of the successful downloads.",
    },
))  # fmt: skip
def popular(
    asked: Annotated[Asked, Depends()], period: Period = "30d", limit: Limit = 100, cursor: Cursor = None
) -> Response:
    """The modules with the most successful downloads."""
    days = days_of(asked.database, _MODULES, period)
    page = registry_modules.top_of_days(asked.database, days.first, days.last, limit, cursor)
    names = [row["module_name"] for row in page.rows]
    users = registry_details.users_of_modules(asked.database, names, days.first, days.last)
    rows = [{**row, "unique_users": users.get(row["module_name"], 0)} for row in page.rows]
    return asked.page(replace(page, rows=rows), [_MODULES], days, renamed=_POPULAR)


_POPULAR = {
    "rank": "rank", "module_name": "module_name", "download_count": "downloads", "view_count": "views",
    "unique_users": "unique_users", "total_download_bytes": "total_download_bytes",
}  # fmt: skip


@routes.get("/modules/trending", **documented("/api/v2/analytics/modules/trending?limit=5", {
    "rank": "Position, 1 for the largest growth or decline, of new modules for the most downloads.",
    "module_name": "Module.", "growth": "Growth against the 7 days before, 1.0 = doubled; null for new modules.",
    "current": "Successful downloads of the last 7 days.", "previous": "Those of the 7 days before.",
}))  # fmt: skip
def trending(
    asked: Annotated[Asked, Depends()],
    kind: Annotated[Literal["growing", "declining", "new"], Query(description="Which modules.")] = "growing",
    limit: Limit = 50, cursor: Cursor = None,
) -> Response:  # fmt: skip
    """The modules whose downloads grew or fell most in 7 days against the 7 before, and new ones; at most 50."""
    page = registry_modules.trending(asked.database, _KINDS[kind], limit, cursor)
    return asked.page(page, [_MODULES], renamed=_TRENDING)


_TRENDING = {
    "rank": "rank", "module_name": "module_name", "growth_ratio": "growth", "download_count": "current",
    "previous_download_count": "previous",
}  # fmt: skip


@routes.get("/languages", **documented("/api/v2/analytics/languages?period=7d", "registry.languages_of_range"))
def languages(asked: Annotated[AskedWhole, Depends()], period: Period = "30d") -> Response:
    """Share and performance of each language that modules are compiled into."""
    days = days_of(asked.database, _LANGUAGES, period)
    page = registry.languages(asked.database, days.first, days.last)
    return asked.page(page, [_LANGUAGES], days)


@routes.get("/performance/compilation", **documented(
    "/api/v2/analytics/performance/compilation?language=go&period=7d", "registry.languages_of_days"
))  # fmt: skip
def compilation(
    asked: Annotated[AskedWhole, Depends()],
    language: Annotated[str | None, Query(max_length=1_000, description="A language; all by default.")] = None,
    period: Period = "30d",
) -> Response:  # fmt: skip
    """Compilations per day and language: how many, how many succeeded, how long they took, what a cache answered."""
    days = days_of(asked.database, _LANGUAGES, period)
    page = registry.languages(asked.database, days.first, days.last, by_day=True)
    rows = [row for row in page.rows if language in (None, row["language"])]
    return asked.page(replace(page, rows=rows), [_LANGUAGES], days)


@routes.get("/organizations/{organization_id}/dashboard", **documented(
    "/api/v2/analytics/organizations/acme/dashboard?period=7d", "registry.organization_days", {
        "organization_id": {"type": "string"},
        **{name: {"type": ["integer", "null"]} for name in (*_ADDED, "storage_bytes")},
        "top_modules": {"type": "array", "description": "Those that it downloaded most."},
    }, "days",
))  # fmt: skip
def organization(
    asked: Annotated[AskedWhole, Depends()],
    organization_id: Annotated[str, Path(max_length=1_000, description="Id of the organisation.")],
    period: Period = "30d",
) -> Response:  # fmt: skip
    """What one organisation did: its requests, downloads, compilations, users, storage, and what it registered."""
    days = days_of(asked.database, _ORGANIZATIONS, period)
    page = registry_details.organization_days(asked.database, organization_id, days.first, days.last)
    fields = {
        "organization_id": organization_id,
        **{name: sum(row[name] for row in page.rows) for name in _ADDED},
        "storage_bytes": page.rows[-1]["storage_bytes"] if page.rows else None,
        "top_modules": registry_details.modules_of_organization(
            asked.database, organization_id, days.first, days.last, _SHOWN
        ).rows,
    }
    answer = Answer(page.rows, "days", fields, list(page.rows[0]) if page.rows else (), page.coverage)
    return asked.about([_ORGANIZATIONS], days.first, days.last, answer)
