"""Upkeep of the lake: personal data is removed from old days, and files that nothing refers to are removed."""

from dataclasses import dataclass
from datetime import date

from analytics_etl.catalog.contracts import Contract
from analytics_etl.catalog.models import Model
from analytics_etl.lake import open_lake
from analytics_etl.lake.emptying import without_personal_data
from analytics_etl.ops import lake_files
from analytics_etl.ops.records import record_audit
from analytics_etl.postgres.connection import lock
from analytics_etl.postgres.database import Database
from analytics_etl.tables import lake_tables

GRACE_SECONDS = 24 * 3600
"""How long a superseded file stays, since a reader may have it open; and a file that no transaction has booked yet."""


@dataclass
class Collected:
    """The files that were removed from the lake, and their size."""

    files: int = 0
    bytes: int = 0


def days_with_personal_data(database: Database, contract: Contract) -> list[date]:
    """Days in the lake whose personal data is to be removed."""
    keep = database.settings.personal_retention.of(contract.table)
    if keep is None or not contract.personal_columns:
        return []
    return database.run(lake_files.days_with_personal_data, contract.table, keep)


def remove_personal_data(database: Database, contract: Contract, day: date, actor: str) -> int:
    """Supersede the file of a day by one without personal data; return how many values were removed.

    The old file is removed with the other superseded ones, after the grace period.
    """
    with database.transaction() as connection:
        lock(connection, f"{contract.table} {day}")
        file = lake_files.find(connection, contract.table, day)
        if file is None:
            return 0
        emptied, removed = without_personal_data(open_lake(database.settings), file, contract.personal_columns)
        lake_files.book(connection, emptied, None)
        record_audit(connection, actor, "remove personal data", f"lake file of {contract.table} {day}")
        return removed


def days_to_take_over(database: Database, model: Model) -> list[date]:
    """The partitions of a fine-grained table that an earlier version wrote into PostgreSQL."""
    return database.run(lake_tables.days_in_postgres, model) if model.is_in_lake_only else []


def take_over(database: Database, model: Model, day: date, actor: str) -> None:
    """Move a partition of a fine-grained table into the lake; the last one takes the table in PostgreSQL along."""
    lake = open_lake(database.settings)
    with database.transaction() as connection:
        lock(connection, model.table)
        lake_tables.take_over(connection, lake, model, [day])
        if not lake_tables.days_in_postgres(connection, model):
            lake_tables.make_view(connection, lake, model)
        record_audit(connection, actor, "take over", f"{model.table} {day}")


def collect(database: Database, grace_seconds: float = GRACE_SECONDS) -> Collected:
    """Remove the files that were superseded, and those that no transaction booked, after the grace period."""
    lake, collected = open_lake(database.settings), Collected()
    for file in database.run(lake_files.superseded, grace_seconds):
        with database.transaction() as connection:
            # A load may just now make the same content the current file again.
            lock(connection, file.table, f"{file.table} {file.day}")
            if lake_files.forget(connection, file.path):
                lake.remove(file.path)
                collected.files += 1
                collected.bytes += file.size_bytes
    for path, size in lake.unbooked(database.run(lake_files.paths), grace_seconds):
        collected.files += 1
        collected.bytes += size
        lake.remove(path)
    lake.remove_unfinished(grace_seconds)
    return collected
