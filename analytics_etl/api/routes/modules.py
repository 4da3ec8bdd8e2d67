"""Routes about one module: its days, downloads and health. Paths and names of fields are those of the former API."""

from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import Depends, Path, Query
from starlette.responses import Response

from analytics_etl.api.answers import Answer
from analytics_etl.api.openapi import documented
from analytics_etl.api.periods import Period, days_of
from analytics_etl.api.serving import AskedWhole, router
from analytics_etl.families.queries import registry_details, registry_modules, registry_schemas
from analytics_etl.families.queries.registry_details import ADDED, COUNTED

routes = router("/api/v2/analytics/modules", "registry", "registry")

_DAYS, _VERSIONS, _HEALTH = (
    "registry.module_stats_daily",
    "registry.version_stats_daily",
    "registry.module_health_daily",
)
_GRAINS: dict[str, registry_modules.Grain] = {"day": "1d", "week": "1w", "month": "1m"}
_CLIENTS = "registry.version_clients_daily"
_LIST: dict[str, Any] = {"type": "array"}
_SAMPLE = "acme.users.profile.v1"
Name = Annotated[str, Path(max_length=1_000, description="Name of the module.")]


@routes.get("/{name:path}/stats", **documented(
    f"/api/v2/analytics/modules/{_SAMPLE}/stats?period=7d",
    {"day": "UTC calendar day.", **{name: f"{name}; null on a day that is not loaded." for name in COUNTED}},
    {"module_name": {"type": "string"}, "totals": {"type": "object"}, "versions": _LIST, "languages": _LIST,
     "organizations": _LIST}, "series",
))  # fmt: skip
def stats(asked: Annotated[AskedWhole, Depends()], name: Name, period: Period = "30d") -> Response:
    """What was done with one module: totals, each day (0 without events, null when not loaded), versions, languages."""
    days = days_of(asked.database, _DAYS, period)
    page = registry_details.series_of_module(asked.database, name, days.first, days.last)
    versions = registry_details.version_downloads(asked.database, name, days.first, days.last)
    totals = {column: sum(row[column] or 0 for row in page.rows) for column in ADDED}
    languages = registry_details.languages_of_module(asked.database, name, days.first, days.last)
    organizations = registry_details.organizations_of_module(asked.database, name, days.first, days.last)
    fields = {
        "module_name": name, "totals": totals, "versions": versions.rows, "languages": languages.rows,
        "organizations": organizations.rows,
    }  # fmt: skip
    answer = Answer(page.rows, "series", fields, ["day", *COUNTED], page.coverage)
    return asked.about([_DAYS], days.first, days.last, answer)


@routes.get("/{name:path}/downloads", **documented(
    f"/api/v2/analytics/modules/{_SAMPLE}/downloads?period=7d&groupBy=version",
    {"group": "First day of the period, the version, or the client.", "downloads": "Successful downloads."},
))  # fmt: skip
def downloads(
    asked: Annotated[AskedWhole, Depends()], name: Name, period: Period = "7d",
    group_by: Annotated[
        Literal["day", "week", "month", "version", "client"],
        Query(alias="groupBy", description="Rows: weeks and months are whole ones, those that the period touches."),
    ] = "day",
) -> Response:  # fmt: skip
    """Successful downloads of one module, by time, version or client library; a period without any has no row."""
    if group_by == "version":
        days = days_of(asked.database, _VERSIONS, period)
        page = registry_details.version_downloads(asked.database, name, days.first, days.last)
        return asked.page(page, [_VERSIONS], days, renamed={"version": "group", "downloads": "downloads"})
    if group_by == "client":
        days = days_of(asked.database, _CLIENTS, period)
        page = registry_schemas.consumers(asked.database, name, days.first, days.last, by_client=True)
        clients = [
            {"group": f"{row['sdk']} {row['sdk_version']}".strip(), "downloads": row["downloads"]} for row in page.rows
        ]
        rows = sorted(clients, key=lambda row: (-row["downloads"], row["group"]))
        return asked.page(replace(page, rows=rows), [_CLIENTS], days)
    days = days_of(asked.database, _DAYS, period)
    page = registry_modules.statistics(asked.database, _GRAINS[group_by], days.first, days.last, name)
    return asked.page(page, [_DAYS], days, renamed={"first_day": "group", "download_count": "downloads"})


@routes.get("/{name:path}/health", **documented(
    f"/api/v2/analytics/modules/{_SAMPLE}/health?period=7d", "registry.health_history_of_module", {
        "module_name": {"type": "string"}, "version": {"type": ["string", "null"]},
        "score": {"type": ["number", "null"]}, "badge": {"type": "string"}, "parts": _LIST,
        "recommendations": _LIST, "closed_recommendations": _LIST, "unused_fields": _LIST,
        "deprecated_fields": _LIST, "breaking_changes": _LIST,
        "dependents": _LIST, "organizations_behind": _LIST, "clients_behind": _LIST, "users_of_deprecated": _LIST,
        "consumers_of_deprecated": _LIST,
    }, "history",
))  # fmt: skip
def health(
    asked: Annotated[AskedWhole, Depends()], name: Name, period: Period = "30d",
    version: Annotated[str | None, Query(max_length=1_000, description="The newest version, which is judged.")] = None,
) -> Response:  # fmt: skip
    """How healthy the newest version of a module is, and why: parts with weights, each change of the score with its
    reason, recommendations since when, fields, dependents, and who still uses old versions or what is deprecated.
    """
    days = days_of(asked.database, _HEALTH, period)
    found = registry_details.health_of_module(asked.database, name, days.first, days.last, version)
    rows = found.history.rows
    newest = rows[0] if rows else {}
    fields = {
        "module_name": name, "version": newest.get("version"), "score": newest.get("overall_score"),
        "badge": newest.get("badge", "unknown"), "parts": found.parts,
        **{name: [row for row in found.recommendations if row["state"] == state]
           for name, state in (("recommendations", "open"), ("closed_recommendations", "closed"))},
        "unused_fields": found.unused, "deprecated_fields": found.deprecated, "breaking_changes": found.breaking,
        "dependents": (newest.get("dependents") or "").splitlines(),
        "organizations_behind": found.organizations_behind, "clients_behind": found.clients_behind,
        "users_of_deprecated": found.users_of_deprecated, "consumers_of_deprecated": found.consumers_of_deprecated,
    }  # fmt: skip
    columns = list(rows[0]) if rows else ()
    answer = Answer(rows, "history", fields, columns, found.history.coverage)
    return asked.about([_HEALTH], days.first, days.last, answer)
