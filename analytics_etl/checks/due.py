"""Due checks: those never run for a partition, those run for older rows, and those that changed since they ran."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from analytics_etl.checks.declared import Check
from analytics_etl.ops import check_results
from analytics_etl.postgres.database import Database
from analytics_etl.postgres.snapshot import Snapshot

Why = Literal["absent", "older", "version"]

REASONS: Mapping[Why, str] = {
    "absent": "not checked",
    "older": "changed since it was checked",
    "version": "checked by an earlier version of the check",
}

_ALL_DAYS = date(1, 1, 1), date(9999, 12, 31)


@dataclass(frozen=True)
class DueChecks:
    """Checks of one partition that are due for the same reason."""

    table: str
    start: date
    end: date
    why: Why
    names: tuple[str, ...]


def due_checks(
    source: Database | Snapshot, checks: Mapping[str, Sequence[Check]], start: date = _ALL_DAYS[0],
    end: date = _ALL_DAYS[1], run_id: str = "",
) -> list[DueChecks]:  # fmt: skip
    """Of the given {table: checks}, those that are due for the partitions that begin in [start, end).

    With a `run_id`, only for partitions that this run wrote. Views have no partitions, so that nothing of them is due.
    """
    declared = [
        {"table_name": table, "check_name": check.name, "code_version": check.code_version}
        for table, of in checks.items()
        for check in of
        if check.problem is None  # a broken check cannot judge rows
    ]
    found = source.read(check_results.due, declared, start, end, run_id)
    return [
        DueChecks(row["table_name"], row["period_start"], row["period_end"], row["why"], tuple(row["check_names"]))
        for row in found
    ]
