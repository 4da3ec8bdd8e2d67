"""What Dagster knows and somebody must be told: sensors that fail, schedules that let their time pass, dead daemons."""

from datetime import UTC, datetime, timedelta

from dagster import DagsterRunStatus
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import InProcessCodeLocationOrigin, RemoteInstigatorOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    ScheduleInstigatorData,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._daemon.types import DaemonHeartbeat
from dagster_shared.error import SerializableErrorInfo
from notification_world import NOW, SCHEDULED, World

pytest_plugins = ["notification_fixtures"]


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
    state = instigator(world, "views_after_runs", InstigatorType.SENSOR, NOW)
    seconds = iter(range(0, 3600, 30))

    def after(status: TickStatus) -> int:
        now = NOW + timedelta(seconds=next(seconds))
        tick(world, state, now, status, "ValueError: no such job" if status == TickStatus.FAILURE else "")
        return world.tell(now + timedelta(seconds=1)).new

    statuses = [TickStatus.SKIPPED, *[TickStatus.FAILURE] * 3, TickStatus.SKIPPED, TickStatus.FAILURE]
    assert [after(status) for status in statuses] == [0, 1, 0, 0, 0, 1]
    assert world.subjects[0] == "[analytics_etl] FAILED: sensor views_after_runs"
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


def test_a_run_that_the_daemon_should_run_again_is_told_when_it_does_not(world: World) -> None:
    failed = {**SCHEDULED, "dagster/will_retry": "true"}
    lost, retried, linked = (world.run(failed, DagsterRunStatus.FAILURE) for _ in range(3))
    world.run({**SCHEDULED, "dagster/parent_run_id": retried}, DagsterRunStatus.STARTED)
    world.instance.add_run_tags(linked, {"dagster/auto_retry_run_id": "a-run-that-was-removed-since"})
    now = datetime.now(UTC)
    assert [world.tell(now + timedelta(minutes=minutes)).new for minutes in (0, 14, 16, 30)] == [0, 0, 1, 0]
    [(_, mail)] = world.mailbox.mails
    assert lost in mail.get_content()
    assert "It was to be run again by itself" in mail.get_content()


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
