"""The sensor that requests the views job once, after the last run of days, weeks and months has ended.

That job refreshes the views, `ops/days` and the index of the reports. The sensor has no state: Dagster's runs say what
ended since the last refresh, and what is still to come. So failed runs are followed by a refresh like successful ones,
and a failed refresh is not requested again.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg
from dagster import DagsterInstance, RunRecord, RunsFilter
from dagster import DagsterRunStatus as Status

from analytics_etl.catalog.calendar import NAMES, Cadence
from analytics_etl.orchestration.dagster_private import (
    IMPLICIT_ASSET_JOB_NAME,
    RUN_KEY_TAG,
    BulkActionsFilter,
    BulkActionStatus,
)
from analytics_etl.orchestration.late import BY_TAG, UNDER_WAY, days_of_run, period_run_key
from analytics_etl.pipeline.jobs import VIEWS_JOB

if TYPE_CHECKING:  # Dagster has no public name for what define_asset_job returns
    from analytics_etl.orchestration.dagster_private import UnresolvedAssetJobDefinition as AssetJob

PATIENCE = timedelta(minutes=10)
"""How long after a run the sensor waits for the weeks and months that should follow it. They may never come: their
sensor may be switched off, the command line that runs them may have been killed.
"""

LOOK_BACK = timedelta(days=1)
"""Runs that ended earlier are ignored: the hourly refresh came after them."""

_ENDED = [Status.SUCCESS, Status.FAILURE, Status.CANCELED]
_FOLLOWED = {*NAMES.values(), IMPLICIT_ASSET_JOB_NAME}
"""The jobs of days, weeks and months, and the one that Dagster makes when somebody materialises assets in the UI."""

_PERIODS: tuple[Cadence, ...] = ("week", "month")


def build_views_sensor(views_job: "AssetJob") -> dg.SensorDefinition:
    """The sensor that requests the views job when no run of days, weeks or months is under way or about to come."""

    @dg.sensor(
        name="views_after_runs",
        job=views_job,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="When the last run of days, weeks and months has ended: refreshes the views, writes what failed "
        "into the reports, and lists these.",
    )
    def views_after_runs(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        now = datetime.now(UTC)
        ended = _not_followed(context.instance, now)
        if not ended:
            return dg.SkipReason("no run of days, weeks or months has ended since the views were refreshed")
        if _is_busy(context.instance):
            return dg.SkipReason("runs of days, weeks or months are under way")
        if any(_is_awaited(context.instance, record, now) for record in ended):
            return dg.SkipReason("the weeks and months of these days are about to be run")
        return dg.RunRequest(run_key=max(ended, key=_end).dagster_run.run_id)

    return views_after_runs


def _not_followed(instance: DagsterInstance, now: datetime) -> list[RunRecord]:
    """The runs of partitions that ended after the newest refresh of the views began."""
    newest = instance.get_run_records(RunsFilter(job_name=VIEWS_JOB), limit=1)
    if any(not record.dagster_run.is_finished and record.start_time is None for record in newest):
        return []  # a refresh is about to begin, and will see all runs that have ended by now
    began = max([(now - LOOK_BACK).timestamp(), *map(_beginning, newest)])
    since = datetime.fromtimestamp(began, UTC)
    records = instance.get_run_records(RunsFilter(statuses=_ENDED, updated_after=since))
    return [record for record in records if _is_followed(record) and _end(record) > began]


def _is_followed(record: RunRecord) -> bool:
    run = record.dagster_run
    return run.job_name in NAMES.values() or (run.job_name in _FOLLOWED and days_of_run(run.tags) is not None)


def _is_busy(instance: DagsterInstance) -> bool:
    """Whether a run of partitions, or a backfill that starts such runs, is queued or under way."""
    runs = instance.get_run_records(RunsFilter(statuses=UNDER_WAY))
    going = BulkActionsFilter(statuses=[BulkActionStatus.REQUESTED, BulkActionStatus.CANCELING])
    return any(map(_is_followed, runs)) or bool(instance.get_backfills(going, limit=1))


def _is_awaited(instance: DagsterInstance, record: RunRecord, now: datetime) -> bool:
    """Whether runs of weeks and months are about to be requested because of a run that has ended."""
    run = record.dagster_run
    if _end(record) < (now - PATIENCE).timestamp():
        return False
    if BY_TAG in run.tags:  # the command line runs weeks, months and, at the end, the views itself
        return True
    if run.job_name != NAMES["day"] or run.status != Status.SUCCESS or days_of_run(run.tags) is None:
        return False
    return not all(_has_run(instance, key) for key in _keys_of_periods(run.run_id))


def _keys_of_periods(run_id: str) -> Iterator[str]:
    for cadence in _PERIODS:
        yield period_run_key(run_id, NAMES[cadence])


def _has_run(instance: DagsterInstance, run_key: str) -> bool:
    return bool(instance.get_run_ids(RunsFilter(tags={RUN_KEY_TAG: run_key}), limit=1))


def _beginning(record: RunRecord) -> float:
    return record.start_time or record.create_timestamp.replace(tzinfo=UTC).timestamp()


def _end(record: RunRecord) -> float:
    return record.end_time or record.update_timestamp.replace(tzinfo=UTC).timestamp()
