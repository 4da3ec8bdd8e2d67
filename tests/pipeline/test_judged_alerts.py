"""Alerts from published series: days in any order, what people say, what is told, and the commands."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Literal

import pytest
import yaml
from alert_series import FIRST, KEY, at, day_of, put_point
from commands import call, variables
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.ops import alerts as books
from analytics_etl.pipeline import alert_queries, alerts, publishing
from analytics_etl.postgres.database import Database
from analytics_etl.signals.alerts.notices import Notice
from analytics_etl.tables.derived import ensure_table

BAD = {5: 0.3, 6: 0.3, 9: 0.4}


@pytest.fixture
def services(database: Database, catalog: Catalog) -> Database:
    """Twelve days of one service, whose operations failed too often on three of them; nothing is published."""
    with database.transaction() as connection:
        for table in catalog.in_order():
            if table.startswith("services.") and table in catalog.aggregates:
                ensure_table(connection, catalog.aggregates[table])
        for number in range(1, 13):
            connection.execute(
                "insert into services.service_stats_1d (day, bucket, service_id, event_count, error_rate, timed_count, "
                "p95_latency_ms) values (%s, %s, 'play', 100, %s, 100, 80)",
                [day_of(number), at(number), BAD.get(number, 0.02)],
            )
    return database


def publish(database: Database, catalog: Catalog, numbers: Sequence[int]) -> None:
    for number in numbers:
        for name in ("series", "anomalies"):
            window = {day_of(number): day_of(number + 1)}
            publishing.replace(database, catalog.aggregates[f"services.{name}"], window)


def seen(database: Database) -> list[tuple[Any, ...]]:
    with database.transaction() as connection:
        rows = books.transitions(connection, key=KEY)
    return [(row["happened_at"], row["incident"], row["state_before"], row["state_after"], row["who"]) for row in rows]


def told(database: Database, catalog: Catalog, now: datetime) -> list[Notice]:
    with database.transaction() as connection:
        return alerts.notices_to_tell(connection, catalog, now)[0]


EXPECTED = [
    (at(6), 1, "inactive", "triggered", None),
    (at(6, 8), 1, "triggered", "acknowledged", "ann"),
    (at(8), 1, "acknowledged", "resolved", None),
    (at(10), 2, "resolved", "triggered", None),
    (at(11), 2, "triggered", "resolved", None),
]


def test_days_one_by_one_at_once_and_again_give_the_same_transitions(services: Database, catalog: Catalog) -> None:
    notices = []
    for number in range(1, 13):
        publish(services, catalog, [number])
        assert alerts.judge(services, catalog) == 1
        if number == 5:
            alert_queries.command(services, catalog, KEY, "acknowledge", "ann", "known", at(6, 8))
            [row] = alert_queries.current(services, catalog)
            assert (row["status"], row["triggered_at"], row["value"]) == ("acknowledged", at(6), 0.3)
            with pytest.raises(alert_queries.AlertError, match="acknowledged already"):
                alert_queries.command(services, catalog, KEY, "acknowledge", "bob", None, at(6, 9))
        notices += told(services, catalog, at(number + 1, 0, 30))
        assert told(services, catalog, at(number + 1, 0, 31)) == []
    assert seen(services) == EXPECTED
    said = [(n.at, [(a.labels["entity"], a.status, a.resolved_at) for a in n.alerts]) for n in notices]
    assert said == [
        (at(6), [("play", "triggered", None)]),
        (at(8), [("play", "resolved", at(8))]),
        (at(10), [("play", "triggered", None)]),
        (at(11), [("play", "resolved", at(11))]),
    ]

    with services.transaction() as connection:
        books.forget_from(connection, FIRST)
    assert alerts.judge(services, catalog) == 12
    assert seen(services) == EXPECTED
    publish(services, catalog, [7, 3])
    assert alerts.judge(services, catalog) == 10
    assert seen(services) == EXPECTED
    assert alerts.judge(services, catalog) == 0


def test_alerts_that_are_over_are_forgotten_and_old_days_not_judged_again(services: Database, catalog: Catalog) -> None:
    """Four days are kept. Of days 1 to 12, day 8 has the last state that is needed: that before day 9."""
    short = Database(replace(services.settings, alert_keep_days=4))
    publish(services, catalog, range(1, 13))
    assert alerts.judge(services, catalog) == 12
    alert_queries.silence(services, {"entity": "play"}, at(2), at(3), "ann", "over")
    alert_queries.silence(services, {"entity": "play"}, at(2), at(9, 1), "ann", "not yet")
    with services.transaction() as connection:
        books.command(connection, KEY, "resolve", at(6, 8), "ann", None)
        books.command(connection, KEY, "resolve", at(10, 8), "ann", None)
    publish(services, catalog, [7, 9])
    assert alerts.judge(short, catalog) == 4
    kept = [(at(10), 2, "resolved", "triggered", None), (at(10, 8), 2, "triggered", "resolved", "ann")]
    assert seen(services) == kept
    publish(services, catalog, [7, 9])
    assert alerts.judge(short, catalog) == 4
    assert seen(services) == kept
    with services.transaction() as connection:
        days = connection.execute("select day from ops.alert_days union select day from ops.alert_states order by 1")
        assert [day for (day,) in days] == [day_of(number) for number in range(8, 13)]
        assert [row["given_at"] for row in books.commands(connection, at(1))] == [at(10, 8)]
        assert [row["reason"] for row in books.silences(connection)] == ["not yet"]
    publish(services, catalog, [13])
    alerts.judge(short, catalog)
    assert [row["status"] for row in alert_queries.current(services, catalog, with_ended=True)] == ["resolved"]
    publish(services, catalog, [14])
    alerts.judge(short, catalog)
    assert (alert_queries.current(services, catalog, with_ended=True), seen(services)) == ([], [])


def test_an_open_alert_keeps_its_incident(services: Database, catalog: Catalog) -> None:
    with services.transaction() as connection:
        connection.execute("update services.service_stats_1d set error_rate = 0.3 where day >= %s", [day_of(5)])
    publish(services, catalog, range(3, 9))
    alerts.judge(services, catalog)
    publish(services, catalog, [8])
    assert alerts.judge(Database(replace(services.settings, alert_keep_days=2)), catalog) == 1
    assert seen(services) == [(at(6), 1, "inactive", "triggered", None)]
    assert alert_queries.current(services, catalog)[0]["triggered_at"] == at(6)


def test_history_is_recorded_and_not_told_and_an_end_that_is_found_later_is_told(
    services: Database, catalog: Catalog
) -> None:
    publish(services, catalog, range(9, 0, -1))
    assert alerts.judge(services, catalog) == 9
    assert [after for _, _, _, after, _ in seen(services)] == ["triggered", "resolved", "triggered"]
    [notice] = told(services, catalog, at(10, 0, 30))
    assert [(alert.incident, alert.triggered_at) for alert in notice.alerts] == [(2, at(10))]
    with services.transaction() as connection:
        connection.execute("update services.service_stats_1d set error_rate = 0.02 where day = %s", [day_of(9)])
    publish(services, catalog, [9, 10])
    assert alerts.judge(services, catalog) == 2
    [notice] = told(services, catalog, at(11, 0, 30))
    assert [(alert.incident, alert.status) for alert in notice.alerts] == [(2, "resolved")]
    publish(services, catalog, [11])
    alerts.judge(services, catalog)
    assert told(services, catalog, at(12, 0, 30)) == []


def test_the_commands(services: Database, catalog: Catalog) -> None:
    publish(services, catalog, range(1, 10))
    environment = variables(services.settings)

    def typed(arguments: str) -> Any:
        result = call(f"alerts {arguments} --format json", environment)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)["rows"]

    [row] = typed("list")
    name = row["alert"]
    assert row["sentence"] == "Error ratio of service play is 40 % (limit 10 %)"
    exported = call("alerts export --rule error_ratio_high", environment)
    [entry] = yaml.safe_load(exported.stdout)["groups"][0]["rules"]
    assert (entry["alert"], entry["expr"], entry["for"]) == ("error_ratio_high", "error_ratio > 0.1", "300s")
    unknown = call("alerts export --rule no_such", environment)
    assert (unknown.exit_code, "there is no rule no_such" in unknown.output) == (2, True)
    assert (row["rule"], row["status"], row["severity"], row["value"]) == ("error_ratio_high", "triggered", "high", 0.4)
    assert [one["state_after"] for one in typed(f"show {name}")] == ["triggered", "resolved", "triggered"]
    first, _ = typed(f"show {name} --incidents")
    assert (first["incident"], first["seconds_to_resolve"]) == (1, 2 * 86400)
    tried = typed("test error_ratio_high --from 2025-03-08 --to 2025-03-09")
    assert [(one["happened_at"][:10], one["state_after"]) for one in tried] == [("2025-03-10", "triggered")]

    assert call(f"alerts resolve {name}", environment).exit_code == 0
    assert typed("list") == []
    assert [one["status"] for one in typed("list --all")] == ["resolved"]
    again = call(f"alerts resolve {name}", environment)
    assert (again.exit_code, "nothing to resolve: the alert is resolved" in again.output) == (2, True)
    unknown = call("alerts ack 00000000", environment)
    assert (unknown.exit_code, "there is no alert 00000000" in unknown.output) == (2, True)
    assert call("alerts silence --label family=services --hours 2 --reason move", environment).exit_code == 0
    with services.transaction() as connection:
        [silence] = books.silences(connection)
    assert (silence["matchers"], silence["ends_at"] - silence["starts_at"]) == (
        {"family": "services"}, timedelta(hours=2),
    )  # fmt: skip


# -- random lives -----------------------------------------------------------------------------------------------------

DAYS = 8
Kind = Literal["acknowledge", "resolve"]
SAID: tuple[Kind, ...] = ("acknowledge", "resolve")


@settings(
    max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture], phases=[Phase.explicit, Phase.generate]
)
@given(
    values=st.lists(st.sampled_from([None, 0.02, 0.3, 0.5]), min_size=DAYS, max_size=DAYS),
    said=st.lists(st.tuples(st.integers(1, DAYS), st.sampled_from(SAID)), max_size=4),
    silent=st.one_of(st.none(), st.tuples(st.integers(1, DAYS), st.integers(1, 3))),
)
def test_stored_alerts_live_as_history_is_replayed(
    services: Database, catalog: Catalog, values: list[float | None], said: list[tuple[int, Kind]],
    silent: tuple[int, int] | None,
) -> None:  # fmt: skip
    """Random values, words and silences. Nothing is kept between two days but the books, so each is a restart."""
    with services.transaction() as connection:
        for table in ("alert_days", "alert_states", "alert_transitions", "alert_commands", "alert_silences",
                      "alert_told", "partitions"):  # fmt: skip
            connection.execute(f"delete from ops.{table}".encode())
        connection.execute("delete from services.series")
    if silent is not None:
        first, days = silent
        alert_queries.silence(services, {"entity": "play"}, at(first), at(first + days), "ann", "test")
    notices: list[Notice] = []
    for number, value in enumerate(values, 1):
        put_point(services, number, value)
        assert alerts.judge(services, catalog) == 1
        notices += told(services, catalog, at(number + 1, 0, 30))
        for _, kind in [word for word in said if word[0] == number]:
            with suppress(alert_queries.AlertError):  # there is nothing to do it to
                alert_queries.command(services, catalog, KEY, kind, "ann", None, at(number + 1, 8))
    lived = seen(services)
    assert len(lived) == len({(happened, before, after) for happened, _, before, after, _ in lived}), "each once"
    assert all(one[3] == after[2] for one, after in pairwise(lived)), "they are a chain"
    assert len(notices) == len({notice.key for notice in notices}), "nothing is told twice"
    of_it = [alert for notice in notices for alert in notice.alerts if alert.rule == "error_ratio_high"]
    ends = [alert.incident for alert in of_it if alert.resolved_at]
    assert len(ends) == len(set(ends)), "an end is told once"
    begun = {incident for _, incident, before, after, _ in lived if after == "triggered" and before != "no data"}
    assert {alert.incident for alert in of_it} <= begun
    if silent is None:
        assert {alert.incident for alert in of_it} == begun, "nothing is lost"
    with services.transaction() as connection:
        books.forget_from(connection, FIRST)
    assert alerts.judge(services, catalog) == DAYS
    assert seen(services) == lived
