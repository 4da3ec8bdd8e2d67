"""The route that changes a record: by a later record with the same id and a higher revision, which counts."""

import json
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import Path, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, JsonValue
from starlette.concurrency import run_in_threadpool

from analytics_etl.api.problems import Problem
from analytics_etl.api.routes.landing import ACCEPTED, STATUSES, Taken, take
from analytics_etl.api.serving import STATEMENT_SECONDS, Serving, router
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.families.queries import Row, schedules
from analytics_etl.families.queries.cursor import utc
from analytics_etl.families.queries.written import portable_row
from analytics_etl.postgres.database import Database

_TABLE = schedules.EVENTS
_FIXED = ("event_id", "recorded_at")
_DAYS = 90
"""So many days are searched for a record, if the change does not say of which day it is."""

routes = router("/api/v1/schedule-analytics", "schedules", right="post")


class Change(BaseModel):
    """Some fields of a record with their new values."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"examples": [{"result": "failure", "level": "ERROR"}]})
    __pydantic_extra__: dict[str, JsonValue] = Field(init=False)
    recorded_at: datetime | None = Field(None, description="Of which day the record is; without it the newest counts.")
    revision: int | None = Field(None, ge=0, le=2**62, description="Of the change; by default one more than before.")


@routes.patch("/{event_id}", status_code=202, responses={202: ACCEPTED, **STATUSES})
async def change(
    request: Request, change: Change, event_id: Annotated[UUID, Path(description="Id of a record that is loaded.")]
) -> JSONResponse:
    """Change fields of a record. The changed record is posted with a higher revision, and counts once it is loaded."""
    settings = Serving.of(request).settings
    fields = dict(change.__pydantic_extra__ or {})
    contract = Catalog.of(settings).contracts.get(_TABLE)
    if contract is None:
        raise Problem(404, "the family schedules is not in use")
    known = {column.name for column in contract.columns}
    if wrong := sorted(name for name in fields if name not in known or name in _FIXED):
        raise Problem(422, f"no field that can be changed: {', '.join(wrong)}")
    record = await run_in_threadpool(_record, Database(settings, seconds=STATEMENT_SECONDS), event_id, change)
    before = -1 if record["revision"] is None else int(record["revision"])
    revision = before + 1 if change.revision is None else change.revision
    if revision <= before:
        raise Problem(409, f"the record has the revision {before}: a change must have a higher one")
    changed: dict[str, Any] = {**portable_row(record), **fields, "revision": revision}
    return await take(request, Taken(_TABLE), json.dumps(changed, ensure_ascii=False).encode(), "application/json")


def _record(database: Database, event_id: UUID, change: Change) -> Row:
    """The record that is changed, as it is loaded."""
    if change.recorded_at is None:
        last = datetime.now(UTC).date() + timedelta(days=1)
        first = last - timedelta(days=_DAYS)
    else:
        first = last = utc(change.recorded_at).date()
    found = schedules.record(database, str(event_id), first, last)
    if found is None:
        raise Problem(
            404, "no record with this id is loaded; one that is not loaded yet can be posted again, as a whole"
        )
    return found
