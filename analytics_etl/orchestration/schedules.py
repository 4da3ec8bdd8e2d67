"""Jobs of tables, views, retention and verification, and their schedules. All times are UTC."""

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from analytics_etl.catalog.calendar import NAMES, Cadence, period_start
from analytics_etl.orchestration.partitions import Partitions
from analytics_etl.pipeline.jobs import VIEWS_JOB

if TYPE_CHECKING:  # Dagster has no public name for what define_asset_job returns
    from analytics_etl.orchestration.dagster_private import UnresolvedAssetJobDefinition as AssetJob

_CRON: dict[Cadence, str] = {"day": "5 0 * * *", "week": "5 1 * * 1", "month": "35 1 1 * *"}
"""Yesterday at 00:05. Weeks on Monday and months on the 1st, an hour or more later, when yesterday is loaded."""

RETENTION_JOB = "retention"


def build_jobs(assets: list[dg.AssetsDefinition], partitions: Partitions) -> "list[AssetJob]":
    """One job for the tables and reports of each cadence, with their checks, and one for assets without partitions."""
    jobs = []
    for cadence, name in NAMES.items():
        definition = partitions.of(cadence)
        keys = [asset.key for asset in assets if asset.partitions_def == definition]
        jobs.append(
            dg.define_asset_job(
                name,
                selection=dg.AssetSelection.assets(*keys),
                description=f"Every {name} table and report with its checks, for one {cadence} or a range of them.",
            )
        )
    keys = [asset.key for asset in assets if asset.partitions_def is None]
    jobs.append(
        dg.define_asset_job(
            VIEWS_JOB,
            selection=dg.AssetSelection.assets(*keys),
            description="The materialized views, with their checks, and the index of the reports.",
        )
    )
    return jobs


def build_schedules(jobs: "list[AssetJob]") -> list[dg.ScheduleDefinition]:
    """A schedule for each job of `build_jobs`."""
    by_name = {job.name: job for job in jobs}
    schedules = [_periodic(by_name[name], cadence) for cadence, name in NAMES.items()]
    views = dg.ScheduleDefinition(
        name="views_hourly",
        job=by_name[VIEWS_JOB],
        cron_schedule="20 * * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
    return [*schedules, views]


def build_retention(asset: dg.AssetsDefinition) -> "tuple[AssetJob, dg.ScheduleDefinition]":
    """The job of retention, which has no partitions, and its schedule, after the daily run."""
    job = dg.define_asset_job(
        RETENTION_JOB,
        selection=dg.AssetSelection.assets(asset.key),
        description="Raw days leave their tables after ANALYTICS_HOT_DAYS, personal columns are emptied before.",
    )
    schedule = dg.ScheduleDefinition(
        name=f"{RETENTION_JOB}_daily",
        job=job,
        cron_schedule="30 3 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
    return job, schedule


def build_verification_job(asset: dg.AssetsDefinition) -> "AssetJob":
    """The job of the verification alone: it must not run with every refresh of the views."""
    return dg.define_asset_job(
        "watchdog",
        selection=dg.AssetSelection.assets(asset.key),
        description="Compares sampled cells with what another engine computes from the raw rows.",
    )


def build_verification_schedule(job: "AssetJob") -> dg.ScheduleDefinition:
    """The schedule of the verification: Monday, after the weekly run."""
    return dg.ScheduleDefinition(
        name="watchdog_weekly",
        job=job,
        cron_schedule="35 3 * * 1",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )


def scheduled_period(cadence: Cadence, scheduled_at: datetime) -> date:
    """First day of the newest period that is over at a scheduled time."""
    yesterday = scheduled_at.astimezone(UTC).date() - timedelta(days=1)
    return period_start(cadence, yesterday)


def _periodic(job: "AssetJob", cadence: Cadence) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=f"{job.name}_schedule",
        job=job,
        cron_schedule=_CRON[cadence],
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Runs the {cadence} that is just over.",
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        start = scheduled_period(cadence, context.scheduled_execution_time)
        return dg.RunRequest(partition_key=start.isoformat())

    return schedule
