"""The state of each day of each table kept by day: `ops.days`, computed from the other tables of the books.

Whoever writes these tables calls `refresh` as the last statement of the same transaction. Not here: weeks and months.
"""

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any, Literal

from analytics_etl.postgres.connection import Connection, lock, rows

DayState = Literal["expected", "provisional", "final", "frozen_late", "failed", "archived", "dropped"]

LONGEST_FAILURE = 500
"""Characters kept of the reason why a write failed."""

FAR_DAYS = 31
"""The days between two loaded ones are due if these are at most so far apart; otherwise they are a gap (`gaps`)."""

_REFRESH = """
    with
    known as (
        select period_start as day, rows from ops.partitions
        where table_name = %(table)s and period_end = period_start + 1
    ),
    span as (
        select max(day) as newest from known
    ),
    neighbours as (
        select day, lead(day) over (order by day) as next_day from known
    ),
    waiting as (
        select day, sum(rows_read - rows_rejected)::bigint as rows_waiting, count(*) as files_waiting
        from ops.loaded_days
        where table_name = %(table)s and rows_loaded is null
        group by 1
    ),
    checks as (
        select period_start as day,
            coalesce(array_agg(check_name order by check_name) filter (where severity = 'error'), '{}') as failed,
            coalesce(array_agg(check_name order by check_name) filter (where severity = 'warn'), '{}') as warned
        from ops.check_results
        where table_name = %(table)s and not passed
        group by 1
    ),
    archived as (
        select day, true as is_archived from ops.archives where table_name = %(table)s and state = 'archived'
    ),
    dropped as (
        select day, true as is_dropped from ops.dropped_days where table_name = %(table)s
    ),
    before as (
        select day, final_from, case when day = any(%(written)s) then null else failure end as failure
        from ops.days where table_name = %(table)s
    ),
    lateness as (
        select case when %(keep)s then coalesce(max(final_from - day), %(lateness)s) else %(lateness)s end as days
        from before
    ),
    present as (
        select day from known
        union select day from waiting where rows_waiting > 0
        union select day from before
        union select d::date from neighbours cross join generate_series(day, next_day, interval '1 day') as d
            where next_day - day <= %(far)s
    ),
    facts as (
        select day, day + lateness.days as final_from, known.rows, known.day is not null as is_there,
            coalesce(span.newest >= day + lateness.days and known.day is not null, false) as is_final,
            coalesce(rows_waiting, 0) as rows_waiting, coalesce(files_waiting, 0) as files_waiting,
            coalesce(is_archived, false) as is_archived, coalesce(is_dropped, false) as is_dropped, failure,
            coalesce(checks.failed, '{}') as failed_checks, coalesce(checks.warned, '{}') as warned_checks
        from present
        cross join span
        cross join lateness
        left join known using (day)
        left join waiting using (day)
        left join checks using (day)
        left join archived using (day)
        left join dropped using (day)
        left join before using (day)
    )
    insert into ops.days as d (
        table_name, day, state, is_final, final_from, rows, rows_waiting, files_waiting, failed_checks, warned_checks,
        failure
    )
    select %(table)s, day,
        case
            when failure is not null or is_there and cardinality(failed_checks) > 0 then 'failed'
            when not is_there then 'expected'
            when is_archived then 'archived'
            when is_dropped then 'dropped'
            when is_final and files_waiting > 0 then 'frozen_late'
            when is_final then 'final'
            else 'provisional'
        end,
        is_final, final_from, rows, rows_waiting, files_waiting, failed_checks, warned_checks, failure
    from facts
    on conflict (table_name, day) do update set
        state = excluded.state, is_final = excluded.is_final, final_from = excluded.final_from, rows = excluded.rows,
        rows_waiting = excluded.rows_waiting, files_waiting = excluded.files_waiting,
        failed_checks = excluded.failed_checks, warned_checks = excluded.warned_checks, failure = excluded.failure,
        changed_at = clock_timestamp()
    where (
            d.state, d.is_final, d.final_from, d.rows, d.rows_waiting, d.files_waiting, d.failed_checks,
            d.warned_checks, d.failure
        ) is distinct from (
            excluded.state, excluded.is_final, excluded.final_from, excluded.rows, excluded.rows_waiting,
            excluded.files_waiting, excluded.failed_checks, excluded.warned_checks, excluded.failure
        )"""

# A day known only by waiting rows is deleted when no rows wait any more: their file was replaced.
_FORGET = """
    delete from ops.days as d
    where table_name = %(table)s and rows_waiting > 0 and rows is null and failure is null
      and not exists (
        select from ops.loaded_days as l
        where l.table_name = d.table_name and l.day = d.day and rows_loaded is null and rows_read > rows_rejected
      )"""

_EXPECT = """
    insert into ops.days (table_name, day, state, final_from)
    select table_name, day, 'expected', day + lateness
    from (
        select table_name, max(final_from - day) as lateness from ops.days
        where split_part(table_name, '.', 1) = split_part(%(table)s, '.', 1)
        group by 1
    ) as tables
    cross join unnest(%(days)s::date[]) as d (day)
    on conflict do nothing"""


def refresh(
    connection: Connection,
    table: str,
    lateness_days: int,
    written: Collection[date] = (),
    *,
    keep_lateness: bool = False,
) -> None:
    """Bring the states of a table's days up to date with the books.

    `written` are the days that this transaction wrote: an earlier failure of them no longer counts. With
    `keep_lateness` the days keep the lateness window they have, and the given one is for a table that has none yet.
    Nothing but the commit may follow: all writers wait for the lock that is taken here.
    """
    lock(connection, "ops.days")
    parameters = {
        "table": table,
        "lateness": lateness_days,
        "keep": keep_lateness,
        "written": list(written),
        "far": FAR_DAYS,
    }
    connection.execute(_FORGET, parameters)
    connection.execute(_REFRESH, parameters)


def expect(connection: Connection, table: str, days: Sequence[date]) -> None:
    """Record that days are due in all tables of a family, since one of its tables has them."""
    lock(connection, "ops.days")
    connection.execute(_EXPECT, {"table": table, "days": list(days)})


def expect_day(connection: Connection, tables: Sequence[str], lateness_days: Sequence[int], day: date) -> None:
    """Record that a day of some tables is due, each with its lateness window."""
    lock(connection, "ops.days")
    connection.execute(
        "insert into ops.days (table_name, day, state, final_from) select table_name, %(day)s, 'expected', "
        "%(day)s::date + lateness from unnest(%(tables)s::text[], %(lateness)s::integer[]) as t (table_name, lateness) "
        "on conflict do nothing",
        {"day": day, "tables": list(tables), "lateness": list(lateness_days)},
    )


def record_failure(connection: Connection, table: str, lateness_days: int, days: Collection[date], why: str) -> None:
    """Record why writing days of a table failed."""
    lock(connection, "ops.days")
    connection.execute(
        "insert into ops.days (table_name, day, state, final_from, failure) "
        "select %(table)s, day, 'failed', day + %(lateness)s, %(why)s from unnest(%(days)s::date[]) as d (day) "
        "on conflict (table_name, day) do update set state = 'failed', failure = excluded.failure, "
        "changed_at = clock_timestamp()",
        {"table": table, "lateness": lateness_days, "days": list(days), "why": why[:LONGEST_FAILURE]},
    )


def day_states(connection: Connection, start: date, end: date) -> list[dict[str, Any]]:
    """The days of [start, end) of all tables."""
    return rows(
        connection,
        "select * from ops.days where day >= %s and day < %s order by table_name, day",
        [start, end],
    )


def frozen_days(connection: Connection) -> set[tuple[str, date]]:
    """(table, day) of the final days for which late or replaced files wait."""
    found = connection.execute("select table_name, day from ops.days where is_final and files_waiting > 0").fetchall()
    return {(table, day) for table, day in found}


def newest_with_rows(connection: Connection) -> dict[str, date]:
    """{table: its newest day that is not empty}."""
    return dict(connection.execute("select table_name, max(day) from ops.days where rows > 0 group by 1").fetchall())


def unusual_days(connection: Connection) -> list[dict[str, Any]]:
    """Days among the last 30 with an unusual number of rows, newest first."""
    return rows(
        connection,
        """
        select table_name, day, rows, 'events_are_not_too_many' = any(warned_checks) as is_too_many from ops.days
        where warned_checks && array['volume_is_usual', 'events_are_not_too_many']
          and day > (select max(day) - 30 from ops.days where rows is not null)
        order by day desc, table_name""",
    )


def failed_attempts(connection: Connection) -> list[dict[str, Any]]:
    """The days of tables whose last write failed, and why, the newest first."""
    return rows(
        connection,
        "select table_name, day, failure from ops.days where failure is not null order by day desc, table_name",
    )


def final_days(connection: Connection, first: date, last: date) -> set[date]:
    """Those of the days first to last that are final in at least one table."""
    found = connection.execute(
        "select distinct day from ops.days where is_final and day between %s and %s", [first, last]
    ).fetchall()
    return {day for (day,) in found}
