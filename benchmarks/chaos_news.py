"""The receiver of a simulation's notifications, and complaints about them: missing, repeated, or wrong ones.

What is expected follows from Dagster's runs, the failed checks and what the simulation did, not from the rules of the
notifier.
"""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import psycopg
from psycopg.rows import dict_row


@dataclass
class Post:
    """A message that the receiver accepted: its Idempotency-Key and its body."""

    key: str
    body: dict[str, Any]


@dataclass
class Receiver:
    """A web server that keeps the messages it accepts, and refuses all of them while `refuses` is set."""

    url: str = ""
    refuses: bool = False
    refused: int = 0
    posts: list[Post] = field(default_factory=list)

    @contextmanager
    def listening(self) -> Iterator[None]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if receiver.refuses:
                    receiver.refused += 1
                else:
                    receiver.posts.append(Post(self.headers["Idempotency-Key"], json.loads(body)))
                self.send_response(503 if receiver.refuses else 204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Not on our standard error."""

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            self.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
            thread.start()
            try:
                yield
            finally:
                server.shutdown()
                thread.join()


@dataclass
class Expected:
    """Notifications that must have been received, and those that may have come twice."""

    killed: set[str] = field(default_factory=set)
    """Runs whose process was killed."""
    unreadable: set[tuple[str, date]] = field(default_factory=set)
    """(table, day) of truncated files, in runs that came to the check of readable files."""
    maybe_twice: set[str] = field(default_factory=set)
    """Keys of messages that were accepted, and not yet recorded as sent when a fault came."""


def runs_at_work(url: str) -> set[str]:
    """Ids of runs that have not ended, as far as Dagster knows."""
    return {row["run_id"] for row in _ask(url, "select run_id from dagster.runs where status = 'STARTED'")}


def recorded_as_sent(url: str) -> set[str]:
    """Dedup keys of messages that the outbox has as sent to the webhook."""
    statement = """
        select dedup_key from ops.notifications join ops.deliveries using (notification_id)
        where receiver = 'webhook' and state = 'sent'"""
    return {row["dedup_key"] for row in _ask(url, statement)}


def complaints(url: str, receiver: Receiver, expected: Expected) -> list[str]:
    """All that is wrong with the notifications, as sentences."""
    notifications = {row["dedup_key"]: row for row in _ask(url, "select * from ops.notifications")}
    runs = {row["run_id"]: row["status"] for row in _ask(url, "select run_id, status from dagster.runs")}
    return [
        *_wrong_deliveries(url, notifications, receiver, expected),
        *_missing_runs(url, notifications, runs, expected),
        *_missing_checks(url, notifications, expected),
        *_unfounded(url, notifications, runs),
    ]


def _wrong_deliveries(
    url: str, notifications: dict[str, dict[str, Any]], receiver: Receiver, expected: Expected
) -> Iterator[str]:  # fmt: skip
    """Complaints unless each notification was received once, and nothing else was."""
    times = Counter(post.body["groupKey"] for post in receiver.posts)
    for key in sorted(notifications.keys() | times.keys()):
        most = 2 if key in expected.maybe_twice else 1
        if key not in notifications:
            yield f"{key} was received, but is not in the outbox"
        elif not 1 <= times[key] <= most:
            yield f"{key} ({notifications[key]['subject']}) was received {times[key]} times instead of once"
    pairs = {(post.key, post.body["groupKey"]) for post in receiver.posts}
    if not len(pairs) == len({key for key, _ in pairs}) == len(times):
        yield "the Idempotency-Key is not the same for the same message and another for another one"
    texts = {json.dumps([post.key, post.body], sort_keys=True) for post in receiver.posts}
    if len(texts) != len(pairs):
        yield "a message that came twice did not say the same twice"
    open_deliveries = _ask(url, "select receiver, state, last_error from ops.deliveries where state <> 'sent'")
    yield from (f"a delivery is not sent: {row}" for row in open_deliveries)


def _missing_runs(
    url: str, notifications: dict[str, dict[str, Any]], runs: dict[str, str], expected: Expected
) -> Iterator[str]:  # fmt: skip
    """Failed runs without a notification, unless only checks failed in them; killed ones without one that says so."""
    checked = {
        row["run_id"] for row in _ask(url, "select distinct run_id from ops.check_failures where severity = 'error'")
    }
    to_notify = _runs_to_notify(url)
    for run_id, status in sorted(runs.items()):
        if status not in ("SUCCESS", "FAILURE"):
            yield f"the run {run_id} is {status} for ever"
        elif status == "FAILURE" and f"run:{run_id}" not in notifications and run_id in to_notify - checked:
            yield f"the run {run_id} failed without a notification"
    for run_id in sorted(expected.killed):
        message = notifications.get(f"run:{run_id}", {"subject": "nothing", "body": ""})
        if (
            not message["subject"].startswith("[analytics_etl] FAILED: ")
            or "process of this run is gone" not in message["body"]
        ):
            yield f"the process of run {run_id} was killed, but its notification says: {message['subject']}"


def _missing_checks(url: str, notifications: dict[str, dict[str, Any]], expected: Expected) -> Iterator[str]:
    """Failed checks without a notification that names them, unless the same failure was notified and lasts since."""
    latest: dict[tuple[Any, ...], dict[str, Any]] = {}
    to_notify = _runs_to_notify(url)
    for row in _ask(url, "select * from ops.check_failures order by failure_id"):
        found = (row["table_name"], row["check_name"], row["period_start"], row["findings"])
        name = f"the failure of {row['check_name']} in {row['table_name']} {row['period_start']} (run {row['run_id']})"
        if row["handled_at"] is None:
            yield f"not handled by the notifier: {name}"
        elif row["dedup_key"] is not None:
            latest[found] = row
            if not _names(notifications[row["dedup_key"]], *found[:3]):
                yield f"{row['dedup_key']} does not name {name}"
        elif row["run_id"] not in to_notify:
            continue
        elif (before := latest.get(found)) is None:
            yield f"no notification of {name}"
        elif before["passed_at"] is not None and before["passed_at"] < row["failed_at"]:
            yield f"no new notification of {name}, which had passed in between"
    for table, day in sorted(expected.unreadable):
        if not any(_names(message, table, "files_are_readable", day) for message in notifications.values()):
            yield f"no notification of the truncated file of {table} {day}"


def _unfounded(url: str, notifications: dict[str, dict[str, Any]], runs: dict[str, str]) -> Iterator[str]:
    """Notifications of runs that did not fail, or that are not to be notified."""
    failing = {row["run_id"] for row in _ask(url, "select distinct run_id from ops.check_failures")}
    to_notify = _runs_to_notify(url)
    for key in sorted(notifications):
        kind, _, run_id = key.partition(":")
        is_right = (kind == "run" and runs.get(run_id) == "FAILURE" and run_id in to_notify) or (
            kind == "checks" and run_id in failing
        )
        if not is_right:
            yield f"{key} ({notifications[key]['subject']}) was sent without a reason"


def _runs_to_notify(url: str) -> set[str]:
    """Ids of runs with notifications switched on, except those run again after a lost connection.

    The tags of a run that died as it was created are in its own record only.
    """
    statement = """
        select run_id from dagster.runs where run_body::jsonb #>> '{tags,analytics_etl/notify}' is not null
        except select run_id from dagster.run_tags where key = 'dagster/will_retry' and value = 'true'"""
    return {row["run_id"] for row in _ask(url, statement)}


def _names(message: dict[str, Any], table: str, check: str, day: date) -> bool:
    """Whether a message has an alert for the check in the partition."""
    wanted = {"table": table, "check": check, "period": day.isoformat()}
    return any(wanted.items() <= alert.items() for alert in message["details"]["alerts"])


def _ask(url: str, statement: str) -> list[dict[str, Any]]:
    with psycopg.connect(url, row_factory=dict_row) as connection:
        return connection.execute(statement.encode()).fetchall()
