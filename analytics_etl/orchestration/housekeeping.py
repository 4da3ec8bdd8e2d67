"""Housekeeping of runs: a job removes old ones with their event logs, a sensor fails those whose process is gone.

Dagster knows that a partition exists from the event of its materialization, and deletes that event with its run. So the
job keeps a run, however old, that holds the latest materialization of a partition (or of an asset without partitions),
or the latest evaluation of a check in a partition.

A run whose process was killed stays `started` for Dagster, and keeps the pools of its tables.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster import AssetCheckKey, DagsterEventType, DagsterInstance, DagsterRunStatus, RunsFilter

from analytics_etl.config.settings import Settings
from analytics_etl.config.values import typed_day
from analytics_etl.ops.liveness import runs_without_lock
from analytics_etl.ops.records import record_audit
from analytics_etl.orchestration.dagster_private import MAX_RETRIES_TAG, PartitionKeyFilter
from analytics_etl.orchestration.dagster_private import AssetCheckExecutionRecordStatus as CheckStatus
from analytics_etl.postgres.database import Database
from analytics_etl.text.english import counted

JOB_NAME = "housekeeping"
_ENDED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]
_AT_WORK = [DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]
_EVALUATED = {CheckStatus.SUCCEEDED, CheckStatus.FAILED}


@dataclass(frozen=True)
class Pruned:
    """Ids of runs that ended before a given time: those removed (in a dry run: to remove), and those still needed."""

    removed: list[str]
    kept: list[str]


def prune(instance: DagsterInstance, before: datetime, *, dry_run: bool = False) -> Pruned:
    """Remove the runs that ended before a given time, unless they hold the latest event of a partition or check."""
    candidates = instance.get_run_ids(RunsFilter(statuses=_ENDED, updated_before=before))
    needed = set(_holding_materializations(instance, set(candidates)))
    needed |= set(_holding_evaluations(instance, [run_id for run_id in candidates if run_id not in needed]))
    found = Pruned([r for r in candidates if r not in needed], [r for r in candidates if r in needed])
    for run_id in () if dry_run else found.removed:
        instance.delete_run(run_id)
        instance.compute_log_manager.delete_logs(prefix=[run_id])
    return found


def build_housekeeping(settings: Settings) -> tuple[dg.JobDefinition, dg.ScheduleDefinition]:
    """The job that removes old runs, and its daily schedule."""

    @dg.op(
        config_schema={"before": dg.Field(str, description="Runs that ended before this UTC day are removed.")},
        description="Removes old runs and their event logs; the latest of each partition stays.",
    )
    def prune_runs(context: dg.OpExecutionContext, database: dg.ResourceParam[Database]) -> None:
        day = typed_day(context.op_config["before"])
        found = prune(context.instance, datetime(day.year, day.month, day.day, tzinfo=UTC))
        if found.removed:
            database.run(
                record_audit, JOB_NAME, "prune", f"{counted(len(found.removed), 'run')} that ended before {day}"
            )
        context.log.info("removed %s runs that ended before %s", len(found.removed), day)
        context.add_output_metadata({"runs_removed": len(found.removed), "old_runs_kept": len(found.kept)})

    @dg.job(name=JOB_NAME, description="Removes old runs and their event logs.")
    def housekeeping() -> None:
        prune_runs()

    @dg.schedule(
        name=f"{JOB_NAME}_schedule",
        job=housekeeping,
        cron_schedule="40 3 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Removes runs that ended more than {settings.dagster_keep_days} days ago.",
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        day = oldest_kept(context.scheduled_execution_time, settings).date()
        return dg.RunRequest(run_config={"ops": {"prune_runs": {"config": {"before": day.isoformat()}}}})

    return housekeeping, schedule


def build_abandoned_sensor(settings: Settings) -> dg.SensorDefinition:
    """The sensor that fails runs whose process is gone, so that runs that wait for their pools can start."""

    @dg.sensor(
        name="abandoned_runs",
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Marks runs as failed whose process was killed.",
    )
    def abandoned_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        suspects = runs_without_lock(settings, _not_ended(context.instance))
        # Only when seen in two ticks: a run has no lock for a moment when it starts and when it ends.
        gone = suspects & set(json.loads(context.cursor or "[]"))
        fail_abandoned(context.instance, gone)
        context.update_cursor(json.dumps(sorted(suspects - gone)))
        return dg.SkipReason(f"{counted(len(gone), 'run')} abandoned")

    return abandoned_runs


def _not_ended(instance: DagsterInstance) -> list[str]:
    """Runs that have begun and not ended, and those of the command line, which begin as soon as they are created."""
    # Dagster stores a run's tags a moment after the run; one that died in between has them in its own record only.
    not_started = instance.get_runs(RunsFilter(statuses=[DagsterRunStatus.NOT_STARTED]))
    of_command_line = [run.run_id for run in not_started if run.tags.get(MAX_RETRIES_TAG) == "0"]
    return [*instance.get_run_ids(RunsFilter(statuses=_AT_WORK)), *of_command_line]


def fail_abandoned(instance: DagsterInstance, run_ids: Iterable[str]) -> None:
    """Mark runs as failed, unless Dagster knows that they have ended."""
    for run_id in run_ids:
        run = instance.get_run_by_id(run_id)
        if run is not None and run.status in (*_AT_WORK, DagsterRunStatus.NOT_STARTED):
            instance.report_run_failed(run, "The process of this run is gone: it was killed, or its machine went down.")


def oldest_kept(now: datetime, settings: Settings) -> datetime:
    """The time before which ended runs may be removed."""
    return now.astimezone(UTC) - timedelta(days=settings.dagster_keep_days)


def _holding_materializations(instance: DagsterInstance, candidates: set[str]) -> Iterator[str]:
    """The runs that hold the latest materialization or observation of an asset or of one of its partitions."""
    keys = instance.all_asset_keys()
    without_partition = {
        entry.run_id for entry in instance.get_latest_materialization_events(keys).values() if entry is not None
    }
    kinds = {DagsterEventType.ASSET_MATERIALIZATION, DagsterEventType.ASSET_OBSERVATION}
    latest = {
        storage_id
        for key in keys
        for kind in kinds
        for storage_id in instance.event_log_storage.get_latest_storage_id_by_partition(key, kind).values()
    }
    for run_id in candidates:
        records = instance.get_records_for_run(run_id, of_type=kinds).records
        if run_id in without_partition or any(record.storage_id in latest for record in records):
            yield run_id


def _holding_evaluations(instance: DagsterInstance, candidates: list[str]) -> Iterator[str]:
    """The runs that hold the latest evaluation of a check, in some partition or without one."""
    keys_of: dict[str, set[AssetCheckKey]] = {}
    for run_id in candidates:
        for entry in instance.all_logs(run_id, of_type=DagsterEventType.ASSET_CHECK_EVALUATION):
            evaluation = entry.get_dagster_event().asset_check_evaluation_data
            keys_of.setdefault(run_id, set()).add(AssetCheckKey(evaluation.asset_key, evaluation.check_name))
    for key in {key for keys in keys_of.values() for key in keys}:
        yield from _latest_evaluations(instance, key)


def _latest_evaluations(instance: DagsterInstance, key: AssetCheckKey) -> Iterator[str]:
    """The run of the newest evaluation in each partition of a check."""
    storage = instance.event_log_storage
    for info in storage.get_asset_check_partition_info([key]):
        if info.latest_execution_status in _EVALUATED:
            yield info.latest_planned_run_id  # the run that evaluated it
            continue
        # The newest run never came to the check: find the newest one that did.
        found = storage.get_asset_check_execution_history(
            key, limit=1, status=_EVALUATED, partition_filter=PartitionKeyFilter(key=info.partition_key)
        )
        yield from (record.run_id for record in found)
