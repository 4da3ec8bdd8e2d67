"""Checks have the partitions of their tables in Dagster, too: the failure of a day stays until that day is mended."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import dagster as dg
import pytest
from conftest import Server, settings_in
from dagster import AssetCheckKey, DagsterEventType
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionResolvedStatus as Status
from dagster._core.storage.tags import PARTITION_NAME_TAG
from dagster_postgres import PostgresEventLogStorage
from events import DAY, DOWNLOADS, ask, days_of, download, restored_environment, write

from analytics_etl.config.settings import Settings
from analytics_etl.orchestration import dagster_events, runs
from analytics_etl.orchestration import instance as dagster_instance
from analytics_etl.orchestration.assets.metadata import asset_key
from analytics_etl.orchestration.definitions import build_defs
from analytics_etl.orchestration.evaluations import Finding, evaluations
from analytics_etl.orchestration.interrupts import remembered_interrupts
from analytics_etl.orchestration.runs import Job, Parts

FAMILIES_IN_USE = ("registry",)

READABLE = "files_are_readable"
DAYS = days_of(DAY, DAY + timedelta(days=2))
BAD, GOOD, LATER = DAYS


@contextmanager
def world(settings: Settings) -> Iterator[tuple[dg.Definitions, dg.DagsterInstance]]:
    """The table of downloads with its checks, what reads it, and Dagster's instance in PostgreSQL."""
    built = build_defs(settings)
    chosen = dg.AssetSelection.assets(asset_key(DOWNLOADS), asset_key("registry.module_activity_daily"))
    checks = {key for key in built.resolve_asset_graph().asset_check_keys if key.asset_key == asset_key(DOWNLOADS)}
    checks -= {AssetCheckKey(asset_key(DOWNLOADS), "change_is_small")}  # the table's own, which only its run judges
    jobs = [
        dg.define_asset_job("daily", selection=chosen),
        dg.define_asset_job("checks", selection=dg.AssetSelection.checks(*checks)),
    ]
    definitions = dg.Definitions(
        assets=built.assets, asset_checks=built.asset_checks, jobs=jobs, resources=built.resources,
        executor=dg.in_process_executor,
    )  # fmt: skip
    with restored_environment(), dagster_instance.instance(settings) as instance:
        yield definitions, instance


def state(definitions: dg.Definitions, instance: dg.DagsterInstance, check: str) -> dict[Status, set[str]]:
    """What Dagster's UI asks for: the partitions of a check by what became of them."""
    key = AssetCheckKey(asset_key(DOWNLOADS), check)
    partitions = definitions.resolve_asset_graph().get(asset_key(DOWNLOADS)).partitions_def
    found = instance.event_log_storage.get_asset_check_state([(key, partitions)])[key].subsets
    assert partitions is not None
    return {
        status: {str(name) for name in subset.subset_value.get_partition_keys()}
        for status, subset in found.items()
        if subset.size
    }


def run(definitions: dg.Definitions, instance: dg.DagsterInstance, *days: date, job: str = "daily") -> runs.Outcome:
    only = Job("daily", days[0], days[-1])
    result = definitions.resolve_job_def(job).execute_in_process(
        instance=instance, tags=runs._partition_tags(only), raise_on_error=False
    )
    outcome = runs.Outcome()
    for event in result.all_events:
        outcome.take(event, event.step_key or "")
    return outcome


def a_bad_file_of(settings: Settings, day: date) -> None:
    write(settings, f"download_events/bad-{day}.ndjson.gz", []).write_bytes(b"rubbish")


@pytest.mark.parametrize("together", [1, dagster_events.MOST_TOGETHER])
def test_a_day_that_failed_stays_failed_after_other_days_pass(
    settings: Settings, together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dagster_events, "MOST_TOGETHER", together)
    for number, day in enumerate(DAYS):
        write(settings, f"download_events/{day}.ndjson", [download(100 * number + n, day) for n in range(10)])
    a_bad_file_of(settings, BAD)
    with world(settings) as (definitions, instance):
        failed = run(definitions, instance, BAD, GOOD)
        assert [step for step, _ in failed.failures] == ["registry__download_events__checks"]
        told = str(failed.failures[0][1])
        assert told.count(READABLE) == 1, "once, however many partitions failed"
        assert state(definitions, instance, READABLE) == {Status.FAILED: {str(BAD)}, Status.SUCCEEDED: {str(GOOD)}}
        assert run(definitions, instance, LATER).failures == []
        assert state(definitions, instance, READABLE) == {
            Status.FAILED: {str(BAD)}, Status.SUCCEEDED: {str(GOOD), str(LATER)},
        }  # fmt: skip
        # What a check looked at is the materialization that its run made: a change is judged after it.
        assert state(definitions, instance, "change_is_small") == {Status.SUCCEEDED: set(map(str, DAYS))}
        write(settings, f"download_events/bad-{BAD}.ndjson.gz", [download(999, BAD)])
        assert run(definitions, instance, BAD).failures == []
        assert state(definitions, instance, READABLE) == {Status.SUCCEEDED: set(map(str, DAYS))}


def logged(settings: Settings, day: date) -> dict[str, list[Any]]:
    """What a run of a day leaves in Dagster's tables, but for numbers, times and what the load itself measured."""
    write(settings, f"download_events/{day}.ndjson", [download(n, day) for n in range(10)])
    with world(settings) as (definitions, instance):
        run(definitions, instance, day)
    return {
        table: ask(settings.database_url, f"select {columns} from dagster.{table} order by {columns}")
        for table, columns in {
            "event_logs": "dagster_event_type, step_key, asset_key, partition",
            "asset_keys": "asset_key, last_materialization is not null, last_run_id is not null",
            "asset_event_tags": "asset_key, key",
            "asset_check_executions": "asset_key, check_name, partition, execution_status, "
            "evaluation_event is not null, materialization_event_storage_id is not null",
        }.items()
    }


def test_what_is_logged_is_what_dagsters_own_class_logs(
    server: Server, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, url = logged(settings, GOOD), server.clone()
    monkeypatch.setattr(dagster_events.EventLog, "store_event", PostgresEventLogStorage.store_event)
    assert found == logged(settings_in(settings.home.parent / "twin", url, families=FAMILIES_IN_USE), GOOD)
    server.drop(url)
    assert len(found["asset_check_executions"]) > 10
    assert len(found["event_logs"]) > 50


def test_a_failing_day_that_was_not_asked_for_stops_nothing(settings: Settings) -> None:
    for number, day in enumerate(DAYS):
        write(settings, f"download_events/{day}.ndjson", [download(100 * number + n, day) for n in range(10)])
    a_bad_file_of(settings, BAD)
    with world(settings) as (definitions, instance):
        assert run(definitions, instance, BAD).replaced == ["registry__download_events"]
        replaced = run(definitions, instance, GOOD).replaced
        assert replaced == ["registry__download_events", "registry__module_activity_daily"]


def test_checks_alone_judge_the_partitions_they_are_told(settings: Settings) -> None:
    for number, day in enumerate(DAYS):
        write(settings, f"download_events/{day}.ndjson", [download(100 * number + n, day) for n in range(10)])
    with world(settings) as (definitions, instance), remembered_interrupts() as interrupts:
        run(definitions, instance, *DAYS)
        (settings.landing_dir / f"download_events/{BAD}.ndjson").unlink()
        before = instance.get_runs_count()
        parts = Job("daily", BAD, GOOD, only=Parts(checks=((DOWNLOADS, READABLE),)))
        for job in (parts, Job("daily", LATER, LATER, only=parts.only)):
            outcome = runs._execute(definitions, instance, job, str(uuid4()), lambda *_: None, {}, interrupts)
            assert outcome.failures == []
        assert instance.get_runs_count() == before + 2
        latest = instance.get_runs(limit=2)
        evaluated = [
            entry.get_dagster_event().asset_check_evaluation_data.partition
            for found in latest
            for entry in instance.all_logs(found.run_id, of_type=DagsterEventType.ASSET_CHECK_EVALUATION)
        ]
        assert evaluated == [str(LATER), str(BAD), str(GOOD)]
        assert latest[0].tags[PARTITION_NAME_TAG] == str(LATER)
        # From the page of the check, without a partition: the newest one there is.
        result = definitions.resolve_job_def("checks").execute_in_process(instance=instance)
        assert {found.partition for found in result.get_asset_check_evaluations()} == {str(LATER)}


def test_views_are_checked_as_a_whole(settings: Settings) -> None:
    graph = build_defs(settings).resolve_asset_graph()
    for key in graph.asset_check_keys:
        spec = graph.get_check_spec(key)
        assert spec.partitions_def == graph.get(key.asset_key).partitions_def, key
    assert {graph.get(key.asset_key).partitions_def for key in graph.asset_check_keys} > {None}


def test_only_partitions_that_were_asked_for_stop_what_is_downstream() -> None:
    spec = dg.AssetCheckSpec(READABLE, asset=asset_key(DOWNLOADS), blocking=True)
    findings = [Finding(BAD, passed=False, stops=False), Finding(GOOD, passed=False), Finding(LATER, passed=False)]
    found = list(evaluations(spec, findings, {}))
    assert [(f.partition, f.passed, f.blocking) for f in found] == [
        (str(BAD), False, False), (str(GOOD), False, True), (str(LATER), False, False),
    ]  # fmt: skip
    assert not any(f.blocking for f in evaluations(spec, findings[:1], {}))
