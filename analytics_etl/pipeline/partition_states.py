"""The states of days, brought up to date with the books, the settings and the calendar."""

from collections.abc import Collection, Mapping
from datetime import date

from analytics_etl.catalog.models import cadence_of
from analytics_etl.config.settings import Settings
from analytics_etl.ops import days
from analytics_etl.postgres.connection import Connection
from analytics_etl.postgres.database import Database


def refresh_days(connection: Connection, settings: Settings, tables: Collection[str]) -> None:
    """Bring the states of days of some tables up to date with the books; the last statement of a transaction."""
    for table in sorted(table for table in tables if cadence_of(table) == "day"):
        days.refresh(connection, table, settings.lateness_of(table, is_derived=True), keep_lateness=True)


def refresh_all_days(database: Database, tables: Mapping[str, bool]) -> None:
    """Bring the states of all days up to date with the settings: {table kept by day: whether it is derived}."""
    with database.transaction() as connection:
        for table, is_derived in tables.items():
            days.refresh(connection, table, database.settings.lateness_of(table, is_derived=is_derived))


def expect_day(database: Database, tables: Mapping[str, bool], day: date) -> None:
    """Record that a day is due in some tables: {table kept by day: whether it is derived}."""
    settings = database.settings
    lateness = [settings.lateness_of(table, is_derived=is_derived) for table, is_derived in tables.items()]
    database.run(days.expect_day, list(tables), lateness, day)
