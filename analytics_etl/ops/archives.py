"""Days that left their tables, in the books: which are archived, which are due, which personal data was removed."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from psycopg import sql
from psycopg.types.json import Jsonb

from analytics_etl.archive import Manifest
from analytics_etl.lake.fingerprint import Fingerprint
from analytics_etl.ops import places
from analytics_etl.postgres.connection import Connection, DatabaseError, rows
from analytics_etl.text.english import counted


@dataclass(frozen=True)
class Archived:
    """One row of ops.archives."""

    state: str
    manifest: Manifest | None
    """Of the day's file in the archive folder, which an earlier version wrote; None when there is none."""


def find(connection: Connection, table: str, day: date) -> Archived | None:
    """What the books say of a day that is archived, or was."""
    found = rows(
        connection, "select state, manifest from ops.archives where table_name = %s and day = %s", [table, day]
    )
    if not found:
        return None
    manifest = found[0]["manifest"]
    return Archived(found[0]["state"], None if manifest is None else Manifest.from_dict(manifest))


def manifests(connection: Connection, table: str, days: Sequence[date]) -> dict[date, Manifest]:
    """The manifests of those of some days that have a file in the archive folder."""
    found = rows(
        connection,
        "select day, manifest from ops.archives where table_name = %s and day = any(%s) and manifest is not null",
        [table, list(days)],
    )
    return {row["day"]: Manifest.from_dict(row["manifest"]) for row in found}


def archived_days(connection: Connection, tables: Sequence[str], start: date, end: date) -> dict[str, list[date]]:
    """{table: days of [start, end)} that have left the table for good, so that no load may replace them."""
    found = connection.execute(
        "select table_name, array_agg(day order by day) from ops.archives "
        "where state = 'archived' and table_name = any(%s) and day >= %s and day < %s group by 1 order by 1",
        [list(tables), start, end],
    ).fetchall()
    return {table: list(days) for table, days in found}


def days_to_take_over(connection: Connection, table: str) -> list[date]:
    """Days whose rows the lake does not have, and days that still have a file in the archive folder."""
    found = connection.execute(
        """
        select period_start as day
        from ops.partitions as p
        where table_name = %(table)s
            and not exists (
                select from ops.lake_files as f
                where f.table_name = p.table_name and f.day = p.period_start and f.superseded_at is null
            )
            and not exists (
                select from ops.dropped_days as d where d.table_name = p.table_name and d.day = p.period_start
            )
        union
        select day from ops.archives where table_name = %(table)s and manifest is not null
        order by day""",
        {"table": table},
    ).fetchall()
    return [day for (day,) in found]


def contract_version(connection: Connection, table: str, day: date) -> str:
    """The version of the contract that the rows of a loaded day were validated against."""
    found = connection.execute(
        "select code_version from ops.partitions where table_name = %s and period_start = %s", [table, day]
    ).fetchone()
    if found is None:
        raise DatabaseError(f"{table}: {day} was never loaded, so there is nothing to keep of it")
    return str(found[0])


def forget_file(connection: Connection, table: str, day: date) -> None:
    """Record that a day has no file in the archive folder any more."""
    named = [table, day]
    connection.execute("delete from ops.archives where table_name = %s and day = %s and state = 'verified'", named)
    connection.execute(
        "update ops.archives set sha256 = null, rows = null, size_bytes = null, manifest = null "
        "where table_name = %s and day = %s",
        named,
    )


def record_dropped(connection: Connection, table: str, day: date) -> None:
    """Record that the partition of a day was dropped."""
    connection.execute(
        """
        insert into ops.archives (table_name, day, state, dropped_at)
        values (%s, %s, 'archived', clock_timestamp())
        on conflict (table_name, day) do update set
            state = excluded.state, dropped_at = excluded.dropped_at, kept_through = null""",
        [table, day],
    )
    places.set_place(connection, table, day, in_postgres=False)


def record_restored(connection: Connection, table: str, day: date, days: int) -> None:
    """Record that the rows are back; they stay until the newest day of the table is `days` days later than now."""
    connection.execute(
        """
        insert into ops.archives (table_name, day, state, restored_at, kept_through)
        values (%(table)s, %(day)s, 'restored', clock_timestamp(), %(days)s + (
            select max(period_start) from ops.partitions where table_name = %(table)s))
        on conflict (table_name, day) do update set
            state = excluded.state, restored_at = excluded.restored_at, kept_through = excluded.kept_through""",
        {"table": table, "day": day, "days": days},
    )
    places.set_place(connection, table, day, in_postgres=True)


def due_days(connection: Connection, table: str, keep: int) -> list[date]:
    """Days to archive: at least `keep` days older than the newest one; restored ones only once their time is over."""
    condition = "a.state is distinct from 'archived' and (a.kept_through is null or a.kept_through < newest.day)"
    return _old_days(connection, sql.SQL(condition), {"table": table, "keep": keep})


def days_with_personal_data(connection: Connection, table: str, keep: int) -> list[date]:
    """Days older than `keep` whose rows in the table may still hold personal data."""
    condition = sql.SQL("""
        p.in_postgres and not exists (
            select from ops.personal_removals as r
            where r.table_name = p.table_name and r.day = p.period_start and r.place = 'partition'
              and r.removed_at >= greatest(p.updated_at, a.restored_at))""")
    return _old_days(connection, condition, {"table": table, "keep": keep})


def record_removal(connection: Connection, table: str, day: date, before: Fingerprint, after: Fingerprint) -> None:
    """Record that personal data of a day was removed from its table, with the fingerprints before and after."""
    connection.execute(
        """
        insert into ops.personal_removals (table_name, day, place, values_removed, before, after)
        values (%s, %s, 'partition', %s, %s, %s)
        on conflict (table_name, day, place) do update set
            values_removed = excluded.values_removed, before = excluded.before, after = excluded.after,
            removed_at = clock_timestamp()""",
        [table, day, before.personal_values, Jsonb(asdict(before)), Jsonb(asdict(after))],
    )


def remove_rejected_content(connection: Connection, table: str, keep: int, personal: Sequence[str]) -> int:
    """Remove the content of rejected rows older than `keep` days; returns how many rows changed.

    A rejected row is kept as it is in its file, personal data included. Its reason stays, without the values of
    personal columns that an earlier version wrote into it. A row without a day is as old as the reading of its file.
    """
    names = "|".join(personal)
    return connection.execute(
        """
        update ops.rejected_rows set content = null, reason = case
            when reason ~ %(quoted)s then split_part(reason, ', got ', 1) || ', got what was removed' else reason end
        where table_name = %(table)s
        and (content is not null or reason ~ %(quoted)s and reason not like '%%, got what was removed')
        and coalesce(
            day, (select coalesce(last_day, read_at::date) from ops.loaded_files as f
                  where f.table_name = rejected_rows.table_name and f.path = rejected_rows.path)
        ) <= (select max(period_start) from ops.partitions where table_name = %(table)s) - %(keep)s::integer""",
        {"table": table, "keep": keep, "quoted": f"^({names}): .*, got |, got (.*, )?({names}) = "},
    ).rowcount


def refuse_archived(connection: Connection, table: str, days: Sequence[date]) -> None:
    """Raise DatabaseError for archived days: some of their files may be gone, so a load could lose rows."""
    found = archived_days(connection, [table], min(days, default=date.max), date.max).get(table, [])
    if archived := [day for day in found if day in days]:
        raise DatabaseError(
            f"{table}: {archived[0]} is archived, so loading it from the landing files may lose rows; to load it anew: "
            f"analytics-etl restore {table} {archived[0]} --reason TEXT, then run it"
        )


def refuse_to_lose(connection: Connection, table: str, days: Sequence[date], gone: Sequence[str]) -> None:
    """Raise DatabaseError if a day would lose rows because the file they came from is gone.

    This concerns days that have an archive, and days whose raw rows were not kept.
    """
    lost = connection.execute(
        "select d.day, d.path, d.rows_loaded, a.day is not null from ops.loaded_days as d "
        "left join ops.archives as a using (table_name, day) left join ops.dropped_days as r using (table_name, day) "
        "where d.table_name = %s and d.day = any(%s) and d.path = any(%s) and d.rows_loaded > 0 "
        "and coalesce(a.day, r.day) is not null order by 1, 2 limit 1",
        [table, list(days), list(gone)],
    ).fetchone()
    if lost is not None:
        raise DatabaseError(
            f"{table}: {counted(lost[2], 'row')} of {lost[0]} came from the landing file {lost[1]}, which is gone; "
            f"{'the day was archived' if lost[3] else 'raw rows were not kept, what was made of them is there'}, and "
            "loading it anew would lose them: put the file back first"
        )


def _old_days(connection: Connection, condition: sql.SQL, parameters: dict[str, Any]) -> list[date]:
    """Days of a `table` that are at least `keep` days older than its newest one and meet a condition."""
    statement = sql.SQL("""
        select p.period_start as day
        from ops.partitions as p
        cross join (select max(period_start) as day from ops.partitions where table_name = %(table)s) as newest
        left join ops.archives as a on a.table_name = p.table_name and a.day = p.period_start
        where p.table_name = %(table)s and p.period_start <= newest.day - %(keep)s::integer and {}
          and not exists (
            select from ops.dropped_days as d where d.table_name = p.table_name and d.day = p.period_start
          )
        order by 1""").format(condition)
    return [row["day"] for row in rows(connection, statement, parameters)]
