"""Routes that administer: a run of given days, and days whose raw rows go. What was done stands in the audit log."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

from fastapi import Depends, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from analytics_etl.api import problems
from analytics_etl.api.answers import Answer
from analytics_etl.api.openapi import documented
from analytics_etl.api.problems import Problem
from analytics_etl.api.serving import Asked, Serving, router
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.config.settings import SettingsError
from analytics_etl.families.queries import schedules
from analytics_etl.families.queries.texts import check_texts
from analytics_etl.ops import run_requests
from analytics_etl.pipeline import retention
from analytics_etl.postgres.database import Database

MOST_DAYS = 366
"""Of a run."""
MOST_DROPPED = 31
"""Days that one request drops; the next one goes on."""
_DROPPED = {"day": "A day whose raw rows go, or would go."}
_RUN: dict[str, Any] = {
    "description": "The run is asked for.",
    "content": {"application/json": {"schema": {
        "type": "object", "required": ["run_id", "first", "last"],
        "properties": {
            "run_id": {"type": "string", "format": "uuid", "description": "`request_id` of /api/v1/pipeline/runs."},
            "first": {"type": "string", "format": "date"}, "last": {"type": "string", "format": "date"},
        },
    }}},
}  # fmt: skip

runs = router("/analytics/aggregation", "platform", right="administer")
cleaning = router("/api/v1/schedule-analytics", "schedules", right="administer")


class Run(BaseModel):
    """The days first to last, as one run."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"first": "2025-03-30", "last": "2025-03-31"}]}
    )
    first: date
    last: date | None = Field(None, description="`first` alone, if it is left out.")
    reason: str | None = Field(None, max_length=1_000, description="For the audit log.")


@runs.post("/trigger", status_code=202, responses={202: _RUN, **problems.documented(408, 413)})
def trigger(request: Request, run: Run) -> JSONResponse:
    """Ask for a run of days: of all tables and reports, then of their weeks and months. The daemon begins it."""
    settings, last = Serving.of(request).settings, run.last or run.first
    check_texts({"reason": run.reason})
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    if not settings.start_date <= run.first <= last <= yesterday:
        raise Problem(422, f"expected days in order, from {settings.start_date} to {yesterday}")
    if (last - run.first).days >= MOST_DAYS:
        raise Problem(422, f"a run has at most {MOST_DAYS} days")
    actor = request.state.identity.name
    run_id = Database(settings).run(run_requests.request, actor, run.first, last, run.reason)
    return JSONResponse({"run_id": str(run_id), "first": str(run.first), "last": str(last)}, 202)


@cleaning.delete(
    "/cleanup", responses=problems.documented(404, 409),
    **documented("", _DROPPED, {"is_dry_run": {"type": "boolean"}, "row_count": {"type": ["integer", "null"]}}),
)  # fmt: skip
def cleanup(
    request: Request, asked: Annotated[Asked, Depends()],
    before: Annotated[date, Query(description="Days before this one.")],
    dry_run: Annotated[bool, Query(description="Only say what would go.")] = True,  # noqa: FBT002 - a parameter's name
) -> Response:  # fmt: skip
    """Drop raw records of days before a day for good: only final days that everything was made of, 31 at once."""
    database, catalog = Database(asked.settings), Catalog.of(asked.settings)
    contract = catalog.contracts.get(schedules.EVENTS)
    if contract is None:
        raise Problem(404, "the family schedules is not in use")
    try:
        found = retention.days_before(database, catalog, contract, before)[:MOST_DROPPED]
    except SettingsError as error:
        raise Problem(409, str(error)) from None
    count = None if dry_run else retention.drop_days(database, contract, found, request.state.identity.name)
    fields = {"is_dry_run": dry_run, "row_count": count}
    return asked.respond(Answer([{"day": day} for day in found], fields=fields, columns=list(_DROPPED)))
