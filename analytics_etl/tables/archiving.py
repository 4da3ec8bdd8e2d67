"""Days leave their tables and come back: drop, restore, and removing personal data.

The lake has their rows. Every method holds the lock of the day; loads take the same lock. A partition is dropped only
in a transaction that has compared its rows with the file in the lake.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
from psycopg import sql

from analytics_etl.archive import ArchiveFolder
from analytics_etl.catalog.contracts import Contract
from analytics_etl.config.settings import Settings
from analytics_etl.lake import LakeError, LakeFile, open_lake
from analytics_etl.lake.days import schema_of
from analytics_etl.lake.fingerprint import Fingerprint
from analytics_etl.lake.fingerprints import fingerprint_of_file
from analytics_etl.lake.reading import read
from analytics_etl.ops import archives, days, places
from analytics_etl.ops.records import record_audit
from analytics_etl.postgres.connection import Connection, DatabaseError, identifier, lock
from analytics_etl.postgres.patience import patiently
from analytics_etl.postgres.pool import transaction
from analytics_etl.postgres.sessions import AGGREGATION
from analytics_etl.tables.day_partitions import locked_partition, new_partition
from analytics_etl.tables.loading import refilling
from analytics_etl.tables.partition_rows import fingerprint
from analytics_etl.tables.taking_over import file_of, remove_archive


class Archiver:
    """Drops and restores days of event tables, and removes personal data from them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lake = open_lake(settings)

    def due(self, contract: Contract) -> list[date]:
        """Days to archive: those older than the retention and than the allowed lateness."""
        keep = self._settings.hot_days.of(contract.table)
        if keep is None:
            return []
        with transaction(self._settings) as connection:
            return archives.due_days(
                connection, contract.table, max(keep, self._settings.lateness_of(contract.table, is_derived=False))
            )

    def days_to_take_over(self, contract: Contract) -> list[date]:
        """Days whose rows the lake does not have, and days that still have a file in the archive folder."""
        with transaction(self._settings) as connection:
            return archives.days_to_take_over(connection, contract.table)

    def personal_due(self, contract: Contract) -> list[date]:
        """Days whose personal data is to be removed from the table."""
        keep = self._settings.personal_retention.of(contract.table)
        if keep is None or not contract.personal_columns:
            return []
        with transaction(self._settings) as connection:
            return archives.days_with_personal_data(connection, contract.table, keep)

    def take_over(self, contract: Contract, day: date, actor: str) -> LakeFile:
        """Give a day of a database without a lake its file there; then remove its archive file. Can be repeated."""
        with self._locked_day(contract, day) as connection:
            file = file_of(connection, self._settings, contract, day, actor)
        with self._locked_day(contract, day) as connection:
            remove_archive(connection, self._settings, contract, day)
        return file

    def remove_unfinished(self, contract: Contract) -> None:
        """Remove what killed processes of an earlier version left in the archive folder, and never recorded."""
        for day, paths in ArchiveFolder(self._settings.archive_dir).unfinished(contract.table).items():
            with self._locked_day(contract, day) as connection:
                archived = archives.find(connection, contract.table, day)
                for path in paths if archived is None or archived.manifest is None else ():
                    path.unlink(missing_ok=True)

    def drop(self, contract: Contract, day: date, actor: str, reason: str | None = None) -> LakeFile:
        """Drop the partition of a day. Raise LakeError unless the lake holds exactly its rows."""
        with self._locked_day(contract, day) as connection:
            file = file_of(connection, self._settings, contract, day, actor)
            if places.is_in_postgres(connection, contract.table, day):
                self._drop_partition(connection, contract, file)
            else:  # it was loaded into the lake alone
                self._lake.verified(file)
            archives.record_dropped(connection, contract.table, day)
            record_audit(connection, actor, "archive", f"{contract.table} {day}", reason)
            self._refresh(connection, contract)
        return file

    def _drop_partition(self, connection: Connection, contract: Contract, file: LakeFile) -> None:
        """Drop the partition of a day after comparing its rows with its file."""
        leaf, parent = locked_partition(connection, contract, file.day), identifier(contract.table)
        self._compare(connection, leaf, contract, file)

        def detach_and_drop() -> None:
            connection.execute(sql.SQL("alter table {} detach partition {}").format(parent, leaf))
            connection.execute(sql.SQL("drop table {}").format(leaf))

        patiently(connection, f"{contract.table}: {file.day} cannot leave its table", [parent, leaf], detach_and_drop)

    def restore(self, contract: Contract, day: date, actor: str, reason: str) -> LakeFile:
        """Copy an archived day from the lake into its table, and compare the two."""
        columns = [column.name for column in contract.columns]
        with self._locked_day(contract, day) as connection:
            if (is_there := places.is_in_postgres(connection, contract.table, day)) is not False:
                state = "is in the table" if is_there else "was never loaded"
                raise DatabaseError(f"{contract.table}: {day} {state}, so there is nothing to restore")
            file = file_of(connection, self._settings, contract, day, actor)
            _refuse_other_columns(contract, file, pq.read_schema(self._lake.verified(file)))
            with refilling(connection, self._settings, contract, day) as load:
                with closing(read(self._lake, file, columns)) as batches:
                    for batch in batches:
                        load.copy(day, batch)
                load.drain()
                self._compare(connection, new_partition(contract, day), contract, file)
                load.attach(day)
            archives.record_restored(connection, contract.table, day, self._settings.restored_days)
            record_audit(connection, actor, "restore", f"{contract.table} {day}", reason)
            self._refresh(connection, contract)
        return file

    def remove_personal_from_table(self, contract: Contract, day: date, actor: str) -> int:
        """Set the personal columns of a day to NULL in its table; return how many values were removed.

        The rows are written to a new partition, so that the old values leave the disk.
        """
        columns = {column.name: column.type for column in contract.columns}
        personal, time = contract.personal_columns, contract.time_column
        with self._locked_day(contract, day) as connection:
            leaf = locked_partition(connection, contract, day)
            before = fingerprint(connection, leaf, columns, personal, time)
            after = before
            if before.personal_values:
                kept = sql.SQL(", ").join(sql.Identifier(name) for name in columns if name not in personal)
                with refilling(connection, self._settings, contract, day) as load:
                    load.drain()
                    new = new_partition(contract, day)
                    connection.execute(sql.SQL("insert into {} ({}) select {} from {}").format(new, kept, kept, leaf))
                    after = fingerprint(connection, new, columns, personal, time)
                    _refuse_changes(contract.table, day, before, after)
                    load.attach(day)
                record_audit(connection, actor, "remove personal data", f"{contract.table} {day}")
            archives.record_removal(connection, contract.table, day, before, after)
        return before.personal_values

    def remove_rejected_content(self, contract: Contract) -> int:
        """Remove the content of rejected rows after the retention of personal data; return how many rows had one."""
        keep = self._settings.personal_retention.of(contract.table)
        if keep is None or not contract.personal_columns:
            return 0
        with transaction(self._settings) as connection:
            return archives.remove_rejected_content(connection, contract.table, keep, contract.personal_columns)

    def _refresh(self, connection: Connection, contract: Contract) -> None:
        """Refresh the states of the table's days; the last step of a transaction."""
        lateness = self._settings.lateness_of(contract.table, is_derived=False)
        days.refresh(connection, contract.table, lateness)

    @contextmanager
    def _locked_day(self, contract: Contract, day: date) -> Iterator[Connection]:
        """A transaction that holds the lock of a day."""
        with transaction(self._settings, AGGREGATION) as connection:
            lock(connection, f"{contract.table} {day}")
            yield connection

    def _compare(self, connection: Connection, leaf: sql.Identifier, contract: Contract, file: LakeFile) -> None:
        """Raise LakeError unless a table and a file hold the same rows, where personal data may be gone from one."""
        columns = {column.name: column.type for column in contract.columns}
        personal, time = contract.personal_columns, contract.time_column
        path = self._lake.reread(file)
        held = fingerprint(connection, leaf, columns, personal, time)
        kept = fingerprint_of_file(path, columns, personal, time, self._settings.loader_memory_mb)
        if wrong := held.differences(kept, personal=bool(held.personal_values and kept.personal_values)):
            raise LakeError(
                f"{contract.table}: {file.day} has other rows in its table than in the lake ({path}): "
                f"{'; '.join(wrong)}; load the day again: analytics-etl backfill {file.day} {file.day}"
            )


def _refuse_other_columns(contract: Contract, file: LakeFile, stored: pa.Schema) -> None:
    """Raise DatabaseError if a column has another type now, or a new one must not be null."""
    other = [
        item.name
        for item in schema_of(contract)
        if item.name in stored.names and item.type != stored.field(item.name).type
    ]
    new = [column.name for column in contract.columns if column.is_required and column.name not in stored.names]
    if other or new:
        raise DatabaseError(
            f"{contract.table}: {file.day} was loaded under the contract {file.contract_version}: its columns {other} "
            f"have another type now, {new} must not be null; restore it with the code of that time"
        )


def _refuse_changes(table: str, day: date, before: Fingerprint, after: Fingerprint) -> None:
    """Raise LakeError unless exactly the personal data is gone."""
    wrong = after.differences(before, personal=False)
    if wrong or after.personal_values:
        raise LakeError(f"{table} {day}: removing personal data would change more than that: {'; '.join(wrong)}")
