"""The outbox: failed checks, notifications and their deliveries.

One transaction writes a notification, its deliveries and the mark that its failures are handled. A process that dies
before the commit has written none of them; one that dies after it leaves the deliveries to be sent.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from analytics_etl.ops.records import CheckResult
from analytics_etl.postgres.connection import Connection, lock, rows

SAMPLE_ROWS = 5


@dataclass(frozen=True)
class Outgoing:
    """A new notification and its receivers."""

    dedup_key: str
    kind: str
    subject: str
    body: str
    details: Mapping[str, Any]
    owners: Sequence[str]
    receivers: Sequence[str]


@dataclass
class Claim:
    """A delivery that this process has locked to attempt it; `sent` or `put_off` commits the outcome."""

    connection: Connection
    row: dict[str, Any]

    def sent(self, now: datetime) -> None:
        """Record that the receiver accepted it."""
        self._update("state = 'sent', sent_at = %s, last_error = null", [now])

    def put_off(self, until: datetime | None, error: str) -> None:
        """Record a failed attempt and when to retry; None: there is no further attempt."""
        state = "failed" if until is None else "waiting"
        self._update(
            "state = %s, next_attempt_at = coalesce(%s, next_attempt_at), last_error = %s", [state, until, error]
        )

    def _update(self, assignments: str, values: list[Any]) -> None:
        statement = f"""
            update ops.deliveries set attempts = attempts + 1, {assignments}
            where notification_id = %s and receiver = %s"""  # noqa: S608 - the assignments are the two above
        self.connection.execute(statement.encode(), [*values, self.row["notification_id"], self.row["receiver"]])
        self.connection.commit()


def record_failures(connection: Connection, results: Iterable[CheckResult], run_id: str | None) -> None:
    """Record the failures of a run, and that earlier ones have passed; in the transaction that records the results."""
    found = list(results)
    passed = [result for result in found if result.passed]
    connection.execute(
        """
        update ops.check_failures as f set passed_at = clock_timestamp()
        from unnest(%s::text[], %s::text[], %s::date[]) as p (table_name, check_name, period_start)
        where (f.table_name, f.check_name, f.period_start) = (p.table_name, p.check_name, p.period_start)
            and f.passed_at is null""",
        [[r.table for r in passed], [r.name for r in passed], [r.start for r in passed]],
    )
    if run_id is not None:
        with connection.cursor() as cursor:
            cursor.executemany(
                """
                insert into ops.check_failures (
                    table_name, check_name, period_start, period_end, severity, description, unexpected_count, sample,
                    findings, run_id
                ) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
                [
                    (r.table, r.name, r.start, r.end, r.severity, r.description, r.unexpected_count,
                     _json(r.sample[:SAMPLE_ROWS]), _findings(r), run_id)
                    for r in found if not r.passed
                ],
            )  # fmt: skip


def watermark(connection: Connection, source: str) -> datetime | None:
    """The moment up to which failures of a source were collected; None before the first collection."""
    found = rows(connection, "select reached_at from ops.collections where source = %s", [source])
    return found[0]["reached_at"] if found else None


def begin_collecting(connection: Connection) -> None:
    """Lock out other collectors until the transaction ends: each must see the notifications of the one before."""
    lock(connection, "notifications")


def set_watermark(connection: Connection, source: str, moment: datetime) -> None:
    """Record that failures of a source were collected up to a moment; an earlier one than recorded changes nothing."""
    connection.execute(
        """
        insert into ops.collections (source, reached_at) values (%s, %s)
        on conflict (source) do update set reached_at = greatest(collections.reached_at, excluded.reached_at)""",
        [source, moment],
    )


def unhandled_runs(connection: Connection) -> dict[str, datetime]:
    """{run with failures that are not handled: time of the last one}, oldest first."""
    found = rows(
        connection,
        """
        select run_id, max(failed_at) as failed_at from ops.check_failures
        where handled_at is null group by run_id order by min(failure_id)""",
    )
    return {row["run_id"]: row["failed_at"] for row in found}


def failures(connection: Connection, run_id: str) -> list[dict[str, Any]]:
    """The failed checks of a run; `is_known`: the owners were notified of the same findings of an earlier run, and the
    check has not passed since.
    """
    return rows(
        connection,
        """
        select f.*, exists (
            select from ops.check_failures as earlier
            where earlier.table_name = f.table_name and earlier.check_name = f.check_name
                and earlier.period_start = f.period_start and earlier.findings = f.findings
                and earlier.failure_id < f.failure_id and earlier.dedup_key is not null
                and (earlier.passed_at is null or earlier.passed_at > f.failed_at)
        ) as is_known
        from ops.check_failures as f
        where f.run_id = %s
        order by f.failure_id""",
        [run_id],
    )


def mark_handled(connection: Connection, failures: Sequence[int], now: datetime, dedup_key: str | None) -> None:
    """Mark unhandled failures as handled: by the notification of `dedup_key`, or, with None, without one."""
    connection.execute(
        """
        update ops.check_failures set handled_at = %s, dedup_key = %s
        where failure_id = any(%s) and handled_at is null""",
        [now, dedup_key, list(failures)],
    )


def add(connection: Connection, outgoing: Outgoing, now: datetime) -> bool:
    """Write a notification and its deliveries; returns False, and writes nothing, if its key exists already."""
    added = rows(
        connection,
        """
        insert into ops.notifications (dedup_key, kind, subject, body, details, owners, created_at)
        values (%s, %s, %s, %s, %s, %s, %s)
        on conflict (dedup_key) do nothing
        returning notification_id""",
        [
            outgoing.dedup_key, outgoing.kind, outgoing.subject, outgoing.body, _json(outgoing.details),
            list(outgoing.owners), now,
        ],
    )  # fmt: skip
    if not added:
        return False
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into ops.deliveries (notification_id, receiver, next_attempt_at) values (%s, %s, %s)",
            [(added[0]["notification_id"], receiver, now) for receiver in outgoing.receivers],
        )
    return True


def known(connection: Connection, dedup_keys: Sequence[str]) -> set[str]:
    """Those of some keys that have a notification."""
    found = rows(
        connection, "select dedup_key from ops.notifications where dedup_key = any(%s)", [list(dedup_keys)]
    )  # fmt: skip
    return {row["dedup_key"] for row in found}


def newest_details(connection: Connection, group: str) -> dict[str, Any] | None:
    """The details of the newest notification whose key is `group`, or begins with it and a colon."""
    found = rows(
        connection,
        "select details from ops.notifications where dedup_key = %(group)s or starts_with(dedup_key, %(group)s || ':') "
        "order by notification_id desc limit 1",
        {"group": group},
    )
    return found[0]["details"] if found else None


@contextmanager
def claim(connection: Connection, receiver: str, now: datetime) -> Iterator[Claim | None]:
    """Lock the next due delivery of a receiver until its outcome is recorded; None if none is due.

    The lock ends with the connection: a process that dies leaves the delivery as it was.
    """
    found = rows(
        connection,
        """
        select d.notification_id, d.receiver, d.attempts, n.*
        from ops.deliveries as d
        join ops.notifications as n using (notification_id)
        where d.receiver = %s and d.state = 'waiting' and d.next_attempt_at <= %s
        order by d.next_attempt_at, d.notification_id
        limit 1
        for update of d skip locked""",
        [receiver, now],
    )
    try:
        yield Claim(connection, found[0]) if found else None
    finally:
        connection.rollback()


def listed(connection: Connection, limit: int) -> list[dict[str, Any]]:
    """The newest notifications, newest first, with a row for each delivery."""
    return rows(
        connection,
        """
        select
            n.created_at, n.kind, n.subject, d.receiver, d.state, d.attempts, d.next_attempt_at, d.sent_at, d.last_error
        from (select * from ops.notifications order by notification_id desc limit %s) as n
        left join ops.deliveries as d using (notification_id)
        order by n.notification_id desc, d.receiver""",
        [limit],
    )


def undelivered(connection: Connection) -> dict[str, Any]:
    """The number of deliveries given up, of those waiting after a failed attempt, and one of their errors."""
    return rows(
        connection,
        """
        select
            count(*) filter (where state = 'failed') as given_up,
            count(*) filter (where state = 'waiting') as waiting,
            max(last_error) as last_error
        from ops.deliveries
        where state = 'failed' or (state = 'waiting' and attempts > 0)""",
    )[0]


def _findings(result: CheckResult) -> str:
    """A hash of the rows that a check found, in any order; of their number only if the sample is not complete."""
    rows_text = sorted(_json(row) for row in result.sample) if len(result.sample) == result.unexpected_count else []
    return hashlib.sha256(_json([result.unexpected_count, rows_text]).encode()).hexdigest()


def _json(value: Any) -> str:
    return json.dumps(value, default=str).replace("\\u0000", "")
