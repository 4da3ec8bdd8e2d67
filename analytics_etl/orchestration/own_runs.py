"""The pipeline reports on itself: a landing file of the runs and ticks of Dagster that ended on a day.

The file is one of the schedule executions, of the source `dagster_run`, whose mapping turns its rows into events. It
lies in the home, since the landing folder may be read-only; earlier versions wrote it into the landing folder. It is
written once, when its day is over, and never changes. Its runs must still be in Dagster's storage, which keeps them for
`ANALYTICS_DAGSTER_KEEP_DAYS`.
"""

import json
import os
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

from analytics_etl.config.settings import Settings
from analytics_etl.config.values import typed_day
from analytics_etl.disk.whole_files import remove_leftovers, whole_file
from analytics_etl.orchestration.dagster_private import (
    RETRY_NUMBER_TAG,
    SCHEDULE_NAME_TAG,
    SENSOR_NAME_TAG,
    WILL_RETRY_TAG,
    TickStatus,
)
from analytics_etl.orchestration.incidents import run_of
from analytics_etl.postgres.database import Database

JOB_NAME = "own_runs"
FOLDER = "schedule_events/dagster_run"
"""Below `own_runs`, and below the landing folder, where earlier versions wrote. File names are the same in both."""

_ENDED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]
_TICK_ENDED = [TickStatus.SUCCESS, TickStatus.SKIPPED, TickStatus.FAILURE]

Record = dict[str, Any]


def records(instance: DagsterInstance, start: datetime, end: datetime) -> list[Record]:
    """The runs and ticks that ended in [start, end), ordered by end."""
    found = [*_runs(instance, start, end), *_ticks(instance, start, end)]
    return sorted(found, key=lambda record: (record["ended_at"], record["id"]))


def export_day(instance: DagsterInstance, settings: Settings, day: date, now: datetime) -> Path | None:
    """Write the file of a day, unless it exists. Returns its path, or None when nothing ended on that day.

    Raises ValueError for a day that is not over.
    """
    places = [folder / FOLDER / f"{day.isoformat()}.ndjson" for folder in settings.landing_dirs]
    path = places[-1]
    if path.parent.is_dir():
        remove_leftovers(path.parent)
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    if now < start + timedelta(days=1):
        raise ValueError(f"{day} is not over, so its runs cannot be written to {path}: try again after midnight UTC")
    if there := [place for place in places if os.path.exists(place)]:  # noqa: PTH110 - a folder may be closed to us
        return there[0]
    lines = [json.dumps(record) + "\n" for record in records(instance, start, start + timedelta(days=1))]
    if not lines:
        return None
    with whole_file(path, settings.own_runs_dir) as part:
        part.write_text("".join(lines), encoding="utf-8")
    return path


def build_own_runs() -> tuple[dg.JobDefinition, dg.ScheduleDefinition]:
    """The job that writes the file of a day, and its schedule, which fires before that of the daily run."""

    @dg.op(
        config_schema={"day": dg.Field(str, description="A UTC day that is over.")},
        description="Writes Dagster's runs and ticks that ended on a day to a landing file of the schedule executions.",
    )
    def export_runs(context: dg.OpExecutionContext, database: dg.ResourceParam[Database]) -> None:
        day = typed_day(context.op_config["day"])
        path = export_day(context.instance, database.settings, day, datetime.now(UTC))
        context.log.info("runs and ticks of %s: %s", day, path or "there were none")

    @dg.job(name=JOB_NAME, description="Dagster's own runs become schedule executions, so that reports cover them.")
    def own_runs() -> None:
        export_runs()

    @dg.schedule(
        name=f"{JOB_NAME}_daily",
        job=own_runs,
        cron_schedule="2 0 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Writes down yesterday's runs before the daily run loads them.",
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        day = context.scheduled_execution_time.astimezone(UTC).date() - timedelta(days=1)
        return dg.RunRequest(run_config={"ops": {"export_runs": {"config": {"day": day.isoformat()}}}})

    return own_runs, schedule


def _runs(instance: DagsterInstance, start: datetime, end: datetime) -> Iterator[Record]:
    for record in instance.get_run_records(RunsFilter(statuses=_ENDED, updated_after=start)):
        run, ended = record.dagster_run, record.end_time
        if ended is None or not start.timestamp() <= ended < end.timestamp():
            continue
        stats = instance.get_run_stats(run.run_id)
        described = run_of(instance, run.run_id, end)  # as of `end`: the result never depends on the clock
        failure = None if described is None else described.failure
        will_retry = run.tags.get(WILL_RETRY_TAG) == "true"
        yield {
            "kind": "run",
            "id": run.run_id,
            "name": run.job_name,
            "source": run.tags.get(SCHEDULE_NAME_TAG) or run.tags.get(SENSOR_NAME_TAG),
            "status": "RETRY" if will_retry else run.status.value,
            "retries": int(run.tags.get(RETRY_NUMBER_TAG, "0")),
            # A run of the command line was never in a queue.
            "queued_at": _text(getattr(stats, "enqueued_time", None)),
            "started_at": _text(record.start_time),
            "ended_at": _text(ended),
            "error": None if failure is None else "; ".join(failure.steps.values()) or failure.error,
        }


def _ticks(instance: DagsterInstance, start: datetime, end: datetime) -> Iterator[Record]:
    for state in instance.all_instigator_state():
        # A tick that began before the day may end on it.
        for tick in instance.get_ticks(
            state.instigator_origin_id,
            state.selector_id,
            after=start.timestamp() - 86_400,
            before=end.timestamp(),
            statuses=_TICK_ENDED,
        ):
            ended = tick.end_timestamp
            if ended is None or not start.timestamp() <= ended < end.timestamp():
                continue
            yield {
                "kind": "tick",
                "id": f"tick-{tick.tick_id}",
                "name": state.instigator_name,
                "source": state.instigator_type.value.lower(),
                "status": tick.status.value,
                "retries": tick.failure_count,
                "queued_at": None,
                "started_at": _text(tick.timestamp),
                "ended_at": _text(ended),
                "error": tick.error.message.strip() if tick.error is not None else None,
            }


def _text(timestamp: float | None) -> str | None:
    if timestamp is None:
        return None
    return datetime.fromtimestamp(timestamp, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
