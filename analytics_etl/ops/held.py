"""Where the rows of partitions lie: in PostgreSQL, in a file of the lake, in one of the archive folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from psycopg import sql

from analytics_etl.archive import Manifest
from analytics_etl.lake import LakeFile
from analytics_etl.ops.lake_files import current
from analytics_etl.postgres.connection import Connection


@dataclass(frozen=True)
class Held:
    """A partition with rows, and who has them."""

    table: str
    start: date
    end: date
    rows: int
    in_postgres: bool
    file: LakeFile | None
    """Its file in the lake."""
    manifest: Manifest | None
    """Of its file in the archive folder, which an earlier version wrote."""


def held(connection: Connection, tables: Sequence[str], start: date, end: date) -> list[Held]:
    """The partitions of some tables that begin in [start, end) and have rows, in order."""
    found = connection.execute(
        sql.SQL(
            """
            select p.table_name, p.period_start, p.period_end, p.rows, p.in_postgres, a.manifest,
                f.table_name, f.day, f.path, f.rows, f.size_bytes, f.sha256, f.contract_version, f.has_personal_data
            from ops.partitions as p
            left join ops.lake_files as f
                on f.table_name = p.table_name and f.day = p.period_start and f.superseded_at is null
            left join ops.archives as a on a.table_name = p.table_name and a.day = p.period_start
            where p.table_name = any(%s) and p.period_start >= %s and p.period_start < %s and p.rows > 0
            order by 1, 2"""
        ),
        [list(tables), start, end],
    ).fetchall()
    return [
        Held(
            table, start, end, count, in_postgres, LakeFile(*file) if file[0] else None,
            Manifest.from_dict(manifest) if manifest else None,
        )
        for table, start, end, count, in_postgres, manifest, *file in found
    ]  # fmt: skip


def held_in_lake(connection: Connection, table: str, start: date, end: date) -> list[Held]:
    """The partitions of a fine-grained table that begin in [start, end); readers of the tables may ask this, too."""
    files = current(connection, [table], start, end)[table]
    return [Held(table, file.day, file.day, file.rows, in_postgres=False, file=file, manifest=None) for file in files]
