"""The report of the schedule executions against golden files: an ordinary day, a week, a day without data."""

import html
import json
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from report_values import DAY, HOSTILE, Rows, assert_golden, loaded_days, next_day

from analytics_etl import reporting
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.config.settings import TEMPLATES_DIR
from analytics_etl.reporting.families.schedules import FOLLOWED_DAYS

TABLES = ["schedules.schedule_events"]
WEEK = (date(2025, 3, 24), date(2025, 3, 31))


def figures(attempts: int, failed: int) -> dict[str, Any]:
    return {
        "attempt_count": attempts,
        "failure_ratio": failed / attempts,
        "execution_count": attempts // 3,
        "completed_ratio": 0.93,
        "lost_count": 4,
        "error_count": 2 * failed,
        "new_pattern_count": 1,
        "published_count": attempts // 3 - 5,
    }


def trend_day(day: date, attempts: int, failed: int) -> dict[str, Any]:
    return {"day": day, "ended_count": attempts, "failed_count": failed, "schedule_count": 12} | figures(
        attempts, failed
    )


def tier(name: str, ended: int, failed: int, before: float | None, bad_days: int) -> dict[str, Any]:
    rate = (ended - failed) / ended if ended else None
    return {"tier": name, "attempt_count": ended + 5, "ended_count": ended, "failed_count": failed,
            "success_rate": rate, "previous_success_rate": before, "bad_day_count": bad_days}  # fmt: skip


def work(tier_: str, kind: str, queue: float | None, processing: float | None) -> dict[str, Any]:
    row: dict[str, Any] = {"schedule_type": tier_, "event_type": kind}
    for what, mean in (("queue", queue), ("processing", processing)):
        row |= {
            f"{what}_timed_count": 0 if mean is None else 100,
            f"avg_{what}_time_ms": mean,
            f"previous_avg_{what}_time_ms": None if mean is None else mean / 2,
            f"highest_daily_p95_{what}_time_ms": None if mean is None else 3 * mean,
        }
    return row


def fate(name: str, count: int, total: int, p95: float | None = None) -> dict[str, Any]:
    return {"fate": name, "execution_count": count, "execution_share_ratio": count / total,
            "previous_execution_count": count // 2, "highest_daily_p95_end_to_end_ms": p95}  # fmt: skip


def health(name: str, ended: int, failed: int, before: float | None, days: tuple[int, int, int]) -> dict[str, Any]:
    ratio = failed / ended if ended else None
    status = "unknown" if ratio is None else "ok" if ratio < 0.01 else "degraded" if ratio < 0.05 else "down"
    return {"tier": name, "status": status, "attempt_count": ended + 5, "ended_count": ended, "failed_count": failed,
            "failure_ratio": ratio, "previous_failure_ratio": before, "ok_day_count": days[0],
            "degraded_day_count": days[1], "down_day_count": days[2]}  # fmt: skip


def topic(name: str, published: int, failed: int, most: tuple[int, float] | None) -> dict[str, Any]:
    partition, skew = most or (None, None)
    return {"kafka_topic": name, "published_count": published, "previous_published_count": published // 2,
            "failed_count": failed, "partition_count": 6 if most else 0, "most_loaded_partition": partition,
            "highest_skew_ratio": skew, "least_loaded_partition": 0 if most else None,
            "lowest_skew_ratio": 0.25 if most else None}  # fmt: skip


def schedule(rank: int, name: str, failed: int, rate: float | None, usual: float | None) -> dict[str, Any]:
    return {"rank": rank, "schedule_id": name, "attempt_count": 100, "failed_count": failed, "success_rate": rate,
            "usual_success_rate": usual, "avg_processing_time_ms": 1500.0}  # fmt: skip


def pattern(text: str, count: int, *, is_new: bool) -> dict[str, Any]:
    return {"pattern": text, "is_new": is_new, "error_count": count, "error_share_ratio": count / 60,
            "schedule_count": 2, "last_seen_at": datetime(2025, 3, 31, 9, tzinfo=UTC)}  # fmt: skip


def rows_of(start: date, end: date) -> Rows:
    days = [start + timedelta(n) for n in range((end - start).days)]
    before = [day - timedelta(len(days)) for day in days]
    return {
        "kpis": [
            {"period": "current", "day_count": len(days), **figures(1500, 30)},
            {"period": "previous", "day_count": len(days), **figures(1200, 12)},
        ],
        "trend": [trend_day(day, 1500 // len(days), 30 // len(days)) for day in [*before, *days]],
        "tiers": [
            tier("mongo", 500, 2, 0.99, 0),
            tier("clickhouse", 490, 25, None, 3),
            tier("redis", 480, 3, 0.995, 1),
        ],
        "system_health": [
            health("all", 1470, 30, 0.01, (4, 1, 2)),
            health("mongo", 500, 2, 0.01, (7, 0, 0)),
            health("clickhouse", 490, 25, None, (3, 1, 3)),
            health("redis", 480, 3, 0.005, (6, 1, 0)),
            health("other", 0, 0, None, (0, 0, 0)),
        ],
        "kafka_skew": [
            topic("results.sync", 300, 2, (4, 2.5)),
            topic("results.rollup", 195, 0, (1, 1.0)),
            topic("results.dead", 0, 1, None),
        ],
        "times": [
            work("mongo", "execution", 900.0, 1500.0),
            work("clickhouse", "transfer", 2500.0, None),
            work("redis", "processing", None, 80.0),
        ],
        "flow": [
            fate("completed", 460, 500, 25_000.0),
            fate("stopped in mongo", 2, 500),
            fate("lost before clickhouse", 3, 500),
            fate("stopped in clickhouse", 25, 500),
            fate("lost before redis", 1, 500),
            fate("stopped in redis", 4, 500),
            fate("tier missing", 5, 500),
        ],
        "worst_schedules": [schedule(1, "sync.orders", 20, 0.8, 0.97), schedule(2, "export.mail", 10, 0.9, None)],
        "error_patterns": [
            pattern("broker <n> not available", 2, is_new=True),
            pattern("document <hex> is locked by worker-<n>", 58, is_new=False),
        ],
        "days": loaded_days(*before, *days, tables=TABLES),
    }


def built(
    cadence: reporting.Cadence, start: date, end: date, rows: Rows, newest_day: date = date(2025, 4, 7)
) -> dict[str, Any]:
    return reporting.build_report(
        cadence, "schedules", start, end, rows, newest_day=newest_day, lateness_days=7, expected_tables=TABLES
    )


def hostile_rows() -> Rows:
    rows = rows_of(DAY, next_day(DAY))
    hostile = ("times", "event_type"), ("worst_schedules", "schedule_id"), ("error_patterns", "pattern")
    for name, column in (*hostile, ("kafka_skew", "kafka_topic")):
        rows[name][0][column] = HOSTILE
    return rows


REPORTS = {
    "schedules_day": lambda: built("daily", DAY, next_day(DAY), rows_of(DAY, next_day(DAY))),
    "schedules_week": lambda: built("weekly", *WEEK, rows_of(*WEEK)),
    "schedules_empty": lambda: built("daily", DAY, next_day(DAY), {}),
}


@pytest.mark.parametrize("name", REPORTS)
def test_report_is_the_golden_one(name: str) -> None:
    value = REPORTS[name]()
    schema = json.loads((TEMPLATES_DIR / "report.schema.json").read_text())
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(json.loads(reporting.render_json(value)))
    assert_golden(f"{name}.json", reporting.render_json(value))
    assert_golden(f"{name}.html", reporting.render_html(value))
    assert reporting.render_index([reporting.index_entry(value)])


def test_sentences_say_what_the_rows_say() -> None:
    sections = REPORTS["schedules_week"]()["sections"]
    said = {section["name"]: section["sentence"].replace("\N{NO-BREAK SPACE}", " ") for section in sections}
    # 30 of 1,470; 460 of 500; 25 of 490; 0.8 against 0.97; 58 of 60
    assert said["tiers"] == (
        "30 of 1,470 ended attempts failed or took too long; the lowest success rate: clickhouse, 94.9 %; "
        "degraded or down: clickhouse on 3 days, redis on 1 day."
    )
    assert said["flow"] == (
        "460 of 500 executions passed all three tiers (92.0 %); from end to end: highest daily p95 25.0 s; "
        "5 executions reached redis without a success in each tier before; 4 executions got lost between two tiers."
    )
    assert said["system_health"] == (
        "The three tiers together were degraded (2.0 % of ended attempts failed); "
        "clickhouse was down (5.1 % of ended attempts failed)."
    )
    assert said["kafka_skew"] == (
        "Most uneven: results.sync, whose partition 4 got 250.0 % of an even share; 3 records could not be published."
    )
    assert said["worst_schedules"] == (
        "Most failures: sync.orders, 20 failed attempts; sync.orders fell most against its 28 days before, "
        "by 17.0 points."
    )
    assert said["error_patterns"] == (
        "The only new one: broker <n> not available, 2 times; "
        "the most frequent made up 96.7 % of all errors: document <hex> is locked by worker-<n>."
    )


@pytest.mark.parametrize(
    ("cadence", "period", "newest_day", "said"),
    [
        ("daily", (DAY, next_day(DAY)), DAY, " so far: executions of 31 March are followed until 2 April is loaded"),
        ("daily", (DAY, next_day(DAY)), date(2025, 4, 1),
         " so far: executions of 31 March are followed until 2 April is loaded"),
        ("daily", (DAY, next_day(DAY)), date(2025, 4, 2), ""),
        ("weekly", WEEK, date(2025, 3, 30),
         " so far: executions of 29 and 30 March are followed until 1 April is loaded"),
        ("weekly", WEEK, date(2025, 3, 31), " so far: executions of 30 March are followed until 1 April is loaded"),
        ("weekly", WEEK, date(2025, 4, 1), ""),
    ],
)  # fmt: skip
def test_lost_executions_may_still_arrive_for_two_days(
    cadence: reporting.Cadence, period: tuple[date, date], newest_day: date, said: str
) -> None:
    value = built(cadence, *period, rows_of(*period), newest_day)
    [sentence] = [section["sentence"] for section in value["sections"] if section["name"] == "flow"]
    assert sentence.endswith(f"; 4 executions got lost between two tiers{said}.")


def test_failures_and_successes_are_shares_of_the_attempts_that_ended() -> None:
    value = REPORTS["schedules_day"]()
    text = reporting.render_html(value).replace("\N{NO-BREAK SPACE}", " ")
    assert '2.0 % <span class="base">of ended attempts</span></div>' in text  # 30 of 1,500
    labels = {section["name"]: [column["label"] for column in section["columns"]] for section in value["sections"]}
    assert "Success of ended" in labels["tiers"]
    assert "Success of ended" in labels["worst_schedules"]
    assert "Failures of ended" in labels["trend"]


def test_executions_are_followed_as_long_as_their_table_does() -> None:
    assert Catalog().aggregates["schedules.schedule_flow_daily"].lookahead_days == FOLLOWED_DAYS


def test_a_long_pattern_is_cut_in_the_chart_and_whole_in_the_table() -> None:
    rows = rows_of(DAY, next_day(DAY))
    long = "connection to broker <n> was closed while the batch of partition <n> was written"
    rows["error_patterns"][1]["pattern"] = long
    value = built("daily", DAY, next_day(DAY), rows)
    text = reporting.render_html(value)
    section = text[text.index("Which errors are new") : text.index("</section>", text.index("Which errors are new"))]
    pictures, table = re.split("<table[^>]*>", section)
    drawn = [html.unescape(name) for name in re.findall(r"<text[^>]*>([^<]*)</text>", pictures)]
    assert [name for name in drawn if "…" in name] == [
        "connection to… was written",  # 196 pixels beside the bars are 26 characters
        "connection to broker <…ition <n> was written",  # on a phone 336 above them are 44
    ]
    assert html.escape(long) in table


def test_names_from_events_are_escaped() -> None:
    text = reporting.render_html(built("daily", DAY, next_day(DAY), hostile_rows()))
    assert text.count("<script") == 1, "the page's own"
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;" in text
