"""The report of the streaming services against golden files: an ordinary day, a troubled one, a day without data."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from report_values import DAY, HOSTILE, Rows, assert_golden, loaded_days, next_day

from analytics_etl import reporting
from analytics_etl.config.settings import TEMPLATES_DIR

TABLES = ["services.performance_events", "services.service_events", "services.user_behavior_events"]
WEEK = (date(2025, 3, 24), date(2025, 3, 31))


def totals(events: int, failed: int, unhealthy: int) -> dict[str, Any]:
    return {"event_count": events, "error_ratio": failed / events, "avg_latency_ms": 84.5 + 100 * unhealthy,
            "unhealthy_count": unhealthy, "active_users": 120, "conversion_ratio": 0.1}  # fmt: skip


def trend_day(day: date, events: int, failed: int, unhealthy: int = 0) -> dict[str, Any]:
    return {"day": day, "error_count": failed, "session_count": 300} | totals(events, failed, unhealthy)


def health(name: str, status: str, reason: str | None, hours: int = 0) -> dict[str, Any]:
    return {"service_id": name, "day": DAY, "status": status, "reason": reason, "critical_hour_count": hours,
            "degraded_day_count": int(status == "degraded"),
            "critical_day_count": int(status == "critical")}  # fmt: skip


def service(
    name: str, events: int, before: int, per_second: float, failed: float, mean: float | None
) -> dict[str, Any]:
    return {"service_id": name, "event_count": events, "previous_event_count": before, "throughput": per_second,
            "peak_throughput": 4 * per_second, "error_ratio": failed, "avg_latency_ms": mean,
            "highest_daily_p95_latency_ms": None if mean is None else 3 * mean}  # fmt: skip


def operation(rank: int, of: str, name: str, events: int, failed: float, mean: float | None) -> dict[str, Any]:
    return {"rank": rank, "service_id": of, "operation": name, "event_count": events,
            "previous_event_count": events // 2, "error_ratio": failed, "previous_error_ratio": 0.02,
            "avg_duration_ms": mean,
            "previous_avg_duration_ms": None if mean is None else mean / 2,
            "highest_daily_p95_duration_ms": None if mean is None else 3 * mean}  # fmt: skip


def error(of: str, kind: str, count: int, before: int, share: float) -> dict[str, Any]:
    return {"service_id": of, "error_type": kind, "error_count": count, "previous_error_count": before,
            "error_share_ratio": share, "worst_operation": "start",
            "last_seen_at": datetime(2025, 3, 31, 19, 49, tzinfo=UTC)}  # fmt: skip


def engagement() -> dict[str, Any]:
    measures = {"active_users_1d": 120, "active_users_7d": 300, "active_users_30d": 480, "stickiness_ratio": 0.25,
                "new_user_count": 12, "session_count": 300, "avg_session_ms": 372_500, "actions_per_session": 4.46,
                "bounce_ratio": 0.27}  # fmt: skip
    before = {f"previous_{name}": value / 2 for name, value in measures.items()}
    return {"day": DAY, **measures, **before}


def stage(name: str, count: int, share: float) -> dict[str, Any]:
    return {"stage": name, "session_count": count, "previous_session_count": count + 5, "session_ratio": share}


def cohort(days: int, size: int, back: int) -> dict[str, Any]:
    return {"age_days": days, "cohort_size": size, "retained_count": back, "retention_ratio": back / size,
            "previous_retention_ratio": 0.25}  # fmt: skip


def content(rank: int, name: str, plays: int, before: int, completed: float) -> dict[str, Any]:
    return {"rank": rank, "content_id": name, "play_count": plays, "previous_play_count": before,
            "growth_ratio": plays / before - 1 if before else None, "completion_ratio": completed,
            "highest_daily_unique_users": plays // 2, "total_play_ms": plays * 1_200_000}  # fmt: skip


def user(of: str, rank: int, name: str, count: int) -> dict[str, Any]:
    return {"service_id": of, "rank": rank, "user_hash": name, "event_count": count, "top_day_count": 1}


def rows_of(start: date, end: date) -> Rows:
    days = [start + timedelta(n) for n in range((end - start).days)]
    before = [day - timedelta(len(days)) for day in days]
    return {
        "kpis": [
            {"period": "current", "day_count": len(days), **totals(5000, 100, 0)},
            {"period": "previous", "day_count": len(days), **totals(4000, 100, 0)},
        ],
        "trend": [trend_day(day, 5000 // len(days), 100 // len(days)) for day in [*before, *days]],
        "health": [health("playback", "healthy", None), health("search", "unknown", "Only 3 events, 20 are needed.")],
        "throughput": [
            service("playback", 4997, 3990, 4997 / 86400, 0.02, 84.5),
            service("search", 3, 10, 3 / 86400, 0.0, None),
        ],
        "operations": [
            operation(1, "playback", "start", 2000, 0.03, 180.0),
            operation(2, "playback", "segment", 2997, 0.01, 20.5),
            operation(3, "search", "query", 3, 0.0, None),
        ],
        "errors": [error("playback", "timeout", 75, 40, 0.75), error("playback", "", 25, 60, 0.25)],
        "engagement": [engagement()],
        "funnel": [stage("session", 300, 1.0), stage("view", 250, 250 / 300), stage("purchase", 25, 25 / 300)],
        "retention": [cohort(1, 20, 10), cohort(7, 18, 3)],
        "content": [content(1, "payments-s1", 80, 50, 0.4), content(2, "search-s1", 12, 0, 0.75)],
        "top_users": [user("playback", 1, "user-29465eafdab9", 40), user("search", 1, "user-fbfd143df5c4", 9)],
        "days": loaded_days(*before, *days, tables=TABLES),
    }


def troubled_rows() -> Rows:
    """Playback fails and is slow for a part of the evening; search does nothing."""
    rows = rows_of(DAY, next_day(DAY))
    reason = "Errors: 600 of 4000 events failed (15.0 %). Critical hours: 1 of 24, the first from 19:00 UTC."
    rows["kpis"][0] |= totals(4000, 600, 2)
    rows["trend"][-1] |= totals(4000, 600, 2) | {"error_count": 600}
    rows["health"] = [
        health("playback", "critical", reason, 1),
        health("billing", "degraded", "Slow: the 95th percentile of the latency was 1200.0 ms."),
    ]
    rows["throughput"] = [service("playback", 4000, 4200, 4000 / 86400, 0.15, 900.0)]
    rows["errors"] = [error("playback", "timeout", 580, 40, 580 / 600), error("billing", "declined", 20, 0, 20 / 600)]
    rows["funnel"] = [stage("session", 300, 1.0), stage("view", 0, 0.0), stage("purchase", 0, 0.0)]
    rows["retention"] = []
    rows["alerts"] = [
        alert("high", "playback", "Error ratio of service playback is 15 % (limit 10 %)"),
        alert("high", "search", "Error ratio of service search is 12 % (limit 10 %)"),
        alert("high", "billing", "It is 9 standard deviations from its past (limit 5)", metric="anomaly_deviation"),
        alert("low", "player", "Error ratio of service player is 11 % (limit 10 %)", status="no data"),
        alert("medium", "billing", "It is slow", resolved_at=evening(22)),
    ]
    rows["begun_anomalies"] = [
        anomaly("high", "playback", "Error ratio of service playback is 15 %, expected 1 to 2 %: +24.0 sd, high",
                "0.0100 0.0050 0.0200;0.0150 0.0050 0.0200;0.0120  ;0.1500 0.0050 0.0200"),
        anomaly("low", "billing", "P95 latency of service billing is 1,200 ms, expected 400 to 900 ms: +2.6 sd, low",
                "500.0000 400.0000 900.0000;1200.0000 400.0000 900.0000"),
    ]  # fmt: skip
    rows["incidents"] = [
        {
            "severity": "high",
            "begins_at": evening(19),
            "series_count": 2,
            "sentence": "Error ratio of service playback is 15 %, expected 1 to 2 %: +24.0 sd, high",
            "cause": None,
            "incident_id": "1f0c9a2e1f0c9a2e",
        },
        {
            "severity": "low",
            "begins_at": evening(20),
            "series_count": 1,
            "sentence": "Little.",
            "cause": None,
            "incident_id": "2f0c9a2e1f0c9a2e",
        },
    ]
    rows["newest_forecasts"] = [
        forecast(
            "cpu_percent", 79.0, 82.0, 78.0, 86.0, 0.8, advice="above 80 % within 1 d: add capacity", entity="play"
        ),
        forecast("active_users", 120.0, 123.4, 110.0, 135.0, 0.8),
        forecast("stalls", 1.0, reason="12 points; a forecast needs 20"),
    ]
    return rows


def evening(hour: int) -> datetime:
    return datetime(DAY.year, DAY.month, DAY.day, hour, tzinfo=UTC)


def alert(
    severity: str, entity: str, sentence: str, resolved_at: datetime | None = None, status: str = "triggered",
    metric: str = "error_ratio",
) -> dict[str, Any]:  # fmt: skip
    return {"severity": severity, "status": "resolved" if resolved_at else status, "sentence": sentence,
            "rule": "too_many_errors", "metric": metric, "alert_key": f'too_many_errors{{entity="{entity}"}}',
            "incident": 1, "since": evening(18), "triggered_at": evening(19), "acknowledged_at": None,
            "resolved_at": resolved_at, "value": 0.15}  # fmt: skip


def forecast(
    metric: str, value: float, predicted: float | None = None, low: float | None = None, high: float | None = None,
    confidence: float | None = None, reason: str | None = None, advice: str | None = None, entity: str = "",
) -> dict[str, Any]:  # fmt: skip
    return {"metric": metric, "entity": entity, "unit": "count", "day": DAY, "value": value,
            "forecast_day": next_day(DAY), "steps": 1,
            "predicted_value": predicted, "lower_80": low, "upper_80": high, "confidence_ratio": confidence,
            "recommendation": advice, "reason": reason}  # fmt: skip


def anomaly(severity: str, entity: str, sentence: str, points: str) -> dict[str, Any]:
    return {"severity": severity, "bucket": evening(19), "grain": "1h", "metric": "error_ratio",
            "entity": entity, "sentence": sentence, "cause": None, "incident_id": "1f0c9a2e1f0c9a2e",
            "anomaly_count": 2, "incident_count": 1, "recent_points": points}  # fmt: skip


def built(
    cadence: reporting.Cadence, start: date, end: date, rows: Rows, newest_day: date = date(2025, 4, 7)
) -> dict[str, Any]:
    return reporting.build_report(
        cadence, "services", start, end, rows, newest_day=newest_day, lateness_days=7, expected_tables=TABLES
    )


OLD_ALERT = ("severity", "status", "alert_key", "incident", "triggered_at", "acknowledged_at", "resolved_at", "value")
REPORTS = {
    "services_day": lambda: built("daily", DAY, next_day(DAY), rows_of(DAY, next_day(DAY))),
    "services_troubled": lambda: built("daily", DAY, next_day(DAY), troubled_rows()),
    "services_empty": lambda: built("daily", DAY, next_day(DAY), {}),
}


@pytest.mark.parametrize("name", REPORTS)
def test_report_is_the_golden_one(name: str) -> None:
    value = REPORTS[name]()
    schema = json.loads((TEMPLATES_DIR / "report.schema.json").read_text())
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(json.loads(reporting.render_json(value)))
    assert_golden(f"{name}.json", reporting.render_json(value))
    assert_golden(f"{name}.html", reporting.render_html(value))
    assert reporting.render_index([reporting.index_entry(value)])


def overview(reports: list[dict[str, Any]]) -> dict[str, Any]:
    return reporting.build_overview([reporting.summary_of(report) for report in reports], reporting.SCHEMA_VERSION)


def test_the_overview_says_what_is_wrong_first_things_first() -> None:
    troubled = {**REPORTS["services_troubled"](), "family": "usage"}
    missing = REPORTS["services_empty"]()
    value = overview([troubled, missing])
    schema = json.loads((TEMPLATES_DIR / "overview.schema.json").read_text())
    Draft202012Validator(schema).validate(json.loads(reporting.render_json(value)))
    assert [(item["severity"], item["kind"], item["family"], item["what"][:40]) for item in value["items"]] == [
        ("high", "alert", "usage", "Error ratio of service playback is 15 % "),
        ("high", "missing", "services", "Monday 31 March 2025 (UTC) is incomplete"),
        ("high", "anomaly", "usage", "Error ratio of service playback is 15 %,"),
    ]
    assert value["items"][0]["what"].replace("\N{NO-BREAK SPACE}", " ") == (
        "Error ratio of service playback is 15 % (limit 10 %) since 18:00; and 1 more alert of too many errors"
    )
    assert value["sentence"] == (
        f"3 high; the first: usage: {value['items'][0]['what']}; 2 matters of low severity are in the reports."
    )
    page = reporting.render_overview(value)
    assert page.count("<tr><td>") == len(value["items"])
    assert 'href="usage/daily/2025-03-31.html"' in page
    assert "and 1 more series at the same time" in page.replace("\N{NO-BREAK SPACE}", " ")
    nothing = overview([REPORTS["services_day"]()])
    assert (nothing["sentence"], nothing["items"]) == ("Nothing that anybody has to look at.", [])
    # Reports that an earlier version wrote have the key of an alert only.
    for section in troubled["sections"]:
        if section["name"] == "alerts":
            section["rows"] = [{name: row[name] for name in OLD_ALERT} for row in section["rows"]]
    assert overview([troubled])["items"][0]["what"].startswith('too_many_errors{entity="playback"} since 19:00; and 2')
    hostile = {**REPORTS["services_troubled"]()}
    hostile["state"] = {**hostile["state"], "notices": [{"kind": "volume", "sentence": HOSTILE}]}
    assert HOSTILE not in reporting.render_overview(overview([hostile]))


def test_incidents_of_several_families_at_the_same_time_are_one() -> None:
    """Of services at 19:00 (high, 2 series) and 20:00 (low); here of another family at 19:10, 19:16 and 20:10, too."""
    troubled = REPORTS["services_troubled"]()
    other = {**REPORTS["services_day"](), "family": "usage"}
    kept = [section for section in other["sections"] if section["name"] != "incidents"]
    rows = [
        {"severity": severity, "begins_at": f"2025-03-31T{clock}:00+00:00", "series_count": count, "cause": None,
         "sentence": sentence}
        for severity, clock, count, sentence in (
            ("medium", "19:10", 3, "Slow."), ("medium", "19:16", 1, "Later."), ("medium", "20:10", 1, "Last."),
        )
    ]  # fmt: skip
    other["sections"] = [*kept, {"name": "incidents", "rows": rows}]
    value = overview([troubled, other])
    Draft202012Validator(json.loads((TEMPLATES_DIR / "overview.schema.json").read_text())).validate(value)
    found = [item for item in value["items"] if item["kind"] == "anomaly"]
    assert [(item["severity"], item["family"]) for item in found] == [
        ("high", "services"), ("medium", "usage"), ("medium", "usage"),
    ]  # fmt: skip
    said = [item["what"].replace("\N{NO-BREAK SPACE}", " ") for item in found]
    assert said[0].endswith("high; and 4 more series at the same time, also in usage")
    assert said[1:] == ["Last.; and 1 more series at the same time, also in services", "Later."]


def said_in(value: dict[str, Any]) -> dict[str, str]:
    return {s["name"]: s["sentence"].replace("\N{NO-BREAK SPACE}", " ") for s in value["sections"]}


def test_sentences_say_what_the_rows_say() -> None:
    said = said_in(REPORTS["services_day"]())
    # 4,997 in 86,400 s are 3.47 a minute; 75 of 100; 10 of 20, 3 of 18; 25 of 250
    assert said["health"] == "Of 2 services none was degraded."
    assert said["throughput"] == (
        "Most was done by playback, 4,997 operations or 3.47 per minute; "
        "the busiest hour: playback with 13.9 per minute."
    )
    assert said["operations"] == (
        "Most time went into start (playback), 180 ms on average; the slowest was start (playback), p95 540 ms."
    )
    assert said["errors"] == "Most frequent: timeout (playback), 75 times (75.0 % of all errors); mostly in start."
    assert said["engagement"] == (
        "On 31 March 120 users acted, 25.0 % of those of 30 days; 12 users were new; "
        "300 sessions took 6.21 min on average."
    )
    assert said["funnel"] == (
        "250 of 300 sessions came to \N{LEFT DOUBLE QUOTATION MARK}view\N{RIGHT DOUBLE QUOTATION MARK}, "
        "25 of these to \N{LEFT DOUBLE QUOTATION MARK}purchase\N{RIGHT DOUBLE QUOTATION MARK}; that is 10.0 %."
    )
    assert said["retention"] == "50.0 % of 20 users came back after 1 day; 16.7 % of 18 users came back after 7 days."
    assert said["content"] == (
        "Most played: payments-s1, 80 times; "
        "most often completed of these: search-s1, by 75.0 % of those who played it."
    )
    assert said["top_users"] == "Most events: user-29465eafdab9 in playback, 40; a pseudonym stands for each user."


def test_a_troubled_day_names_the_worst_service_and_why() -> None:
    said = said_in(REPORTS["services_troubled"]())
    assert said["health"] == (
        "Of 2 services 1 was critical and 1 was degraded; playback: Errors: 600 of 4000 events failed (15.0 %). "
        "Critical hours: 1 of 24, the first from 19:00 UTC."
    )
    assert said["funnel"].endswith(
        "0 of these to \N{LEFT DOUBLE QUOTATION MARK}purchase\N{RIGHT DOUBLE QUOTATION MARK}."
    )
    assert said["retention"] == "Nobody was new 1, 7 or 30 days before."


def test_a_week_tells_bad_days_and_compares_whole_weeks_only() -> None:
    rows = rows_of(*WEEK)
    assert "previous_value" in [column["name"] for column in columns(built("weekly", *WEEK, rows), "engagement")]
    said = said_in(built("weekly", *WEEK, rows | {"health": troubled_rows()["health"]}))
    assert said["health"].endswith("; not healthy: playback on 1 day, billing on 1 day.")
    rows["days"] = rows["days"][:-1]
    assert [column["name"] for column in columns(built("weekly", *WEEK, rows), "engagement")] == ["measure", "value"]


def columns(value: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = next(section for section in value["sections"] if section["name"] == name)["columns"]
    return found


def test_names_from_events_are_escaped() -> None:
    rows = rows_of(DAY, next_day(DAY))
    places = {"health": "service_id", "operations": "operation", "errors": "error_type", "content": "content_id"}
    for name, column in places.items():
        rows[name][0][column] = HOSTILE
    text = reporting.render_html(built("daily", DAY, next_day(DAY), rows))
    assert text.count("<script") == 1, "the page's own"
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;" in text
