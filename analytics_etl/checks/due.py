"""Checks that have to run: those that never judged a partition, or judged other rows, or were another check then."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, Protocol

from analytics_etl.checks.declared import Check

Why = Literal["absent", "older", "version"]

REASONS: Mapping[Why, str] = {
    "absent": "not checked",
    "older": "changed since it was checked",
    "version": "checked by an earlier version of the check",
}

_ALL_DAYS = date(1, 1, 1), date(9999, 12, 31)

# Whatever the number of days, what comes back is only what is due. Before their time is known, rows count as checked.
_DUE = """
    with
    declared as (
        select table_name, check_name, code_version
        from json_to_recordset(:declared::json) as d (table_name text, check_name text, code_version text)
    ),
    due as (
        select
            p.table_name, p.period_start, p.period_end, check_name,
            case
                when r.checked_at is null then 'absent'
                when r.checked_at < p.changed_at then 'older'
                else 'version'
            end as why
        from ops.partitions as p
        join declared as d using (table_name)
        left join ops.check_results as r using (table_name, check_name, period_start)
        where p.period_start >= :start::date and p.period_start < :end::date
            and (:run_id = '' or p.run_id = :run_id)
            and (r.checked_at is null or r.checked_at < p.changed_at or r.code_version <> d.code_version)
    )
    select table_name, period_start, period_end, why, array_agg(check_name order by check_name) as check_names
    from due
    group by 1, 2, 3, 4
    order by 1, 2, 4"""


class Source(Protocol):
    """What can be asked: the database, or a snapshot of it."""

    def query(
        self, statement: str, parameters: Mapping[str, str | int] | None = None, start: date | None = None,
        end: date | None = None,
    ) -> list[dict[str, object]]: ...  # fmt: skip


@dataclass(frozen=True)
class DueChecks:
    """Checks of one partition that have to run for one reason."""

    table: str
    start: date
    end: date
    why: Why
    names: tuple[str, ...]


def due_checks(
    source: Source, checks: Mapping[str, Sequence[Check]], start: date = _ALL_DAYS[0], end: date = _ALL_DAYS[1],
    run_id: str = "",
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
    found = source.query(_DUE, {"declared": json.dumps(declared), "run_id": run_id}, start, end)
    return [
        DueChecks(row["table_name"], row["period_start"], row["period_end"], row["why"], tuple(row["check_names"]))  # type: ignore[arg-type]
        for row in found
    ]
