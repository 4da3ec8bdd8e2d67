"""The report of the platform against golden files: an ordinary day, a troubled one, a day without data."""

import json
from datetime import date, timedelta
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from report_values import DAY, HOSTILE, Rows, assert_golden, loaded_days, next_day

from analytics_etl import reporting
from analytics_etl.config.settings import TEMPLATES_DIR

TABLES = ["platform.metric_samples"]
WEEK = (date(2025, 3, 24), date(2025, 3, 31))


def totals(samples: int, unhealthy: float, resets: int = 0) -> dict[str, Any]:
    return {"sample_count": samples, "tenant_count": 2, "active_users": 40, "unhealthy_ratio": unhealthy,
            "reset_count": resets}  # fmt: skip


def trend_day(day: date, samples: int, unhealthy: int = 0, resets: int = 0) -> dict[str, Any]:
    counts = {"service_count": 4, "unhealthy_count": unhealthy}
    return {"day": day} | totals(samples, unhealthy / 4, resets) | counts


def health(tenant: str, name: str, status: str, reason: str | None, hours: int = 0) -> dict[str, Any]:
    return {"tenant_id": tenant, "service_id": name, "day": DAY, "status": status, "reason": reason,
            "degraded_day_count": int(status == "degraded"), "critical_day_count": int(status == "critical"),
            "critical_hour_count": hours}  # fmt: skip


def tenant(name: str, samples: int, before: int, users: int, status: str = "unknown") -> dict[str, Any]:
    return {"tenant_id": name, "sample_count": samples, "previous_sample_count": before,
            "growth_ratio": samples / before - 1 if before else None, "most_active_users": users,
            "status": status}  # fmt: skip


def business(
    of: str, name: str, unit: str, total: float | None, before: float | None, mean: float | None = None
) -> dict[str, Any]:
    return {"tenant_id": of, "name": name, "unit": unit, "series_count": 2, "total_value": total,
            "previous_total_value": before, "growth_ratio": total / before - 1 if total and before else None,
            "avg_value": mean, "previous_avg_value": mean}  # fmt: skip


def metric(rank: int, name: str, kind: str, unit: str, samples: int, resets: int = 0) -> dict[str, Any]:
    return {"rank": rank, "name": name, "type": kind, "unit": unit, "sample_count": samples,
            "previous_sample_count": samples // 2, "series_count": 10, "tenant_count": 0, "min_value": 0.5,
            "max_value": 98.25, "reset_count": resets}  # fmt: skip


def dimension(of: str, unit: str, labels: dict[str, str], total: float, before: float) -> dict[str, Any]:
    return {"rank": 1, "tenant_id": of, "name": "revenue", "unit": unit, "labels": labels, "total_value": total,
            "previous_total_value": before, "growth_ratio": total / before - 1, "highest_value": 40.0}  # fmt: skip


def label(rank: int, labels: dict[str, str], samples: int) -> dict[str, Any]:
    return {"rank": rank, "labels": labels, "sample_count": samples, "previous_sample_count": samples // 2,
            "metric_count": 3, "tenant_count": 1}  # fmt: skip


def table(name: str, size: int, full: date | None = None) -> dict[str, Any]:
    return {"table_name": name, "size_bytes": size, "row_count": size // 30, "period_bytes": size // 40,
            "previous_period_bytes": size // 41, "daily_bytes": size / 40, "full_on": full}  # fmt: skip


def rows_of(start: date, end: date) -> Rows:
    days = [start + timedelta(n) for n in range((end - start).days)]
    before = [day - timedelta(7) for day in days]  # what a day and a week are compared with
    return {
        "kpis": [
            {"period": "current", "day_count": len(days), **totals(8000, 0.0)},
            {"period": "previous", "day_count": len(days), **totals(7000, 0.125)},
        ],
        "trend": [trend_day(day, 8000 // len(days)) for day in [*before, *days]],
        "health": [health("", "playback", "healthy", None), health("acme", "", "healthy", None)],
        "tenants": [tenant("", 5000, 4800, 0, "healthy"), tenant("acme", 2000, 1900, 30, "healthy"),
                    tenant("globex", 1000, 500, 10)],
        "business": [business("acme", "revenue", "EUR", 1250.5, 1000.0),
                     business("acme", "revenue", "USD", 80.0, 100.0),
                     business("globex", "user_count", "", None, None, 420.0)],
        "metrics": [metric(1, "cpu_percent", "gauge", "percent", 4000),
                    metric(2, "requests_total", "counter", "", 900)],
        "dimensions": [dimension("acme", "EUR", {"plan": "pro", "country": "DE"}, 1000.0, 800.0),
                       dimension("acme", "EUR", {}, 250.5, 200.0)],
        "labels": [label(1, {"service_id": "playback", "region": "eu"}, 3000), label(2, {}, 900)],
        "capacity": [table("", 62_000_000, date(2026, 8, 9)), table("registry.download_events", 40_000_000),
                     table("platform.metric_samples", 22_000_000)],
        "days": loaded_days(*before, *days, tables=TABLES),
    }  # fmt: skip


def troubled_rows() -> Rows:
    """Playback is slow in the evening, the memory of search is nearly used up, and a deploy reset the counters."""
    rows = rows_of(DAY, next_day(DAY))
    slow = "Latency: 520.1 ms on average, 5900.0 ms in the worst hour, critical from 19:00 UTC."
    rows["kpis"][0] |= totals(8000, 0.5, 4)
    rows["trend"][-1] |= {"unhealthy_count": 2, "unhealthy_ratio": 0.5, "reset_count": 4}
    rows["health"] = [
        health("", "search", "critical", "Memory: 95.9 % on average, 99.1 % in the worst hour.", 17),
        health("acme", "playback", "degraded", slow, 1),
        health("", "gateway", "healthy", None),
    ]
    rows["tenants"][1]["status"] = "degraded"
    rows["metrics"][1]["reset_count"] = 4
    rows["capacity"][0]["full_on"] = None
    rows["business"], rows["dimensions"] = [], []
    return rows


def built(
    cadence: reporting.Cadence, start: date, end: date, rows: Rows, newest_day: date = date(2025, 4, 7)
) -> dict[str, Any]:
    return reporting.build_report(
        cadence, "platform", start, end, rows, newest_day=newest_day, lateness_days=7, expected_tables=TABLES
    )


REPORTS = {
    "platform_day": lambda: built("daily", DAY, next_day(DAY), rows_of(DAY, next_day(DAY))),
    "platform_troubled": lambda: built("daily", DAY, next_day(DAY), troubled_rows()),
    "platform_empty": lambda: built("daily", DAY, next_day(DAY), {}),
}


@pytest.mark.parametrize("name", REPORTS)
def test_report_is_the_golden_one(name: str) -> None:
    value = REPORTS[name]()
    schema = json.loads((TEMPLATES_DIR / "report.schema.json").read_text())
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(json.loads(reporting.render_json(value)))
    assert_golden(f"{name}.json", reporting.render_json(value))
    assert_golden(f"{name}.html", reporting.render_html(value))
    assert reporting.render_index([reporting.index_entry(value)])


def said_in(value: dict[str, Any]) -> dict[str, str]:
    return {s["name"]: s["sentence"].replace("\N{NO-BREAK SPACE}", " ") for s in value["sections"]}


def test_sentences_say_what_the_rows_say() -> None:
    said = said_in(REPORTS["platform_day"]())
    # 1,000 of 500 before are 100 %; 1,250.5 are a quarter more than 1,000; 80 of 100
    assert said["health"] == "Of 2 services none was degraded."
    assert said["tenants"] == "Most samples are about acme, 2,000; globex changed most, by +100 %."
    assert said["business"] == "Revenue of acme: 1,250 EUR, +25.0 %; revenue of acme: 80.0 USD, \N{MINUS SIGN}20.0 %."
    assert said["metrics"] == "Most samples: cpu_percent, 4,000 in 10 series."
    assert said["dimensions"] == "2 dimensions; revenue of no label changed most, by +25.2 %."  # 250.5 of 200
    assert said["labels"] == "Most samples: region=eu, service_id=playback, 3,000 of 3 metrics."
    assert said["capacity"] == (
        "The lake holds 62.0 MB and grows by 1.55 MB a day; at this pace it is full on 2026-08-09; "
        "the largest is registry.download_events."
    )


def test_a_troubled_day_names_the_worst_service_and_why() -> None:
    said = said_in(REPORTS["platform_troubled"]())
    assert said["health"] == (
        "Of 3 services 1 was critical and 1 was degraded; search: Memory: 95.9 % on average, 99.1 % in the worst hour."
    )
    assert said["tenants"].endswith("; services of acme were not healthy.")
    assert said["business"] == "No metric of business."
    assert said["metrics"].endswith("; requests_total began anew 4 times.")
    assert "it is not full within 100 years" in said["capacity"]


def test_a_week_tells_bad_days() -> None:
    value = built("weekly", *WEEK, rows_of(*WEEK) | {"health": troubled_rows()["health"]})
    [section] = [section for section in value["sections"] if section["name"] == "health"]
    assert [column["name"] for column in section["columns"]][-2:] == ["degraded_day_count", "critical_day_count"]


def test_names_from_events_are_escaped() -> None:
    rows = rows_of(DAY, next_day(DAY))
    for name, column in {"health": "service_id", "tenants": "tenant_id", "business": "unit", "metrics": "name"}.items():
        rows[name][0][column] = HOSTILE
    text = reporting.render_html(built("daily", DAY, next_day(DAY), rows))
    assert text.count("<script") == 1, "the page's own"
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;" in text
