"""Questions about one module or organisation in detail: its days, versions, health and what is behind that."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import md5
from typing import Any

from analytics_etl.families.queries import Page, QueryError, Row
from analytics_etl.families.queries.coverage import ONE_DAY, ask_days
from analytics_etl.families.queries.registry_modules import statistics
from analytics_etl.families.queries.registry_schemas import consumers, recommendations
from analytics_etl.families.queries.texts import check_texts
from analytics_etl.postgres.database import Database
from analytics_etl.schemas.health import WEIGHTS

COUNTED = (
    "view_count", "download_count", "failed_download_count", "unique_users", "unique_orgs", "compilation_count",
    "compilation_success_count", "total_download_bytes",
)  # fmt: skip
"""Columns that are 0 on a day without events; the others are not known then."""
ADDED = tuple(name for name in COUNTED if not name.startswith("unique"))
"""Of them those whose sum means something."""
BREAKING_DAYS = 30
MOST_BEHIND = 100
"""Organisations, and clients, that are listed of those that lag behind."""


@dataclass(frozen=True)
class Health:
    """The health of a module on its newest day, with what is behind it; empty for a module without a version."""

    history: Page
    unused: list[Row]
    deprecated: list[Row]
    breaking: list[Row]
    recommendations: list[dict[str, Any]]
    """What would make it healthier, and once would have, each with its state, its days and its evidence."""
    organizations_behind: list[Row]
    clients_behind: list[Row]
    """Those whose downloads of these days are all of old versions, furthest behind first."""
    users_of_deprecated: list[Row]
    """Services that used what is deprecated."""
    consumers_of_deprecated: list[Row]
    """Organisations and client libraries that did, as long as it was deprecated."""

    @property
    def parts(self) -> list[dict[str, Any]]:
        """Score and weight of each part on the newest day."""
        newest = self.history.rows[0] if self.history.rows else {}
        return [{"part": part, "score": newest.get(f"{part}_score"), "weight": weight}
                for part, weight in WEIGHTS.items()]  # fmt: skip


def series_of_module(database: Database, module: str, first: date, last: date) -> Page:
    """Each of the days first to last of a module: 0 where nothing happened, None where the day is not loaded."""
    page = statistics(database, "1d", first, last, module)
    known = {row["first_day"]: row for row in page.rows}
    gaps = page.coverage.missing if page.coverage else ()
    rows = []
    for number in range((last - first).days + 1):
        day = first + number * ONE_DAY
        is_missing = any(start <= day <= end for start, end in gaps)
        counted = known.get(day, dict.fromkeys(COUNTED, None if is_missing else 0))
        rows.append({"day": day, **{name: counted[name] for name in COUNTED}})
    return Page(rows, coverage=page.coverage)


def version_downloads(database: Database, module: str, first: date, last: date) -> Page:
    """Successful downloads of each version of a module in the days first to last, the most first."""
    check_texts({"module": module})
    tables = ["registry.version_stats_daily"]
    return ask_days(database, tables, "registry.version_downloads_of_module", first, last, {"module": module})


def languages_of_module(database: Database, module: str, first: date, last: date) -> Page:
    """The languages a module was compiled into in the days first to last, the most compilations first."""
    check_texts({"module": module})
    tables = ["registry.module_languages_daily"]
    return ask_days(database, tables, "registry.languages_of_module", first, last, {"module": module})


def organizations_of_module(database: Database, module: str, first: date, last: date) -> Page:
    """The organisations that used a module in the days first to last, the most downloads first; from the lake."""
    check_texts({"module": module})
    tables = ["registry.module_activity_daily"]
    return ask_days(database, tables, "registry.organizations_of_module", first, last, {"module": module})


def users_of_modules(database: Database, modules: Iterable[str], first: date, last: date) -> dict[str, int]:
    """{module: distinct users in the days first to last}, exact, from the lake; a module without users is not there."""
    hashed = [md5(module.encode(), usedforsecurity=False).hexdigest() for module in modules]
    if not hashed:
        return {}
    wanted: dict[str, str | int] = {"modules": ",".join(hashed), "limit": len(hashed)}
    tables = ["registry.module_stats_daily", "registry.module_activity_daily"]
    page = ask_days(database, tables, "registry.users_of_modules", first, last, wanted)
    return {row["module_name"]: row["unique_users"] for row in page.rows}


def organization_days(database: Database, organization: str, first: date, last: date) -> Page:
    """What one organisation did on each of the days first to last; a day without events has no row."""
    check_texts({"organization": organization})
    tables = ["registry.org_stats_daily"]
    return ask_days(database, tables, "registry.organization_days", first, last, {"organization": organization})


def modules_of_organization(database: Database, organization: str, first: date, last: date, limit: int) -> Page:
    """The modules that one organisation downloaded most in the days first to last."""
    check_texts({"organization": organization})
    wanted: dict[str, str | int] = {"organization": organization, "limit": limit}
    tables = ["registry.version_consumers_daily"]
    return ask_days(database, tables, "registry.modules_of_organization", first, last, wanted)


def health_of_module(database: Database, module: str, first: date, last: date, version: str | None = None) -> Health:
    """The health of a module on the days first to last, and what is behind that of the newest.

    Only the newest version of a module is judged; QueryError for another one.
    """
    check_texts({"module": module, "version": version})
    wanted = {"module": module}
    tables = [f"registry.module_{name}_daily" for name in ("health", "dependents", "health_changes")]
    history = ask_days(database, tables, "registry.health_history_of_module", first, last, wanted)
    newest = history.rows[0]["version"] if history.rows else None
    if version is not None and newest is not None and version != newest:
        raise QueryError(f"of {module} version {newest} is judged, the newest one, but asked for was {version}")

    def rows(table: str, query: str, start: date) -> list[Row]:
        return list(ask_days(database, [table, "registry.field_usage_daily"], query, start, last, wanted).rows)

    since = last - timedelta(days=int(database.settings.parameters["schema_unused_days"]) - 1)
    return Health(
        history,
        rows("registry.unused_fields_daily", "registry.unused_fields_of_module", last),
        rows("registry.deprecated_fields_daily", "registry.deprecated_fields_of_module", last),
        rows("registry.schema_changes_daily", "registry.breaking_changes_of_module",
             last - timedelta(days=BREAKING_DAYS - 1)),
        [_listed(row) for row in recommendations(database, module).rows],
        _behind(consumers(database, module, first, last).rows),
        _behind(consumers(database, module, first, last, by_client=True).rows),
        rows("registry.deprecated_fields_daily", "registry.users_of_deprecated_fields", since),
        rows("registry.deprecated_users_daily", "registry.consumers_of_deprecated_fields", since),
    )  # fmt: skip


def _listed(recommendation: Row) -> dict[str, Any]:
    """A recommendation with its evidence as a list."""
    evidence = recommendation["evidence"]
    return {**recommendation, "evidence": evidence.split("\n") if evidence else []}


def _behind(rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if row["versions_behind"]][:MOST_BEHIND]
