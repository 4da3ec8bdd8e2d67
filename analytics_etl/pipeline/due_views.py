"""Views to refresh: they are missing, of an earlier version, older than their tables, or not checked."""

from collections.abc import Collection
from datetime import datetime

from analytics_etl.catalog.catalog import Catalog, is_of
from analytics_etl.checks.declared import declared_checks
from analytics_etl.checks.due import REASONS
from analytics_etl.ops.check_results import of_partition
from analytics_etl.ops.partitions import changed_at, newest_day
from analytics_etl.ops.records import refreshed_at
from analytics_etl.postgres.database import Database
from analytics_etl.tables.views import view_versions

EARLIER = "made by an earlier version of its SQL"


def due_views(database: Database, catalog: Catalog, families: Collection[str] = ()) -> dict[str, str]:
    """{view to refresh: why}, of all families unless some are named."""
    made = database.run(view_versions, list(catalog.views))
    refreshed = database.read(refreshed_at)
    changed = database.read(changed_at)
    found = {}
    for view, model in catalog.views.items():
        at = refreshed.get(view)  # None: refreshed before this was recorded, and so counted as current
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


def _unchecked_view(database: Database, catalog: Catalog, view: str, at: datetime) -> str | None:
    """Why the checks of a view have to run; its results are those of the newest day that its tables have."""
    newest = database.run(newest_day, catalog.views[view].dependencies) or database.settings.start_date
    known = database.read(of_partition, view, newest)
    for check in declared_checks(catalog)[view]:
        result = known.get(check.name)
        if result is None:
            return REASONS["absent"]
        if result["checked_at"] < at:
            return REASONS["older"]
        if result["code_version"] not in (None, check.code_version):
            return REASONS["version"]
    return None
