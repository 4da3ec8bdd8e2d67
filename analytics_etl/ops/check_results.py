"""Reading the results of checks. Not here: writing them (`records`)."""

import json
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from analytics_etl.ops.changes import CHANGE_CHECK
from analytics_etl.postgres.connection import Connection, rows

# The database returns only what is due, however many days there are. Rows whose time of change is unknown count as
# checked.
_DUE = """
    with
    declared as (
        select table_name, check_name, code_version
        from json_to_recordset(%(declared)s::json) as d (table_name text, check_name text, code_version text)
    ),
    due as (
        select
            p.table_name, p.period_start, p.period_end, check_name,
            case
                when r.checked_at is null then 'absent'
                when r.checked_at < p.changed_at then 'older'
                else 'version'
            end as why
        from ops.partitions as p
        join declared as d using (table_name)
        left join ops.check_results as r using (table_name, check_name, period_start)
        where p.period_start >= %(start)s and p.period_start < %(end)s
            and (%(run_id)s = '' or p.run_id = %(run_id)s)
            and (r.checked_at is null or r.checked_at < p.changed_at or r.code_version <> d.code_version)
    )
    select table_name, period_start, period_end, why, array_agg(check_name order by check_name) as check_names
    from due
    group by 1, 2, 3, 4
    order by 1, 2, 4"""

_FAILED = """
    select c.table_name, c.check_name, c.period_start, c.description, c.unexpected_count, c.sample, c.code_version,
        c.checked_at, coalesce(d.is_final, false) as is_final, coalesce(p.changed_at > c.checked_at, false) as is_older,
        exists (
            select from ops.loaded_files as f
            where f.table_name = c.table_name and f.found_at > c.checked_at and (
                c.period_start between f.first_day and f.last_day
                or replace(substring(f.path from '[0-9][0-9][0-9][0-9]-?[0-9][0-9]-?[0-9][0-9]'), '-', '')
                    = to_char(c.period_start, 'YYYYMMDD')
                or exists (
                    select from ops.loaded_days as l
                    where l.table_name = f.table_name and l.path = f.path and l.day = c.period_start
                )
            )
        ) as has_new_file
    from ops.check_results as c
    left join ops.days as d on d.table_name = c.table_name and d.day = c.period_start
    left join ops.partitions as p on p.table_name = c.table_name and p.period_start = c.period_start
    where not c.passed and c.severity = 'error' and c.check_name <> %s
    order by c.period_start desc, c.table_name, c.check_name"""


def due(
    connection: Connection, declared: Iterable[Mapping[str, str | None]], start: date, end: date, run_id: str = ""
) -> list[dict[str, Any]]:
    """Of the given checks (table_name, check_name, code_version) those that are due in partitions from [start, end).

    A row is a partition with the checks due for one reason: absent, older or version. With `run_id`, only partitions
    that this run wrote count.
    """
    wanted = {"declared": json.dumps(list(declared)), "start": start, "end": end, "run_id": run_id}
    return rows(connection, _DUE, wanted)


def failed(connection: Connection) -> list[dict[str, Any]]:
    """The failed checks of severity error without refused changes, the newest partition first.

    `is_older`: the partition changed after the check. `has_new_file`: the ledger found a file of the day after it.
    """
    return rows(connection, _FAILED, [CHANGE_CHECK])


def refused_changes(connection: Connection, first: date = date.min, last: date = date.max) -> list[tuple[str, date]]:
    """(table, day) of the days first to last whose last change was refused."""
    found = connection.execute(
        "select table_name, period_start from ops.check_results where not passed and check_name = %s "
        "and period_start between %s and %s order by period_start, table_name",
        [CHANGE_CHECK, first, last],
    ).fetchall()
    return [(table, day) for table, day in found]


def samples(connection: Connection, check: str) -> dict[tuple[str, date], list[dict[str, Any]]]:
    """{(table, start): sample of rows} of the partitions in which a check failed."""
    found = connection.execute(
        "select table_name, period_start, sample from ops.check_results where check_name = %s and not passed", [check]
    ).fetchall()
    return {(table, start): sample for table, start, sample in found}


def of_partition(connection: Connection, table: str, start: date) -> dict[str, dict[str, Any]]:
    """{check: its row with `checked_at` and `code_version`} of one partition."""
    found = rows(
        connection,
        "select check_name, code_version, checked_at from ops.check_results "
        "where table_name = %s and period_start = %s",
        [table, start],
    )
    return {row["check_name"]: row for row in found}
