"""Pages of schedule executions: all schedules, and one schedule."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from analytics_etl.api.dashboard.values import (
    Page,
    Question,
    Section,
    Table,
    bars,
    daily_figure,
    is_whole,
    links,
    missing_note,
    next_link,
    summed_cards,
    within,
    without,
)
from analytics_etl.api.periods import as_moments
from analytics_etl.families.queries import Row, schedule_days, schedule_statistics, schedules
from analytics_etl.families.queries.schedules import EVENTS, STATISTICS, EventFilter

_HEALTH, _PERFORMANCE = "schedules.system_health_daily", "schedules.schedule_performance_daily"
_COUNTED = ("attempt_count", "success_count", "failure_count", "timeout_count")
_RECORD = {
    "recorded_at": "Recorded", "schedule_id": "Schedule", "schedule_type": "Tier", "event_type": "Work",
    "result": "Result", "error_message": "Message",
}  # fmt: skip
_PATTERNS = {
    "pattern": "Error", "error_count": "Times", "schedule_count": "Schedules", "last_seen_at": "Last",
    "is_new": "New",
}  # fmt: skip
_TIERS = {
    "day": "Day", "tier": "Tier", "status": "Status", "attempt_count": "Attempts", "failed_count": "Failed",
    "failure_ratio": "Failed share",
}  # fmt: skip


def overview(question: Question) -> Page:
    """All schedules: their attempts, flow, errors, and the health of the tiers."""
    database, days = question.database, question.days(STATISTICS)
    statistics = schedules.statistics(database, days.before.first, days.last)
    rows = _summed(statistics.rows)
    together = schedule_statistics.statistics_of_range(database, days.first, days.last)
    flow = schedule_days.flow(database, days.first, days.last)
    judged = question.days(_HEALTH)
    health = schedule_days.health(database, judged.first, judged.last)
    errors = schedules.errors(database, days.first, days.last, limit=question.limit)
    failed = schedules.events(database, *as_moments(question.days(EVENTS)), EventFilter(result="failure"), 20)
    cards = summed_cards(rows, {
        "attempt_count": "Attempts", "failure_count": "Failures", "timeout_count": "Timeouts",
    }, days, is_comparable=is_whole(statistics.coverage, days.before))  # fmt: skip
    return Page("Schedules", "/schedules", [
        Section("How much was carried out?", Table("days", within(rows, days)[::-1], {
                    "day": "Day", "attempt_count": "Attempts", "success_count": "Succeeded",
                    "failure_count": "Failed", "timeout_count": "Timeouts",
                }), daily_figure(rows, "attempt_count", days, "Attempts per day")),
        Section("Which work takes how long?", Table("statistics", together.rows, {
                    "schedule_type": "Tier", "event_type": "Work", "attempt_count": "Attempts",
                    "success_rate": "Succeeded", "p50_processing_time_ms": "Median", "p95_processing_time_ms": "95th",
                    "p95_queue_time_ms": "95th of the queue",
                })),
        Section("What became of executions?", Table("flow", flow.rows[::-1], {
                    "day": "Day", "execution_count": "Executions", "completed_count": "Completed",
                    "completed_ratio": "Share", "lost_ratio": "Lost", "p95_end_to_end_ms": "95th end to end",
                })),
        Section("Did each tier work?", Table("tiers", health.rows[::-1], _TIERS)),
        Section("What failed most?", Table("errors", errors.rows, _PATTERNS),
                bars(errors.rows, "pattern", "error_count", "Errors by pattern"),
                empty="Nothing failed in these days."),
        Section("What failed last?", Table("failures", failed.rows, _RECORD, {
                    "schedule_id": links(question, failed.rows, "schedule_id", "/schedule", "id"),
                }), empty="Nothing failed in these days."),
    ], cards, days, missing_note(statistics.coverage, days),
        question.search)  # fmt: skip


def schedule(question: Question, schedule_id: str) -> Page:
    """One schedule: how it did against its own past, its errors, its records."""
    database, days = question.database, question.days(_PERFORMANCE)
    found = schedules.performance(database, schedule_id, days.before.first, days.last)
    errors = schedules.errors(database, days.first, days.last, schedule_id, question.limit)
    records = schedules.events(
        database, *as_moments(days), EventFilter(schedule_id=schedule_id), question.limit, question.cursor
    )
    cards = summed_cards(
        found.rows, {"attempt_count": "Attempts"}, days, is_comparable=is_whole(found.coverage, days.before)
    )
    return Page(schedule_id, "/schedules", [
        Section("How did it do?", Table("days", within(found.rows, days)[::-1], {
                    "day": "Day", "attempt_count": "Attempts", "success_rate": "Succeeded",
                    "baseline_success_rate": "Usually", "avg_processing_time_ms": "Mean time",
                    "baseline_avg_processing_time_ms": "Usual mean", "p95_queue_time_ms": "95th of the queue",
                }), daily_figure(found.rows, "attempt_count", days, "Attempts per day")),
        Section("What failed?", Table("errors", errors.rows, without(_PATTERNS, "schedule_count")),
                empty="Nothing failed in these days."),
        Section("Which records are there?", Table("records", records.rows, without(_RECORD, "schedule_id"),
                next_link=next_link(question, "/schedule", records.next, id=schedule_id))),
    ], cards, days, missing_note(found.coverage, days),
        path="/schedule", parameters={"id": schedule_id})  # fmt: skip


def _summed(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Counts of all tiers and kinds of work together, day by day."""
    by_day: dict[Any, dict[str, int]] = defaultdict(lambda: dict.fromkeys(_COUNTED, 0))
    for row in rows:
        for column in _COUNTED:
            by_day[row["day"]][column] += row[column]
    return [{"day": day, **counts} for day, counts in sorted(by_day.items())]
