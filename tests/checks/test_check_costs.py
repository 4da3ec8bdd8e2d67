"""Checks read the rows no more often than they must: once for a SELECT, and what is wrong only when something is."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from conftest import Server, settings_in
from events import aggregate, ask, declared, event_id, execute, load, write

from analytics_etl import checks
from analytics_etl.checks.evaluation import evaluate
from analytics_etl.checks.predicates import condition
from analytics_etl.ops.records import CheckResult
from analytics_etl.postgres.database import Database

DAY = date(2025, 3, 1)
EVENTS, SERVICES, HOURS = "usage.schema_usage_events", "usage.service_usage_daily", "usage.schema_usage_1h"


@pytest.fixture
def filled(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A day of 60 operations on three schemas, each in a minute of its own, with its aggregates."""
    settings = settings_in(tmp_path_factory.mktemp("costs"), server.clone(), DAY)
    events = [
        {
            "event_id": event_id(n), "occurred_at": f"{DAY}T08:{n:02}:00Z", "schema_id": event_id(1 + n % 3),
            "operation": "read", "service": "api", "region": "eu", "latency_ms": n, "success": True,
        }
        for n in range(60)
    ]  # fmt: skip
    write(settings, f"schema_usage_events/{DAY}.ndjson", events)
    database = Database(settings)
    load(database, EVENTS, DAY)
    aggregate(database, DAY, DAY, cadences=("day",))
    yield database
    server.drop(settings.database_url or "")


def evaluated(database: Database, table: str) -> dict[str, CheckResult]:
    target, named = checks.targets(declared())[table], checks.declared_checks(declared())[table]
    results = evaluate(database, target, named, {DAY: DAY + timedelta(days=1)})
    return {result.name: result for result in results}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked of the database."""
    seen: list[str] = []
    query = Database.query

    def note(self: Database, statement: str, *arguments: Any) -> Any:
        seen.append(" ".join(statement.split()))
        return query(self, statement, *arguments)

    monkeypatch.setattr(Database, "query", note)
    return seen


@pytest.mark.parametrize("table", [EVENTS, SERVICES])
def test_when_nothing_is_wrong_no_row_is_asked_for(filled: Database, table: str, asked: list[str]) -> None:
    results = evaluated(filled, table)
    assert [name for name, result in results.items() if not result.passed] == []
    named = checks.declared_checks(declared())[table]
    selects = [check for check in named if check.select is not None]
    of_columns = [statement for statement in asked if "FILTER(WHERE" in statement]
    assert len(of_columns) == (len(selects) < len(named)), "one pass for all columns"
    assert len(asked) == len(selects) + len(of_columns)


def test_great_expectations_is_not_needed_for_any_of_ours() -> None:
    """It takes seconds to be imported, in each process that runs a day."""
    for table, of in checks.declared_checks(declared()).items():
        for check in of:
            assert check.select is not None or condition(check, table) is not None, f"{table} {check.name}"


def test_what_is_wrong_is_told_with_its_rows(filled: Database) -> None:
    url = filled.settings.database_url
    execute(url, f"update {HOURS} set success_rate = 1.5, operation_count = 21 where schema_id = '{event_id(1)}'")
    execute(url, f"insert into {HOURS} select * from {HOURS} where scope = 'global'")
    found = {name: result for name, result in evaluated(filled, HOURS).items() if not result.passed}
    assert set(found) == {"success_rate_be_between", "key_is_unique", "equals_fives"}
    beyond = found["success_rate_be_between"]
    assert beyond.unexpected_count == 2
    assert {(str(row["schema_id"]), row["operation"], row["success_rate"]) for row in beyond.sample} == {
        (event_id(1), "", 1.5),
        (event_id(1), "read", 1.5),
    }
    assert (found["key_is_unique"].unexpected_count, found["key_is_unique"].sample[0]["row_count"]) == (1, 2)
    # The spans of 5 minutes are in the lake alone.
    fives = [(row["operation_count"], row["operations_of_fives"]) for row in found["equals_fives"].sample]
    assert fives == [(21, 20), (21, 20)]
    assert ask(url, f"select count(*)::int as n from {HOURS}") == [{"n": 8}]


def test_which_of_many_days_is_wrong_is_found_by_the_select_alone(filled: Database, asked: list[str]) -> None:
    """A table may be empty for years."""
    url = filled.settings.database_url
    execute(url, f"insert into {SERVICES} select * from {SERVICES} where day = '{DAY}' limit 1")
    days = [DAY + timedelta(days=n) for n in range(-1, 20)]
    target, named = checks.targets(declared())[SERVICES], checks.declared_checks(declared())[SERVICES]
    results = evaluate(filled, target, named, {day: day + timedelta(days=1) for day in days})
    unique = {result.start: result for result in results if result.name == "key_is_unique"}
    assert {day: result.unexpected_count for day, result in unique.items() if not result.passed} == {DAY: 1}
    assert unique[DAY].sample[0]["row_count"] == 2
    assert len(unique) == len(days) == len(results) / len(named)
    assert {result.end - result.start for result in results} == {timedelta(days=1)}
    unique_asked = [statement for statement in asked if "having count(*) > 1" in statement]
    assert len(unique_asked) == 1 + len(days), "all at once, then each"
    wrong = {result.name for result in results if not result.passed}
    assert len(asked) < (1 + len(days)) * (len(wrong) + 1) + len(named), "and only what is wrong"
