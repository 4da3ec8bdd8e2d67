"""Late data: a job that scans new landing files, and the sensors that start the scan and the runs it makes necessary.

The scan writes only the ledger. Ordinary daily runs load the days that then have rows waiting.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg
from dagster import DagsterRunStatus as Status

from analytics_etl.catalog.calendar import Cadence, periods, stretches
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.orchestration.dagster_private import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
)
from analytics_etl.pipeline.late import late_days, new_files
from analytics_etl.pipeline.loading import scan_files
from analytics_etl.pipeline.partition_states import expect_day
from analytics_etl.postgres.database import Database

SCAN_JOB = "scan_landing"
BY_TAG = "analytics_etl/by"
"""A tag on runs of the command line, which runs weeks, months and views itself."""

PAUSE_AFTER_FAILURE = timedelta(minutes=15)
"""How long the sensor waits before it requests the days of a failed run again."""
UNDER_WAY = [Status.QUEUED, Status.NOT_STARTED, Status.STARTING, Status.STARTED, Status.CANCELING]
_FAILED = [Status.FAILURE, Status.CANCELED]


def build_scan_job(catalog: Catalog) -> dg.JobDefinition:
    """The job that scans new and changed landing files into the ledger. It loads no day."""

    @dg.op(description="Reads new and changed landing files; their rows wait in the ledger for runs of their days.")
    def scan(context: dg.OpExecutionContext, database: dg.ResourceParam[Database]) -> None:
        scan_files(catalog, database, context.run_id, context.log.info)

    @dg.job(name=SCAN_JOB, description="Finds out of which days new landing files hold events.")
    def scan_landing() -> None:
        scan()

    return scan_landing


def build_late_sensor(catalog: Catalog, scan_job: dg.JobDefinition, daily_job: Any) -> dg.SensorDefinition:
    """The sensor that requests a scan when there are new files, then runs of the provisional days with rows waiting."""

    @dg.sensor(
        name="late_data",
        jobs=[scan_job, daily_job],
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="New landing files: one scan for all of them, then the days within the lateness window.",
    )
    def late_data(
        context: dg.SensorEvaluationContext, database: dg.ResourceParam[Database]
    ) -> Iterator[dg.RunRequest | dg.SkipReason]:
        now = datetime.now(UTC)
        expect_day(database, catalog.kept_by_day, now.date() - timedelta(days=1))
        if _busy_days(context.instance, SCAN_JOB, now) is not None:
            yield dg.SkipReason("a scan is under way, or failed a moment ago")
        elif any(any(new_files(contract, catalog, database)) for contract in catalog.contracts.values()):
            yield dg.RunRequest(job_name=SCAN_JOB)
        else:
            busy = _busy_days(context.instance, daily_job.name, now) or set()
            wanted = late_days(database, catalog, now.date() - timedelta(days=1)) - busy
            for first, last in stretches(wanted):
                yield dg.RunRequest(job_name=daily_job.name, **partitions_of(first, last))

    return late_data


def build_period_sensor(daily_job: Any, period_jobs: Mapping[Cadence, Any]) -> dg.SensorDefinition:
    """The sensor that requests the weeks and months of the days of each daily run."""

    @dg.run_status_sensor(
        name="periods_after_daily",
        run_status=Status.SUCCESS,
        monitored_jobs=[daily_job],
        request_jobs=list(period_jobs.values()),
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Weeks and months follow their days; runs of the command line do them themselves.",
    )
    def periods_after_daily(context: dg.RunStatusSensorContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        run = context.dagster_run
        days = days_of_run(run.tags)
        if BY_TAG in run.tags or days is None:
            yield dg.SkipReason("the command line runs the weeks and months itself")
            return
        for cadence, job in period_jobs.items():
            starts = list(periods(cadence, *days))
            key = period_run_key(run.run_id, job.name)
            yield dg.RunRequest(run_key=key, job_name=job.name, **partitions_of(starts[0], starts[-1]))

    return periods_after_daily


def period_run_key(run_id: str, job_name: str) -> str:
    """The run key of the weeks or months that follow a daily run; Dagster starts one run for each key."""
    return f"{run_id} {job_name}"


def days_of_run(tags: Mapping[str, str]) -> tuple[date, date] | None:
    """The first and last partition of a run, from its tags; None for a run without partitions."""
    first = tags.get(ASSET_PARTITION_RANGE_START_TAG) or tags.get(PARTITION_NAME_TAG)
    last = tags.get(ASSET_PARTITION_RANGE_END_TAG) or tags.get(PARTITION_NAME_TAG)
    return (date.fromisoformat(first), date.fromisoformat(last)) if first and last else None


def _busy_days(instance: dg.DagsterInstance, job: str, now: datetime) -> set[date] | None:
    """The days of runs of a job that are under way or failed within the pause; None when there are no such runs."""
    under_way = instance.get_runs(dg.RunsFilter(job_name=job, statuses=UNDER_WAY))
    failed = instance.get_runs(dg.RunsFilter(job_name=job, statuses=_FAILED, updated_after=now - PAUSE_AFTER_FAILURE))
    runs = [*under_way, *failed]
    if not runs:
        return None
    ranges = [found for run in runs if (found := days_of_run(run.tags)) is not None]
    return {day for first, last in ranges for day in periods("day", first, last)}


def partitions_of(first: date, last: date) -> dict[str, Any]:
    """The arguments of a RunRequest for a partition or a range of partitions."""
    if first == last:
        return {"partition_key": first.isoformat()}
    return {
        "tags": {
            ASSET_PARTITION_RANGE_START_TAG: first.isoformat(),
            ASSET_PARTITION_RANGE_END_TAG: last.isoformat(),
        }
    }
