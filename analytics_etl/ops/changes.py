"""The change record: how much recomputing a partition changed its rows, and whether that is too much to publish.

Not here: how changes are measured (`comparison`).
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from analytics_etl.lake.difference import Difference
from analytics_etl.ops.records import CheckResult
from analytics_etl.postgres.connection import Connection, DatabaseError, rows
from analytics_etl.text.english import shortened

CHANGE_CHECK = "change_is_small"
CHANGE_DESCRIPTION = "A final period changes by no more than ANALYTICS_CHANGE_LIMIT_PERCENT when it is recomputed."

MOST_DAYS_NAMED, MOST_DAYS_WITH_FIGURES = 31, 5
"""What the message of a refusal shows; `ops.changes` has all of them."""


@dataclass(frozen=True)
class Gate:
    """The limit for a final period: a change of more than `percent` is refused unless somebody `accepted` it."""

    percent: float
    lateness_days: int
    """The allowed lateness of the table, after which its days are final."""
    accepted: bool = False


@dataclass(frozen=True)
class Change:
    """The difference between the old and the new rows of one partition [start, end)."""

    table: str
    start: date
    end: date
    rows_before: int
    rows_after: int
    added: int
    removed: int
    changed: int
    totals: Mapping[str, tuple[float, float]]
    """{additive column: (old, new) total}, without rows that add up others."""
    sums: Mapping[str, tuple[float, float]]
    """{numeric column outside the key: (old, new) sum over all rows}: even a sum of rates shows that rates changed."""
    code_version_before: str
    code_version_after: str

    @classmethod
    def of_files(cls, table: str, start: date, end: date, found: Difference, versions: tuple[str, str]) -> "Change":
        """The change of a partition in the lake; `versions` are the old and the new code version."""
        return cls(
            table, start, end, *found.rows, found.added, found.removed, found.changed, found.totals, found.sums,
            *versions,
        )  # fmt: skip

    def figures_above(self, percent: float) -> list["Figure"]:
        """The figures that changed by more than a limit: rows, totals, and sums of columns without a listed total."""
        totals = _figures_above({"rows": (self.rows_before, self.rows_after), **self.totals}, percent)
        names = {figure.what for figure in totals}
        others = {f"sum of {name}": pair for name, pair in self.sums.items() if name not in names}
        return [*totals, *_figures_above(others, percent)]

    def measures(self, percent: float | None = None) -> dict[str, dict[str, float | None]]:
        """{figure: {"old", "new", "percent"}} of each total, and of every other figure above a limit."""
        found = dict(self.totals)
        if percent is not None:
            above = [figure for figure in self.figures_above(percent) if figure.what != "rows"]
            found |= {figure.what: (figure.old, figure.new) for figure in above}
        return {name: {"old": old, "new": new, "percent": _percent(old, new)} for name, (old, new) in found.items()}


@dataclass(frozen=True)
class Figure:
    """One number that changed: the rows, the total of a measure, or the sum of a column without a total."""

    what: str
    old: float
    new: float
    change: str

    def __str__(self) -> str:
        return f"{self.what} {self.old:,} to {self.new:,} ({self.change})"


class ChangeRefusedError(DatabaseError):
    """Final days would change by more than the limit; nothing was published."""

    def __init__(self, changes: Sequence[Change], gate: Gate) -> None:
        self.changes = sorted(changes, key=lambda change: change.start)
        self.percent = gate.percent
        days = [change.start for change in self.changes]
        named = shortened(days, MOST_DAYS_NAMED)
        figures = "; ".join(
            f"{c.start}: {', '.join(map(str, c.figures_above(gate.percent)))}"
            for c in self.changes[:MOST_DAYS_WITH_FIGURES]
        )
        again = f"run {days[0]}" if len(days) == 1 else f"backfill {days[0]} {days[-1]}"
        who = "a final day" if len(days) == 1 else f"{len(days)} final days"
        super().__init__(
            f"{self.changes[0].table}: {who} would change by more than {gate.percent:g} %: {named}. The old rows stay, "
            f"also those of the table's other days in the same transaction. {figures}. To publish: "
            f'analytics-etl {again} --accept-change --reason "why it is right"'
        )

    def results(self) -> list[CheckResult]:
        """The failed check of each day."""
        return [
            CheckResult(
                change.table, CHANGE_CHECK, change.start, change.end, False, "error", CHANGE_DESCRIPTION,  # noqa: FBT003
                change.added + change.removed + change.changed,
                [vars(figure) for figure in change.figures_above(self.percent)],
            )
            for change in self.changes
        ]  # fmt: skip


def passed_checks(table: str, periods: Mapping[date, date]) -> list[CheckResult]:
    """The passed check of each published partition (start -> end)."""
    return [
        CheckResult(table, CHANGE_CHECK, start, end, True, "error", CHANGE_DESCRIPTION, 0, [])  # noqa: FBT003
        for start, end in periods.items()
    ]


def known_versions(connection: Connection, table: str, starts: Collection[date]) -> dict[date, str]:
    """The code version of each given partition that exists, by its start."""
    return dict(
        connection.execute(
            "select period_start, code_version from ops.partitions where table_name = %s and period_start = any(%s)",
            [table, list(starts)],
        ).fetchall()
    )


def judge(connection: Connection, changes: Sequence[Change], gate: Gate | None) -> None:
    """Raise ChangeRefusedError if a final day changes by more than the limit of the gate.

    Weeks and months are recorded, not judged: they are made of judged days, and a backfill completes them day by day.
    """
    if gate is None or gate.accepted:
        return
    days = [change for change in changes if change.end == change.start + timedelta(days=1)]
    above = [change for change in days if change.figures_above(gate.percent)]
    refused = [c for c in above if is_final(connection, c.table, c.end, gate.lateness_days)]
    if refused:
        raise ChangeRefusedError(refused, gate)


def is_final(connection: Connection, table: str, end: date, lateness_days: int) -> bool:
    """Whether a period is final: its table has a day that is at least `lateness_days` after the last day of it."""
    found = connection.execute(
        "select max(period_start) from ops.partitions where table_name = %s and period_end = period_start + 1", [table]
    ).fetchone()
    newest = None if found is None else found[0]
    return newest is not None and newest >= end - timedelta(days=1) + timedelta(days=lateness_days)


def record_changes(
    connection: Connection, changes: Iterable[Change], run_id: str | None, refused_at: float | None = None
) -> None:
    """Record changes: published ones, or, with `refused_at`, those refused by a gate of so many percent."""
    with connection.cursor() as cursor:
        cursor.executemany(
            """
            insert into ops.changes (
                table_name, period_start, period_end, published, rows_before, rows_after, rows_added, rows_removed,
                rows_changed, measures, code_version_before, code_version_after, run_id
            ) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
            [
                (c.table, c.start, c.end, refused_at is None, c.rows_before, c.rows_after, c.added, c.removed,
                 c.changed, json.dumps(c.measures(refused_at)), c.code_version_before, c.code_version_after, run_id)
                for c in changes
            ],
        )  # fmt: skip


def changes_of_run(connection: Connection, table: str, run_id: str) -> list[dict[str, Any]]:
    """The published and refused changes of a run in a table."""
    return rows(
        connection, "select * from ops.changes where table_name = %s and run_id = %s order by change_id",
        [table, run_id],
    )  # fmt: skip


def published_changes(connection: Connection, tables: Sequence[str], start: date, end: date) -> list[dict[str, Any]]:
    """The latest published change of each partition of some tables that holds any of the days [start, end)."""
    return rows(
        connection,
        "select distinct on (table_name, period_start) table_name, period_start, period_end, changed_at, run_id "
        "from ops.changes where table_name = any(%s) and period_end > %s and period_start < %s and published "
        "order by table_name, period_start, change_id desc",
        [list(tables), start, end],
    )


def newest_changes(
    connection: Connection, first: date, last: date, table: str | None, count: int
) -> list[dict[str, Any]]:  # fmt: skip
    """The newest changes of partitions that hold any of the days first to last, of one table or of all."""
    return rows(
        connection,
        "select * from ops.changes where period_start <= %s and period_end > %s and coalesce(table_name = %s, true) "
        "order by change_id desc limit %s",
        [last, first, table, count],
    )


def _figures_above(pairs: Mapping[str, tuple[float, float]], percent: float) -> list[Figure]:
    """The figures, {name: (old, new)}, that changed by more than a limit."""
    shares = {name: _percent(old, new) for name, (old, new) in pairs.items()}
    return [
        Figure(name, *pairs[name], "from nothing" if share is None else f"{share:+.2f} %")
        for name, share in shares.items()
        if share is None or abs(share) > percent
    ]


def _percent(old: float, new: float) -> float | None:
    """The change in percent of the old value; None if the old value is 0 and the new one is not."""
    if old == new:
        return 0.0
    return None if old == 0 else 100 * (new - old) / abs(old)
