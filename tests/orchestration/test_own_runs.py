"""The pipeline's own runs and ticks become schedule executions, once, and are counted like any other."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from commands import call, variables
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
from events import aggregate, ask, declared, ledger, load, rejected, restored_environment, rows_of, write

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.config.settings import Settings
from analytics_etl.monitoring.doctor import examine
from analytics_etl.ops.records import waiting_days
from analytics_etl.orchestration import instance as dagster_instance
from analytics_etl.orchestration.definitions import build_defs
from analytics_etl.orchestration.own_runs import FOLDER, build_own_runs, export_day, records
from analytics_etl.pipeline.late import late_days, new_files
from analytics_etl.pipeline.loading import scan_files
from analytics_etl.postgres.database import Database

FAMILIES_IN_USE = ("schedules",)

EVENTS = "schedules.schedule_events"
SECONDS_OF_RUNS = 60
"""Far more than the runs of a test take."""


@dg.op
def work(context: dg.OpExecutionContext) -> None:
    if context.run.tags.get("fails"):
        raise ValueError("the disk 7 is full")


@dg.job
def nightly() -> None:
    work()


@pytest.fixture
def instance(settings: Settings) -> Iterator[DagsterInstance]:
    with restored_environment(), dagster_instance.instance(settings) as opened:
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


def wait_out_midnight() -> None:
    """Dagster's runs carry the time of the clock: those of a test must not be of two days."""
    now = datetime.now(UTC)
    left = (now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1) - now).total_seconds()
    if left < SECONDS_OF_RUNS:
        time.sleep(left + 1)


def test_a_day_of_runs_and_ticks_is_loaded_and_counted(instance: DagsterInstance, settings: Settings) -> None:
    wait_out_midnight()
    good = nightly.execute_in_process(instance=instance)
    bad = nightly.execute_in_process(
        instance=instance, tags={"fails": "yes", "dagster/retry_number": "2"}, raise_on_error=False
    )
    day = datetime.now(UTC).date()
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
        export_day(instance, settings, day, midnight + timedelta(hours=23))
    after = midnight + timedelta(days=1)
    path = export_day(instance, settings, day, after)
    assert path == settings.home / "own_runs" / "schedule_events" / "dagster_run" / f"{day}.ndjson"
    assert len(records(instance, midnight, after)) == 4
    written = path.read_bytes()
    nightly.execute_in_process(instance=instance)
    assert export_day(instance, settings, day, after) == path
    assert path.read_bytes() == written, "the file is never changed"

    database = Database(settings)
    load(database, "schedules.schedule_events", day)
    aggregate(database, day, day, ("day",), ["schedules"])
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
    assert export_day(instance, settings, date(2025, 3, 31), moment) is None, "nothing ended on it"
    assert not settings.own_runs_dir.exists()
    assert not settings.landing_dir.exists(), "nothing is written there"


DAY = date(2025, 3, 31)
NAME = f"{FOLDER}/{DAY}.ndjson"


def line(number: int) -> bytes:
    """What `export_day` writes of a run."""
    record = {
        "kind": "run", "id": f"run-{number}", "name": "nightly", "source": None, "status": "SUCCESS", "retries": 0,
        "queued_at": None, "started_at": f"{DAY}T01:00:00.000Z", "ended_at": f"{DAY}T01:00:01.000Z", "error": None,
    }  # fmt: skip
    return json.dumps(record).encode() + b"\n"


def write_own(settings: Settings, content: bytes) -> Path:
    path = settings.own_runs_dir / NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_a_file_of_an_earlier_version_in_landing_stays_the_file_of_its_day(
    instance: DagsterInstance, settings: Settings, database: Database, catalog: Catalog
) -> None:
    """It is neither written again, nor loaded twice, nor seen as gone; should both be there, it counts alone."""
    earlier = write(settings, NAME, line(1))
    assert export_day(instance, settings, DAY, datetime(2025, 4, 1, tzinfo=UTC)) == earlier
    assert not settings.own_runs_dir.exists()
    load(database, EVENTS, DAY)
    later = write_own(settings, line(1) + line(2))
    assert list(new_files(catalog.contracts[EVENTS], catalog, database)) == []
    load(database, EVENTS, DAY)
    assert len(rows_of(settings.database_url, EVENTS)) == 1
    assert [entry["state"] for entry in ledger(settings.database_url).values()] == ["read"]
    earlier.unlink()
    [new] = new_files(catalog.contracts[EVENTS], catalog, database)
    assert new.absolute == later, "what lies there now is another file of the same name"


def test_they_are_read_where_landing_can_only_be_read(settings: Settings, database: Database, catalog: Catalog) -> None:
    """The sensor sees a late one, doctor counts it, dropping keeps it waiting, forgetting takes it out once gone."""
    contract, url = catalog.contracts[EVENTS], settings.database_url
    settings.landing_dir.mkdir()
    own = write_own(settings, line(1))
    assert [file.path for file in new_files(contract, catalog, database)] == [NAME]
    scan_files(catalog, database, None, lambda _: None)
    assert late_days(database, catalog, DAY) == {DAY}
    load(database, EVENTS, DAY)
    assert len(rows_of(url, EVENTS)) == 1
    found = {finding.subject: finding for finding in examine(settings, declared(), DAY + timedelta(days=1))}
    assert (found["landing schedule_events"].is_well, found["landing schedule_events"].detail) == (True, "1 file")
    assert not found["landing download_events"].is_well, "they do not make the other families unused"

    dropped = call(f"drop {DAY} --reason why", variables(settings))
    assert f"1 landing file with 1 row of these days stays below {settings.own_runs_dir}" in dropped.stdout
    assert [row["rows_waiting"] for row in database.run(waiting_days)] == [1]
    load(database, EVENTS, DAY)
    still = call(f"forget {own} --reason why", variables(settings))
    assert f"{NAME} is still there" in still.output
    assert f"move it out of {settings.own_runs_dir} first" in still.output
    own.unlink()
    load(database, EVENTS, DAY)
    assert ledger(url)[NAME]["state"] == "gone"
    assert call(f"forget {own} --reason why", variables(settings)).exit_code == 0
    assert ledger(url) == {}


def test_a_landing_folder_that_cannot_be_read_is_no_reason_not_to_write(
    instance: DagsterInstance, settings: Settings
) -> None:
    wait_out_midnight()
    day = datetime.now(UTC).date()
    nightly.execute_in_process(instance=instance)
    settings.landing_dir.write_text("no folder at all")
    path = export_day(instance, settings, day, datetime.now(UTC) + timedelta(days=1))
    assert path == settings.own_runs_dir / FOLDER / f"{day}.ndjson"
