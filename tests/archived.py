"""Days archived as an earlier version did: a file, a manifest beside it, a row in the books, nothing in the lake.

This is the writer of that version, kept as it was, for the tests of what is made of its databases.
"""

import hashlib
import json
from contextlib import closing
from dataclasses import asdict
from datetime import date
from pathlib import Path
from uuid import UUID

import psycopg
import pyarrow.parquet as pq
from psycopg.types.json import Json

from analytics_etl.archive import ArchiveFolder, Manifest
from analytics_etl.catalog.contracts import Contract
from analytics_etl.catalog.models import Model
from analytics_etl.config.settings import Settings
from analytics_etl.postgres.columns import column_types
from analytics_etl.postgres.pool import transaction
from analytics_etl.tables.day_partitions import partition
from analytics_etl.tables.partition_rows import arrow_schema, fingerprint, stream


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def export(settings: Settings, contract: Contract, day: date, *, renamed: bool = True) -> Manifest:
    """Write the archive of a day, which stays in its table; `renamed=False` leaves it as after a kill."""
    folder = ArchiveFolder(settings.archive_dir)
    columns = {column.name: column.type for column in contract.columns}
    final = folder.file(contract.table, day)
    path = final if renamed else final.with_name(f"{final.name}.new")
    path.parent.mkdir(parents=True, exist_ok=True)
    with transaction(settings) as connection:
        leaf = partition(contract, day)
        held = fingerprint(connection, leaf, columns, contract.personal_columns, contract.time_column)
        schema = arrow_schema(columns)
        with (
            closing(stream(connection, leaf, columns)) as batches,
            pq.ParquetWriter(path, schema, compression="zstd") as file,
        ):
            for batch in batches:
                file.write_batch(batch)
    manifest = Manifest(
        table=contract.table, day=day, file=final.name, sha256=sha256(path), size_bytes=path.stat().st_size,
        contract_version=contract.code_version, columns=columns, personal_columns=contract.personal_columns,
        time_column=contract.time_column, fingerprint=held, made_at="2025-04-01T03:30:00+00:00",
    )  # fmt: skip
    said = {**asdict(manifest), "day": day.isoformat()}
    final.with_suffix(".json").write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")
    assert settings.database_url is not None
    with psycopg.connect(settings.database_url) as database:
        database.execute(
            "insert into ops.archives (table_name, day, state, sha256, rows, size_bytes, manifest) "
            "values (%s, %s, 'verified', %s, %s, %s, %s)",
            [contract.table, day, manifest.sha256, held.rows, manifest.size_bytes, Json(said)],
        )
    forget_lake(settings, contract.table, day)
    return manifest


def archive(settings: Settings, contract: Contract, day: date, *, renamed: bool = True) -> Manifest:
    """Write the archive of a day and drop its partition."""
    manifest = export(settings, contract, day, renamed=renamed)
    name = f"{contract.table}_p{day:%Y%m%d}"
    assert settings.database_url is not None
    with psycopg.connect(settings.database_url) as database:
        database.execute(f"alter table {contract.table} detach partition {name}".encode())
        database.execute(f"drop table {name}".encode())
        named = [contract.table, day]
        database.execute(
            "update ops.archives set state = 'archived', dropped_at = clock_timestamp() "
            "where table_name = %s and day = %s",
            named,
        )
        database.execute("update ops.days set state = 'archived' where table_name = %s and day = %s", named)
        has_place = "select from information_schema.columns where table_schema = 'ops' and column_name = 'in_postgres'"
        if database.execute(has_place).fetchone() is not None:  # else the migration records it
            database.execute(
                "update ops.partitions set in_postgres = false where table_name = %s and period_start = %s", named
            )
    return manifest


def put_into_postgres(settings: Settings, model: Model) -> int:
    """Move a fine-grained table from the lake into PostgreSQL, as the version before had it; return its rows."""
    assert settings.database_url is not None
    count = 0
    with psycopg.connect(settings.database_url) as database:
        types = column_types(database, [model.table])[model.table]
        listed = ", ".join(f"{name} {kind}" for name, kind in types.items())
        database.execute(f"drop view {model.table}".encode())
        database.execute(f"create table {model.table} ({listed})".encode())
        database.execute(f"create index on {model.table} ({model.key[0]})".encode())
        found = database.execute(
            "delete from ops.lake_files where table_name = %s returning path, superseded_at is null", [model.table]
        ).fetchall()
        for path, is_current in found:
            rows = [
                [str(UUID(bytes=value)) if isinstance(value, bytes) else value for value in row.values()]
                for row in (pq.read_table(settings.lake_dir / path).to_pylist() if is_current else ())
            ]
            if rows:
                places = ", ".join(["%s"] * len(types))
                database.cursor().executemany(f"insert into {model.table} values ({places})".encode(), rows)
            count += len(rows)
            (settings.lake_dir / path).unlink()
        database.execute("update ops.partitions set in_postgres = true where table_name = %s", [model.table])
    return count


def forget_lake(settings: Settings, table: str, day: date) -> None:
    """Take the file of a day out of the lake and out of its books, as if the day was loaded before there was one."""
    assert settings.database_url is not None
    with psycopg.connect(settings.database_url) as database:
        if database.execute("select to_regclass('ops.lake_files')").fetchone() == (None,):
            return  # a database of that version
        paths = database.execute(
            "delete from ops.lake_files where table_name = %s and day = %s returning path", [table, day]
        ).fetchall()
    for (path,) in paths:
        (settings.lake_dir / path).unlink(missing_ok=True)
