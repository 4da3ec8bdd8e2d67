"""Finding out what is wrong, in words: each finding says what was looked at, what is the matter and what to type."""

from collections.abc import Iterator
from datetime import date

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.config.settings import Settings
from analytics_etl.monitoring.doctor import days, failures, files, gaps, services, surroundings
from analytics_etl.monitoring.doctor.finding import GRANTS, Finding
from analytics_etl.pipeline.loading import with_usable_sources
from analytics_etl.postgres import migrations
from analytics_etl.postgres.connection import DatabaseError
from analytics_etl.tables.warehouse import Warehouse

__all__ = ["Finding", "examine"]


def examine(settings: Settings, catalog: Catalog, today: date) -> Iterator[Finding]:
    """Look at everything, from the ground up; what cannot be looked at without the database is left out without it."""
    catalog = with_usable_sources(catalog)
    yield services.sql_files(catalog)
    yield surroundings.disk(settings)
    yield from surroundings.landing(settings, catalog)
    yield from surroundings.landing_folder(settings, catalog)
    reachable = surroundings.database(settings)
    yield reachable
    if not reachable.is_well:
        return
    warehouse = Warehouse(settings)
    try:
        at, wanted = migrations.current(settings), migrations.head()
    except DatabaseError as error:
        yield Finding("roles", is_well=False, detail=str(error), advice=GRANTS)
        return
    if at != wanted:
        detail = f"the database is at {at or 'no revision'}, the code at {wanted}"
        yield Finding("migrations", is_well=False, detail=detail, advice="analytics-etl migrate")
        return
    yield Finding("migrations", is_well=True, detail=f"at {at}")
    if settings.roles is not None:
        yield services.grants(warehouse, catalog)
    # A file that is told of is the cause of what later findings find.
    told = files.bad_files(warehouse, catalog)
    for look in (files.files_read, files.rejected_rows):
        finding, told = look(warehouse, told)
        yield finding
    daemon = services.daemon(warehouse)
    yield files.unseen_files(warehouse, catalog, services.heard_lately(warehouse))
    yield days.late_rows(warehouse, today)
    yield days.dropped(warehouse)
    yield days.early_rows(warehouse)
    yield from days.missing(warehouse, catalog, today)
    yield gaps.days_without_data(warehouse)
    yield days.volume(warehouse)
    yield failures.checks(warehouse, catalog, told)
    yield failures.refused_changes(warehouse)
    yield failures.last_attempts(warehouse)
    yield services.views(warehouse, catalog)
    yield services.archive(warehouse)
    yield daemon
    yield services.notifications(warehouse)
