"""Old runs go, what is known of partitions and checks stays; runs of one table wait for each other in the queue."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner
from dagster import DagsterInstance, DagsterRunStatus
from dagster._core.instance.config import PoolGranularity
from dagster._core.op_concurrency_limits_counter import GlobalOpConcurrencyLimitsCounter
from dagster._core.scheduler.instigation import TickStatus
from dagster._core.storage.dagster_run import DagsterRun
from dagster._core.storage.tags import PARTITION_NAME_TAG
from events import DAY, ask, download, execute, restored_environment, write

from analytics_etl.cli import main
from analytics_etl.config.settings import Settings, SettingsError
from analytics_etl.ops import liveness
from analytics_etl.ops.liveness import runs_without_lock
from analytics_etl.orchestration import instance as dagster_instance
from analytics_etl.orchestration import notifier
from analytics_etl.orchestration.definitions import build_defs
from analytics_etl.orchestration.housekeeping import JOB_NAME, oldest_kept, prune
from analytics_etl.postgres.database import Database

FAMILIES_IN_USE = ("registry",)

NOW = datetime(2025, 3, 31, 4, tzinfo=UTC)
OLD, RECENT = NOW - timedelta(days=40), NOW - timedelta(days=2)
DAYS = dg.StaticPartitionsDefinition(["1", "2"])


@dg.asset(partitions_def=DAYS, tags={"x": "y"})
def table(context: dg.AssetExecutionContext) -> None:
    print(context.run.run_id)  # noqa: T201 - so that there is a log of what the step prints
    if context.run.tags.get("fails"):
        raise dg.Failure


@dg.asset
def shown() -> None: ...


@dg.multi_asset_check(specs=[dg.AssetCheckSpec("is_right", asset=table, partitions_def=DAYS)])
def checks(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
    del context
    yield dg.AssetCheckResult(asset_key=table.key, check_name="is_right", passed=True)


@pytest.fixture
def instance(settings: Settings) -> Iterator[DagsterInstance]:
    with restored_environment(), dagster_instance.instance(settings) as opened:
        yield opened


def ran(
    instance: DagsterInstance, settings: Settings, ended: datetime, partition: str | None = None, **tags: str
) -> str:
    """A run of `table` with its check, or of `shown`, that ended at a time."""
    assets = [shown] if partition is None else [table, checks]
    result = dg.materialize(
        assets, instance=instance, partition_key=partition, tags=tags, raise_on_error=False
    )  # fmt: skip
    at = f"'{ended:%Y-%m-%d %H:%M}'"
    execute(
        settings.database_url,
        f"update dagster.runs set update_timestamp = {at}, create_timestamp = {at} where run_id = '{result.run_id}'",
    )
    return result.run_id


def known(instance: DagsterInstance) -> dict[str, object]:
    """What the instance knows of the newest of everything."""
    key = dg.AssetCheckKey(table.key, "is_right")
    storage = instance.event_log_storage
    kind = dg.DagsterEventType.ASSET_MATERIALIZATION
    latest = instance.get_latest_materialization_event(shown.key)
    evaluated = storage.get_latest_asset_check_execution_by_key([key])[key]
    assert latest is not None
    return {
        "partitions": instance.get_materialized_partitions(table.key),
        "materializations": storage.get_latest_storage_id_by_partition(table.key, kind),
        "records": [
            record.storage_id
            for partition in ("1", "2")
            for record in instance.fetch_materializations(
                dg.AssetRecordsFilter(table.key, asset_partitions=[partition]), limit=1
            ).records
        ],
        "shown": latest.run_id,
        "check": (evaluated.run_id, evaluated.status),
        "checks": storage.get_asset_check_partition_info([key]),
    }


def test_old_runs_go_and_the_latest_of_everything_stays(instance: DagsterInstance, settings: Settings) -> None:
    old_one = ran(instance, settings, OLD, "1")
    old_two = ran(instance, settings, OLD, "2")
    old_shown = ran(instance, settings, OLD)
    latest_one = ran(instance, settings, OLD, "1")
    old_failed = ran(instance, settings, OLD, "1", fails="yes")
    recent_two = ran(instance, settings, RECENT, "2")
    recent_shown = ran(instance, settings, RECENT)
    at_work = instance.create_run_for_job(dg.Definitions([shown]).resolve_implicit_global_asset_job_def()).run_id
    execute(
        settings.database_url, f"update dagster.runs set update_timestamp = '2025-01-01' where run_id = '{at_work}'"
    )
    before = known(instance)
    logs = Path(settings.dagster_home, "storage")
    assert (logs / old_one).is_dir()

    told = prune(instance, oldest_kept(NOW, settings), dry_run=True)
    assert {*instance.get_run_ids()} >= {old_one, old_two, old_shown, old_failed}
    done = prune(instance, oldest_kept(NOW, settings))
    assert sorted(done.removed) == sorted(told.removed)
    assert {old_one, old_two, old_shown, old_failed} <= set(done.removed)
    assert done.kept == [latest_one]  # the latest of partition 1, and of its check
    assert set(instance.get_run_ids()) == {latest_one, recent_two, recent_shown, at_work}
    assert known(instance) == before
    assert before["partitions"] == {"1", "2"}
    assert before["shown"] == recent_shown
    assert not (logs / old_one).exists()
    assert (logs / latest_one).is_dir()
    left = ask(settings.database_url, "select distinct run_id from dagster.event_logs")
    assert {row["run_id"] for row in left} <= {latest_one, recent_two, recent_shown, at_work}
    assert prune(instance, oldest_kept(NOW, settings)).removed == []


def test_a_run_with_only_the_latest_check_stays(instance: DagsterInstance, settings: Settings) -> None:
    ran(instance, settings, RECENT, "1")
    job = dg.define_asset_job("check", selection=dg.AssetSelection.checks_for_assets(table))
    definitions = dg.Definitions([table], asset_checks=[checks], jobs=[job])
    checked = definitions.resolve_job_def("check").execute_in_process(instance=instance, tags={PARTITION_NAME_TAG: "1"})
    newer = ran(instance, settings, RECENT, "1", fails="yes")  # planned the check, but never came to it
    at = f"'{OLD:%Y-%m-%d}'"
    execute(settings.database_url, f"update dagster.runs set update_timestamp = {at} where run_id = '{checked.run_id}'")
    assert prune(instance, oldest_kept(NOW, settings)).kept == [checked.run_id]
    assert instance.get_run_by_id(newer) is not None


def test_the_job_and_the_command_do_it(instance: DagsterInstance, settings: Settings) -> None:
    old, _ = ran(instance, settings, OLD), ran(instance, settings, OLD)
    definitions = build_defs(settings)
    schedule = definitions.resolve_schedule_def(f"{JOB_NAME}_schedule")
    with dg.build_schedule_context(instance, scheduled_execution_time=NOW) as context:
        [request] = schedule.evaluate_tick(context).run_requests or []
    assert request.run_config == {"ops": {"prune_runs": {"config": {"before": "2025-03-01"}}}}
    environment = {"ANALYTICS_HOME": str(settings.home), "ANALYTICS_DATABASE_URL": settings.database_url or ""}
    said = CliRunner(env=environment).invoke(main, ["prune", "--dry-run"])
    assert said.exit_code == 0
    assert "to remove: 1 run that ended before" in said.stdout
    assert "kept, for the latest of some partition: 1" in said.stdout
    job = definitions.resolve_job_def(JOB_NAME)
    assert job.execute_in_process(instance=instance, run_config=request.run_config).success
    assert instance.get_run_by_id(old) is None
    audit = ask(settings.database_url, "select actor, action, subject from ops.audit")
    assert audit == [{"actor": JOB_NAME, "action": "prune", "subject": "1 run that ended before 2025-03-01"}]
    assert "0 runs" in CliRunner(env=environment).invoke(main, ["prune"]).stdout


def test_days_to_keep_are_a_setting() -> None:
    assert Settings.from_environment({"ANALYTICS_DAGSTER_KEEP_DAYS": "7"}).dagster_keep_days == 7
    with pytest.raises(SettingsError, match="ANALYTICS_DAGSTER_KEEP_DAYS must be a whole number of days, 1 or more"):
        Settings.from_environment({"ANALYTICS_DAGSTER_KEEP_DAYS": "0"})


# -- the instance's configuration -------------------------------------------------------------------------------------


def test_ticks_are_purged_and_runs_are_watched(instance: DagsterInstance) -> None:
    schedule = instance.get_tick_retention_settings(dg._core.definitions.run_request.InstigatorType.SCHEDULE)
    sensor = instance.get_tick_retention_settings(dg._core.definitions.run_request.InstigatorType.SENSOR)
    assert set(schedule.values()) == {90}
    assert sensor[TickStatus.SKIPPED] == 7
    assert sensor[TickStatus.SUCCESS] == sensor[TickStatus.FAILURE] == sensor[TickStatus.STARTED] == 30
    assert instance.run_monitoring_enabled
    assert instance.run_monitoring_start_timeout_seconds == instance.run_monitoring_cancel_timeout_seconds == 300
    assert instance.run_monitoring_max_runtime_seconds == 86400
    assert instance.run_retries_enabled
    assert instance.run_retries_max_retries == 1
    assert not instance.run_retries_retry_on_asset_or_op_failure


KILLED = """
import os, signal, sys
from datetime import date
from analytics_etl.orchestration import notifier, runs
from analytics_etl.config.settings import Settings
def tell(what, done, steps):
    if "reading" in what:
        print("at work", flush=True)
        sys.stdin.readline()
        os.kill(os.getpid(), signal.SIGKILL)
runs.execute(Settings.from_environment(), [runs.Job("daily", *[date(2025, 3, 10)] * 2, ("registry",))], tell)
"""


def test_a_killed_run_is_found_and_stops_blocking(instance: DagsterInstance, settings: Settings) -> None:
    write(settings, "download_events/a.ndjson", [download(1)])
    environment = {
        **os.environ,
        "ANALYTICS_HOME": str(settings.home),
        "ANALYTICS_DATABASE_URL": settings.database_url or "",
        "ANALYTICS_LANDING_DIR": str(settings.landing_dir),
    }
    definitions = build_defs(settings)
    sensor = definitions.resolve_sensor_def("abandoned_runs")
    cursor: str | None = None

    def tick() -> list[str]:
        nonlocal cursor
        with dg.build_sensor_context(instance, cursor=cursor) as context:
            sensor.evaluate_tick(context)
            cursor = context.cursor
        return list(instance.get_run_ids(dg.RunsFilter(statuses=[DagsterRunStatus.FAILURE])))

    process = subprocess.Popen(
        [sys.executable, "-c", KILLED], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        assert process.stdout.readline() == "at work\n"
        [at_work] = instance.get_run_ids(dg.RunsFilter(statuses=[DagsterRunStatus.STARTED]))
        assert [tick(), tick(), tick()] == [[], [], []]
        waiting = instance.create_run_for_job(definitions.resolve_job_def("daily"))
        assert is_blocked(instance, waiting)
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.wait(60) == -signal.SIGKILL
    deadline = time.monotonic() + 60
    while not runs_without_lock(settings, [at_work]):  # the server notices the end of the connection
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert tick() == []
    assert tick() == [at_work]
    assert not is_blocked(instance, waiting)
    # Nobody starts it again by himself, so somebody must be told.
    notifier.notify(Database(settings), instance, datetime.now(UTC))
    told = [row["dedup_key"] for row in ask(settings.database_url, "select dedup_key from ops.notifications")]
    assert told == [f"run:{at_work}"]


def test_a_run_of_the_command_line_that_was_killed_before_it_began_is_found(
    instance: DagsterInstance, settings: Settings
) -> None:
    definitions = build_defs(settings)
    job, sensor = definitions.resolve_job_def("daily"), definitions.resolve_sensor_def("abandoned_runs")
    ours = instance.create_run_for_job(job, tags={"dagster/max_retries": "0"})
    execute(settings.database_url, "delete from dagster.run_tags")  # died between the run and its tags
    instance.create_run_for_job(job)  # the UI's, which has yet to be queued
    cursor: str | None = None
    for expected in ([], [ours.run_id]):
        with dg.build_sensor_context(instance, cursor=cursor) as context:
            sensor.evaluate_tick(context)
            cursor = context.cursor
        assert instance.get_run_ids(dg.RunsFilter(statuses=[DagsterRunStatus.FAILURE])) == expected


def test_a_run_is_alive_again_after_its_connection_was_cut(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liveness, "_CHECK_SECONDS", 0.05)

    def wait_until(expected: set[str]) -> None:
        deadline = time.monotonic() + 30
        while runs_without_lock(settings, ["some run"]) != expected:
            assert time.monotonic() < deadline
            time.sleep(0.02)

    holder = (
        "select pid from pg_locks join pg_database as d on d.oid = database "
        "where locktype = 'advisory' and datname = current_database()"
    )
    with liveness.holding_run_lock(settings, "some run"):
        wait_until(set())
        [first] = ask(settings.database_url, holder)
        ask(settings.database_url, f"select pg_terminate_backend({first['pid']})")
        deadline = time.monotonic() + 30
        while ask(settings.database_url, holder) in ([], [first]):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        wait_until(set())
    wait_until({"some run"})


def is_blocked(instance: DagsterInstance, waiting: DagsterRun) -> bool:
    """What the queue decides about a run, given those that are at work."""
    working = instance.get_run_records(dg.RunsFilter(statuses=[DagsterRunStatus.STARTED]))
    limits = instance.event_log_storage.get_pool_limits()
    assert waiting.run_op_concurrency is not None
    pools = waiting.run_op_concurrency.all_pools or set()
    for pool in pools - {limit.name for limit in limits}:
        instance.event_log_storage.initialize_concurrency_limit_to_default(pool)
    counter = GlobalOpConcurrencyLimitsCounter(
        instance,
        [waiting],
        working,
        set(pools),
        instance.event_log_storage.get_pool_limits(),
        pool_granularity=instance.get_concurrency_config().pool_config.pool_granularity,
    )
    return counter.is_blocked(waiting)


def test_runs_of_the_same_table_wait_in_the_queue(instance: DagsterInstance, settings: Settings) -> None:
    config = instance.get_concurrency_config().pool_config
    assert (config.pool_granularity, config.default_pool_limit) == (PoolGranularity.RUN, 1)
    definitions = build_defs(settings)

    def made(job: str) -> DagsterRun:
        return instance.create_run_for_job(definitions.resolve_job_def(job))

    daily, weekly = made("daily"), made("weekly")
    assert daily.run_op_concurrency is not None
    assert "registry.download_events" in (daily.run_op_concurrency.all_pools or set())
    assert not is_blocked(instance, daily)
    execute(settings.database_url, f"update dagster.runs set status = 'STARTED' where run_id = '{daily.run_id}'")
    assert is_blocked(instance, made("daily"))
    assert not is_blocked(instance, weekly)


def test_a_run_of_the_command_line_does_not_wait_for_pools(instance: DagsterInstance, settings: Settings) -> None:
    """It is not queued and claims no slots; the locks in the database keep it and queued runs apart."""
    write(settings, "download_events/a.ndjson", [download(1)])
    definitions = build_defs(settings)
    working = instance.create_run_for_job(definitions.resolve_job_def("daily"))
    execute(settings.database_url, f"update dagster.runs set status = 'STARTED' where run_id = '{working.run_id}'")
    job = definitions.resolve_job_def("daily")
    result = job.execute_in_process(
        instance=instance,
        partition_key=DAY.isoformat(),
        asset_selection=[dg.AssetKey(["registry", "download_events"])],
    )
    assert result.success
    run = instance.get_run_by_id(result.run_id)
    assert run is not None
    assert run.run_op_concurrency is not None  # while it is at work, queued runs of its tables wait for it
    assert run.run_op_concurrency.all_pools == {"registry.download_events"}
    assert ask(
        settings.database_url, "select count(*) as n from dagster.concurrency_slots where run_id is not null"
    ) == [{"n": 0}]
