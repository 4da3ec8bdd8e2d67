"""Reading the records of reports and of their periods. Not here: writing them (`records`)."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from analytics_etl.postgres.connection import Connection, rows

# For each family and period: how many tables have it, and when their rows and check results last changed.
_PERIODS = """
    with
    declared as (
        select unnest(%(tables)s::text[]) as table_name
    ),
    -- Declared checks only: not those of the load, nor the watchdog, which checks old days each week.
    checks as (
        select table_name, check_name
        from json_to_recordset(%(checks)s::json) as c (table_name text, check_name text)
    ),
    checked as (
        select table_name, period_start, max(checked_at) as checked_at
        from ops.check_results
        join checks using (table_name, check_name)
        where period_start >= %(start)s and period_start < %(end)s
        group by 1, 2
    )
    select
        split_part(table_name, '.', 1) as family, p.period_start, p.period_end,
        count(*) as table_count, max(p.changed_at) as changed_at, max(c.checked_at) as checked_at
    from ops.partitions as p
    join declared using (table_name)
    left join checked as c using (table_name, period_start)
    where p.period_start >= %(start)s and p.period_start < %(end)s
    group by 1, 2, 3"""

# The report of the newest day shows the files without a day, see sql/ops/reports/quality_rows.sql.
_UNDATED = """
    select split_part(f.table_name, '.', 1) as family, max(f.read_at) as read_at
    from ops.loaded_files as f
    where f.rows_rejected > 0 and not exists (
        select from ops.loaded_days as d where d.table_name = f.table_name and d.path = f.path
    )
    group by 1"""

_FAILURES = """
    with
    failed as (
        select split_part(table_name, '.', 1) as family, day as period_start, day + 1 as period_end, changed_at as at
        from ops.days
        where state = 'failed'
        union all
        select split_part(table_name, '.', 1), period_start, period_end, checked_at
        from ops.check_results
        where not passed and period_end > period_start
    )
    select family, period_start, period_end, max(at) as at
    from failed
    group by 1, 2, 3"""


def periods(
    connection: Connection, tables: Sequence[str], checks: Iterable[Mapping[str, str]], start: date, end: date
) -> list[dict[str, Any]]:
    """The periods of each family that begin in [start, end).

    Each row says how many of `tables` have the period, when their rows last changed, and when the last of `checks`
    (table_name, check_name) ran.
    """
    wanted = {"tables": list(tables), "checks": json.dumps(list(checks)), "start": start, "end": end}
    return rows(connection, _PERIODS, wanted)


def written(connection: Connection) -> list[dict[str, Any]]:
    """The rows of ops.written_reports, each with whether the report was published."""
    return rows(
        connection,
        """
        select w.*, r.first_published_at is not null as is_published
        from ops.written_reports as w
        left join ops.reports as r using (family, cadence, period_start)""",
    )


def undated_files_read_at(connection: Connection) -> dict[str, datetime]:
    """{family: when the last file with rejected rows and without any day was read}."""
    return {row["family"]: row["read_at"] for row in rows(connection, _UNDATED)}


def failures(connection: Connection) -> list[dict[str, Any]]:
    """The periods of each family in which a day or a check failed, and when."""
    return rows(connection, _FAILURES)


def published_starts(connection: Connection, family: str, cadence: str) -> set[date]:
    """The first days of the published reports of a family and cadence."""
    found = connection.execute(
        "select period_start from ops.reports where family = %s and cadence = %s", [family, cadence]
    ).fetchall()
    return {start for (start,) in found}


def written_version(connection: Connection, family: str, cadence: str, start: date) -> str | None:
    """The code version that wrote the report of a period; None if it is not written."""
    found = connection.execute(
        "select code_version from ops.written_reports where family = %s and cadence = %s and period_start = %s",
        [family, cadence, start],
    ).fetchone()
    return None if found is None else str(found[0])
