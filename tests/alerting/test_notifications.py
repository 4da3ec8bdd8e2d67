"""What is told, to whom, how often: with real servers, a real database and a real instance of Dagster."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from dagster._core.events import DagsterEvent
from dagster._core.execution.plan.objects import StepFailureData
from dagster._core.storage.tags import MAX_RETRIES_TAG
from dagster_shared.error import SerializableErrorInfo
from events import DAY
from notification_world import OPS, SCHEDULED, World, deliveries

from analytics_etl.alerting import is_to_be_notified
from analytics_etl.orchestration.housekeeping import fail_abandoned

pytest_plugins = ["notification_fixtures"]


def test_all_failed_checks_of_a_run_are_one_message_to_each_receiver(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    run_id = world.run()
    world.check(run_id)
    world.check(
        run_id, "volume_is_usual", description="About as many rows as usual.", unexpected_count=1234, severity="error",
        sample=[{"ip_address": "10.1.2.3", "user_agent": "curl", "content": "secret", "n": n} for n in range(20)],
    )  # fmt: skip
    with caplog.at_level(logging.WARNING):
        outcome = world.tell()
    assert (outcome.new, outcome.sent, outcome.errors) == (1, 3, {})
    [(address, mail)] = world.mailbox.mails
    assert address == "a@x.org"
    assert (
        mail["Subject"] == "[analytics_etl] CHECK FAILED: registry.download_events 2025-03-10: rows_are_few and 1 more"
    )
    assert (mail["From"], mail["To"], mail["Auto-Submitted"]) == ("etl@x.org", "a@x.org", "auto-generated")
    assert mail["Message-ID"].endswith("@x.org>")
    assert mail.get_content_type() == "text/plain"
    body = mail.get_content().replace("\r\n", "\n")
    for text in (
        "registry.download_events, 2025-03-10: the check rows_are_few failed (a warning), 1 unexpected row.",
        "Expected: Few rows are rejected.",
        'day="2025-03-10", rows_rejected=12',
        "the check volume_is_usual failed, 1,234 unexpected rows.",
        "    n=4\n",
        "analytics-etl run 2025-03-10",
        run_id,
    ):
        assert text in body, body
    for text in ("10.1.2.3", "curl", "secret", "n=5"):
        assert text not in body
    [(path, headers, sent)] = world.hook.requests
    assert path == "/hook/t0ken-path?key=t0ken-query"
    assert headers["Authorization"] == world.hook.authorization
    assert len(headers["Idempotency-Key"]) == 40
    assert (sent["version"], sent["status"], sent["groupKey"]) == ("4", "firing", f"checks:{run_id}")
    assert [alert["labels"]["check"] for alert in sent["alerts"]] == ["rows_are_few", "volume_is_usual"]
    assert sent["commonLabels"] == {"severity": "error", "kind": "checks_failed", "owners": OPS}
    assert sent["commonAnnotations"]["description"].splitlines() == body.splitlines()
    assert "rows_are_few" in caplog.text
    assert deliveries(world) == {"email:a@x.org": [("sent", 1)], "log": [("sent", 1)], "webhook": [("sent", 1)]}


def test_looking_again_sends_nothing(world: World) -> None:
    world.check(world.run())
    world.run(status=DagsterRunStatus.FAILURE)
    now = datetime.now(UTC)
    assert world.tell(now).new == 2
    for minutes in (1, 30, 90):
        again = world.tell(now + timedelta(minutes=minutes))
        assert (again.new, again.sent) == (0, 0)
    assert len(world.mailbox.mails) == len(world.hook.requests) == 2


def test_the_same_findings_are_told_again_only_after_the_check_has_passed(world: World) -> None:
    def told_after(**changes: Any) -> int:
        world.check(world.run(), **changes)
        return world.tell().new

    assert told_after() == 1
    assert told_after() == 0  # the same again
    assert told_after(unexpected_count=2, sample=[{"n": 1}, {"n": 2}]) == 1  # another finding
    assert told_after(unexpected_count=2, sample=[{"n": 2}, {"n": 1}]) == 0  # the same in another order
    assert told_after(start=DAY - timedelta(days=1), end=DAY) == 1  # another day
    world.check(world.run(), passed=True, unexpected_count=0, sample=[])
    assert told_after() == 1  # nobody looked in between, and it counts all the same
    assert len(world.mailbox.mails) == 4


def test_a_run_is_told_when_it_has_ended(world: World) -> None:
    run_id = world.run(status=DagsterRunStatus.STARTED)
    world.check(run_id)
    now = datetime.now(UTC)
    assert world.tell(now).new == 0
    assert world.tell(now + timedelta(hours=5)).new == 0
    assert world.tell(now + timedelta(hours=7)).new == 1  # whoever did it may be gone


def test_a_failed_run_and_its_failed_checks_are_one_message(world: World) -> None:
    @dg.op
    def breaks() -> None:
        raise ValueError(
            "expected a number, got \x1b[31mhttp://evil.example\nDETAIL:  Failing row contains (10.1.2.3)."
        )

    @dg.job
    def daily() -> None:
        breaks()

    ended = daily.execute_in_process(instance=world.instance, raise_on_error=False, tags=SCHEDULED)
    world.check(ended.run_id)
    assert world.tell(datetime.now(UTC)).new == 1
    [(_, mail)] = world.mailbox.mails
    assert mail["Subject"] == "[analytics_etl] FAILED: daily run of 2025-03-10"
    body = mail.get_content()
    assert "breaks: " in body
    assert "expected a number, got" in body
    assert "the check rows_are_few failed" in body
    assert "analytics-etl run 2025-03-10" in body
    for text in ("\x1b", "http://", "10.1.2.3"):
        assert text not in body


def test_a_run_that_only_says_the_same_again_is_not_told(world: World) -> None:
    """A blocking check fails its run, too; that is one matter."""

    @dg.asset
    def table() -> None:
        """A table."""

    results: list[str] = []

    @dg.asset_check(asset=table, blocking=True)
    def rows_are_few(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        world.check(context.run.run_id, severity="error")
        results.append(context.run.run_id)
        return dg.AssetCheckResult(passed=False)

    job = dg.Definitions(
        assets=[table], asset_checks=[rows_are_few], jobs=[dg.define_asset_job("daily")]
    ).resolve_job_def("daily")  # fmt: skip
    for expected in (1, 0):
        ended = job.execute_in_process(
            instance=world.instance, raise_on_error=False, tags={"dagster/schedule_name": "daily_schedule"}
        )
        assert not ended.success
        assert world.tell(datetime.now(UTC)).new == expected
        assert world.tell(datetime.now(UTC)).new == 0
    assert len(results) == 2
    assert world.subjects == ["[analytics_etl] FAILED: daily run"]


def test_a_killed_run_is_told_whatever_its_checks_had_said_before(world: World) -> None:
    world.check(world.run(), severity="error")
    assert world.tell(datetime.now(UTC)).new == 1
    killed = world.run({**SCHEDULED, MAX_RETRIES_TAG: "0"}, DagsterRunStatus.STARTED)
    world.check(killed, severity="error")
    error = SerializableErrorInfo("1 blocking asset check failed", [], "DagsterAssetCheckFailedError")
    data = StepFailureData(error=error, user_failure_data=None)  # type: ignore[no-untyped-call]
    failed = DagsterEvent("STEP_FAILURE", "daily", step_key="checks", event_specific_data=data)
    world.instance.report_dagster_event(failed, killed)
    fail_abandoned(world.instance, [killed])
    assert world.tell(datetime.now(UTC)).new == 1
    subject, body = world.subjects[-1], world.mailbox.mails[-1][1].get_content()
    assert subject == "[analytics_etl] FAILED: daily run of 2025-03-10"
    assert "The process of this run is gone: it was killed, or its machine went down." in body
    assert "checks: 1 blocking asset check failed" in body


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({}, True),
        ({"dagster/schedule_name": "daily_schedule"}, True),
        ({"dagster/sensor_name": "s", "dagster/asset_partition_range_start": "2025-01-01"}, True),
        ({"dagster/backfill": "abc"}, False),
        ({"analytics_etl/by": "run"}, False),
        ({"dagster/asset_partition_range_start": "2025-01-01"}, False),
        ({"dagster/backfill": "abc", "analytics_etl/notify": "true"}, True),
        ({"dagster/schedule_name": "daily_schedule", "analytics_etl/notify": "false"}, False),
    ],
)
def test_whose_failures_are_told(tags: dict[str, str], expected: bool) -> None:  # noqa: FBT001 - a parameter of the test
    assert is_to_be_notified(tags) is expected


def test_a_backfill_is_silent_unless_asked(world: World) -> None:
    silent = {"dagster/backfill": "abc"}
    world.check(world.run(silent))
    world.run(silent, DagsterRunStatus.FAILURE)
    assert world.tell(datetime.now(UTC)).new == 0
    world.check(world.run({**silent, "analytics_etl/notify": "true"}))
    assert world.tell(datetime.now(UTC)).new == 1
    assert len(world.mailbox.mails) == 1


def test_a_scheduled_run_tells_what_a_silent_one_found_before(world: World) -> None:
    world.check(world.run({"analytics_etl/by": "run"}))
    world.check(world.run())
    assert world.tell().new == 1
