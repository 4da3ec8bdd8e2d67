"""The books as pages: states of days, results of checks, changes, Dagster's runs. No column that may repeat raw rows.

The parameters `is_first_page`, `after_…` and `limit` are those of a keyset; newest rows come first.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from analytics_etl.ops.run_requests import TAG
from analytics_etl.postgres.connection import Connection, rows

Wanted = Mapping[str, Any]


def days(connection: Connection, wanted: Wanted) -> list[dict[str, Any]]:
    """States of days from `first` to `last`, of one table or, if it is empty, of all; of one family, if it is named."""
    return rows(
        connection,
        """
        select day, table_name, state, is_final, final_from, rows as row_count, rows_waiting as waiting_row_count,
            files_waiting as waiting_file_count, failed_checks, warned_checks, changed_at
        from ops.days
        where day between %(first)s and %(last)s and (%(table)s = '' or table_name = %(table)s)
          and split_part(table_name, '.', 1) = coalesce(%(family)s::text, split_part(table_name, '.', 1))
          and (%(is_first_page)s or (day, table_name collate "C") < (%(after_day)s::date, %(after_table_name)s))
        order by day desc, table_name collate "C" desc
        limit %(limit)s""",
        {"family": None, **wanted},
    )


def checks(connection: Connection, wanted: Wanted) -> list[dict[str, Any]]:
    """Latest results of checks of the periods from `first` to `last`; with `failed_only` those that failed."""
    return rows(
        connection,
        """
        select period_start, period_end, table_name, check_name, passed, severity, description, unexpected_count,
            run_id, checked_at
        from ops.check_results
        where period_start between %(first)s and %(last)s and (%(table)s = '' or table_name = %(table)s)
          and (not %(failed_only)s or not passed)
          and (%(is_first_page)s or (period_start, table_name collate "C", check_name collate "C")
            < (%(after_period_start)s::date, %(after_table_name)s, %(after_check_name)s))
        order by period_start desc, table_name collate "C" desc, check_name collate "C" desc
        limit %(limit)s""",
        wanted,
    )


def changes(connection: Connection, wanted: Wanted) -> list[dict[str, Any]]:
    """How the content of periods that begin from `first` to `last` changed afterwards."""
    return rows(
        connection,
        """
        select change_id, table_name, period_start, period_end, changed_at, published, rows_before, rows_after,
            rows_added, rows_removed, rows_changed, measures, run_id
        from ops.changes
        where period_start between %(first)s and %(last)s and (%(table)s = '' or table_name = %(table)s)
          and (%(is_first_page)s or change_id < %(after_change_id)s)
        order by change_id desc
        limit %(limit)s""",
        wanted,
    )


def runs(connection: Connection, wanted: Wanted) -> list[dict[str, Any]]:
    """Dagster's runs that are kept; none before its first one."""
    there = connection.execute("select to_regclass('dagster.runs')").fetchone()
    if there is None or there[0] is None:
        return []
    return rows(
        connection,
        """
        select id as run_number, run_id,
            (select value from dagster.run_tags as t where t.run_id = runs.run_id and key = %(request_tag)s)
                as request_id,
            pipeline_name as job_name, lower(status) as status,
            create_timestamp at time zone 'UTC' as created_at, to_timestamp(start_time) as started_at,
            to_timestamp(end_time) as ended_at
        from dagster.runs
        where %(is_first_page)s or id < %(after_run_number)s
        order by id desc
        limit %(limit)s""",
        {**wanted, "request_tag": TAG},
    )


def arrived(connection: Connection, day: date) -> list[dict[str, Any]]:
    """What the landing files hold of a day by event table, as far as they are read; duplicates are counted."""
    return rows(
        connection,
        """
        select d.table_name, sum(d.rows_read - d.rows_rejected)::bigint as event_count,
            sum(d.rows_rejected)::bigint as rejected_count, count(*) as file_count, max(f.read_at) as read_at
        from ops.loaded_days as d
        join ops.loaded_files as f using (table_name, path)
        where d.day = %s and f.state <> 'gone'
        group by 1
        order by table_name""",
        [day],
    )


def sizes(connection: Connection) -> dict[str, dict[str, Any]]:
    """{table: its rows, bytes in PostgreSQL, first and newest period, when it last changed}."""
    found = rows(
        connection,
        """
        select table_name, sum(rows)::bigint as row_count, min(period_start) as first_day,
            max(period_start) as newest_day, max(changed_at) as changed_at,
            (select sum(pg_total_relation_size(relid)) from pg_partition_tree(to_regclass(table_name)))::bigint
                as size_bytes
        from ops.partitions
        group by table_name""",
    )
    return {row.pop("table_name"): row for row in found}
