"""The receiver of a simulation's notifications, and whether each arrived once and says what happened.

What is right is worked out here from what Dagster knows of its runs, what the checks found, and what the simulation
did; not by the notifier's own rules.
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
    """What the receiver accepted: the Idempotency-Key and the body."""

    key: str
    body: dict[str, Any]


@dataclass
class Receiver:
    """A web server that keeps what it accepts, and refuses everything while it is told to."""

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
    """What the simulation knows must have been told, or may have been told twice."""

    killed: set[str] = field(default_factory=set)
    """Runs whose process was killed."""
    unreadable: set[tuple[str, date]] = field(default_factory=set)
    """(table, day) of files that were cut, in runs that came to their check."""
    maybe_twice: set[str] = field(default_factory=set)
    """Keys a receiver accepted from a notifier that something was done to before it had noted it."""


def runs_at_work(url: str) -> set[str]:
    """The runs that have not ended as far as Dagster knows."""
    return {row["run_id"] for row in _ask(url, "select run_id from dagster.runs where status = 'STARTED'")}


def noted(url: str) -> set[str]:
    """The keys of what is noted as sent to the webhook."""
    statement = """
        select dedup_key from ops.notifications join ops.deliveries using (notification_id)
        where receiver = 'webhook' and state = 'sent'"""
    return {row["dedup_key"] for row in _ask(url, statement)}


def complaints(url: str, receiver: Receiver, expected: Expected) -> list[str]:
    """What is wrong with the notifications, in words."""
    decided = {row["dedup_key"]: row for row in _ask(url, "select * from ops.notifications")}
    runs = {row["run_id"]: row["status"] for row in _ask(url, "select run_id, status from dagster.runs")}
    return [
        *_wrong_deliveries(url, decided, receiver, expected),
        *_untold_runs(url, decided, runs, expected),
        *_untold_checks(url, decided, expected),
        *_wrong_reasons(url, decided, runs),
    ]


def _wrong_deliveries(
    url: str, decided: dict[str, dict[str, Any]], receiver: Receiver, expected: Expected
) -> Iterator[str]:  # fmt: skip
    """Each notification was received once, and nothing else was."""
    times = Counter(post.body["groupKey"] for post in receiver.posts)
    for key in sorted(decided.keys() | times.keys()):
        most = 2 if key in expected.maybe_twice else 1
        if key not in decided:
            yield f"{key} was received, and nobody decided to tell it"
        elif not 1 <= times[key] <= most:
            yield f"{key} ({decided[key]['subject']}) was received {times[key]} times instead of once"
    pairs = {(post.key, post.body["groupKey"]) for post in receiver.posts}
    if not len(pairs) == len({key for key, _ in pairs}) == len(times):
        yield "the Idempotency-Key is not the same for the same message and another for another one"
    texts = {json.dumps([post.key, post.body], sort_keys=True) for post in receiver.posts}
    if len(texts) != len(pairs):
        yield "a message that came twice did not say the same twice"
    open_deliveries = _ask(url, "select receiver, state, last_error from ops.deliveries where state <> 'sent'")
    yield from (f"a delivery is not sent: {row}" for row in open_deliveries)


def _untold_runs(
    url: str, decided: dict[str, dict[str, Any]], runs: dict[str, str], expected: Expected
) -> Iterator[str]:  # fmt: skip
    """Every failed run was told, unless nothing but checks failed in it; a killed one always, and as such."""
    checked = {
        row["run_id"] for row in _ask(url, "select distinct run_id from ops.check_failures where severity = 'error'")
    }
    to_tell = _to_tell(url)
    for run_id, status in sorted(runs.items()):
        if status not in ("SUCCESS", "FAILURE"):
            yield f"the run {run_id} is {status} for ever"
        elif status == "FAILURE" and f"run:{run_id}" not in decided and run_id in to_tell - checked:
            yield f"the run {run_id} failed, and nobody was told"
    for run_id in sorted(expected.killed):
        told = decided.get(f"run:{run_id}", {"subject": "nothing", "body": ""})
        if (
            not told["subject"].startswith("[analytics_etl] FAILED: ")
            or "process of this run is gone" not in told["body"]
        ):
            yield f"the process of run {run_id} was killed, which was told as: {told['subject']}"


def _untold_checks(url: str, decided: dict[str, dict[str, Any]], expected: Expected) -> Iterator[str]:
    """Every failure of a check was told, or the same before and it has not passed since; in words that name it."""
    told: dict[tuple[Any, ...], dict[str, Any]] = {}
    to_tell = _to_tell(url)
    for row in _ask(url, "select * from ops.check_failures order by failure_id"):
        found = (row["table_name"], row["check_name"], row["period_start"], row["findings"])
        name = f"the failure of {row['check_name']} in {row['table_name']} {row['period_start']} (run {row['run_id']})"
        if row["handled_at"] is None:
            yield f"nobody has decided about {name}"
        elif row["dedup_key"] is not None:
            told[found] = row
            if not _names(decided[row["dedup_key"]], *found[:3]):
                yield f"{row['dedup_key']} does not name {name}"
        elif row["run_id"] not in to_tell:
            continue
        elif (before := told.get(found)) is None:
            yield f"nobody was told of {name}"
        elif before["passed_at"] is not None and before["passed_at"] < row["failed_at"]:
            yield f"nobody was told again of {name}, which had passed in between"
    for table, day in sorted(expected.unreadable):
        if not any(_names(message, table, "files_are_readable", day) for message in decided.values()):
            yield f"nobody was told of the file of {table} {day} that was cut"


def _wrong_reasons(url: str, decided: dict[str, dict[str, Any]], runs: dict[str, str]) -> Iterator[str]:
    """Nothing was told without a reason."""
    failing = {row["run_id"] for row in _ask(url, "select distinct run_id from ops.check_failures")}
    to_tell = _to_tell(url)
    for key in sorted(decided):
        kind, _, run_id = key.partition(":")
        is_right = (kind == "run" and runs.get(run_id) == "FAILURE" and run_id in to_tell) or (
            kind == "checks" and run_id in failing
        )
        if not is_right:
            yield f"{key} ({decided[key]['subject']}) was told without a reason"


def _to_tell(url: str) -> set[str]:
    """The runs whose failures are to be told, but for those that were run again after a lost connection."""
    statement = """
        select run_id from dagster.run_tags where key = 'analytics_etl/notify'
        except select run_id from dagster.run_tags where key = 'dagster/will_retry' and value = 'true'"""
    return {row["run_id"] for row in _ask(url, statement)}


def _names(message: dict[str, Any], table: str, check: str, day: date) -> bool:
    """Whether a message has an alert about a check of a partition."""
    wanted = {"table": table, "check": check, "period": day.isoformat()}
    return any(wanted.items() <= alert.items() for alert in message["details"]["alerts"])


def _ask(url: str, statement: str) -> list[dict[str, Any]]:
    with psycopg.connect(url, row_factory=dict_row) as connection:
        return connection.execute(statement.encode()).fetchall()
