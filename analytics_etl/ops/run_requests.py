"""Runs that the API was asked for: the daemon takes them up, whatever became of the server meanwhile."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID, uuid4

from analytics_etl.ops.records import record_audit
from analytics_etl.postgres.connection import Connection

TAG = "analytics_etl/request"
"""On the Dagster run: the id of what it was asked for by."""


@dataclass(frozen=True)
class RunRequest:
    """A run of the days first to last that waits."""

    request_id: UUID
    first: date
    last: date


def request(connection: Connection, actor: str, first: date, last: date, reason: str | None) -> UUID:
    """Ask for a run of days; returns its id. A request of the same days that still waits is the same one."""
    found = connection.execute(
        "select request_id from ops.run_requests where taken_at is null and first_day = %s and last_day = %s",
        [first, last],
    ).fetchone()
    if found is not None:
        return UUID(str(found[0]))
    request_id = uuid4()
    connection.execute(
        "insert into ops.run_requests (request_id, first_day, last_day, requested_by, reason) "
        "values (%s, %s, %s, %s, %s)",
        [request_id, first, last, actor, reason],
    )
    record_audit(connection, actor, "request run", f"{first} to {last}: {request_id}", reason)
    return request_id


def waiting(connection: Connection) -> list[RunRequest]:
    """The requests that nobody has taken up, the oldest first."""
    found = connection.execute(
        "select request_id, first_day, last_day from ops.run_requests where taken_at is null "
        "order by requested_at, request_id"
    ).fetchall()
    return [RunRequest(*row) for row in found]


def taken(connection: Connection, request_id: UUID) -> None:
    """Record that the daemon has a run for a request."""
    connection.execute(
        "update ops.run_requests set taken_at = clock_timestamp() where request_id = %s and taken_at is null",
        [request_id],
    )
