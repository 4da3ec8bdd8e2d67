"""The pipeline's own runs and ticks become schedule executions, once, and are counted like any other."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest
from dagster import DagsterInstance
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteInstigatorOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from events import aggregate, ask, load, rejected, restored_environment

from analytics_etl import runs
from analytics_etl.definitions import build_defs
from analytics_etl.own_runs import build_own_runs, export_day, records
from analytics_etl.settings import Settings
from analytics_etl.warehouse import Warehouse


@dg.op
def work(context: dg.OpExecutionContext) -> None:
    if context.run.tags.get("fails"):
        raise ValueError("the disk 7 is full")


@dg.job
def nightly() -> None:
    work()


@pytest.fixture
def instance(settings: Settings) -> Iterator[DagsterInstance]:
    with restored_environment(), runs.instance(settings) as opened:
        yield opened


def tick(instance: DagsterInstance, at: datetime, status: TickStatus) -> None:
    origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("location"), "r"), "late_data")
    state = InstigatorState(origin, InstigatorType.SENSOR, InstigatorStatus.RUNNING, SensorInstigatorData())
    if not instance.all_instigator_state():
        instance.add_instigator_state(state)
    instance.create_tick(
        TickData(
            state.instigator_origin_id, state.instigator_name, state.instigator_type, status, at.timestamp(),
            end_timestamp=at.timestamp() + 0.25, run_ids=[], selector_id=state.selector_id,
        )
    )  # fmt: skip


def test_a_day_of_runs_and_ticks_is_loaded_and_counted(instance: DagsterInstance, settings: Settings) -> None:
    before = datetime.now(UTC)
    good = nightly.execute_in_process(instance=instance)
    bad = nightly.execute_in_process(
        instance=instance, tags={"fails": "yes", "dagster/retry_number": "2"}, raise_on_error=False
    )
    day = datetime.now(UTC).date()
    if before.date() != day:
        pytest.skip("midnight came in between")
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    for at, status in (
        (midnight - timedelta(seconds=1), TickStatus.SUCCESS),  # ended on the day before
        (midnight, TickStatus.SKIPPED),
        (midnight + timedelta(hours=1), TickStatus.SUCCESS),
        (midnight + timedelta(hours=2), TickStatus.STARTED),
        (midnight + timedelta(days=1) - timedelta(seconds=0.25), TickStatus.SUCCESS),  # ended on the day after
    ):
        tick(instance, at, status)
    with pytest.raises(ValueError, match="is not over"):
        export_day(instance, settings.landing_dir, day, midnight + timedelta(hours=23))
    after = midnight + timedelta(days=1)
    path = export_day(instance, settings.landing_dir, day, after)
    assert path == settings.landing_dir / "schedule_events" / "dagster_run" / f"{day}.ndjson"
    assert len(records(instance, midnight, after)) == 4
    written = path.read_bytes()
    nightly.execute_in_process(instance=instance)
    assert export_day(instance, settings.landing_dir, day, after) == path
    assert path.read_bytes() == written, "the file is never changed"

    warehouse = Warehouse(settings)
    load(warehouse, "schedules.schedule_events", day)
    aggregate(warehouse, day, day, ("day",), ["schedules"])
    assert rejected(settings.database_url) == []
    found = ask(settings.database_url, "select * from schedules.schedule_events order by recorded_at")
    assert {row["execution_id"]: (row["result"], row["retry_count"], row["error_message"]) for row in found} == {
        "tick-2": ("skipped", 0, None),
        "tick-3": ("success", 0, None),
        good.run_id: ("success", 0, None),
        bad.run_id: ("failure", 2, "ValueError: the disk 7 is full"),
    }
    assert all(row["started_at"] <= row["finished_at"] == row["recorded_at"] for row in found)
    stats = ask(settings.database_url, "select * from schedules.schedule_stats_daily order by event_type")
    assert [(r["schedule_type"], r["event_type"], r["attempt_count"], r["success_rate"]) for r in stats] == [
        ("other", "dagster_run", 2, 0.5),
        ("other", "dagster_tick", 2, 1.0),
    ]
    assert [r["processing_timed_count"] for r in stats] == [2, 2]
    (error,) = ask(settings.database_url, "select pattern, is_new from schedules.error_patterns_daily")
    assert error == {"pattern": "ValueError: the disk <n> is full", "is_new": True}


def test_the_schedule_asks_for_yesterday_and_the_job_writes_it(instance: DagsterInstance, settings: Settings) -> None:
    job, schedule = build_own_runs()
    moment = datetime(2025, 4, 1, 0, 2, tzinfo=UTC)
    asked = schedule.evaluate_tick(dg.build_schedule_context(instance, scheduled_execution_time=moment))
    (request,) = asked.run_requests or []
    assert request.run_config == {"ops": {"export_runs": {"config": {"day": "2025-03-31"}}}}
    result = build_defs(settings).resolve_job_def(job.name).execute_in_process(request.run_config, instance)
    assert result.success
    assert export_day(instance, settings.landing_dir, date(2025, 3, 31), moment) is None, "nothing ended on it"
    assert not (settings.landing_dir / "schedule_events").exists()
