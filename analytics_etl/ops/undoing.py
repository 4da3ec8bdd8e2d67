"""Deleting days from the books, as if they had never been run; and reading first what that concerns."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from psycopg import sql

from analytics_etl.postgres.connection import Connection, rows


def partitions_of_days(connection: Connection, tables: Sequence[str], first: date, end: date) -> list[dict[str, Any]]:
    """The partitions that overlap [first, end) and whose period holds no other loaded day of the family."""
    return rows(
        connection,
        """
        select p.table_name, p.period_start, p.period_end, p.rows, coalesce(d.is_final, false) as is_final
        from ops.partitions as p
        left join ops.days as d on d.table_name = p.table_name and d.day = p.period_start
            and p.period_end = p.period_start + 1
        where p.table_name = any(%(tables)s) and p.period_start < %(end)s and p.period_end > %(first)s
          and not exists (
            select from ops.partitions as o
            where split_part(o.table_name, '.', 1) = split_part(p.table_name, '.', 1)
              and o.period_end = o.period_start + 1
              and o.period_start >= p.period_start and o.period_start < p.period_end
              and (o.period_start < %(first)s or o.period_start >= %(end)s)
          )
        order by p.table_name, p.period_start""",
        {"tables": list(tables), "first": first, "end": end},
    )


def published_of_days(
    connection: Connection, families: Sequence[str], ahead: Sequence[int], first: date, end: date
) -> list[tuple[str, str, date]]:
    """(family, cadence, start) of the published reports that dropping the days [first, end) unpublishes.

    These are reports of periods that overlap the days and of which the family has no other day; and reports of earlier
    periods whose tables look `ahead` that many days, and which were published because the days were there.
    """
    found = connection.execute(
        """
        select family, cadence, period_start from (
            select *, (case cadence
                when 'daily' then period_start + 1
                when 'weekly' then period_start + 7
                else period_start + interval '1 month'
            end)::date as period_end
            from ops.reports
        ) as r
        join unnest(%(families)s::text[], %(ahead)s::int[]) as f (family, ahead) using (family)
        where (
            period_start < %(end)s and period_end > %(first)s and not exists (
                select from ops.partitions as o
                where split_part(o.table_name, '.', 1) = r.family and o.period_end = o.period_start + 1
                  and o.period_start >= r.period_start and o.period_start < r.period_end
                  and (o.period_start < %(first)s or o.period_start >= %(end)s)
            )
        ) or (period_end <= %(first)s and period_end + ahead > %(first)s)
        order by 1, 2, 3""",
        {"families": list(families), "ahead": list(ahead), "first": first, "end": end},
    ).fetchall()
    return [(family, cadence, start) for family, cadence, start in found]


def forget_partitions(
    connection: Connection, table: str, starts: Sequence[date], first: date, last: date, *, is_by_day: bool
) -> None:
    """Delete partitions from the books and, for a table kept by day, all other records of the days first to last."""
    where = sql.SQL("where table_name = {} and (period_start = any({}) or {} and period_start between {} and {})")
    of_them = where.format(table, sql.Literal(list(starts)), is_by_day, first, last)
    for book in ("partitions", "check_results", "changes"):
        _delete(connection, book, of_them)
    # A failure after the days are loaded again is a new one, of which the owners are notified.
    connection.execute(
        sql.SQL("update ops.check_failures set passed_at = clock_timestamp() {} and passed_at is null").format(of_them)
    )
    for book in ("days", "archives", "personal_removals", "dropped_days") if is_by_day else ():
        days = sql.SQL("where table_name = {} and day between {} and {}")
        _delete(connection, book, days.format(table, first, last))


def let_file_wait(connection: Connection, table: str, path: str, first: date, last: date) -> None:
    """Record that the days first to last of a file that exists wait to be loaded again."""
    of_days = _of_file(table, path, first, last)
    _delete(connection, "loaded_days", sql.SQL("{} and rows_read = 0").format(of_days))
    connection.execute(
        sql.SQL(
            "update ops.loaded_days set rows_loaded = null, rows_duplicate = null, rows_conflicting = null, "
            "loaded_at = null {}"
        ).format(of_days)
    )


def forget_days_of_file(connection: Connection, table: str, path: str, first: date, last: date) -> None:
    """Delete the records of the days first to last of a file that is gone and that has other days, too."""
    of_days = _of_file(table, path, first, last)
    _delete(connection, "loaded_days", of_days)
    _delete(connection, "rejected_rows", of_days)
    # If it comes back, its modification time differs, so it is read again.
    connection.execute(
        "update ops.loaded_files set modified_at = 'epoch' where table_name = %s and path = %s", [table, path]
    )


def forget_file(connection: Connection, table: str, path: str) -> None:
    """Delete all records of a file that is gone and that has no other days."""
    for book in ("loaded_days", "rejected_rows", "loaded_files"):
        _delete(connection, book, sql.SQL("where table_name = {} and path = {}").format(table, path))


def forget_report(connection: Connection, family: str, cadence: str, start: date) -> None:
    """Delete the records that a report was written and published."""
    where = sql.SQL("where family = {} and cadence = {} and period_start = {}").format(family, cadence, start)
    for book in ("reports", "report_figures", "written_reports"):
        _delete(connection, book, where)


def _of_file(table: str, path: str, first: date, last: date) -> sql.Composed:
    return sql.SQL("where table_name = {} and path = {} and day between {} and {}").format(table, path, first, last)


def _delete(connection: Connection, book: str, where: sql.Composable) -> None:
    connection.execute(sql.SQL("delete from {} {}").format(sql.Identifier("ops", book), where))
