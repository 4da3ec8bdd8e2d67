"""The sensor that requests the runs that the API was asked for.

A request stays in the book until Dagster has a run of it: if the daemon is killed in between, the next tick asks again,
and Dagster starts one run for each run key.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from analytics_etl.ops import run_requests
from analytics_etl.orchestration.late import partitions_of
from analytics_etl.postgres.database import Database

SECONDS_BETWEEN = 15


def build_request_sensor(daily_job: Any) -> dg.SensorDefinition:
    """The sensor that hands waiting requests to Dagster."""

    @dg.sensor(
        name="requested_runs",
        job=daily_job,
        minimum_interval_seconds=SECONDS_BETWEEN,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Runs of days that somebody asked the API for.",
    )
    def requested_runs(
        context: dg.SensorEvaluationContext, database: dg.ResourceParam[Database]
    ) -> Iterator[dg.RunRequest | dg.SkipReason]:
        waiting = database.run(run_requests.waiting)
        for request in waiting:
            name = str(request.request_id)
            if context.instance.get_run_ids(dg.RunsFilter(tags={run_requests.TAG: name}), limit=1):
                database.run(run_requests.taken, request.request_id)
                continue
            asked = partitions_of(request.first, request.last)
            tags = {**asked.pop("tags", {}), run_requests.TAG: name}
            yield dg.RunRequest(run_key=name, tags=tags, **asked)
        if not waiting:
            yield dg.SkipReason("nobody has asked for a run")

    return requested_runs
