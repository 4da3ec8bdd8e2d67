"""Alerts are told once, wherever the process dies that judges and tells them."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import psycopg
import pytest
from alert_series import at, day_of, put_point
from notification_world import World

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.ops import alerts as books
from analytics_etl.tables.derived import ensure_table

pytest_plugins = ["notification_fixtures"]

MOST_DEATHS = 200


class KilledError(BaseException):
    """The process ends here; nothing handles it."""


@contextmanager
def dying_before(anything_new: set[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Die before the first statement or commit that is not in the set, and add it."""
    last = ""

    def deadly(method: Callable[..., Any], name: str) -> Callable[..., Any]:
        def call(subject: Any, *given: Any, **options: Any) -> Any:
            nonlocal last
            if name == "commit":
                found = f"commit of {last}"
            else:
                found = last = re.sub(r"\d+", "n", repr(given))  # ids grow with each pass
            if found not in anything_new:
                anything_new.add(found)
                raise KilledError
            return method(subject, *given, **options)

        return call

    with monkeypatch.context() as patch:
        for of, name in ((psycopg.Cursor, "execute"), (psycopg.Cursor, "executemany"), (psycopg.Connection, "commit")):
            patch.setattr(of, name, deadly(getattr(of, name), name))
        yield


def tell_dying_everywhere(world: World, now: datetime, monkeypatch: pytest.MonkeyPatch) -> int:
    """Make passes, each of which dies where none before it did, until one does not; how many died."""
    places: set[str] = set()
    for died in range(MOST_DEATHS):
        try:
            with dying_before(places, monkeypatch):
                world.tell(now)
        except KilledError:
            continue
        return died
    raise AssertionError(f"no pass was whole after {MOST_DEATHS}")


def test_wherever_the_process_dies_each_alert_is_told_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service fails too often on day 5, and not on day 6. What a receiver had accepted comes again under its name."""
    catalog = Catalog.of(world.settings)
    with world.database.transaction() as connection:
        ensure_table(connection, catalog.aggregates["services.series"])
    put_point(world.database, 4, 0.02)
    world.tell(at(5, 0, 30))
    put_point(world.database, 5, 0.3)
    assert tell_dying_everywhere(world, at(6, 0, 30), monkeypatch) > 20
    put_point(world.database, 6, 0.02)
    tell_dying_everywhere(world, at(7, 0, 30), monkeypatch)

    with world.database.transaction() as connection:
        lived = [(row["happened_at"], row["state_after"]) for row in books.transitions(connection)]
        days = connection.execute("select day from ops.alert_days order by 1").fetchall()
    assert lived == [(at(6), "triggered"), (at(7), "resolved")]
    assert days == [(day_of(number),) for number in (4, 5, 6)]
    mails = dict.fromkeys((mail["Message-ID"], str(mail["Subject"])) for _, mail in world.mailbox.mails)
    said = 'error_ratio_high {family="services"}'
    assert [subject for _, subject in mails] == [
        f"[analytics_etl] HIGH: {said}: 1 alert firing", f"[analytics_etl] RESOLVED: {said}: 1 alert resolved",
    ]  # fmt: skip
    sent = [(headers["Idempotency-Key"], body["status"]) for _, headers, body in world.hook.requests]
    assert [status for _, status in dict.fromkeys(sent)] == ["firing", "resolved"]
    # Two deaths lie between an acceptance and the commit of it: before the statement, and before the commit.
    assert [len(world.mailbox.mails), len(sent)] == [2 * 3, 2 * 3]
    assert len(world.tell(at(7, 0, 31)).errors) == world.tell(at(7, 0, 32)).sent == 0
