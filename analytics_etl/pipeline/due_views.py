"""Views to refresh: those that are missing, of an earlier version, older than their tables or not checked."""

from collections.abc import Collection
from datetime import datetime

from analytics_etl.catalog.catalog import Catalog, is_of
from analytics_etl.checks.declared import declared_checks
from analytics_etl.checks.due import REASONS
from analytics_etl.postgres.database import Database
from analytics_etl.postgres.snapshot import newest_day
from analytics_etl.tables.derived import view_versions

EARLIER = "made by an earlier version of its SQL"


def unmade_views(database: Database, catalog: Catalog, families: Collection[str] = ()) -> dict[str, str]:
    """{view that is missing, made by an earlier version of its SQL, older than its tables or not checked: which}."""
    made = database.run(view_versions, list(catalog.views))
    refreshed = {row["view_name"]: row["refreshed_at"] for row in database.query("select * from ops.refreshed_views")}
    changed = {
        row["table_name"]: row["changed_at"]
        for row in database.query(
            "select table_name, max(changed_at) as changed_at from ops.partitions where changed_at is not null "
            "group by 1"
        )
    }
    found = {}
    for view, model in catalog.views.items():
        at = refreshed.get(view)  # None before this was kept, which counts as current
        newer = [table for table in model.dependencies if at is not None and table in changed and changed[table] > at]
        if not is_of(view, families):
            continue
        if made.get(view) != catalog.code_version(view):
            found[view] = EARLIER if view in made else "missing"
        elif newer:
            found[view] = f"older than its input {newer[0]}"
        elif at is not None and (why := _unchecked_view(database, catalog, view, at)):
            found[view] = why
    return found


def _unchecked_view(database: Database, catalog: Catalog, view: str, refreshed_at: datetime) -> str | None:
    """Why the checks of a view have to run; its results are those of the newest day that its tables have."""
    newest = database.run(newest_day, catalog.views[view].dependencies) or database.settings.start_date
    results = database.query(
        "select check_name, code_version, checked_at from ops.check_results "
        "where table_name = :view and period_start = :day::date",
        {"view": view, "day": newest.isoformat()},
    )
    known = {row["check_name"]: row for row in results}
    for check in declared_checks(catalog)[view]:
        result = known.get(check.name)
        if result is None:
            return REASONS["absent"]
        if result["checked_at"] < refreshed_at:
            return REASONS["older"]
        if result["code_version"] not in (None, check.code_version):
            return REASONS["version"]
    return None
