"""The change record: by how much recomputing a partition changed what readers see, and whether that is too much."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from psycopg import sql

from analytics_etl.warehouse.connection import Connection, DatabaseError, rows

_NUMBERS = ["smallint", "integer", "bigint", "numeric", "real", "double precision"]


@dataclass(frozen=True)
class Gate:
    """What may be published unasked: changes up to `percent`; on a final period no more, unless `accepted`."""

    percent: float
    lateness_days: int
    """The window of the table, after which its days are final."""
    accepted: bool = False


@dataclass(frozen=True)
class Change:
    """What recomputing did to one partition."""

    table: str
    start: date
    end: date
    rows_before: int
    rows_after: int
    added: int
    removed: int
    changed: int
    measures: Mapping[str, Mapping[str, float | None]]
    """Of each numeric column that is no key: {"old", "new", "percent"}."""
    code_version_before: str
    code_version_after: str

    def beyond(self, percent: float) -> list[str]:
        """What of it exceeds a limit, in words."""
        totals = {"rows": (self.rows_before, self.rows_after)} | {
            name: (measure["old"], measure["new"]) for name, measure in self.measures.items()
        }
        found = []
        for name, (old, new) in totals.items():
            assert old is not None
            assert new is not None
            share = _percent(old, new)
            if share is None or abs(share) > percent:
                shown = "from nothing" if share is None else f"{share:+.2f} %"
                found.append(f"{name} {old:,} to {new:,} ({shown})")
        return found


class ChangeRefusedError(DatabaseError):
    """A change of a final period above the limit; nothing of it was published."""

    def __init__(self, changes: Sequence[Change], gate: Gate) -> None:
        self.changes = list(changes)
        first, last = min(c.start for c in changes), max(c.end for c in changes) - timedelta(days=1)
        what = "; ".join(f"{c.table} {c.start}: {', '.join(c.beyond(gate.percent))}" for c in self.changes[:5])
        super().__init__(
            f"final data would change by more than {gate.percent:g} %, so nothing was replaced: {what}. To publish it: "
            f'analytics-etl backfill {first} {last} --accept-change --reason "why it is right"'
        )


@dataclass(frozen=True)
class Side:
    """Rows of one state, old or new: a relation, and a condition that picks the partition."""

    relation: sql.Composable
    condition: sql.Composable = field(default_factory=lambda: sql.SQL("true"))


def known_versions(connection: Connection, table: str, starts: Collection[date]) -> dict[date, str]:
    """The code versions of the partitions that were materialised before."""
    return dict(
        connection.execute(
            "select period_start, code_version from ops.partitions where table_name = %s and period_start = any(%s)",
            [table, list(starts)],
        ).fetchall()
    )


def measures_of(connection: Connection, table: str, key: Collection[str]) -> list[str]:
    """The numeric columns of a table that are not in its key."""
    found = connection.execute(
        "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped "
        "and format_type(atttypid, null) = any(%s) order by attnum",
        [table, _NUMBERS],
    ).fetchall()
    return [name for (name,) in found if name not in key]


def differs(connection: Connection, old: Side, new: Side, columns: Iterable[str]) -> bool:
    """Whether two states differ, without joining them: by count and a sum of hashes, which no order changes."""
    query = sql.SQL("select count(*), sum(hashtextextended({row}::text, 0)) from {side} where {condition}")
    found = [
        connection.execute(query.format(row=_row(columns), side=side.relation, condition=side.condition)).fetchone()
        for side in (old, new)
    ]
    return found[0] != found[1]


def compare(
    connection: Connection, old: Side, new: Side, key: Iterable[str], columns: Iterable[str], measures: Sequence[str]
) -> tuple[int, int, int, int, int, dict[str, dict[str, float | None]]]:
    """Rows before, after, added, removed, changed, and the totals of the measures, by one full join on the key."""
    # The key as text: a full join wants equality that can be hashed, and a key may hold nulls.
    side = sql.SQL("(select {key}::text as row_key, {row}::text as content{measures} from {relation} where {where})")
    picked = sql.SQL("").join(sql.SQL(", {}").format(sql.Identifier(name)) for name in measures)
    totals = sql.SQL("").join(
        sql.SQL(", coalesce(sum(o.{name}), 0)::float8, coalesce(sum(n.{name}), 0)::float8").format(
            name=sql.Identifier(name)
        )
        for name in measures
    )

    def rows_of(state: Side) -> sql.Composable:
        return side.format(
            key=_row(key), row=_row(columns), measures=picked, relation=state.relation, where=state.condition
        )

    found = connection.execute(
        sql.SQL(
            "select count(o.content), count(n.content), count(*) filter (where o.content is null), "
            "count(*) filter (where n.content is null), count(*) filter (where o.content <> n.content){totals} "
            "from {old} as o full join {new} as n using (row_key)"
        ).format(totals=totals, old=rows_of(old), new=rows_of(new))
    ).fetchone()
    assert found is not None
    before, after, added, removed, changed, *sums = found
    by_name: dict[str, dict[str, float | None]] = {
        name: {"old": sums[2 * n], "new": sums[2 * n + 1], "percent": _percent(sums[2 * n], sums[2 * n + 1])}
        for n, name in enumerate(measures)
    }
    return before, after, added, removed, changed, by_name


def judge(connection: Connection, changes: Sequence[Change], gate: Gate | None) -> None:
    """Raise ChangeRefusedError if a final day changes by more than the gate lets through.

    Weeks and months are recorded and not judged: they follow from days, which were, and a backfill that goes day by day
    completes them step by step.
    """
    if gate is None or gate.accepted:
        return
    days = [change for change in changes if change.end == change.start + timedelta(days=1)]
    refused = [c for c in days if c.beyond(gate.percent) and is_final(connection, c.table, c.end, gate.lateness_days)]
    if refused:
        raise ChangeRefusedError(refused, gate)


def is_final(connection: Connection, table: str, end: date, lateness_days: int) -> bool:
    """Whether the newest day of a table is at least so many days after the last day of a period."""
    found = connection.execute(
        "select max(period_start) from ops.partitions where table_name = %s and period_end = period_start + 1", [table]
    ).fetchone()
    newest = None if found is None else found[0]
    return newest is not None and newest >= end - timedelta(days=1) + timedelta(days=lateness_days)


def record_changes(connection: Connection, changes: Iterable[Change], run_id: str | None, *, published: bool) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            """
            insert into ops.changes (
                table_name, period_start, period_end, published, rows_before, rows_after, rows_added, rows_removed,
                rows_changed, measures, code_version_before, code_version_after, run_id
            ) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
            [
                (c.table, c.start, c.end, published, c.rows_before, c.rows_after, c.added, c.removed, c.changed,
                 json.dumps(c.measures), c.code_version_before, c.code_version_after, run_id)
                for c in changes
            ],
        )  # fmt: skip


def changes_of_run(connection: Connection, table: str, run_id: str) -> list[dict[str, Any]]:
    """What a run changed in a table, or was refused to change."""
    return rows(
        connection, "select * from ops.changes where table_name = %s and run_id = %s order by change_id",
        [table, run_id],
    )  # fmt: skip


def _row(columns: Iterable[str]) -> sql.Composable:
    return sql.SQL("row({})").format(sql.SQL(", ").join(map(sql.Identifier, columns)))


def _percent(old: float, new: float) -> float | None:
    """The change in percent of the old; None when something came from nothing."""
    if old == new:
        return 0.0
    return None if old == 0 else 100 * (new - old) / abs(old)
