"""What a job would do: each table, view and report with its partitions, the reason, and the time it took last."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

from analytics_etl.catalog.calendar import periods
from analytics_etl.ops.partitions import newest_durations
from analytics_etl.ops.records import partitions
from analytics_etl.pipeline.jobs import Job
from analytics_etl.pipeline.lineage import Lineage
from analytics_etl.pipeline.plan import DueItem, Plan
from analytics_etl.postgres.database import Database

FOLLOWS = "made of what is run"


@dataclass(frozen=True)
class Step:
    """One table, view or report of a job; or the checks of a table that the job does not write."""

    name: str
    partitions: int | None
    """Number of partitions; None for a step without partitions."""
    why: str
    milliseconds: int | None
    """Time the partitions took when last written; None when unknown, as for reports and views."""
    is_guess: bool = False
    """Whether some partitions were never written; each is expected to take as long as the table's newest one."""


def steps(database: Database, lineage: Lineage, job: Job, plan: Plan, otherwise: str) -> list[Step]:
    """The steps of a job, in order. A step for which the plan has no reason gets the reason `otherwise`."""
    if job.cadence is None or job.first is None or job.last is None:
        return [Step(name, None, plan.views.get(name, FOLLOWS), None) for name in job.makes(lineage)]
    wanted = periods(job.cadence, job.first, job.last)
    records = database.run(partitions, min(wanted), max(wanted.values()))
    took = {(record["table_name"], record["period_start"]): record["duration_ms"] for record in records}
    newest = database.read(newest_durations)
    reasons = _by_period([*plan.partitions, *plan.reports])

    def table_step(name: str) -> Step:
        known = [took[name, start] for start in wanted if (name, start) in took]
        missing = len(wanted) - len(known)
        milliseconds = sum(known) + missing * newest[name] if name in newest else None
        why = _counted(reasons.get((name, start), otherwise) for start in wanted)
        return Step(name, len(wanted), why, milliseconds, is_guess=name in newest and missing > 0)

    check_reasons = _by_period(plan.checks)
    judged = dict.fromkeys(table for table, _ in job.only.checks) if job.only is not None else {}
    checks = [
        Step(f"checks of {table}", len(wanted), _counted(check_reasons.get((table, s), FOLLOWS) for s in wanted), None)
        for table in judged
    ]
    return [*map(table_step, job.makes(lineage)), *checks]


def last_run(instance: DagsterInstance, job: Job) -> tuple[datetime, float] | None:
    """(start, seconds) of the newest successful run of a job; None without one."""
    filters = RunsFilter(job_name=job.name, statuses=[DagsterRunStatus.SUCCESS])
    for record in instance.get_run_records(filters, limit=1):
        if record.start_time is not None and record.end_time is not None:
            return datetime.fromtimestamp(record.start_time, UTC), record.end_time - record.start_time
    return None


def _by_period(items: Iterable[DueItem]) -> Mapping[tuple[str, date], str]:
    return {(item.table, item.start): item.why for item in items}


def _counted(reasons: Iterable[str]) -> str:
    """The reason; several ones with their numbers of partitions, the most frequent first."""
    found = Counter(reasons)
    return next(iter(found)) if len(found) == 1 else "; ".join(f"{n:,} {why}" for why, n in found.most_common())
