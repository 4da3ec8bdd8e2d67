"""The views and the index of the reports follow each run of days, weeks or months, and nothing else."""

import dagster as dg
import pytest
from dagster._core.events import DagsterEvent, DagsterEventType
from dagster._core.test_utils import create_run_for_test

from analytics_etl.definitions import build_defs
from analytics_etl.schedules import JOB_NAMES, VIEWS_JOB
from analytics_etl.settings import Settings

SENSOR = "views_after_runs"


def ended(instance: dg.DagsterInstance, job: str, how: DagsterEventType) -> str:
    """A run of a job that has just ended; its id."""
    run = create_run_for_test(instance, job_name=job, status=dg.DagsterRunStatus.STARTED)
    instance.report_dagster_event(DagsterEvent(how.value, job_name=job), run.run_id)
    return str(run.run_id)


@pytest.mark.parametrize("job", JOB_NAMES.values())
def test_the_views_follow_a_run_once(job: str) -> None:
    definitions = build_defs(Settings(database_url="postgresql://nobody@localhost/none"))
    sensor = definitions.resolve_sensor_def(SENSOR)
    assert sensor.job_name == VIEWS_JOB

    def asked(cursor: str | None) -> tuple[list[str | None], str | None]:
        with dg.build_sensor_context(
            instance, cursor=cursor, repository_def=definitions.get_repository_def(), sensor_name=SENSOR
        ) as context:
            evaluated = sensor.evaluate_tick(context)
        return [request.run_key for request in evaluated.run_requests or ()], evaluated.cursor

    with dg.DagsterInstance.ephemeral() as instance:
        ended(instance, job, DagsterEventType.RUN_SUCCESS)  # before the sensor was there
        requests, cursor = asked(None)
        assert requests == []
        for other in (VIEWS_JOB, "watchdog"):
            ended(instance, other, DagsterEventType.RUN_SUCCESS)
        ended(instance, job, DagsterEventType.RUN_FAILURE)
        run_id = ended(instance, job, DagsterEventType.RUN_SUCCESS)
        keys = []
        for _ in range(4):  # it looks at one run a time
            requests, cursor = asked(cursor)
            keys += requests
        assert keys == [run_id]
