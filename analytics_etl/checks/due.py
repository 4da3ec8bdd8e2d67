"""Checks that have to run: those that never judged a partition, or judged other rows, or were another check then."""

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
    """Checks of one partition that have to run for one reason."""

    table: str
    start: date
    end: date
    why: Why
    names: tuple[str, ...]


def due_checks(
    source: Database | Snapshot, checks: Mapping[str, Sequence[Check]], start: date = _ALL_DAYS[0],
    end: date = _ALL_DAYS[1], run_id: str = "",
) -> list[DueChecks]:  # fmt: skip
    """What is due of some checks (by table) for the partitions that begin in [start, end); only of those that a run
    wrote, when it is named. Views have no partitions.
    """
    declared = [
        {"table_name": table, "check_name": check.name, "code_version": check.code_version}
        for table, of in checks.items()
        for check in of
        if check.problem is None  # it would find nothing out about what others have judged
    ]
    found = source.read(check_results.due, declared, start, end, run_id)
    return [
        DueChecks(row["table_name"], row["period_start"], row["period_end"], row["why"], tuple(row["check_names"]))
        for row in found
    ]
