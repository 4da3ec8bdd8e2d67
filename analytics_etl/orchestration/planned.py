"""What jobs would do: each table, view and report with its partitions, why, and how long they took last time."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

from analytics_etl.catalog.calendar import periods
from analytics_etl.ops.operations import partitions
from analytics_etl.ops.partitions import newest_durations
from analytics_etl.pipeline.backfill_plan import Gap, Plan
from analytics_etl.pipeline.jobs import Job
from analytics_etl.pipeline.lineage import Lineage
from analytics_etl.postgres.database import Database

FOLLOWS = "made of what is run"


@dataclass(frozen=True)
class Step:
    """One table, view or report of a job, or the checks of a table that is not run."""

    name: str
    partitions: int | None
    """None of what has no partitions."""
    why: str
    milliseconds: int | None
    """That its partitions took when they were last written; None when that is not known, as of reports and views."""
    is_guess: bool = False
    """Whether some of them were never written, and count like the newest one of the table."""


def steps(database: Database, lineage: Lineage, job: Job, plan: Plan, otherwise: str) -> list[Step]:
    """What a job would do, in order; what the plan has no reason for gets the other one."""
    if job.cadence is None or job.first is None or job.last is None:
        return [Step(name, None, plan.views.get(name, FOLLOWS), None) for name in job.makes(lineage)]
    wanted = periods(job.cadence, job.first, job.last)
    records = database.run(partitions, min(wanted), max(wanted.values()))
    took = {(record["table_name"], record["period_start"]): record["duration_ms"] for record in records}
    newest = database.read(newest_durations)
    reasons = _by_period([*plan.gaps, *plan.reports])

    def of_table(name: str) -> Step:
        known = [took[name, start] for start in wanted if (name, start) in took]
        lacking = len(wanted) - len(known)
        milliseconds = sum(known) + lacking * newest[name] if name in newest else None
        why = _counted(reasons.get((name, start), otherwise) for start in wanted)
        return Step(name, len(wanted), why, milliseconds, is_guess=name in newest and lacking > 0)

    of_checks = _by_period(plan.checks)
    judged = dict.fromkeys(table for table, _ in job.only.checks) if job.only is not None else {}
    checks = [
        Step(f"checks of {table}", len(wanted), _counted(of_checks.get((table, s), FOLLOWS) for s in wanted), None)
        for table in judged
    ]
    return [*map(of_table, job.makes(lineage)), *checks]


def last_run(instance: DagsterInstance, job: Job) -> tuple[datetime, float] | None:
    """When the newest run of a job that succeeded began, and the seconds it took; None without one."""
    filters = RunsFilter(job_name=job.name, statuses=[DagsterRunStatus.SUCCESS])
    for record in instance.get_run_records(filters, limit=1):
        if record.start_time is not None and record.end_time is not None:
            return datetime.fromtimestamp(record.start_time, UTC), record.end_time - record.start_time
    return None


def _by_period(gaps: Iterable[Gap]) -> Mapping[tuple[str, date], str]:
    return {(gap.table, gap.start): gap.why for gap in gaps}


def _counted(reasons: Iterable[str]) -> str:
    """The reason; of several the most frequent first, each with the number of its partitions."""
    found = Counter(reasons)
    return next(iter(found)) if len(found) == 1 else "; ".join(f"{n:,} {why}" for why, n in found.most_common())
