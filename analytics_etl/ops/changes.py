"""The change record: by how much recomputing a partition changed what readers see, and whether that is too much."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from analytics_etl.ops.operations import CheckResult
from analytics_etl.postgres.connection import Connection, DatabaseError, rows
from analytics_etl.text.english import shortened

CHANGE_CHECK = "change_is_small"
CHANGE_DESCRIPTION = "A final period changes by no more than ANALYTICS_CHANGE_LIMIT_PERCENT when it is recomputed."

MOST_DAYS_NAMED, MOST_DAYS_WITH_FIGURES = 31, 5
"""In the message of a refusal; ops.changes has all of them."""


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
    totals: Mapping[str, tuple[float, float]]
    """Old and new total of each column that can be added up, of rows that add up no others."""
    sums: Mapping[str, tuple[float, float]]
    """The same of each numeric column that is no key, over all rows: a sum of rates says nothing to people, and yet
    tells that they changed.
    """
    code_version_before: str
    code_version_after: str

    def beyond(self, percent: float) -> list["Figure"]:
        """What of it exceeds a limit: the number of rows, totals, and sums of columns that no total tells of."""
        told = _beyond({"rows": (self.rows_before, self.rows_after), **self.totals}, percent)
        names = {figure.what for figure in told}
        others = {f"sum of {name}": pair for name, pair in self.sums.items() if name not in names}
        return [*told, *_beyond(others, percent)]

    def measures(self, percent: float | None = None) -> dict[str, dict[str, float | None]]:
        """{what: {"old", "new", "percent"}} of each total, and of all else that exceeds a limit."""
        found = dict(self.totals)
        if percent is not None:
            found |= {figure.what: (figure.old, figure.new) for figure in self.beyond(percent) if figure.what != "rows"}
        return {name: {"old": old, "new": new, "percent": _percent(old, new)} for name, (old, new) in found.items()}


@dataclass(frozen=True)
class Figure:
    """What changed: the number of rows, the total of a measure, or the sum of a column that has none."""

    what: str
    old: float
    new: float
    change: str

    def __str__(self) -> str:
        return f"{self.what} {self.old:,} to {self.new:,} ({self.change})"


class ChangeRefusedError(DatabaseError):
    """A change of a final period above the limit; nothing of it was published."""

    def __init__(self, changes: Sequence[Change], gate: Gate) -> None:
        self.changes = sorted(changes, key=lambda change: change.start)
        self.percent = gate.percent
        days = [change.start for change in self.changes]
        named = shortened(days, MOST_DAYS_NAMED)
        figures = "; ".join(
            f"{c.start}: {', '.join(map(str, c.beyond(gate.percent)))}" for c in self.changes[:MOST_DAYS_WITH_FIGURES]
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
                [vars(figure) for figure in change.beyond(self.percent)],
            )
            for change in self.changes
        ]  # fmt: skip


def passed(table: str, periods: Mapping[date, date]) -> list[CheckResult]:
    """The check of some partitions (start -> end) that were published."""
    return [
        CheckResult(table, CHANGE_CHECK, start, end, True, "error", CHANGE_DESCRIPTION, 0, [])  # noqa: FBT003
        for start, end in periods.items()
    ]


def known_versions(connection: Connection, table: str, starts: Collection[date]) -> dict[date, str]:
    """The code versions of the partitions that were materialised before."""
    return dict(
        connection.execute(
            "select period_start, code_version from ops.partitions where table_name = %s and period_start = any(%s)",
            [table, list(starts)],
        ).fetchall()
    )


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


def record_changes(
    connection: Connection, changes: Iterable[Change], run_id: str | None, refused_at: float | None = None
) -> None:
    """Write changes down: published ones, or those that a gate of so many percent refused."""
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
    """What a run changed in a table, or was refused to change."""
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


def _beyond(pairs: Mapping[str, tuple[float, float]], percent: float) -> list[Figure]:
    """Those of some old and new figures that changed by more than a limit."""
    shares = {name: _percent(old, new) for name, (old, new) in pairs.items()}
    return [
        Figure(name, *pairs[name], "from nothing" if share is None else f"{share:+.2f} %")
        for name, share in shares.items()
        if share is None or abs(share) > percent
    ]


def _percent(old: float, new: float) -> float | None:
    """The change in percent of the old; None when something came from nothing."""
    if old == new:
        return 0.0
    return None if old == 0 else 100 * (new - old) / abs(old)
