"""Taking over a day of a database that had no lake: its rows get a file in the lake, and its archive file goes.

The caller holds the lock of the day. The archive file is removed in a transaction after the one that books the file in
the lake, so a process that is killed at any moment leaves the rows in at least one place that the books name.
"""

from collections.abc import Iterable, Mapping
from contextlib import closing
from datetime import date

import pyarrow as pa

from analytics_etl.archive import ArchiveFolder, Manifest
from analytics_etl.archive.reading import read_archived, schema_of_archived
from analytics_etl.catalog.contracts import Contract
from analytics_etl.config.settings import Settings
from analytics_etl.lake import LakeError, LakeFile, open_lake
from analytics_etl.lake.days import schema_of
from analytics_etl.lake.fingerprint import Fingerprint
from analytics_etl.lake.fingerprints import fingerprint_of_file
from analytics_etl.lake.writing import PartitionWriter
from analytics_etl.ops import archives, lake_files
from analytics_etl.ops.records import record_audit
from analytics_etl.postgres.connection import Connection
from analytics_etl.tables.day_partitions import locked_partition
from analytics_etl.tables.partition_rows import fingerprint, stream


def file_of(connection: Connection, settings: Settings, contract: Contract, day: date, actor: str) -> LakeFile:
    """The file of a day in the lake; of a day that has none it is made, from its archive file or its partition."""
    file = lake_files.find(connection, contract.table, day)
    if file is not None:
        return file
    archived = archives.find(connection, contract.table, day)
    if archived is None or archived.state != "archived":
        file = _of_partition(connection, settings, contract, day)
    elif archived.manifest is not None:
        file = _of_archive(settings, contract, archived.manifest)
    else:
        raise LakeError(
            f"{contract.table}: {day} is archived, but the books name no file with its rows: restore the database "
            "from a backup that does"
        )
    lake_files.book(connection, file, None)
    record_audit(connection, actor, "take over", f"{contract.table} {day}")
    return file


def remove_archive(connection: Connection, settings: Settings, contract: Contract, day: date) -> None:
    """Remove the archive file of a day if the lake has the day."""
    archived = archives.find(connection, contract.table, day)
    file = lake_files.find(connection, contract.table, day)
    if archived is None or archived.manifest is None or file is None:
        return
    open_lake(settings).reread(file)
    archives.forget_file(connection, contract.table, day)
    ArchiveFolder(settings.archive_dir).remove(contract.table, day)


def _of_archive(settings: Settings, contract: Contract, manifest: Manifest) -> LakeFile:
    """A file in the lake with the rows and columns of an archive file."""
    folder = ArchiveFolder(settings.archive_dir)
    stored = schema_of_archived(folder, manifest)
    schema = pa.schema([item.with_type(pa.binary(16)) if item.type == pa.uuid() else item for item in stored])
    with closing(read_archived(folder, manifest)) as rows:
        file = _written(settings, contract, manifest.day, manifest.contract_version, schema, rows)
    _compare(settings, file, manifest.columns, manifest.personal_columns, manifest.time_column, manifest.fingerprint)
    return file


def _of_partition(connection: Connection, settings: Settings, contract: Contract, day: date) -> LakeFile:
    """A file in the lake with the rows of a partition."""
    leaf = locked_partition(connection, contract, day)
    columns = {column.name: column.type for column in contract.columns}
    version = archives.contract_version(connection, contract.table, day)
    held = fingerprint(connection, leaf, columns, contract.personal_columns, contract.time_column)
    with closing(stream(connection, leaf, columns)) as rows:
        file = _written(settings, contract, day, version, schema_of(contract), rows)
    _compare(settings, file, columns, contract.personal_columns, contract.time_column, held)
    return file


def _written(
    settings: Settings, contract: Contract, day: date, version: str, schema: pa.Schema, rows: Iterable[pa.RecordBatch]
) -> LakeFile:
    """The file of some rows, placed in the lake, not yet booked."""
    personal = [name for name in contract.personal_columns if name in schema.names]
    lake = open_lake(settings)
    with PartitionWriter(lake, contract.table, version, schema, [day], personal) as writer:
        for batch in rows:
            writer.add(day, batch)
        [file] = writer.place(None)
    return file


def _compare(
    settings: Settings, file: LakeFile, columns: Mapping[str, str], personal: tuple[str, ...], time_column: str,
    expected: Fingerprint,
) -> None:  # fmt: skip
    """Raise LakeError unless a new file holds exactly the rows that were read."""
    lake = open_lake(settings)
    path = lake.reread(file)
    found = fingerprint_of_file(path, columns, personal, time_column, settings.loader_memory_mb)
    if wrong := found.differences(expected):
        raise LakeError(
            f"{file.table} {file.day}: the file for the lake does not hold what was read: {'; '.join(wrong)}; the day "
            "stays where it is"
        )
