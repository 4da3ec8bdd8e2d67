"""The records of partitions, check results, reports, refreshes and the audit log: writing them, and reading some."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from analytics_etl.postgres.connection import Connection, rows


@dataclass(frozen=True)
class PartitionRecord:
    """One materialization of one partition."""

    table: str
    start: date
    end: date
    rows: int
    code_version: str
    duration_ms: int
    run_id: str | None = None
    is_changed: bool = True
    """Whether its rows differ from the earlier ones."""
    engine: str | None = None
    """The engine that computed the rows; None for raw days."""
    in_postgres: bool = True
    """Whether PostgreSQL has the rows; if not, the lake alone has them."""


def record_partition(connection: Connection, record: PartitionRecord) -> None:
    """Upsert the record of a partition; `changed_at` moves only if its rows changed."""
    connection.execute(
        """
        insert into ops.partitions (
            table_name, period_start, period_end, rows, code_version, duration_ms, run_id, engine, in_postgres
        ) values (%s, %s, %s, %s, %s, %s, %s, %s, %s)
        on conflict (table_name, period_start) do update set
            period_end = excluded.period_end, rows = excluded.rows, code_version = excluded.code_version,
            duration_ms = excluded.duration_ms, run_id = excluded.run_id, engine = excluded.engine,
            in_postgres = excluded.in_postgres, updated_at = clock_timestamp(),
            changed_at = case when %s then clock_timestamp() else partitions.changed_at end""",
        [record.table, record.start, record.end, record.rows, record.code_version, record.duration_ms, record.run_id,
         record.engine, record.in_postgres, record.is_changed],
    )  # fmt: skip


def partitions(connection: Connection, start: date, end: date) -> list[dict[str, Any]]:
    """The materialised partitions that begin in [start, end), of all tables."""
    return rows(
        connection,
        "select * from ops.partitions where period_start >= %s and period_start < %s order by table_name, period_start",
        [start, end],
    )


def failed_partitions(connection: Connection, start: date, end: date) -> set[tuple[str, date]]:
    """(table, start) of the partitions beginning in [start, end] in which a check of severity error failed."""
    found = connection.execute(
        "select distinct table_name, period_start from ops.check_results "
        "where not passed and severity = 'error' and period_start between %s and %s",
        [start, end],
    ).fetchall()
    return {(table, day) for table, day in found}


def ledger(connection: Connection, table: str, days: Sequence[date] = ()) -> list[dict[str, Any]]:
    """The landing files of a table as last read, each with whether it has rows, and valid rows, of any of some days."""
    return rows(
        connection,
        """
        select path, size_bytes, modified_at, checksum, found_at, state, of_days.path is not null as has_rows_of_days,
            coalesce(of_days.has_events, false) as has_events_of_days
        from ops.loaded_files
        left join (
            select path, bool_or(rows_read > rows_rejected) as has_events
            from ops.loaded_days
            where table_name = %(table)s and day = any(%(days)s)
            group by path
        ) as of_days using (path)
        where table_name = %(table)s""",
        {"table": table, "days": list(days)},
    )


def waiting_days(connection: Connection) -> list[dict[str, Any]]:
    """The days with files that were read and whose present content is not loaded.

    Each row has the number of these files and of their valid rows of the day. That is 0 for a file whose rows were all
    rejected, or that was replaced and no longer has rows of the day.
    """
    return rows(
        connection,
        """
        select table_name, day, count(*) as files_waiting,
            sum(rows_read - rows_rejected)::bigint as rows_waiting,
            exists (
                select from ops.partitions as p where p.table_name = d.table_name and p.period_start = d.day
            ) as is_loaded
        from ops.loaded_days as d
        where rows_loaded is null
        group by table_name, day
        order by table_name, day""",
    )


@dataclass(frozen=True)
class CheckResult:
    """The result of a check of one partition."""

    table: str
    name: str
    start: date
    end: date
    passed: bool
    severity: str
    description: str
    unexpected_count: int
    sample: list[dict[str, Any]]
    code_version: str | None = None
    """The version of the check; None for a check that is part of the load."""


def record_checks(connection: Connection, results: Iterable[CheckResult], run_id: str | None) -> None:
    """Upsert the latest result of each check of each partition."""
    with connection.cursor() as cursor:
        cursor.executemany(
            """
            insert into ops.check_results (
                table_name, check_name, period_start, period_end, passed, severity, description, unexpected_count,
                sample, run_id, code_version
            ) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
            on conflict (table_name, check_name, period_start) do update set
                period_end = excluded.period_end, passed = excluded.passed, severity = excluded.severity,
                description = excluded.description, unexpected_count = excluded.unexpected_count,
                sample = excluded.sample, run_id = excluded.run_id,
                code_version = excluded.code_version, checked_at = clock_timestamp()""",
            [
                (r.table, r.name, r.start, r.end, r.passed, r.severity, r.description, r.unexpected_count,
                 json.dumps(r.sample, default=str).replace("\\u0000", ""), run_id,
                 r.code_version)
                for r in results
            ],
        )  # fmt: skip


def record_report(
    connection: Connection, family: str, cadence: str, start: date, figures: Mapping[str, float | None]
) -> None:
    """Record the first published version of a report with its key figures; do nothing if it is already recorded."""
    new = connection.execute(
        "insert into ops.reports (family, cadence, period_start) values (%s, %s, %s) on conflict do nothing",
        [family, cadence, start],
    ).rowcount
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into ops.report_figures (family, cadence, period_start, figure, value) values (%s, %s, %s, %s, %s)",
            [(family, cadence, start, figure, value) for figure, value in figures.items() if new],
        )


def record_written_report(connection: Connection, written: Mapping[str, Any]) -> None:
    """Record a report that was just written; `written` has all columns of ops.written_reports."""
    connection.execute(
        """
        insert into ops.written_reports (
            family, cadence, period_start, written_at, code_version, final_from, is_final, has_next, run_id
        ) values (
            %(family)s, %(cadence)s, %(period_start)s, %(written_at)s, %(code_version)s, %(final_from)s, %(is_final)s,
            %(has_next)s, %(run_id)s
        )
        on conflict (family, cadence, period_start) do update set
            written_at = excluded.written_at, code_version = excluded.code_version, final_from = excluded.final_from,
            is_final = excluded.is_final, has_next = excluded.has_next, run_id = excluded.run_id""",
        written,
    )


def record_refresh(connection: Connection, view: str) -> None:
    """Record that a view was refreshed now."""
    connection.execute(
        "insert into ops.refreshed_views (view_name, refreshed_at) values (%s, clock_timestamp()) "
        "on conflict (view_name) do update set refreshed_at = excluded.refreshed_at",
        [view],
    )


def refreshed_at(connection: Connection) -> dict[str, datetime]:
    """{view: when it was last refreshed}."""
    return dict(connection.execute("select view_name, refreshed_at from ops.refreshed_views").fetchall())


def audited(connection: Connection, *actions: str) -> list[dict[str, Any]]:
    """The entries of the audit log for some actions, oldest first."""
    return rows(connection, "select * from ops.audit where action = any(%s) order by audit_id", [list(actions)])


def record_audit(connection: Connection, actor: str, action: str, subject: str, reason: str | None = None) -> None:
    """Write an entry into the audit log."""
    connection.execute(
        "insert into ops.audit (actor, action, subject, reason) values (%s, %s, %s, %s)",
        [actor, action, subject, reason],
    )
