"""Questions about one module or organisation in detail: its days, versions, health and what is behind that."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from analytics_etl.families.queries import Page, QueryError, Row
from analytics_etl.families.queries.coverage import ONE_DAY, ask_days
from analytics_etl.families.queries.registry_modules import statistics
from analytics_etl.families.queries.texts import check_texts
from analytics_etl.postgres.database import Database

COUNTED = (
    "view_count", "download_count", "failed_download_count", "unique_users", "unique_orgs", "compilation_count",
    "compilation_success_count", "total_download_bytes",
)  # fmt: skip
"""Columns that are 0 on a day without events; the others are not known then."""
ADDED = tuple(name for name in COUNTED if not name.startswith("unique"))
"""Of them those whose sum means something."""
WEIGHTS: Mapping[str, float] = {
    "complexity": 0.25, "maintainability": 0.35, "unused": 0.15, "deprecated": 0.1, "breaking": 0.15,
}  # fmt: skip
"""Of the parts of a health score."""
BREAKING_DAYS = 30


@dataclass(frozen=True)
class Health:
    """The health of a module on its newest day, with what is behind it; empty for a module without a version."""

    history: Page
    unused: list[Row]
    deprecated: list[Row]
    breaking: list[Row]

    @property
    def parts(self) -> list[dict[str, Any]]:
        """Score and weight of each part on the newest day."""
        newest = self.history.rows[0] if self.history.rows else {}
        return [{"part": part, "score": newest.get(f"{part}_score"), "weight": weight}
                for part, weight in WEIGHTS.items()]  # fmt: skip

    @property
    def recommendations(self) -> list[Any]:
        """What would make it healthier."""
        text = self.history.rows[0]["recommendations"] if self.history.rows else None
        found: list[Any] = json.loads(text) if text else []
        return found


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


def organization_days(database: Database, organization: str, first: date, last: date) -> Page:
    """What one organisation did on each of the days first to last; a day without events has no row."""
    check_texts({"organization": organization})
    tables = ["registry.org_stats_daily"]
    return ask_days(database, tables, "registry.organization_days", first, last, {"organization": organization})


def health_of_module(database: Database, module: str, first: date, last: date, version: str | None = None) -> Health:
    """The health of a module on the days first to last, and what is behind that of the newest.

    Only the newest version of a module is judged; QueryError for another one.
    """
    check_texts({"module": module, "version": version})
    wanted = {"module": module}
    tables = ["registry.module_health_daily", "registry.module_dependents_daily"]
    history = ask_days(database, tables, "registry.health_history_of_module", first, last, wanted)
    newest = history.rows[0]["version"] if history.rows else None
    if version is not None and newest is not None and version != newest:
        raise QueryError(f"of {module} version {newest} is judged, the newest one, but asked for was {version}")

    def behind(table: str, query: str, start: date) -> list[Row]:
        return list(ask_days(database, [table], query, start, last, wanted).rows)

    return Health(
        history,
        behind("registry.unused_fields_daily", "registry.unused_fields_of_module", last),
        behind("registry.deprecated_fields_daily", "registry.deprecated_fields_of_module", last),
        behind("registry.schema_changes_daily", "registry.breaking_changes_of_module",
               last - timedelta(days=BREAKING_DAYS - 1)),
    )  # fmt: skip
