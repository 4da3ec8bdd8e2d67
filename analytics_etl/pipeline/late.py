"""Late data: landing files that are new or changed since they were read, and the days that wait for them."""

from collections.abc import Collection, Iterator
from datetime import date, timedelta

from analytics_etl.catalog.catalog import Catalog, is_of
from analytics_etl.catalog.contracts import Contract
from analytics_etl.landing import LandingFile, list_files
from analytics_etl.ops.files import days_in
from analytics_etl.ops.partitions import newest_day
from analytics_etl.ops.records import ledger, waiting_days
from analytics_etl.pipeline.dropped_days import by_family, dropped_days
from analytics_etl.pipeline.usable_sources import with_usable_sources
from analytics_etl.postgres.database import Database


def late_days(database: Database, catalog: Catalog, yesterday: date) -> set[date]:
    """The days up to yesterday that have waiting files and are within the lateness window of their table.

    A file also waits if all its rows of the day were rejected, or if it had rows of the day before it was replaced.
    Dropped days whose files are still there do not count: they wait for a person.
    """
    waiting = [row for row in database.run(waiting_days) if database.settings.start_date <= row["day"] <= yesterday]
    dropped = by_family(dropped_days(database))
    found = set()
    for table, contract in catalog.contracts.items():
        of_table = {row["day"] for row in waiting if row["table_name"] == table}
        candidates = of_table - dropped.get(contract.family, set())
        valid = [row["day"] for row in waiting if row["table_name"] == table and row["rows_waiting"]]
        newest = database.run(newest_day, [table]) or max(valid, default=None)
        lateness = timedelta(days=database.settings.lateness_of(table, is_derived=False))
        found |= {day for day in candidates if newest is not None and newest < day + lateness}
    return found


def new_files(contract: Contract, catalog: Catalog, database: Database) -> Iterator[LandingFile]:
    """The landing files of a table whose size or modification time is not the one in the ledger."""
    known = {
        entry["path"]: (entry["size_bytes"], entry["modified_at"])
        for entry in database.run(ledger, contract.table)
        if entry["state"] != "gone"
    }
    sources = frozenset(catalog.mappings(contract.family))
    for file in list_files(database.settings.landing_dirs, contract.name, sources):
        if known.get(file.path) != (file.size_bytes, file.modified_at):
            yield file


def unread_files(database: Database, catalog: Catalog, families: Collection[str] = ()) -> dict[str, list[str]]:
    """{event table: paths of its new files, which a run would read}, of all families unless some are named."""
    found = {
        contract.table: [file.path for file in new_files(contract, catalog, database)]
        for contract in with_usable_sources(catalog).contracts.values()
        if is_of(contract.table, families)
    }
    return {table: paths for table, paths in found.items() if paths}


def replaced_days(database: Database, table: str, paths: Collection[str]) -> set[date]:
    """The days of which some files had rows when they were last read."""
    return database.read(days_in, table, paths)
