"""Days whose raw events were not kept: once all was computed from them and checked, their partition was dropped.

There is no archive of them. The books keep the day. A statement that would read its rows is refused, since it would
compute from fewer rows than there were; loading the day from its landing files brings the rows back.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from psycopg import sql
from psycopg.types.json import Jsonb

from analytics_etl.catalog.contracts import Contract
from analytics_etl.ops import lake_files, places
from analytics_etl.ops.records import record_audit
from analytics_etl.postgres.connection import Connection, DatabaseError, identifier, lock
from analytics_etl.text.english import counted, shortened

DAYS_NAMED = 10
"""Days that the message of a refusal names."""

_DUE = """
    with
    readers as (
        select * from jsonb_to_recordset(%(readers)s) as r (name text, version text, back integer, ahead integer)
    ),
    newest as (
        select max(period_start) as day from ops.partitions where table_name = %(table)s
    ),
    -- Old enough, final, in the table, and checked since it was loaded.
    candidates as (
        select p.period_start as day, p.updated_at
        from ops.partitions as p
        cross join newest
        join ops.days as s on s.table_name = p.table_name and s.day = p.period_start
        where p.table_name = %(table)s and newest.day - p.period_start >= %(keep)s
            and (s.state = 'final' or %(archived_too)s and s.state = 'archived')
            and s.files_waiting = 0 and p.code_version = %(version)s
            and (%(archived_too)s or not exists (
                select from ops.archives as a where a.table_name = p.table_name and a.day = p.period_start
            ))
            and not exists (
                select from ops.dropped_days as d where d.table_name = p.table_name and d.day = p.period_start
            )
            and exists (
                select from ops.check_results as c
                where c.table_name = p.table_name and c.period_start = p.period_start
                    and c.check_name <> 'change_is_small' and c.checked_at >= p.updated_at
            )
    )
    select day
    from candidates
    -- Every partition that reads the day is newer than it, of the current code, final, and checked.
    where not exists (
        select
        from readers as r
        cross join generate_series(day - r.ahead, day + r.back, interval '1 day') as q (day)
        where exists (select from ops.partitions as p where p.table_name = %(table)s and p.period_start = q.day::date)
            and not exists (
                select
                from ops.partitions as m
                cross join newest
                where m.table_name = r.name and m.period_start <= q.day::date and m.period_end > q.day::date
                    and m.updated_at >= candidates.updated_at and m.code_version = r.version
                    and newest.day - (m.period_end - 1) >= %(lateness)s
                    and exists (
                        select from ops.check_results as c
                        where c.table_name = m.table_name and c.period_start = m.period_start
                            and c.check_name <> 'change_is_small' and c.checked_at >= candidates.updated_at
                    )
                    and not exists (
                        select from ops.check_results as c
                        where c.table_name = m.table_name and c.period_start = m.period_start
                            and not c.passed and c.severity = 'error'
                    )
            )
    )
    order by day"""


@dataclass(frozen=True)
class Reader:
    """A derived table whose SELECT or checks read raw rows `back` days before and `ahead` days after its own day."""

    name: str
    version: str
    back: int
    ahead: int


def due_days(
    connection: Connection, contract: Contract, keep: int, lateness: int, readers: Sequence[Reader], *,
    archived_too: bool = False,
) -> list[date]:  # fmt: skip
    """Days to drop: at least `keep` days older than the newest, with everything that reads them made and checked."""
    found = connection.execute(
        _DUE,
        {
            "table": contract.table, "version": contract.code_version, "keep": keep, "lateness": lateness,
            "archived_too": archived_too, "readers": Jsonb([vars(reader) for reader in readers]),
        },
    ).fetchall()  # fmt: skip
    return [day for (day,) in found]


def drop(connection: Connection, contract: Contract, day: date, actor: str, setting: str) -> int:
    """Drop the rows of a day for good, as a setting says, with an entry in the audit log; return how many it had."""
    lock(connection, f"{contract.table} {day}")
    counted_rows = connection.execute(
        "select rows from ops.partitions where table_name = %s and period_start = %s", [contract.table, day]
    ).fetchone()
    assert counted_rows is not None
    if places.is_in_postgres(connection, contract.table, day):
        table, leaf = identifier(contract.table), sql.Identifier(contract.family, f"{contract.name}_p{day:%Y%m%d}")
        connection.execute(sql.SQL("alter table {} detach partition {}").format(table, leaf))
        connection.execute(sql.SQL("drop table {}").format(leaf))
        places.set_place(connection, contract.table, day, in_postgres=False)
    lake_files.supersede(connection, contract.table, [day])
    connection.execute("delete from ops.archives where table_name = %s and day = %s", [contract.table, day])
    connection.execute(
        "insert into ops.dropped_days (table_name, day, rows) values (%s, %s, %s)",
        [contract.table, day, counted_rows[0]],
    )
    what = f"{counted(counted_rows[0], 'row')}: all was made of them, and {setting}"
    record_audit(connection, actor, "drop raw events", f"{contract.table} {day}", what)
    return int(counted_rows[0])


def loaded_again(connection: Connection, table: str, days: Collection[date]) -> None:
    """Record that the rows of some days are in the table again."""
    connection.execute("delete from ops.dropped_days where table_name = %s and day = any(%s)", [table, list(days)])


def dropped_days(connection: Connection, tables: Sequence[str], start: date, end: date) -> dict[str, list[date]]:
    """{table: days of [start, end)} whose rows were not kept."""
    found = connection.execute(
        "select table_name, array_agg(day order by day) from ops.dropped_days "
        "where table_name = any(%s) and day >= %s and day < %s group by 1 order by 1",
        [list(tables), start, end],
    ).fetchall()
    return {table: list(days) for table, days in found}


Need = tuple[Sequence[str], date, date]
"""Tables, and the days [start, end) that are read of them."""


def refuse(connection: Connection, needs: Sequence[Need]) -> None:
    """Raise DatabaseError if the rows of a needed day were not kept."""
    some = connection.execute("select exists (select from ops.dropped_days)").fetchone()
    if some is None or not some[0]:  # as in most databases, for hundreds of checks a run
        return
    missing: dict[str, set[date]] = {}
    for tables, start, end in needs:
        for table, days in dropped_days(connection, tables, start, end).items():
            missing.setdefault(table, set()).update(days)
    for table, found in sorted(missing.items()):
        days = sorted(found)
        raise DatabaseError(
            f"{table}: the raw events of {shortened(days, DAYS_NAMED)} are needed, but were not kept "
            "(ANALYTICS_KEEP_RAW_EVENTS, ANALYTICS_LAKE_DAYS); nothing was changed. What was made of them is there. "
            "To bring them back from their landing files, each of these days: "
            f"analytics-etl restore {table} {days[0]} --reason TEXT"
        )
