"""The archive in the books: which file a day has, which days are due, which personal data was removed."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from psycopg import sql
from psycopg.types.json import Json, Jsonb

from analytics_etl.archive import Fingerprint, Manifest
from analytics_etl.postgres.connection import Connection, DatabaseError, rows
from analytics_etl.text.english import counted


@dataclass(frozen=True)
class Archived:
    """One row of ops.archives."""

    state: str
    manifest: Manifest


def find(connection: Connection, table: str, day: date) -> Archived | None:
    """The archive of a day, if it has one."""
    found = rows(
        connection, "select state, manifest from ops.archives where table_name = %s and day = %s", [table, day]
    )
    return Archived(found[0]["state"], Manifest.from_dict(found[0]["manifest"])) if found else None


def manifests(connection: Connection, table: str, days: Sequence[date]) -> list[Manifest]:
    """The manifests of some days of a table, in order."""
    found = rows(
        connection,
        "select manifest from ops.archives where table_name = %s and day = any(%s) order by day",
        [table, list(days)],
    )
    return [Manifest.from_dict(row["manifest"]) for row in found]


def archived_days(connection: Connection, tables: Sequence[str], start: date, end: date) -> dict[str, list[date]]:
    """{table: days of [start, end)} whose rows are in the archive and not in the table."""
    found = connection.execute(
        "select table_name, array_agg(day order by day) from ops.archives "
        "where state = 'archived' and table_name = any(%s) and day >= %s and day < %s group by 1 order by 1",
        [list(tables), start, end],
    ).fetchall()
    return {table: list(days) for table, days in found}


def record_verified(connection: Connection, manifest: Manifest, *, keep_state: bool = False) -> None:
    """Record the verified file of a day. Unless its state is kept, it is `verified`: the partition still exists."""
    connection.execute(
        """
        insert into ops.archives (table_name, day, state, sha256, rows, size_bytes, manifest)
        values (%s, %s, 'verified', %s, %s, %s, %s)
        on conflict (table_name, day) do update set
            state = case when %s then archives.state else 'verified' end, sha256 = excluded.sha256,
            rows = excluded.rows, size_bytes = excluded.size_bytes, manifest = excluded.manifest,
            written_at = clock_timestamp()""",
        [
            manifest.table, manifest.day, manifest.sha256, manifest.fingerprint.rows, manifest.size_bytes,
            Json({**asdict(manifest), "day": manifest.day.isoformat()}), keep_state,
        ],
    )  # fmt: skip


def record_dropped(connection: Connection, table: str, day: date) -> None:
    """Record that the partition of an archived day was dropped."""
    connection.execute(
        "update ops.archives set state = 'archived', dropped_at = clock_timestamp(), kept_through = null "
        "where table_name = %s and day = %s",
        [table, day],
    )


def record_restored(connection: Connection, table: str, day: date, days: int) -> None:
    """Record that the rows are back; they stay until the newest day of the table is `days` days later than now."""
    connection.execute(
        "update ops.archives set state = 'restored', restored_at = clock_timestamp(), kept_through = %s + ("
        "select max(period_start) from ops.partitions where table_name = %s) where table_name = %s and day = %s",
        [days, table, table, day],
    )


def due_days(connection: Connection, table: str, keep: int) -> list[date]:
    """Days to archive: at least `keep` days older than the newest one; restored ones only once their time is over."""
    condition = "a.state is distinct from 'archived' and (a.kept_through is null or a.kept_through < newest.day)"
    return _old_days(connection, sql.SQL(condition), {"table": table, "keep": keep})


def days_with_personal_data(connection: Connection, table: str, keep: int, place: str) -> list[date]:
    """Days older than `keep` whose rows in a place (`partition` or `archive`) may still hold personal data."""
    condition = sql.SQL("""
        case %(place)s
            when 'archive' then (a.manifest -> 'fingerprint' ->> 'personal_values')::bigint > 0
            else a.state is distinct from 'archived' and not exists (
                select from ops.personal_removals as r
                where r.table_name = p.table_name and r.day = p.period_start and r.place = %(place)s
                  and r.removed_at >= greatest(p.updated_at, a.restored_at))
        end""")
    return _old_days(connection, condition, {"table": table, "keep": keep, "place": place})


def record_removal(
    connection: Connection, table: str, day: date, place: str, before: Fingerprint, after: Fingerprint
) -> None:
    """Record that personal data of a day was removed from a place, with the fingerprints before and after."""
    connection.execute(
        """
        insert into ops.personal_removals (table_name, day, place, values_removed, before, after)
        values (%s, %s, %s, %s, %s, %s)
        on conflict (table_name, day, place) do update set
            values_removed = excluded.values_removed, before = excluded.before, after = excluded.after,
            removed_at = clock_timestamp()""",
        [table, day, place, before.personal_values, Jsonb(asdict(before)), Jsonb(asdict(after))],
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
            f"{'the day has an archive' if lost[3] else 'raw rows were not kept, what was made of them is there'}, and "
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
