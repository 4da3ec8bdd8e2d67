"""Findings about the whole installation: each says what was examined, what is wrong and what to type."""

from collections.abc import Iterator
from datetime import date

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.config.settings import Settings
from analytics_etl.monitoring.doctor import days, failures, files, gaps, services, surroundings
from analytics_etl.monitoring.doctor.finding import GRANTS, Finding
from analytics_etl.ops.files import tables_with_files
from analytics_etl.pipeline.usable_sources import with_usable_sources
from analytics_etl.postgres import migrations
from analytics_etl.postgres.connection import DatabaseError
from analytics_etl.postgres.database import Database

__all__ = ["Finding", "examine"]


def examine(settings: Settings, catalog: Catalog, today: date) -> Iterator[Finding]:
    """Examine everything, from the disk up. Without a usable database, findings that need it are left out."""
    catalog = with_usable_sources(catalog)
    yield services.sql_files(catalog)
    yield surroundings.settings_by_former_names(settings)
    yield surroundings.disk(settings)
    reachable = surroundings.database(settings)
    yield from surroundings.landing(settings, catalog, _tables_with_files(settings) if reachable.is_well else set())
    yield from surroundings.landing_folder(settings, catalog)
    yield reachable
    if not reachable.is_well:
        return
    database = Database(settings)
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
        yield services.grants(database, catalog)
    # Later findings do not repeat a file of an earlier one: it is the cause of what they find.
    reported = files.bad_files(database, catalog)
    for examine_files in (files.files_read, files.rejected_rows):
        finding, reported = examine_files(database, reported)
        yield finding
    yield files.columns(database)
    daemon = services.daemon(database)
    yield files.unseen_files(database, catalog, services.heard_lately(database))
    yield days.late_rows(database, today)
    yield days.dropped(database)
    yield days.early_rows(database)
    yield from days.missing(database, catalog, today)
    yield gaps.days_without_data(database)
    yield days.volume(database)
    yield failures.checks(database, catalog, reported)
    yield failures.refused_changes(database)
    yield failures.last_attempts(database)
    yield services.views(database, catalog)
    yield services.lake(database)
    yield from services.archive(database)
    yield daemon
    yield services.notifications(database)


def _tables_with_files(settings: Settings) -> set[str]:
    """The event tables with files in the ledger; none if the ledger cannot be read, which other findings report."""
    try:
        if migrations.current(settings) != migrations.head():
            return set()
        return Database(settings).read(tables_with_files)
    except DatabaseError:
        return set()
