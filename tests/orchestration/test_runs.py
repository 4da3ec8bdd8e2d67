"""What a run that failed or was interrupted says: each failure once, which tables were replaced, which were not run."""

import os
import signal
from collections.abc import Iterator
from uuid import uuid4

import dagster as dg

from analytics_etl.orchestration import runs
from analytics_etl.orchestration.interrupts import remembered_interrupts

FAMILIES_IN_USE = ("registry",)


def small_definitions() -> dg.Definitions:
    """Two families: in `a` the raw table cannot be written, in `b` a check of one stops what is downstream."""

    @dg.asset(key=["a", "events"])
    def a_events() -> None:
        raise ValueError("no such file")

    @dg.asset(key=["a", "stats_daily"], deps=[a_events])
    def a_stats() -> None: ...

    @dg.asset(key=["a", "overview_daily"], deps=[a_stats])
    def a_overview() -> None: ...

    @dg.asset(key=["b", "events"])
    def b_events(context: dg.AssetExecutionContext) -> None:
        context.log.info("b.events: 3 files read")

    @dg.multi_asset_check(
        specs=[dg.AssetCheckSpec("is_whole", asset=["b", "events"], blocking=True)], name="b__events__checks"
    )
    def b_checks() -> Iterator[dg.AssetCheckResult]:
        yield dg.AssetCheckResult(asset_key=["b", "events"], check_name="is_whole", passed=False)

    @dg.asset(key=["b", "stats_daily"], deps=[b_events])
    def b_stats() -> None: ...

    @dg.multi_asset_check(
        specs=[dg.AssetCheckSpec("is_whole", asset=["b", "stats_daily"])], name="b__stats_daily__checks"
    )
    def b_stats_checks() -> Iterator[dg.AssetCheckResult]:
        yield dg.AssetCheckResult(asset_key=["b", "stats_daily"], check_name="is_whole", passed=True)

    assets = [a_events, a_stats, a_overview, b_events, b_stats]
    jobs = [dg.define_asset_job("views", selection=dg.AssetSelection.all())]
    return dg.Definitions(
        assets=assets, asset_checks=[b_checks, b_stats_checks], jobs=jobs, executor=dg.in_process_executor
    )


def test_a_run_that_failed_says_what_was_replaced_and_what_was_not_run() -> None:
    told: list[str] = []
    with dg.DagsterInstance.ephemeral() as instance, remembered_interrupts() as interrupts:
        outcome = runs._execute(
            small_definitions(), instance, runs.Job("views"), str(uuid4()), lambda what, *_: told.append(what), {},
            interrupts,
        )  # fmt: skip
    stopped = "dagster._core.errors.DagsterAssetCheckFailedError: 1 blocking asset check failed with ERROR severity:"
    assert str(outcome).splitlines() == [
        "a.events: ValueError: no such file",
        f"b.events.checks: {stopped}",
        "b/events: is_whole",
        "Not run, so as before: a.overview_daily, a.stats_daily, b.stats_daily.",
        "Replaced by this run: b.events.",
    ]
    assert not outcome.is_interrupted
    assert [what for what in told if "Dependencies" in what or "overview" in what] == []
    assert "views: b.events: 3 files read" in told


def test_a_run_that_was_interrupted_says_how_to_go_on() -> None:
    @dg.asset(key=["a", "events"])
    def interrupted() -> None:
        os.kill(os.getpid(), signal.SIGINT)

    job = dg.Definitions(assets=[interrupted]).resolve_implicit_global_asset_job_def()
    outcome = runs.Outcome()
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(instance=instance, raise_on_error=False)
        for event in result.all_events:
            outcome.take(event, event.step_key or "")
    assert str(outcome).splitlines() == [
        "a__events: interrupted; to go on, type the same command again",
        "Replaced by this run: nothing.",
    ]
    assert outcome.is_interrupted


def test_passed_checks_and_warnings_add_up() -> None:
    once = runs.Outcome(passed=2, warned=["a.events volume_is_usual", "b.events volume_is_usual"])
    assert once.summary() == "2 of 4 checks passed; 2 warnings: a.events volume_is_usual, b.events volume_is_usual"
    twice = runs.Outcome(passed=627, warned=["a.events x", "a.events x", "b.events x", "c.events x"])
    assert twice.summary() == ("627 of 631 checks passed; 4 warnings of 3 checks: a.events x, b.events x, c.events x")


def test_a_job_without_anything_of_a_family_is_no_run() -> None:
    """Rather than the whole job, of every family."""
    with dg.DagsterInstance.ephemeral() as instance, remembered_interrupts() as interrupts:
        outcome = runs._execute(
            small_definitions(),
            instance,
            runs.Job("views", families=("c",)),
            str(uuid4()),
            lambda *_: None,
            {},
            interrupts,
        )
        assert (outcome.replaced, instance.get_runs_count()) == ([], 0)
