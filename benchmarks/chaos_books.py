"""The tables and books that two databases must agree in, as text, and their differences."""

import hashlib
from pathlib import Path

import psycopg
import pyarrow.parquet as pq

from analytics_etl.families.sample import FAMILIES

BOOKS = {
    "loaded_files": "table_name, path, size_bytes, checksum, state, reason, first_day, last_day, rows_read, rows_valid,"
    " rows_rejected",
    "loaded_days": "table_name, path, day, rows_read, rows_rejected, rows_loaded, rows_duplicate, rows_conflicting",
    "rejected_rows": "table_name, path, day, line, reason, content",
    "partitions": "table_name, period_start, period_end, rows, code_version",
    "lake_files where superseded_at is null": "table_name, day, rows, contract_version, has_personal_data",
    "days": "table_name, day, state, is_final, final_from, rows, rows_waiting, files_waiting, failed_checks,"
    " warned_checks, failure",
    # Not results of views: there is one for each day that was once the newest.
    "check_results where period_end > period_start": "table_name, check_name, period_start, period_end, passed,"
    " severity, unexpected_count",
}
"""Tables of the books, with their columns except times and run ids."""


def tables_of(url: str, lake: Path) -> dict[str, list[str]]:
    """Table -> its rows as text, ordered: the tables and views of all families, and the books.

    Rows of a table that the lake alone has are those of its current files.
    """
    with psycopg.connect(url, options="-c timezone=UTC") as connection:
        names = connection.execute(
            "select relnamespace::regnamespace || '.' || relname, relkind = 'v' from pg_class "
            "where relnamespace = any(%s::text[]::regnamespace[]) and relkind in ('r', 'p', 'm', 'v') "
            "and not relispartition",
            [list(FAMILIES)],
        ).fetchall()
        statements = {name: f"select t::text from {name} as t order by 1" for name, is_view in names if not is_view}
        statements |= {f"ops.{name}": f"select ({c})::text from ops.{name} order by 1" for name, c in BOOKS.items()}
        found = {
            name: [row[0] for row in connection.execute(text.encode()).fetchall()] for name, text in statements.items()
        }
        for name in (name for name, is_view in names if is_view):
            paths = connection.execute(
                "select path from ops.current_lake_files where table_name = %s", [name]
            ).fetchall()
            rows = (row for (path,) in paths for row in pq.read_table(lake / path).to_pylist())
            found[name] = sorted(str(tuple(row.values())) for row in rows)
        return found


def lake_of(url: str, lake: Path) -> list[str]:
    """What is wrong with the lake: current files that are missing, damaged, or hold other rows than PostgreSQL."""
    wrong = []
    with psycopg.connect(url, options="-c timezone=UTC") as connection:
        found = connection.execute(
            "select table_name, day, path, rows, sha256 from ops.current_lake_files order by 1, 2"
        ).fetchall()
        held = connection.execute("select table_name, period_start, rows from ops.partitions").fetchall()
        rows_of = {(table, day): rows for table, day, rows in held}
    for table, day, path, rows, digest in found:
        file = lake / path
        if not file.exists() or hashlib.sha256(file.read_bytes()).hexdigest() != digest:
            wrong.append(f"{table} {day}: {path} is missing or damaged")
        elif pq.read_metadata(file).num_rows != rows or rows_of.get((table, day)) != rows:
            wrong.append(f"{table} {day}: {path} does not have the {rows} rows of the books")
    return wrong


def differences(found: dict[str, list[str]], right: dict[str, list[str]]) -> list[str]:
    """The tables that differ, with up to five rows that are too much and five that are missing."""
    lines = []
    for table in sorted(set(found) | set(right)):
        rows, wanted = found.get(table, []), right.get(table, [])
        if rows != wanted:
            lines.append(f"{table}: {len(rows)} rows instead of {len(wanted)}")
            lines += [f"    too much: {row[:300]}" for row in sorted(set(rows) - set(wanted))[:5]]
            lines += [f"    missing:  {row[:300]}" for row in sorted(set(wanted) - set(rows))[:5]]
    return lines
