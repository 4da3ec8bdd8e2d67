"""The files of the lake in the books: which one is current for each raw day, and which ones may be removed."""

from collections.abc import Collection, Sequence
from datetime import date, timedelta

from psycopg import sql

from analytics_etl.lake import LakeFile
from analytics_etl.postgres.connection import Connection

_COLUMNS = "table_name, day, path, rows, size_bytes, sha256, contract_version, has_personal_data"


def book(connection: Connection, file: LakeFile, run_id: str | None) -> None:
    """Make a file the current one of its day; the one before it is superseded."""
    connection.execute(
        "update ops.lake_files set superseded_at = clock_timestamp() "
        "where table_name = %s and day = %s and superseded_at is null and path <> %s",
        [file.table, file.day, file.path],
    )
    connection.execute(
        """
        insert into ops.lake_files (
            table_name, day, path, rows, size_bytes, sha256, contract_version, has_personal_data, run_id
        ) values (%s, %s, %s, %s, %s, %s, %s, %s, %s)
        on conflict (path) do update set
            superseded_at = null, run_id = excluded.run_id, written_at = clock_timestamp()""",
        [*vars(file).values(), run_id],
    )


def supersede(connection: Connection, table: str, days: Collection[date]) -> None:
    """Record that some days have no file any more: their rows were dropped."""
    connection.execute(
        "update ops.lake_files set superseded_at = clock_timestamp() "
        "where table_name = %s and day = any(%s) and superseded_at is null",
        [table, list(days)],
    )


def current(connection: Connection, tables: Sequence[str], start: date, end: date) -> dict[str, list[LakeFile]]:
    """{table: the current files of the days [start, end), in order}. Every given table has an entry."""
    found = connection.execute(
        sql.SQL(
            "select {} from ops.lake_files "
            "where table_name = any(%s) and day >= %s and day < %s and superseded_at is null order by 1, 2"
        ).format(sql.SQL(_COLUMNS)),
        [list(tables), start, end],
    ).fetchall()
    files: dict[str, list[LakeFile]] = {table: [] for table in tables}
    for row in found:
        files[row[0]].append(LakeFile(*row))
    return files


def of_days(connection: Connection, table: str, days: Collection[date]) -> dict[date, LakeFile]:
    """{day: its current file} of those of some days that have one."""
    if not days:
        return {}
    files = current(connection, [table], min(days), max(days) + timedelta(days=1))[table]
    return {file.day: file for file in files if file.day in days}


def find(connection: Connection, table: str, day: date) -> LakeFile | None:
    """The current file of a day."""
    files = current(connection, [table], day, day + timedelta(days=1))[table]
    return files[0] if files else None


def partitions_without_file(
    connection: Connection, tables: Sequence[str], start: date, end: date
) -> dict[str, list[date]]:
    """{table: its partitions that begin in [start, end), have rows and have no file in the lake}."""
    found = connection.execute(
        """
        select table_name, array_agg(period_start order by period_start)
        from ops.partitions as p
        where table_name = any(%s) and period_start >= %s and period_start < %s and rows > 0
            and not exists (
                select from ops.lake_files as f
                where f.table_name = p.table_name and f.day = p.period_start and f.superseded_at is null
            )
        group by 1""",
        [list(tables), start, end],
    ).fetchall()
    return {table: list(days) for table, days in found}


def days_with_personal_data(connection: Connection, table: str, keep: int) -> list[date]:
    """Days at least `keep` days older than the table's newest one whose file may hold personal data."""
    found = connection.execute(
        """
        select day from ops.lake_files
        where table_name = %(table)s and has_personal_data and superseded_at is null
            and day <= (select max(period_start) from ops.partitions where table_name = %(table)s) - %(keep)s::integer
        order by day""",
        {"table": table, "keep": keep},
    ).fetchall()
    return [day for (day,) in found]


def superseded(connection: Connection, grace_seconds: float) -> list[LakeFile]:
    """The files that were superseded longer ago than the grace period."""
    found = connection.execute(
        sql.SQL(
            "select {} from ops.lake_files "
            "where superseded_at < clock_timestamp() - make_interval(secs => %s) order by path"
        ).format(sql.SQL(_COLUMNS)),
        [grace_seconds],
    ).fetchall()
    return [LakeFile(*row) for row in found]


def paths(connection: Connection) -> list[str]:
    """The paths of all files in the books, superseded ones included."""
    return [path for (path,) in connection.execute("select path from ops.lake_files").fetchall()]


def forget(connection: Connection, path: str) -> bool:
    """Remove a file from the books unless it is current; return whether it was removed."""
    statement = "delete from ops.lake_files where path = %s and superseded_at is not null"
    return connection.execute(statement, [path]).rowcount > 0
