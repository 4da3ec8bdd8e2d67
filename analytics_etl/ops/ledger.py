"""Writing the ledger: each landing file as it was read, and for each of its days how many rows were loaded or rejected.

A day may have thousands of files, so each statement is sent once for all of them.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from analytics_etl.landing import FileReport
from analytics_etl.postgres.connection import Connection

Copies = Mapping[tuple[int, date], int]
"""{(file number, day): rows left out}."""


def record_files(
    connection: Connection,
    table: str,
    days: Collection[date],
    reports: Sequence[FileReport],
    duplicates: Copies,
    conflicts: Copies,
) -> None:
    """Record each file that was read; for the days being loaded, also how many of its rows were kept."""
    paths = [report.file.path for report in reports]
    known: dict[str, str] = dict(
        connection.execute(
            "select path, checksum from ops.loaded_files where table_name = %s and path = any(%s)", [table, paths]
        ).fetchall()
    )
    with connection.cursor() as cursor:
        cursor.executemany(_FILE, [_file(table, report) for report in reports])
    _forget_earlier_content(connection, table, [r for r in reports if known.get(r.file.path) != r.state.checksum])
    _stop_waiting(connection, table, days, reports)
    with connection.cursor() as cursor:
        cursor.executemany(
            _DAY, [row for report in reports for row in _days(table, set(days), report, duplicates, conflicts)]
        )


def copy_rejected(connection: Connection, rejected: Iterable[Sequence[Any]]) -> None:
    """Record rejected rows: (table, path, day, line, reason, content)."""
    statement = "copy ops.rejected_rows (table_name, path, day, line, reason, content) from stdin"
    with connection.cursor().copy(statement) as copy:
        for row in rejected:
            copy.write_row(row)


def forget_rejected(connection: Connection, table: str, paths: Sequence[str]) -> None:
    """Delete the rejected rows of files that other transactions wrote, also those that ended after this one began."""
    connection.execute(
        "delete from ops.rejected_rows where table_name = %s and path = any(%s) and xmin <> pg_current_xact_id()::xid",
        [table, list(paths)],
    )


def mark_gone(connection: Connection, table: str, days: Collection[date], paths: Sequence[str]) -> None:
    """Record that files are gone and that some days have none of their rows any more."""
    connection.execute(
        """
        update ops.loaded_files set state = 'gone',
            reason = 'the file was read before and is no longer there; put it back, or its rows are lost'
        where table_name = %s and path = any(%s)""",
        [table, list(paths)],
    )
    connection.execute(
        "delete from ops.loaded_days where table_name = %s and path = any(%s) and day = any(%s)",
        [table, list(paths), list(days)],
    )


def _forget_earlier_content(connection: Connection, table: str, changed: Sequence[FileReport]) -> None:
    """Reset the entries of files whose content changed.

    Days that have rows of the earlier content keep their entry and wait to be loaded anew, even if the file has no rows
    of them any more. Entries of archived days stay as they are: the rows are verified against them.
    """
    paths = [report.file.path for report in changed]
    current = [(report.file.path, day) for report in changed for day in report.days]
    connection.execute(
        "delete from ops.loaded_days where table_name = %s and path = any(%s) and loaded_at is null", [table, paths]
    )
    connection.execute(
        """
        update ops.loaded_days as d set
            rows_read = 0, rows_rejected = 0, rows_loaded = null, rows_duplicate = null, rows_conflicting = null
        where d.table_name = %s and d.path = any(%s) and (
            not exists (
                select from ops.archives as a
                where a.table_name = d.table_name and a.day = d.day and a.state = 'archived'
            )
            or (d.path, d.day) in (select * from unnest(%s::text[], %s::date[]))
        )""",
        [table, paths, [path for path, _ in current], [day for _, day in current]],
    )


def _stop_waiting(connection: Connection, table: str, days: Collection[date], reports: Sequence[FileReport]) -> None:
    """End the waiting of the days being loaded for these files.

    A day keeps its entry for a file that could not be read to its end: rows of it may be missing.
    """
    whole = [report.file.path for report in reports if report.state.state == "read"]
    others = [report.file.path for report in reports if report.state.state != "read"]
    where = "where table_name = %s and path = any(%s) and day = any(%s)"
    connection.execute(f"delete from ops.loaded_days {where}".encode(), [table, whole, list(days)])  # noqa: S608 - ours
    connection.execute(
        "update ops.loaded_days set rows_read = 0, rows_rejected = 0, rows_loaded = 0, rows_duplicate = 0, "  # noqa: S608
        f"rows_conflicting = 0, loaded_at = clock_timestamp() {where}".encode(),
        [table, others, list(days)],
    )


_FILE = """
    insert into ops.loaded_files (
        table_name, path, size_bytes, modified_at, checksum, state, reason, first_day, last_day, rows_read,
        rows_valid, rows_rejected, found_at, rows_not_for_table
    ) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
    on conflict (table_name, path) do update set
        size_bytes = excluded.size_bytes, modified_at = excluded.modified_at, checksum = excluded.checksum,
        state = excluded.state, reason = excluded.reason, first_day = excluded.first_day,
        last_day = excluded.last_day, rows_read = excluded.rows_read, rows_valid = excluded.rows_valid,
        rows_rejected = excluded.rows_rejected, read_at = clock_timestamp(),
        rows_not_for_table = excluded.rows_not_for_table,
        -- If two loads find a file at the same time, the earlier time counts.
        found_at = case when loaded_files.checksum = excluded.checksum
            then least(loaded_files.found_at, excluded.found_at) else excluded.found_at end"""

_DAY = """
    insert into ops.loaded_days (
        table_name, path, day, rows_read, rows_rejected, rows_loaded, rows_duplicate, rows_conflicting, loaded_at
    ) values (%s, %s, %s, %s, %s, %s, %s, %s, %s)
    on conflict (table_name, path, day) do update set
        rows_read = excluded.rows_read, rows_rejected = excluded.rows_rejected,
        rows_loaded = coalesce(excluded.rows_loaded, loaded_days.rows_loaded),
        rows_duplicate = coalesce(excluded.rows_duplicate, loaded_days.rows_duplicate),
        rows_conflicting = coalesce(excluded.rows_conflicting, loaded_days.rows_conflicting),
        loaded_at = coalesce(excluded.loaded_at, loaded_days.loaded_at)"""


def _file(table: str, report: FileReport) -> list[Any]:
    file, state, days = report.file, report.state, sorted(report.valid)
    valid, rejected = report.valid.total(), report.rejected.total()
    return [
        table, file.path, file.size_bytes, file.modified_at, state.checksum, state.state,
        "; ".join(state.reasons) or None, days[0] if days else None, days[-1] if days else None, valid + rejected,
        valid, rejected, report.found_at, report.others,
    ]  # fmt: skip


def _days(
    table: str, days: Collection[date], report: FileReport, duplicates: Copies, conflicts: Copies
) -> Iterator[list[Any]]:
    """The rows of ops.loaded_days of a file; the counts of kept rows are None for days that are not being loaded."""
    for day in sorted(report.days):
        valid, bad, key = report.valid[day], report.rejected[day], (report.number, day)
        copies = duplicates.get(key, 0)
        kept = (valid - copies, copies, conflicts.get(key, 0), datetime.now(UTC)) if day in days else (None,) * 4
        yield [table, report.file.path, day, valid + bad, bad, *kept]
