"""Removing a landing file that is gone for good from the ledger, so that it no longer blocks its days.

Its rows stay in the table until a run loads the days anew. The entries of archived days stay in the ledger: their
rows are verified against them.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Any

from analytics_etl.landing import hidden_file, is_place_there, list_files
from analytics_etl.landing.names import ledger_path
from analytics_etl.ops.records import record_audit
from analytics_etl.postgres.connection import Connection, DatabaseError, lock, rows
from analytics_etl.text.english import counted


class UnknownFileError(DatabaseError):
    """A path that the ledger does not have."""


@dataclass(frozen=True)
class Forgotten:
    """What `forget` removed from the ledger."""

    table: str
    path: str
    rows: int
    """Rows of the file that are still in the table, until its days are run."""
    days: list[date]
    """Days to run: they hold rows of the file, or failed because of it."""
    archived: list[date]
    """Days whose entries stay: their rows are archived, or were not kept."""


def forget(connection: Connection, landing: Sequence[Path], path: str, actor: str, reason: str) -> Forgotten:
    """Remove a file from the ledger; raise DatabaseError if it still exists, or if only archived days need it."""
    table, path = _in_ledger(connection, _path_in_ledger(landing, path))
    known = [row["day"] for row in _days(connection, table, path)]
    lock(connection, *(f"{table} {day}" for day in known))
    _refuse_unless_gone(landing, table, path)
    found = _days(connection, table, path)  # again, now that the locks keep others from loading or archiving them
    archived = [row["day"] for row in found if row["is_archived"]]
    held = {row["day"]: row["rows_loaded"] or 0 for row in found if not row["is_archived"]}
    with_rows = {day for day, count in held.items() if count}
    days = sorted({*with_rows, *_failed_days(connection, table, path)} - set(archived))
    if archived and not held and not days:
        raise DatabaseError(
            f"{path}: its rows are in the lake only, or were not kept ({counted(len(archived), 'day')} from "
            f"{archived[0]} on), which is checked against the ledger; the file is not needed for them, and nothing is "
            "to be forgotten"
        )
    _remove(connection, table, path, archived)
    record_audit(connection, actor, "forget", f"{table} {path}", reason)
    return Forgotten(table, path, sum(held.values()), days, archived)


def _path_in_ledger(landing: Sequence[Path], given: str) -> str:
    """A path relative to its landing folder, with forward slashes."""
    path = Path(given)
    inside = next((path.relative_to(top) for top in landing if path.is_absolute() and path.is_relative_to(top)), path)
    return PurePosixPath(inside).as_posix()


def _in_ledger(connection: Connection, path: str) -> tuple[str, str]:
    """(table, path) of a file given by its name in the ledger or by its name on disk."""
    given, path, as_named = path, ledger_path(path)[0], path if path.isprintable() else None
    found = connection.execute(
        "select table_name, path from ops.loaded_files where path in (%s, %s) order by path = %s desc limit 1",
        [as_named, path, as_named],
    ).fetchone()
    if found is not None:
        return found[0], found[1]
    gone = connection.execute("select path from ops.loaded_files where state = 'gone' order by 1 limit 5").fetchall()
    those = ", ".join(name for (name,) in gone)
    raise UnknownFileError(
        f"the ledger knows no file {given}; expected a path below the landing folder, like "
        f"download_events/2025-03-31.ndjson" + (f". Gone are, for example: {those}" if gone else "")
    )


def _refuse_unless_gone(landing: Sequence[Path], table: str, path: str) -> None:
    if not is_place_there(landing, path):
        folder = landing[0] / PurePosixPath(path).parts[0]
        raise DatabaseError(f"{folder} is not there, so no file of it can be said to be gone: is it mounted?")
    present = list_files(landing, table.split(".")[1], frozenset())
    if hidden := hidden_file([file for file in present if file.is_closed_folder], path):
        raise DatabaseError(f"{path} {hidden.problem}; only then can it be said whether the file is gone")
    # The name in the ledger may differ from the one on disk, and the listing skips some files that exist.
    there = [file.landing_dir for file in present if file.path == path]
    if there := there or [top for top in landing if os.path.lexists(top / path)]:
        raise DatabaseError(
            f"{path} is still there, and would be read again by the next run; move it out of {there[0]} first"
        )


def _days(connection: Connection, table: str, path: str) -> list[dict[str, Any]]:
    return rows(
        connection,
        """
        select d.day, d.rows_loaded, coalesce(a.day, r.day) is not null as is_archived
        from ops.loaded_days as d
        left join ops.archives as a using (table_name, day)
        left join ops.dropped_days as r using (table_name, day)
        where d.table_name = %s and d.path = %s
        order by d.day""",
        [table, path],
    )


def _failed_days(connection: Connection, table: str, path: str) -> list[date]:
    """Days with a failed check whose sample names the file."""
    found = connection.execute(
        """
        select distinct period_start from ops.check_results
        where table_name = %s and not passed
            and check_name in ('files_are_readable', 'undated_files_are_readable', 'files_are_mostly_valid')
            and sample @> jsonb_build_array(jsonb_build_object('path', %s::text))""",
        [table, path],
    ).fetchall()
    return [day for (day,) in found]


def _remove(connection: Connection, table: str, path: str, archived: list[date]) -> None:
    named = [table, path, archived]
    connection.execute(
        "delete from ops.loaded_days where table_name = %s and path = %s and not day = any(%s::date[])", named
    )
    connection.execute(
        "delete from ops.rejected_rows where table_name = %s and path = %s and (day = any(%s::date[])) is not true",
        named,
    )
    if archived:
        connection.execute(
            """
            update ops.loaded_files set state = 'read', first_day = %s, last_day = %s,
                reason = 'the file is gone; only its archived days are kept in mind'
            where table_name = %s and path = %s""",
            [archived[0], archived[-1], table, path],
        )
    else:
        connection.execute("delete from ops.loaded_files where table_name = %s and path = %s", [table, path])
