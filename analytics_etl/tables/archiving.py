"""Moving days between a table and the archive: export, drop, restore, and removing personal data from both.

Every method is one transaction that holds the lock of the day; loads take the same lock. A partition is dropped only in
a transaction that has compared its rows with the verified file.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date

import pyarrow as pa
from psycopg import sql

from analytics_etl.archive import ArchiveError, ArchiveFolder, Fingerprint, Manifest, fingerprint_of_file
from analytics_etl.archive.files import sha256_of
from analytics_etl.catalog.contracts import Contract
from analytics_etl.config.settings import Settings
from analytics_etl.ops import archives, days
from analytics_etl.ops.records import record_audit
from analytics_etl.postgres.connection import Connection, DatabaseError, lock
from analytics_etl.postgres.patience import patiently
from analytics_etl.postgres.pool import transaction
from analytics_etl.postgres.sessions import AGGREGATION
from analytics_etl.tables.day_partitions import locked_partition, new_partition, partition
from analytics_etl.tables.loading import refilling
from analytics_etl.tables.partition_rows import arrow_schema, fingerprint, stream

PARTITION, ARCHIVE = "partition", "archive"


class Archiver:
    """Exports, drops and restores days of event tables, and removes personal data from them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._folder = ArchiveFolder(settings.archive_dir)

    def due(self, contract: Contract) -> list[date]:
        """Days to archive: those older than the retention and than the allowed lateness."""
        keep = self._settings.retention.of(contract.table)
        if keep is None:
            return []
        with transaction(self._settings) as connection:
            return archives.due_days(
                connection, contract.table, max(keep, self._settings.lateness_of(contract.table, is_derived=False))
            )

    def personal_due(self, contract: Contract, place: str) -> list[date]:
        """Days whose personal data is to be removed; `place` is PARTITION or ARCHIVE."""
        keep = self._settings.personal_retention.of(contract.table)
        if keep is None or not contract.personal_columns:
            return []
        with transaction(self._settings) as connection:
            return archives.days_with_personal_data(connection, contract.table, keep, place)

    def export(self, contract: Contract, day: date) -> Manifest:
        """Write the day's rows to a file, read it back and record in the books that it is verified."""
        with self._locked_day(contract, day) as connection:
            leaf = locked_partition(connection, contract, day)
            columns = {column.name: column.type for column in contract.columns}
            schema = arrow_schema(columns)
            held = fingerprint(connection, leaf, columns, contract.personal_columns, contract.time_column)
            with closing(stream(connection, leaf, columns)) as batches:
                path = self._folder.write_rows(contract.table, day, schema, batches)
            found = connection.execute("select clock_timestamp()").fetchone()
            assert found is not None
            manifest = Manifest(
                table=contract.table, day=day, file=self._folder.file(contract.table, day).name,
                sha256=sha256_of(path), size_bytes=path.stat().st_size, contract_version=contract.code_version,
                columns=columns, personal_columns=contract.personal_columns, time_column=contract.time_column,
                fingerprint=held, made_at=found[0].isoformat(),
            )  # fmt: skip
            self._read_back(manifest)
            self._folder.write_manifest(manifest)
            archives.record_verified(connection, manifest)
        self._rename_committed(contract, manifest)
        return manifest

    def drop(self, contract: Contract, day: date, actor: str, reason: str | None = None) -> Manifest:
        """Drop the partition of a day. Raise ArchiveError unless its archive holds exactly its rows."""
        with self._locked_day(contract, day) as connection:
            manifest = self._verified_manifest(connection, contract, day)
            parent = sql.Identifier(*contract.table.split("."))
            leaf = partition(contract, day)

            def detach_and_drop() -> None:
                connection.execute(sql.SQL("alter table {} detach partition {}").format(parent, leaf))
                connection.execute(sql.SQL("drop table {}").format(leaf))

            patiently(connection, f"{contract.table}: {day} cannot leave its table", [parent, leaf], detach_and_drop)
            archives.record_dropped(connection, contract.table, day)
            record_audit(connection, actor, "archive", f"{contract.table} {day}", reason)
            self._refresh(connection, contract)
        return manifest

    def is_exported(self, contract: Contract, day: date) -> bool:
        """Whether an undamaged archive holds exactly the rows of the partition."""
        with self._locked_day(contract, day) as connection:
            try:
                self._verified_manifest(connection, contract, day)
            except ArchiveError:
                return False
        return True

    def restore(self, contract: Contract, day: date, actor: str, reason: str) -> Manifest:
        """Load an archived day into its table, verified against its manifest."""
        with self._locked_day(contract, day) as connection:
            archived = archives.find(connection, contract.table, day)
            if archived is None or archived.state != "archived":
                state = "has no archive" if archived is None else "is in the table"
                raise DatabaseError(f"{contract.table}: {day} {state}, so there is nothing to restore")
            manifest = archived.manifest
            _refuse_other_columns(contract, manifest)
            with refilling(connection, contract, day) as load:
                for rows in self._folder.read(manifest):
                    load.copy(day, rows)
                load.drain()
                found = fingerprint(
                    connection, new_partition(contract, day), manifest.columns, manifest.personal_columns,
                    manifest.time_column,
                )  # fmt: skip
                if wrong := found.differences(manifest.fingerprint):
                    raise ArchiveError(f"{contract.table} {day}: the rows read are not those archived: {wrong}")
                load.attach(day)
            archives.record_restored(connection, contract.table, day, self._settings.restored_days)
            record_audit(connection, actor, "restore", f"{contract.table} {day}", reason)
            self._refresh(connection, contract)
        return manifest

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
                with refilling(connection, contract, day) as load:
                    load.drain()
                    new = new_partition(contract, day)
                    connection.execute(sql.SQL("insert into {} ({}) select {} from {}").format(new, kept, kept, leaf))
                    after = fingerprint(connection, new, columns, personal, time)
                    _refuse_changes(contract.table, day, before, after)
                    load.attach(day)
                record_audit(connection, actor, "remove personal data", f"{contract.table} {day}")
            archives.record_removal(connection, contract.table, day, PARTITION, before, after)
        return before.personal_values

    def remove_personal_from_archive(self, contract: Contract, day: date, actor: str) -> int:
        """Rewrite an archive with its personal columns set to NULL; return how many values were removed."""
        with self._locked_day(contract, day) as connection:
            archived = archives.find(connection, contract.table, day)
            assert archived is not None
            old = archived.manifest
            schema = arrow_schema(old.columns)
            self._folder.check(old)  # first: it renames a committed new file, which writing would overwrite
            with closing(self._folder.read(old)) as read:
                emptied = (_without(rows, old.personal_columns, schema) for rows in read)
                batches = (batch for rows in emptied for batch in rows.to_batches())
                path = self._folder.write_rows(contract.table, day, schema, batches)
            after = self._fingerprint(old)
            _refuse_changes(contract.table, day, old.fingerprint, after)
            manifest = Manifest(
                **{
                    **vars(old), "sha256": sha256_of(path), "size_bytes": path.stat().st_size, "fingerprint": after
                }
            )  # fmt: skip
            self._folder.write_manifest(manifest)
            archives.record_verified(connection, manifest, keep_state=True)
            archives.record_removal(connection, contract.table, day, ARCHIVE, old.fingerprint, after)
            record_audit(connection, actor, "remove personal data", f"archive of {contract.table} {day}")
        self._rename_committed(contract, manifest)
        return old.fingerprint.personal_values

    def finish_interrupted(self, contract: Contract) -> None:
        """Complete what killed processes began: rename the new files they committed, remove the others."""
        for day in self._folder.interrupted(contract.table):
            with self._locked_day(contract, day) as connection:  # waits for a process that is writing them now
                archived = archives.find(connection, contract.table, day)
                if archived is not None:
                    self._folder.rename_committed(archived.manifest)
                self._folder.remove_new(contract.table, day)

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

    def _rename_committed(self, contract: Contract, manifest: Manifest) -> None:
        """Give the new files their final names, after the commit."""
        with self._locked_day(contract, manifest.day):
            self._folder.rename_committed(manifest)

    def _verified_manifest(self, connection: Connection, contract: Contract, day: date) -> Manifest:
        """The manifest of a day. Raise ArchiveError unless file, manifest, books and partition agree."""
        archived = archives.find(connection, contract.table, day)
        if archived is None:
            raise ArchiveError(f"{contract.table}: {day} has no verified archive; it is to be exported first")
        manifest = archived.manifest
        leaf = locked_partition(connection, contract, day)
        self._folder.check(manifest)
        self._folder.check_manifest(manifest)
        columns = {column.name: column.type for column in contract.columns}
        if manifest.columns != columns or manifest.personal_columns != contract.personal_columns:
            raise ArchiveError(f"{contract.table}: {day} was archived with other columns; it is to be exported anew")
        held = fingerprint(connection, leaf, columns, contract.personal_columns, contract.time_column)
        if wrong := held.differences(manifest.fingerprint):
            raise ArchiveError(f"{contract.table}: {day} was changed since it was archived: {'; '.join(wrong)}")
        return manifest

    def _read_back(self, manifest: Manifest) -> None:
        """Raise ArchiveError unless the new file holds the rows of the manifest."""
        if wrong := self._fingerprint(manifest).differences(manifest.fingerprint):
            raise ArchiveError(
                f"{manifest.table} {manifest.day}: the file does not hold what the table holds: {'; '.join(wrong)}; "
                "the day stays in the table"
            )

    def _fingerprint(self, manifest: Manifest) -> Fingerprint:
        """The fingerprint of the new file."""
        return fingerprint_of_file(
            self._folder.new_file(manifest.table, manifest.day), manifest.columns, manifest.personal_columns,
            manifest.time_column, self._settings.loader_memory_mb,
        )  # fmt: skip


def _refuse_other_columns(contract: Contract, manifest: Manifest) -> None:
    """Raise DatabaseError if a column of the archive is gone or has another type, or a new one must not be null."""
    now = {column.name: column.type for column in contract.columns}
    gone = [name for name, type_name in manifest.columns.items() if now.get(name) != type_name]
    new = [column.name for column in contract.columns if column.is_required and column.name not in manifest.columns]
    if gone or new:
        raise DatabaseError(
            f"{contract.table}: {manifest.day} was archived under the contract {manifest.contract_version}: its "
            f"columns {gone} are gone or have another type, {new} must not be null; "
            "restore it with the code of that time"
        )


def _refuse_changes(table: str, day: date, before: Fingerprint, after: Fingerprint) -> None:
    """Raise ArchiveError unless exactly the personal data is gone."""
    wrong = after.differences(before, personal=False)
    if wrong or after.personal_values:
        raise ArchiveError(f"{table} {day}: removing personal data would change more than that: {'; '.join(wrong)}")


def _without(rows: pa.Table, personal: tuple[str, ...], schema: pa.Schema) -> pa.Table:
    """The rows with NULL in the personal columns."""
    for name in personal:
        at = schema.get_field_index(name)
        rows = rows.set_column(at, schema.field(at), pa.nulls(rows.num_rows, schema.field(at).type))
    return rows
