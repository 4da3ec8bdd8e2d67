"""The views and the index follow the runs of days, weeks and months: once, after the last, whatever became of it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster import DagsterRunStatus as Status
from dagster._core.definitions.assets.job.asset_job import IMPLICIT_ASSET_JOB_NAME
from dagster._core.events import DagsterEvent
from dagster._core.events import DagsterEventType as Kind
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.storage.tags import PARTITION_NAME_TAG, RUN_KEY_TAG
from dagster._core.test_utils import create_run_for_test
from events import DAY

from analytics_etl.catalog.calendar import NAMES
from analytics_etl.config.settings import Settings
from analytics_etl.orchestration import views_sensor
from analytics_etl.orchestration.definitions import build_defs
from analytics_etl.orchestration.late import BY_TAG
from analytics_etl.pipeline.jobs import VIEWS_JOB

OF_DAY = {PARTITION_NAME_TAG: str(DAY)}
ENDINGS = (Kind.RUN_SUCCESS, Kind.RUN_FAILURE, Kind.RUN_CANCELED)


class World:
    """Dagster's instance, the sensor, and runs that begin and end."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.definitions = build_defs(Settings(database_url="postgresql://nobody@localhost/none"))
        self.sensor = self.definitions.resolve_sensor_def("views_after_runs")

    def begins(self, job: str, **tags: str) -> str:
        run = create_run_for_test(self.instance, job_name=job, tags=tags, status=Status.NOT_STARTED)
        self._happens(run.run_id, job, Kind.RUN_START)
        return str(run.run_id)

    def ends(self, run_id: str, how: Kind = Kind.RUN_SUCCESS) -> str:
        run = self.instance.get_run_by_id(run_id)
        assert run is not None
        self._happens(run_id, run.job_name, how)
        return run_id

    def ended(self, job: str, how: Kind = Kind.RUN_SUCCESS, **tags: str) -> str:
        return self.ends(self.begins(job, **tags), how)

    def _happens(self, run_id: str, job: str, kind: Kind) -> None:
        self.instance.report_dagster_event(DagsterEvent(kind.value, job_name=job), run_id)

    def asked(self) -> list[str | None]:
        """What the sensor asks for, by the run it names."""
        with dg.build_sensor_context(self.instance, repository_def=self.definitions.get_repository_def()) as context:
            found = self.sensor.evaluate_tick(context)
        assert {request.job_name for request in found.run_requests or ()} <= {None, VIEWS_JOB}
        return [request.run_key for request in found.run_requests or ()]


@pytest.fixture
def world() -> Iterator[World]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield World(instance)


def test_it_is_the_job_of_views_that_follows(world: World) -> None:
    assert world.sensor.job_name == VIEWS_JOB


@pytest.mark.parametrize("how", ENDINGS)
@pytest.mark.parametrize("job", NAMES.values())
def test_the_views_follow_a_run_once_whatever_became_of_it(world: World, job: str, how: Kind) -> None:
    assert world.asked() == []
    world.ended("watchdog")
    assert world.asked() == []
    run_id = world.ended(job, how)
    assert world.asked() == [run_id]
    # They are refreshed, or are not: they follow what ends next, and not themselves.
    for ending in ENDINGS:
        world.ended(VIEWS_JOB, ending)
        assert world.asked() == []
    assert world.asked() == []
    again = world.ended(job, how)
    assert world.asked() == [again]


def test_one_day_is_followed_by_one_refresh(world: World) -> None:
    """The daily run of a click in the UI, then its week and its month, which the other sensor asks for."""
    daily = world.begins("daily", **OF_DAY)
    assert world.asked() == []
    world.ends(daily)
    assert world.asked() == [], "its week and month are not asked for yet"
    weekly = world.begins("weekly", **{RUN_KEY_TAG: f"{daily} weekly"})
    assert world.asked() == []
    world.ends(weekly)
    assert world.asked() == []
    monthly = world.begins("monthly", **{RUN_KEY_TAG: f"{daily} monthly"})
    assert world.asked() == []
    world.ends(monthly, Kind.RUN_FAILURE)
    assert world.asked() == [monthly]
    views = create_run_for_test(world.instance, job_name=VIEWS_JOB, status=Status.NOT_STARTED)
    assert world.asked() == [], "it waits in the queue, and will see them all"
    world._happens(views.run_id, VIEWS_JOB, Kind.RUN_START)
    later = world.ended("weekly")
    assert world.asked() == [later], "it may have read before that"


def test_a_daily_run_that_failed_has_no_weeks_to_wait_for(world: World) -> None:
    daily = world.ended("daily", Kind.RUN_FAILURE, **OF_DAY)
    assert world.asked() == [daily]


@pytest.mark.parametrize("tags", [OF_DAY, {BY_TAG: "run"}])
def test_what_never_comes_is_not_waited_for(
    world: World, tags: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """The other sensor is switched off, or the command line was killed."""
    daily = world.ends(world.begins("daily", **tags))
    assert world.asked() == []
    monkeypatch.setattr(views_sensor, "PATIENCE", timedelta(0))
    assert world.asked() == [daily]


def test_tables_that_somebody_materializes_are_followed_too(world: World) -> None:
    world.ended(IMPLICIT_ASSET_JOB_NAME)  # of what has no partitions, like a view
    assert world.asked() == []
    run_id = world.ended(IMPLICIT_ASSET_JOB_NAME, Kind.RUN_FAILURE, **OF_DAY)
    assert world.asked() == [run_id]
    backfill = PartitionBackfill(
        backfill_id="one", status=BulkActionStatus.REQUESTED, from_failure=False, tags={},
        backfill_timestamp=datetime.now(UTC).timestamp(), asset_selection=[],
    )  # fmt: skip
    world.instance.add_backfill(backfill)
    assert world.asked() == [], "more runs come"
    world.instance.update_backfill(backfill._replace(status=BulkActionStatus.COMPLETED_SUCCESS))
    assert world.asked() == [run_id]
