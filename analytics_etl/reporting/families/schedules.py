"""The report of the schedule executions: tiers, times, flow, errors. Its charts are in `schedules_figures`."""

from datetime import timedelta
from functools import partial
from typing import Any

from analytics_etl.reporting import wording
from analytics_etl.reporting.families import schedules_figures as figures
from analytics_etl.reporting.family import FamilyReport
from analytics_etl.reporting.period import Column, Kpi, Period, Row, section
from analytics_etl.reporting.trend import Trend, build, draw

KPIS = (
    Kpi("attempt_count", "Attempts", "count"),
    Kpi("failure_ratio", "Failures", "ratio", "lower", "ended attempts"),
    Kpi("execution_count", "Executions", "count"),
    Kpi("completed_ratio", "Completed", "ratio", "higher", "executions"),
    Kpi("lost_count", "Lost between tiers", "count"),
    Kpi("error_count", "Errors", "count"),
    Kpi("new_pattern_count", "New error patterns", "count"),
    Kpi("published_count", "Published to Kafka", "count"),
)

TIER_MISSING = "tier missing"
"""The fate of an execution that succeeded in redis, but not in each tier before it."""

FOLLOWED_DAYS = 2
"""Days after its own that `schedule_flow_daily` follows an execution; an unfinished one counts as lost until then."""

TREND = Trend(
    noun="attempt",
    additive=(
        ("attempt_count", "Attempts", "count"),
        ("ended_count", "Ended", "count"),
        ("failed_count", "Failed", "count"),
        ("execution_count", "Executions", "count"),
        ("lost_count", "Lost", "count"),
        ("error_count", "Errors", "count"),
    ),
    hidden=("ended_count",),
    highest=("schedule_count", "Schedules", "count"),
    ratio=("failure_ratio", "Failures of ended", "ratio"),
    numerator=("failed_count",),
    denominator=("ended_count",),
    ratio_caption="Share of attempts that failed or took too long",
)


def trend(period: Period) -> dict[str, Any]:
    return build(TREND, period)


def tiers(period: Period) -> dict[str, Any]:
    rows = list(period.rows.get("tiers", ()))
    parts = []
    ended = [row for row in rows if row["success_rate"] is not None]
    if ended:
        worst = min(ended, key=lambda row: row["success_rate"])
        failed = sum(row["failed_count"] for row in rows)
        total = sum(row["ended_count"] for row in rows)
        parts.append(f"{wording.count(failed)} of {wording.plural(total, 'ended attempt')} failed or took too long")
        parts.append(f"the lowest success rate: {worst['tier']}, {wording.ratio(worst['success_rate'])}")
    if period.cadence != "daily" and (bad := [row for row in rows if row["bad_day_count"]]):
        days = ", ".join(f"{row['tier']} on {wording.plural(row['bad_day_count'], 'day')}" for row in bad)
        parts.append(f"degraded or down: {days}")
    columns: list[Column] = [
        ("tier", "Tier", "name"),
        ("attempt_count", "Attempts", "count"),
        ("failed_count", "Failed", "count"),
        ("success_rate", "Success of ended", "ratio"),
        ("previous_success_rate", "Before", "ratio"),
    ]
    columns += [] if period.cadence == "daily" else [("bad_day_count", "Days degraded or down", "count")]
    return section("Which tier failed?", parts or [period.nothing("no attempt was recorded")], columns, rows)


def system_health(period: Period) -> dict[str, Any]:
    rows = list(period.rows.get("system_health", ()))
    by_tier = {row["tier"]: row for row in rows}
    parts = []
    if whole := by_tier.get("all"):
        parts.append(f"the three tiers together were {_health(whole)}")
    if bad := [f"{tier} was {_health(row)}" for tier, row in by_tier.items() if tier != "all" and _is_bad(row)]:
        parts += bad
    elif rows:
        parts.append("no tier was degraded or down")
    columns: list[Column] = [
        ("tier", "Tier", "name"),
        ("status", "Status", "health"),
        ("ended_count", "Ended", "count"),
        ("failed_count", "Failed", "count"),
        ("failure_ratio", "Failures of ended", "ratio"),
        ("previous_failure_ratio", "Before", "ratio"),
    ]
    if period.cadence != "daily":
        columns += [(f"{status}_day_count", f"Days {status}", "count") for status in ("ok", "degraded", "down")]
    return section("Was each tier healthy?", parts or [period.nothing("no attempt was recorded")], columns, rows)


def times(period: Period) -> dict[str, Any]:
    rows = list(period.rows.get("times", ()))
    highest = "p95" if period.cadence == "daily" else "highest daily p95"
    queued = [row for row in rows if row["highest_daily_p95_queue_time_ms"] is not None]
    taken = [row for row in rows if row["highest_daily_p95_processing_time_ms"] is not None]
    parts = []
    if queued:
        longest = max(queued, key=lambda row: row["highest_daily_p95_queue_time_ms"])
        p95 = wording.duration(longest["highest_daily_p95_queue_time_ms"])
        mean = wording.duration(longest["avg_queue_time_ms"])
        parts.append(f"{_work(longest)} waited longest, {mean} on average, {highest} {p95}")
    if taken:
        slowest = max(taken, key=lambda row: row["highest_daily_p95_processing_time_ms"])
        p95 = wording.duration(slowest["highest_daily_p95_processing_time_ms"])
        mean = wording.duration(slowest["avg_processing_time_ms"])
        parts.append(f"{_work(slowest)} took longest, {mean} on average, {highest} {p95}")
    columns: list[Column] = [
        ("schedule_type", "Tier", "name"),
        ("event_type", "Work", "name"),
        ("avg_queue_time_ms", "Mean queue time", "duration_ms"),
        ("previous_avg_queue_time_ms", "Before", "duration_ms"),
        ("highest_daily_p95_queue_time_ms", f"Queue {highest}", "duration_ms"),
        ("avg_processing_time_ms", "Mean processing time", "duration_ms"),
        ("previous_avg_processing_time_ms", "Before", "duration_ms"),
        ("highest_daily_p95_processing_time_ms", f"Processing {highest}", "duration_ms"),
    ]
    nothing = period.nothing("no time is known")
    return section("How long did work wait, and how long did it take?", parts or [nothing], columns, rows)


def flow(period: Period) -> dict[str, Any]:
    rows = list(period.rows.get("flow", ()))
    parts = []
    if rows:
        total = sum(row["execution_count"] for row in rows)
        completed, *others = rows
        share = wording.ratio(completed["execution_share_ratio"])
        parts.append(f"{wording.count(completed['execution_count'])} of {wording.plural(total, 'execution')}"
                     f" passed all three tiers ({share})")  # fmt: skip
        if p95 := completed["highest_daily_p95_end_to_end_ms"]:
            highest = "p95" if period.cadence == "daily" else "highest daily p95"
            parts.append(f"from end to end: {highest} {wording.duration(p95)}")
        lost = sum(row["execution_count"] for row in others if row["fate"].startswith("lost"))
        said = f"{wording.plural(lost, 'execution')} got lost between two tiers" if lost else "none got lost"
        missing = sum(row["execution_count"] for row in others if row["fate"] == TIER_MISSING)
        if missing:
            parts.append(f"{wording.plural(missing, 'execution')} reached redis without a success in each tier before")
        parts.append(f"{said}{_so_far(period)}")
    columns: list[Column] = [
        ("fate", "Fate", "name"),
        ("execution_count", "Executions", "count"),
        ("execution_share_ratio", "Share", "ratio"),
        ("previous_execution_count", "Before", "count"),
    ]
    nothing = period.nothing("no execution started")
    return section("What became of the executions?", parts or [nothing], columns, rows)


def kafka_skew(period: Period) -> dict[str, Any]:
    rows = list(period.rows.get("kafka_skew", ()))
    parts = []
    if rows and (first := rows[0])["highest_skew_ratio"] is not None:
        share = wording.ratio(first["highest_skew_ratio"])
        parts.append(f"most uneven: {wording.name(first['kafka_topic'])}, whose partition"
                     f" {first['most_loaded_partition']} got {share} of an even share")  # fmt: skip
    if failed := sum(row["failed_count"] for row in rows):
        parts.append(f"{wording.plural(failed, 'record')} could not be published")
    columns: list[Column] = [
        ("kafka_topic", "Topic", "name"),
        ("published_count", "Published", "count"),
        ("previous_published_count", "Before", "count"),
        ("failed_count", "Not published", "count"),
        ("partition_count", "Partitions", "count"),
        ("most_loaded_partition", "Most loaded", "partition"),
        ("highest_skew_ratio", "Of an even share", "ratio"),
        ("least_loaded_partition", "Least loaded", "partition"),
        ("lowest_skew_ratio", "Of an even share", "ratio"),
    ]
    nothing = period.nothing("nothing was to be published")
    return section("Is Kafka evenly loaded?", parts or [nothing], columns, rows)


def worst_schedules(period: Period) -> dict[str, Any]:
    rows = list(period.rows.get("worst_schedules", ()))
    parts = []
    if rows:
        first = rows[0]
        failed = wording.plural(first["failed_count"], "failed attempt")
        parts.append(f"most failures: {wording.name(first['schedule_id'])}, {failed}")
        known = [row for row in rows if row["success_rate"] is not None and row["usual_success_rate"] is not None]
        fallen = min(known, key=lambda row: row["success_rate"] - row["usual_success_rate"], default=None)
        if fallen is not None and fallen["success_rate"] < fallen["usual_success_rate"]:
            fall = wording.points_apart(fallen["usual_success_rate"], fallen["success_rate"])
            parts.append(f"{wording.name(fallen['schedule_id'])} fell most against its 28 days before, by {fall}")
    columns: list[Column] = [
        ("rank", "#", "rank"),
        ("schedule_id", "Schedule", "name"),
        ("attempt_count", "Attempts", "count"),
        ("failed_count", "Failed", "count"),
        ("success_rate", "Success of ended", "ratio"),
        ("usual_success_rate", "28 days before", "ratio"),
        ("avg_processing_time_ms", "Mean processing time", "duration_ms"),
    ]
    return section("Which schedules failed most?", parts or [period.nothing("no schedule failed")], columns, rows)


def error_patterns(period: Period) -> dict[str, Any]:
    rows = list(period.rows.get("error_patterns", ()))
    new = [row for row in rows if row["is_new"]]
    parts = []
    if new:
        first = new[0]
        which = "the only new one" if len(new) == 1 else f"the most frequent of {len(new)} new ones"
        parts.append(f"{which}: {wording.name(first['pattern'])}, {wording.plural(first['error_count'], 'time')}")
    elif rows:
        parts.append("none is new")
    if rows:
        most = max(rows, key=lambda row: row["error_count"])
        share = wording.ratio(most["error_share_ratio"])
        parts.append(f"the most frequent made up {share} of all errors: {wording.name(most['pattern'])}")
    columns: list[Column] = [
        ("pattern", "Message", "name"),
        ("is_new", "", "new"),
        ("error_count", "Errors", "count"),
        ("error_share_ratio", "Share", "ratio"),
        ("schedule_count", "Schedules", "count"),
    ]
    nothing = period.nothing("no error was recorded")
    return section("Which errors are new, which frequent?", parts or [nothing], columns, rows)


def _so_far(period: Period) -> str:
    """The words after numbers that still change while executions are followed; empty once all days are over."""
    followed = timedelta(days=FOLLOWED_DAYS)
    days = [day for day in period.days if day <= period.newest_day < day + followed]
    if not days:
        return ""
    until = wording.day(days[-1] + followed)
    return f" so far: executions of {wording.day_list(days)} are followed until {until} is loaded"


def _is_bad(row: Row) -> bool:
    return row["status"] in ("degraded", "down")


def _health(row: Row) -> str:
    """A status with the share that led to it."""
    if row["failure_ratio"] is None:
        return f"{row['status']}, since no attempt ended"
    return f"{row['status']} ({wording.ratio(row['failure_ratio'])} of ended attempts failed)"


def _work(row: Any) -> str:
    return f"{row['event_type']} ({row['schedule_type']})"


REPORT = FamilyReport(
    kpis=KPIS,
    topics={
        "Tiers": (trend, system_health, tiers, times),
        "Executions": (flow, worst_schedules, kafka_skew),
        "Errors": (error_patterns,),
    },
    drawings={
        "trend": partial(draw, TREND),
        "tiers": figures.tiers,
        "times": figures.times,
        "flow": figures.flow,
        "kafka_skew": figures.kafka_skew,
        "worst_schedules": figures.worst_schedules,
        "error_patterns": figures.error_patterns,
    },
    index_kpis=("attempt_count", "completed_ratio", "failure_ratio"),
    windows={"trend": "trend"},
)
