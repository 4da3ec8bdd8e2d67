"""Telling people: against a real mail server, a real HTTP server, a real database and a real instance of Dagster."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from click.testing import CliRunner
from conftest import Server, settings_in
from dagster import DagsterInstance, DagsterRunStatus
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.events import DagsterEvent
from dagster._core.execution.plan.objects import StepFailureData
from dagster._core.remote_origin import InProcessCodeLocationOrigin, RemoteInstigatorOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    ScheduleInstigatorData,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster._core.storage.tags import MAX_RETRIES_TAG
from dagster._core.test_utils import create_run_for_test
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._daemon.types import DaemonHeartbeat
from dagster_shared.error import SerializableErrorInfo
from events import ask, restored_environment
from notification_servers import PASSWORD, Hook, Mailbox, free_port, http_server, mail_server

from analytics_etl import notifier, runs
from analytics_etl.cli import main
from analytics_etl.housekeeping import fail_abandoned
from analytics_etl.notifications import is_to_be_told, receivers_of
from analytics_etl.settings import Settings, SettingsError
from analytics_etl.warehouse import CheckResult, Warehouse

# The mail server listens on this machine only, and its password is no secret.
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")

NOW = datetime(2025, 3, 11, 0, 30, tzinfo=UTC)
DAY = date(2025, 3, 10)
SCHEDULED = {"dagster/schedule_name": "daily_schedule", "dagster/partition": DAY.isoformat()}
OPS = "team:data-platform"


@dataclass
class World:
    """A database with its instance of Dagster, a mail server and a web server."""

    settings: Settings
    instance: DagsterInstance
    mailbox: Mailbox
    hook: Hook

    @property
    def warehouse(self) -> Warehouse:
        return Warehouse(self.settings)

    def run(self, tags: dict[str, str] | None = None, status: DagsterRunStatus = DagsterRunStatus.SUCCESS) -> str:
        run = create_run_for_test(self.instance, job_name="daily", status=status, tags=tags or SCHEDULED)
        return str(run.run_id)

    def check(self, run_id: str, name: str = "rows_are_few", **changes: Any) -> None:
        """Record a check's result as a run does; failed unless told otherwise."""
        given = {
            "table": "registry.download_events", "name": name, "start": DAY, "end": DAY + timedelta(days=1),
            "passed": False, "severity": "warn", "description": "Few rows are rejected.", "unexpected_count": 1,
            "sample": [{"day": "2025-03-10", "rows_rejected": 12}], **changes,
        }  # fmt: skip
        self.warehouse.record_checks([CheckResult(**given)], run_id)

    def tell(self, now: datetime = NOW) -> notifier.Outcome:
        return notifier.tell(self.warehouse, self.instance, now)

    @property
    def subjects(self) -> list[str]:
        return [str(mail["Subject"]) for _, mail in self.mailbox.mails]


@pytest.fixture(scope="module")
def mailbox() -> Iterator[Mailbox]:
    found = Mailbox(free_port())
    with mail_server(found):
        yield found


@pytest.fixture
def world(server: Server, tmp_path: Path, mailbox: Mailbox) -> Iterator[World]:
    url = server.clone()
    mailbox.mails.clear()
    mailbox.refused.clear()
    mailbox.answer = "250 OK"
    with restored_environment(), http_server() as hook:
        for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
            del os.environ[name]
        settings = replace(
            settings_in(tmp_path, url), smtp_url=mailbox.url, notify_email=((OPS, "a@x.org"),),
            notify_sender="etl@x.org", notify_webhook=hook.url,
        )  # fmt: skip
        with runs.instance(settings) as instance:
            yield World(settings, instance, mailbox, hook)
    server.drop(url)


def deliveries(world: World) -> dict[str, list[tuple[str, int]]]:
    """{receiver: [(state, attempts)]}, oldest notification first."""
    found: dict[str, list[tuple[str, int]]] = {}
    for row in ask(world.settings.database_url, "select * from ops.deliveries order by notification_id"):
        found.setdefault(row["receiver"], []).append((row["state"], row["attempts"]))
    return found


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
    assert is_to_be_told(tags) is expected


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


def test_a_receiver_that_is_down_gets_it_later_and_holds_up_nobody(world: World) -> None:
    world.check(world.run())
    world.check(world.run(), "volume_is_usual")
    world.mailbox.answer = "451 try later"
    first = world.tell()
    assert set(first.errors) == {"email:a@x.org"}
    assert "451 try later" in first.errors["email:a@x.org"]
    assert deliveries(world)["webhook"] == [("sent", 1), ("sent", 1)]
    assert deliveries(world)["email:a@x.org"] == [("waiting", 1), ("waiting", 0)]  # left alone after the first
    assert set(world.tell(NOW + timedelta(seconds=1)).errors) == {"email:a@x.org"}
    assert deliveries(world)["email:a@x.org"] == [("waiting", 1), ("waiting", 1)]
    assert world.tell(NOW + timedelta(seconds=59)).errors == {}  # not before a minute is over
    assert set(world.tell(NOW + timedelta(seconds=60)).errors) == {"email:a@x.org"}
    world.mailbox.answer = "250 OK"
    assert world.tell(NOW + timedelta(seconds=179)).sent == 1  # the other; the first waits two minutes now
    assert world.tell(NOW + timedelta(seconds=180)).sent == 1
    assert deliveries(world)["email:a@x.org"] == [("sent", 3), ("sent", 2)]
    assert len(world.mailbox.mails) == len(world.hook.requests) == 2


def test_one_refused_address_does_not_hold_up_another(world: World) -> None:
    world.settings = replace(
        world.settings, notify_email=((OPS, "gone@x.org"), ("*", "b@x.org"), ("team:other", "c@x.org"))
    )
    world.mailbox.refused.add("gone@x.org")
    world.check(world.run())
    outcome = world.tell()
    assert [address for address, _ in world.mailbox.mails] == ["b@x.org"]
    assert "550 no such user" in outcome.errors["email:gone@x.org"]
    assert "email:c@x.org" not in deliveries(world)


def test_it_is_given_up_at_last_and_not_silently(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.hook.status = 500
    world.check(world.run())
    now = NOW
    while deliveries(world).get("webhook", [("waiting", 0)])[0][0] == "waiting":
        world.tell(now)
        now += timedelta(hours=1)
    assert deliveries(world)["webhook"] == [("failed", notifier.MOST_ATTEMPTS)]
    assert len(world.hook.requests) == notifier.MOST_ATTEMPTS
    assert len({headers["Idempotency-Key"] for _, headers, _ in world.hook.requests}) == 1
    assert "gave up telling webhook" in caplog.text
    assert PASSWORD not in caplog.text
    assert "t0ken" not in caplog.text


def test_a_redirect_is_no_acceptance(world: World) -> None:
    world.hook.status = 302
    world.check(world.run())
    assert "HTTP 302" in world.tell().errors["webhook"]
    assert len(world.hook.requests) == 1


DIES = """
import os, sys
from datetime import datetime
from analytics_etl import notifier, runs
from analytics_etl.notifications.receivers import EmailReceiver
from analytics_etl.settings import Settings
from analytics_etl.warehouse import Warehouse, outbox

def die(*_):
    os._exit(9)

real = outbox.Claim.sent
match sys.argv[1]:
    case "collecting": outbox.set_reached = die
    case "collected": notifier.deliver = die
    case "sending": EmailReceiver._log_in = die
    case "accepted": outbox.Claim.sent = lambda claim, now: (die if "@" in claim.row["receiver"] else real)(claim, now)
settings = Settings.from_environment()
with runs.instance(settings) as instance:
    notifier.tell(Warehouse(settings), instance, datetime.fromisoformat(sys.argv[2]))
"""


@pytest.mark.parametrize(("moment", "mails"), [("collecting", 1), ("collected", 1), ("sending", 1), ("accepted", 2)])
def test_a_process_that_dies_loses_nothing_and_repeats_at_most_what_was_just_accepted(
    world: World, moment: str, mails: int
) -> None:
    world.check(world.run())
    command = [sys.executable, "-c", DIES, moment, NOW.isoformat()]
    died = subprocess.run(command, env={**os.environ, **variables(world)}, check=False, capture_output=True, text=True)
    assert died.returncode == 9, died.stderr
    world.tell(NOW + timedelta(seconds=1))
    assert len(world.mailbox.mails) == mails
    assert len({mail["Message-ID"] for _, mail in world.mailbox.mails}) == 1
    assert len({mail.as_bytes() for _, mail in world.mailbox.mails}) == 1
    assert len(world.hook.requests) == 1
    assert [state for found in deliveries(world).values() for state, _ in found] == ["sent"] * 3
    assert world.tell(NOW + timedelta(hours=2)).sent == 0


def variables(world: World) -> dict[str, str]:
    return {
        "ANALYTICS_HOME": str(world.settings.home),
        "ANALYTICS_DATABASE_URL": world.settings.database_url or "",
        "ANALYTICS_SMTP_URL": world.mailbox.url,
        "ANALYTICS_NOTIFY_EMAIL": f"{OPS}=a@x.org",
        "ANALYTICS_NOTIFY_SENDER": "etl@x.org",
        "ANALYTICS_NOTIFY_WEBHOOK": world.hook.url,
    }


# -- what Dagster knows -----------------------------------------------------------------------------------------------


def origin(name: str) -> RemoteInstigatorOrigin:
    location = InProcessCodeLocationOrigin(LoadableTargetOrigin(module_name="m"), location_name="l")
    return RemoteInstigatorOrigin(RemoteRepositoryOrigin(location, "r"), name)


def instigator(world: World, name: str, kind: InstigatorType, started: datetime) -> InstigatorState:
    data = (
        ScheduleInstigatorData("5 0 * * *", started.timestamp())
        if kind == InstigatorType.SCHEDULE
        else SensorInstigatorData()
    )
    return world.instance.add_instigator_state(InstigatorState(origin(name), kind, InstigatorStatus.RUNNING, data))


def tick(world: World, state: InstigatorState, at: datetime, status: TickStatus, said: str = "") -> None:
    error = SerializableErrorInfo(said, [], "ValueError") if said else None
    world.instance.create_tick(
        TickData(
            state.instigator_origin_id, state.instigator_name, state.instigator_type, status, at.timestamp(),
            run_ids=[],
            error=error, selector_id=state.selector_id,
        )
    )  # fmt: skip


def test_a_sensor_that_fails_is_told_once_until_it_works_again(world: World) -> None:
    state = instigator(world, "views_after_daily", InstigatorType.SENSOR, NOW)
    seconds = iter(range(0, 3600, 30))

    def after(status: TickStatus) -> int:
        now = NOW + timedelta(seconds=next(seconds))
        tick(world, state, now, status, "ValueError: no such job" if status == TickStatus.FAILURE else "")
        return world.tell(now + timedelta(seconds=1)).new

    statuses = [TickStatus.SKIPPED, *[TickStatus.FAILURE] * 3, TickStatus.SKIPPED, TickStatus.FAILURE]
    assert [after(status) for status in statuses] == [0, 1, 0, 0, 0, 1]
    assert world.subjects[0] == "[analytics_etl] FAILED: sensor views_after_daily"
    body = world.mailbox.mails[0][1].get_content()
    assert "no such job" in body
    assert "fails since 2025-03-11 00:30 UTC" in body


def test_a_schedule_that_lets_its_time_pass_is_told_once(world: World) -> None:
    started = datetime(2025, 3, 9, tzinfo=UTC)
    state = instigator(world, "daily_schedule", InstigatorType.SCHEDULE, started)
    at = datetime(2025, 3, 10, 0, 5, tzinfo=UTC)
    tick(world, state, at - timedelta(days=1), TickStatus.SUCCESS)
    tick(world, state, at, TickStatus.SUCCESS)
    tomorrow = at + timedelta(days=1)
    assert world.tell(tomorrow + timedelta(minutes=10)).new == 0  # it may still come
    assert world.tell(tomorrow + timedelta(minutes=15)).new == 1
    assert world.tell(tomorrow + timedelta(minutes=16)).new == 0
    assert world.tell(tomorrow + timedelta(days=1, minutes=15)).new == 0  # the same outage
    assert world.subjects == ["[analytics_etl] MISSED: schedule daily_schedule at 2025-03-11 00:05 UTC"]
    assert "analytics-etl run 2025-03-10" in world.mailbox.mails[0][1].get_content()
    tick(world, state, tomorrow + timedelta(days=2), TickStatus.FAILURE, "ValueError: no")
    assert world.tell(tomorrow + timedelta(days=2, minutes=15)).new == 1  # a failed tick is not a missed one
    world.instance.update_instigator_state(state.with_status(InstigatorStatus.STOPPED))
    assert world.tell(tomorrow + timedelta(days=5)).new == 0


def test_a_daemon_that_died_is_told_once(world: World) -> None:
    def beats(at: datetime, *parts: str) -> None:
        for part in parts:
            world.instance.add_daemon_heartbeat(DaemonHeartbeat(at.timestamp(), part, "id"))

    assert world.tell().new == 0  # there never was one
    beats(NOW, "SENSOR", "SCHEDULER")
    assert world.tell(NOW + timedelta(minutes=5)).new == 0
    assert world.tell(NOW + timedelta(minutes=5, seconds=1)).new == 1
    assert world.tell(NOW + timedelta(minutes=50)).new == 0
    beats(NOW + timedelta(hours=1), "SENSOR", "SCHEDULER")
    assert world.tell(NOW + timedelta(hours=1)).new == 0
    beats(NOW + timedelta(hours=2), "SENSOR")
    assert world.tell(NOW + timedelta(hours=2)).new == 1
    assert world.subjects == [
        "[analytics_etl] DEAD: Dagster's daemon",
        "[analytics_etl] DEAD: The part SCHEDULER of Dagster's daemon",
    ]
    assert "2025-03-11 00:30 UTC" in world.mailbox.mails[0][1].get_content()


# -- the sensor, the command, the settings ----------------------------------------------------------------------------


def test_the_sensor_tells_and_gives_a_sign_of_life_unless_something_is_stuck(world: World) -> None:
    beaten = world.settings.home / "beats" / "heart"
    world.settings = replace(world.settings, heartbeat_file=beaten, heartbeat_url=world.hook.url)
    sensor = notifier.build_notification_sensor()

    def evaluate() -> str:
        context = dg.build_sensor_context(instance=world.instance, resources={"warehouse": world.warehouse})
        reason = sensor(context)
        assert isinstance(reason, dg.SkipReason)
        return reason.skip_message or ""

    world.mailbox.answer = "451 try later"
    world.check(world.run())
    assert evaluate() == "1 new, 2 sent, 1 receivers with errors"
    assert not beaten.exists()
    assert evaluate() == "0 new, 0 sent, 0 receivers with errors"  # it waits
    assert not beaten.exists()
    assert len(world.hook.requests) == 1
    world.mailbox.answer = "250 OK"
    world.tell(datetime.now(UTC) + timedelta(minutes=2))
    assert evaluate() == "0 new, 0 sent, 0 receivers with errors"
    assert beaten.exists()
    assert len(world.hook.requests) == 2
    world.hook.status = 500
    evaluate()  # a sign that cannot be given is no failure


def test_the_command(world: World) -> None:
    def call(arguments: str) -> Any:
        return CliRunner(env={"COLUMNS": "300", **variables(world)}).invoke(main, arguments.split())

    world.check(world.run())
    told = call("notify")
    assert (told.exit_code, "1 new, 3 sent" in told.output) == (0, True), told.output
    world.hook.status = 503
    tested = call("notify --test")
    assert tested.exit_code == 1
    assert "✓ email:a@x.org" in tested.output
    assert "✗ webhook: http://127.0.0.1" in tested.output
    assert "HTTP 503" in tested.output
    assert world.subjects[-1] == "[analytics_etl] TEST: does this arrive?"
    listed = call("notify --list")
    assert "CHECK FAILED: registry.download_events 2025-03-10: rows_are_few  →  webhook: sent" in listed.output
    world.check(world.run(), "volume_is_usual")
    assert call("notify").exit_code == 1
    found = call("doctor")
    assert "✗ notifications: 1 wait for another attempt, 0 were given up" in found.output
    for result in (told, tested, listed, found):
        assert PASSWORD not in result.output
        assert "t0ken" not in result.output


def test_no_password_anywhere(world: World) -> None:
    """Not when a server repeats it, when it is wrong, or when a check or run quotes it."""
    assert PASSWORD not in repr(world.settings)
    assert "t0ken" not in repr(world.settings)
    world.hook.status = 401
    world.settings = replace(world.settings, smtp_url=world.mailbox.url.replace("mailer", "somebody"))
    world.check(world.run(), description=f"It is {PASSWORD}.", sample=[])
    errors = world.tell().errors
    assert "535" in errors["email:a@x.org"]
    assert "HTTP 401 said *** and" in errors["webhook"]
    written = ask(
        world.settings.database_url,
        "select d::text || n::text as text from ops.deliveries as d natural join ops.notifications as n",
    )
    assert len(written) == 3
    for text in [*(row["text"] for row in written), json.dumps(errors)]:
        assert PASSWORD not in text
        assert "t0ken" not in text


def test_nothing_from_events_gets_into_headers(world: World) -> None:
    world.check(
        world.run(), "rows\r\nBcc: evil@x.org", description="a\r\n\r\nb\u202ec",
        sample=[{"module_name": "x\r\n.\r\nRSET https://evil.example/\u2028", "reason": "ip_address is '10.1.2.3'"}],
    )  # fmt: skip
    assert world.tell().errors == {}
    [(address, mail)] = world.mailbox.mails
    assert address == "a@x.org"
    assert mail["Bcc"] is None
    assert "rows  Bcc: evil@x.org" in mail["Subject"]
    body = mail.get_content()
    assert "Expected: a    b c" in body
    assert "10.1.2.3" not in body
    assert "https://" not in body


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("ANALYTICS_SMTP_URL", f"http://me:{PASSWORD}@host", "begins with smtp:// or smtps://"),
        ("ANALYTICS_SMTP_URL", f"smtp://me:{PASSWORD}@host:port", "names a host"),
        ("ANALYTICS_NOTIFY_WEBHOOK", f"file:///{PASSWORD}", "begins with http:// or https://"),
        ("ANALYTICS_HEARTBEAT_URL", f"http://host/{PASSWORD} x", "begins with http:// or https://"),
        ("ANALYTICS_NOTIFY_EMAIL", "me@x.org", "ANALYTICS_SMTP_URL and ANALYTICS_NOTIFY_EMAIL belong together"),
        ("ANALYTICS_NOTIFY_EMAIL", "team:a=me", "addresses, or owner=address"),
        ("ANALYTICS_NOTIFY_SENDER", "a@x.org\nBcc: b@x.org", "an e-mail address"),
    ],
)
def test_settings_that_make_no_sense(name: str, value: str, expected: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        Settings.from_environment({name: value})
    assert name in str(refusal.value)
    assert expected in str(refusal.value)
    assert PASSWORD not in str(refusal.value)


def test_addresses_by_owner() -> None:
    settings = Settings.from_environment(
        {"ANALYTICS_SMTP_URL": "smtp://localhost", "ANALYTICS_NOTIFY_EMAIL": f"{OPS}=a@x.org,b@x.org; c@x.org"}
    )
    assert settings.notify_email == ((OPS, "a@x.org"), (OPS, "b@x.org"), ("*", "c@x.org"))
    names = [receiver.name for receiver in receivers_of(settings) if receiver.is_for(["team:other"])]
    assert names == ["log", "email:c@x.org"]
