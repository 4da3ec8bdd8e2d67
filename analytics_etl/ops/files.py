"""Reading the ledger of landing files: states, days, rejected rows. Not here: writing it (`ledger`)."""

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any

from psycopg import sql

from analytics_etl.postgres.connection import Connection, rows

_UNREAD = """
    select f.table_name, f.path, f.state, f.reason,
        array(
            select distinct day from (
                select d.day from ops.loaded_days as d where d.table_name = f.table_name and d.path = f.path
                union all
                select c.period_start from ops.check_results as c
                where c.table_name = f.table_name and not c.passed
                    and c.sample @> jsonb_build_array(jsonb_build_object('path', f.path))
            ) as days order by 1
        ) as days
    from ops.loaded_files as f
    where f.state <> 'read'
    order by f.path"""

# The first reason, not the most frequent one, which would take a pass over millions of rows.
_REJECTED_FILES = sql.SQL("""
    select f.path, f.state, f.reason as file_reason, f.rows_read, f.rows_rejected, u.rows_undated, r.reason,
        exists (
            select from ops.rejected_rows as x
            where x.table_name = f.table_name and x.path = f.path and x.line is not null
                and split_part(x.reason, ', got ', 1) <> r.reason
        ) as has_others
    from ops.loaded_files as f
    left join lateral (
        select count(*) as rows_undated
        from ops.rejected_rows as x
        where f.rows_rejected > 0 and x.table_name = f.table_name and x.path = f.path
            and x.day is null and x.line is not null
    ) as u on true
    left join lateral (
        select split_part(reason, ', got ', 1) as reason
        from ops.rejected_rows as x
        where x.table_name = f.table_name and x.path = f.path and x.line is not null
        order by (x.day is null and u.rows_undated > 0) desc, x.line
        limit 1
    ) as r on true
    where f.state <> 'gone' and {}""")
_UNDATED = sql.SQL("u.rows_undated > 0 order by f.read_at desc, f.path")
_LATELY = sql.SQL("""(f.rows_rejected > 0 or f.state <> 'read')
        and f.read_at >= clock_timestamp() - make_interval(secs => %(seconds)s)
        and (%(families)s::text[] = '{}' or split_part(f.table_name, '.', 1) = any(%(families)s))
    order by f.rows_rejected desc, f.path""")

_REJECTED_DAYS = """
    select d.table_name, d.first, d.last, d.rows_rejected, d.paths, r.reason,
        exists (
            select from ops.rejected_rows as x
            where x.table_name = d.table_name and x.day between d.first and d.last and x.line is not null
                and split_part(x.reason, ', got ', 1) <> r.reason
        ) as has_others
    from (
        select table_name, min(day) as first, max(day) as last, sum(rows_rejected)::bigint as rows_rejected,
            array_agg(distinct path) as paths
        from ops.loaded_days
        where rows_rejected > 0 and day >= %s and day < %s
        group by table_name
    ) as d
    left join lateral (
        select split_part(reason, ', got ', 1) as reason
        from ops.rejected_rows as x
        where x.table_name = d.table_name and x.day between d.first and d.last and x.line is not null
        order by x.day desc, x.path, x.line
        limit 1
    ) as r on true
    order by d.table_name"""

# The days of each family that wait in files and that none of its tables has.
_ONLY_IN_FILES = """
    select split_part(table_name, '.', 1) as family, day, max(found_at) as found_at,
        array_agg(distinct path order by path) as paths
    from ops.loaded_days as d
    join ops.loaded_files as f using (table_name, path)
    where rows_loaded is null and not exists (
        select from ops.partitions as p
        where split_part(p.table_name, '.', 1) = split_part(d.table_name, '.', 1)
            and p.period_start = d.day and p.period_end = d.day + 1
    )
    group by 1, 2
    order by 2, 1"""


def tables_with_files(connection: Connection) -> set[str]:
    """The event tables of which at least one file was read."""
    return {table for (table,) in connection.execute("select distinct table_name from ops.loaded_files").fetchall()}


def states(connection: Connection) -> dict[str, str]:
    """{path of a file: read, cut_off, rejected or gone}."""
    return dict(connection.execute("select path, state from ops.loaded_files").fetchall())


def unread(connection: Connection) -> list[dict[str, Any]]:
    """The files not read to their end, each with the days it has rows of and those that failed because of it."""
    return rows(connection, _UNREAD)


def undated(connection: Connection) -> list[dict[str, Any]]:
    """The files with rejected rows that have no day, the last read first."""
    return rows(connection, _REJECTED_FILES.format(_UNDATED))


def rejected_lately(connection: Connection, seconds: float, families: Collection[str] = ()) -> list[dict[str, Any]]:
    """The files read in the last `seconds` and not wholly accepted, the most rejected rows first; of all families
    unless some are named.
    """
    wanted = {"seconds": seconds, "families": list(families)}
    return rows(connection, _REJECTED_FILES.format(_LATELY), wanted)


def rejected_of_days(connection: Connection, start: date, end: date) -> list[dict[str, Any]]:
    """The rejected rows of the days [start, end): their number, files and first reason, by table."""
    return rows(connection, _REJECTED_DAYS, [start, end])


def read_with_reason(connection: Connection, beginning: str, seconds: float) -> list[dict[str, Any]]:
    """The remarks on files read to their end in the last `seconds` that begin in a given way, the most frequent first.

    Each row has the remark, the first file and the number of files.
    """
    return rows(
        connection,
        """
        select table_name, split_part(reason, '; ', 1) as remark, min(path) as path, count(*) as files
        from ops.loaded_files
        where state = 'read' and starts_with(reason, %(beginning)s)
          and read_at >= clock_timestamp() - make_interval(secs => %(seconds)s)
        group by 1, 2
        order by files desc, path""",
        {"beginning": beginning, "seconds": seconds},
    )


def days_in(connection: Connection, table: str, paths: Collection[str]) -> set[date]:
    """The days of which files of a table had rows when they were last read."""
    found = connection.execute(
        "select distinct day from ops.loaded_days where table_name = %s and rows_read > 0 and path = any(%s)",
        [table, list(paths)],
    ).fetchall()
    return {day for (day,) in found}


def days_only_in_files(connection: Connection) -> list[dict[str, Any]]:
    """The days of each family that wait in files and that none of its tables has, in order."""
    return rows(connection, _ONLY_IN_FILES)


def files_of_days(connection: Connection, tables: Sequence[str], start: date, end: date) -> list[dict[str, Any]]:
    """The files of some tables with rows of [start, end): how many rows, and whether they hold other days, too."""
    return rows(
        connection,
        """
        select table_name, path, sum(rows_read) filter (where is_of_them)::bigint as rows_read,
            bool_or(not is_of_them) as has_other_days
        from (
            select *, day >= %(start)s and day < %(end)s as is_of_them
            from ops.loaded_days where table_name = any(%(tables)s)
        ) as of_files
        group by table_name, path
        having bool_or(is_of_them)
        order by table_name, path""",
        {"tables": list(tables), "start": start, "end": end},
    )
