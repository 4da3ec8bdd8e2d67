"""Days of schedule executions that depend on one another: late tiers, and patterns first seen on an earlier day."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from events import (
    DAY,
    SCHEDULE_EVENTS,
    aggregate,
    all_tables,
    ask,
    at,
    declared,
    load,
    record,
    rejected,
    write,
)

from analytics_etl import checks
from analytics_etl.catalog.calendar import Cadence
from analytics_etl.checks.evaluation import evaluate
from analytics_etl.config.settings import PerTable, Settings
from analytics_etl.pipeline import recomputation, retention
from analytics_etl.pipeline.reports import write_report
from analytics_etl.postgres.database import Database

NEXT = DAY + timedelta(days=1)


def run(settings: Settings, *days: date) -> None:
    database = Database(settings)
    load(database, SCHEDULE_EVENTS, *days)
    aggregate(database, min(days), max(days), ("day",), ("schedules",))


def tables(settings: Settings) -> dict[str, list[str]]:
    """Every row of the family."""
    return {name: rows for name, rows in all_tables(settings).items() if name.startswith("schedules.")}


def derived(settings: Settings) -> dict[str, list[str]]:
    return {name: rows for name, rows in tables(settings).items() if name != SCHEDULE_EVENTS}


def flow(settings: Settings) -> dict[date, tuple[int, ...]]:
    """{day: (executions, completed, lost)}."""
    rows: list[dict[str, Any]] = ask(settings.database_url, "select * from schedules.schedule_flow_daily")
    return {
        row["day"]: (row["execution_count"], row["completed_count"], row["lost_before_redis_count"]) for row in rows
    }


def test_a_late_tier_re_opens_the_day_its_execution_started_on(settings: Settings) -> None:
    write(settings, "schedule_events/a.ndjson", [record(1, "mongo"), record(2, "clickhouse")])
    run(settings, DAY)
    assert flow(settings) == {DAY: (1, 0, 1)}
    write(settings, "schedule_events/b.ndjson", [record(3, "redis", NEXT)])
    run(settings, NEXT)
    assert flow(settings) == {DAY: (1, 1, 0)}
    (changed,) = ask(
        settings.database_url, "select * from ops.changes where table_name = 'schedules.schedule_flow_daily'"
    )
    assert (changed["period_start"], changed["rows_changed"], changed["published"]) == (DAY, 1, True)


def test_the_order_of_days_does_not_matter(settings: Settings) -> None:
    """Every order, and all days at once, end in the same tables."""
    days = [DAY + timedelta(days=n) for n in range(4)]
    events = [
        record(10 * n + m, tier, day, execution_id=f"e{n - m}", result="failure", error_message=f"no {tier} {n}")
        for n, day in enumerate(days)
        for m, tier in enumerate(("mongo", "clickhouse", "redis"))
    ]
    write(settings, "schedule_events/a.ndjson", events)
    run(settings, *days)
    once = tables(settings)
    assert len(once["schedules.schedule_flow_daily"]) == 4  # e-2 and e-1 are of the first day, e0 is, too
    for order in ([3, 1, 0, 2], [0, 1, 2, 3], [2, 3, 1, 0]):
        for n in order:
            run(settings, days[n])
            assert tables(settings) == once


def test_an_old_day_takes_its_news_from_the_later_ones(settings: Settings) -> None:
    """A pattern is new on one day until an earlier day with it is loaded, however much earlier."""
    late = DAY + timedelta(days=40)
    write(settings, "schedule_events/a.ndjson", [record(1, "mongo", late, error_message="lost 1 lock")])
    run(settings, late)
    news = "select day, is_new from schedules.error_patterns_daily order by 1"
    assert [tuple(row.values()) for row in ask(settings.database_url, news)] == [(late, True)]
    write(settings, "schedule_events/b.ndjson", [record(2, "mongo", error_message="lost 22 lock")])
    run(settings, DAY)
    assert [tuple(row.values()) for row in ask(settings.database_url, news)] == [(DAY, True), (late, False)]


def test_days_beside_archived_ones_can_be_aggregated_and_checked_again(settings: Settings) -> None:
    """The flow of the first day that is kept reads the 2 days before it, which are archived; theirs reads it."""
    days = [DAY + timedelta(days=n) for n in range(12)]
    events = [
        record(10 * n + m, tier, day, execution_id=f"e{n - m}", error_message=None if m else f"late {n}")
        for n, day in enumerate(days)
        for m, tier in enumerate(("mongo", "clickhouse", "redis"))
    ]
    write(settings, "schedule_events/a.ndjson", events)
    run(settings, *days)
    before = derived(settings)
    keeping = Database(replace(settings, hot_days=PerTable(3)))
    outcome = retention.run(keeping, declared(), "test", lambda *_: None)
    assert 9 <= outcome.rows < len(events)
    kept = ask(settings.database_url, f"select min(recorded_at)::date as day from {SCHEDULE_EVENTS}")[0]["day"]
    assert DAY < kept < days[-1]
    aggregate(keeping, kept, kept, ("day",), ("schedules",))
    aggregate(keeping, days[0], days[0], ("day",), ("schedules",))
    assert derived(settings) == before
    patterns = declared().aggregates["schedules.error_patterns_daily"]
    again = recomputation.derive(keeping, declared(), patterns, days[-1], days[-1] + timedelta(days=1))
    stored = ask(settings.database_url, f"select * from {patterns.table} where day = '{days[-1]}'")
    assert [(r["pattern"], r["first_day"], r["is_new"]) for r in again] == [("late <n>", DAY, False)]
    assert [(r["pattern"], r["first_day"], r["is_new"]) for r in stored] == [("late <n>", DAY, False)]
    table = "schedules.schedule_flow_daily"
    named = checks.declared_checks(declared())[table]
    for day in (days[0], kept):
        results = evaluate(keeping, checks.targets(declared())[table], named, {day: day + timedelta(days=1)})
        assert [result.name for result in results if not result.passed] == []


def test_reports_say_what_the_tables_hold(settings: Settings) -> None:
    days = [DAY, NEXT]
    events = [
        record(1, "mongo", queue_time_ms=200),
        record(2, "clickhouse"),
        record(3, "redis", NEXT, kafka_topic="t", published_at=at(3599, NEXT)),
        record(4, "mongo", execution_id="e2", result="timeout", error_message="slow 7 s"),
    ]
    write(settings, "schedule_events/a.ndjson", events)
    run(settings, *days)
    database = Database(settings)
    report = write_report(database, declared(), "schedules", "week", DAY)  # a Monday
    kpis = {kpi["name"]: kpi["value"] for kpi in report.value["kpis"]}
    assert kpis == {
        "attempt_count": 4, "failure_ratio": 0.25, "execution_count": 2, "completed_ratio": 0.5, "lost_count": 0,
        "error_count": 1, "new_pattern_count": 1, "published_count": 1,
    }  # fmt: skip
    rows = {section["name"]: section["rows"] for section in report.value["sections"]}
    assert [(row["tier"], row["success_rate"]) for row in rows["tiers"]] == [
        ("mongo", 0.5),
        ("clickhouse", 1.0),
        ("redis", 1.0),
    ]
    assert {row["fate"]: row["execution_count"] for row in rows["flow"] if row["execution_count"]} == {
        "completed": 1,
        "stopped in mongo": 1,
    }
    assert [(row["pattern"], row["is_new"]) for row in rows["error_patterns"]] == [("slow <n> s", True)]
    assert "slow &lt;n&gt; s" in report.html.read_text(encoding="utf-8")
    cadences: tuple[Cadence, ...] = ("day", "month")
    for cadence in cadences:
        start = DAY if cadence == "day" else DAY.replace(day=1)
        assert write_report(database, declared(), "schedules", cadence, start).html.exists()


def test_clock_skew_is_told_as_such_and_a_later_copy_is_a_duplicate(settings: Settings) -> None:
    good = record(1, "mongo", queue_time_ms=5)
    events = [
        good,
        {**good, "recorded_at": at(3700), "result": "failure"},
        record(2, "mongo", queue_time_ms=-5),
        record(3, "mongo", queued_at=at(20), started_at=at(10)),
    ]
    write(settings, "schedule_events/a.ndjson", events)
    loaded, _ = load(Database(settings), SCHEDULE_EVENTS, DAY)
    assert [(day.rows, day.duplicates, day.conflicting) for day in loaded] == [(1, 1, 1)]
    assert ask(settings.database_url, f"select result from {SCHEDULE_EVENTS}") == [{"result": "success"}]
    skew = "start_without_clock_skew: expected started_at >= queued_at, got queued_at = 2025-03-10 00:00:20+00"
    assert [(line, reason) for _, line, reason, _ in rejected(settings.database_url)] == [
        (3, "queue_time_without_clock_skew: expected queue_time_ms >= 0, got queue_time_ms = -5"),
        (4, f"{skew}, started_at = 2025-03-10 00:00:10+00"),
    ]
