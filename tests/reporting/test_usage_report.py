"""The reports of schema usage against golden files: an ordinary day, a week, a day without data, a hostile one.

UPDATE_GOLDEN=1 pytest tests/reporting/test_usage_report.py
"""

import json
import os
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from analytics_etl import reporting
from analytics_etl.config.settings import TEMPLATES_DIR
from analytics_etl.reporting.families import REPORTS

GOLDEN = Path(__file__).parent.parent / "golden"
TABLES = ["usage.schema_usage_1d", "usage.schema_usage_events"]
DAY = date(2025, 3, 31)
WEEK = (date(2025, 3, 24), date(2025, 3, 31))
ORDERS, USERS, NEW = (f"{digit * 8}-0000-4000-8000-00000000000{digit}" for digit in "abc")
HOSTILE = "<script>alert('x')</script>\u202e&amp;"

Rows = dict[str, list[dict[str, Any]]]


def totals(period: str, operations: int, errors: int, anomalies: int = 0) -> dict[str, Any]:
    return {
        "period": period, "day_count": 1, "operation_count": operations, "error_count": errors,
        "error_ratio": errors / operations, "p95_latency_ms": 148.5, "schemas_used": 3, "services_active": 2,
        "anomaly_count": anomalies,
    }  # fmt: skip


def trend_day(day: date, operations: int, errors: int, anomalies: int = 0) -> dict[str, Any]:
    kept = totals("", operations, errors, anomalies)
    return {"day": day, **{name: kept[name] for name in kept if name not in ("period", "day_count")}}


def operation(name: str, count: int, share: float, before: int, errors: int, p95: float) -> dict[str, Any]:
    return {
        "operation": name, "operation_count": count, "operation_ratio": share, "previous_operation_count": before,
        "growth_ratio": count / before - 1 if before else None, "error_count": errors,
        "success_rate": 1 - errors / count, "p50_latency_ms": p95 / 4, "p95_latency_ms": p95,
    }  # fmt: skip


def used(rank: int, schema: str, count: int, before: int) -> dict[str, Any]:
    return {
        "rank": rank, "schema_name": schema, "operation_count": count, "previous_operation_count": before,
        "growth_ratio": count / before - 1 if before else None, "error_ratio": 0.01, "services_active": 2,
    }  # fmt: skip


def changing(direction: str, rank: int, schema: str, count: int, before: int) -> dict[str, Any]:
    row = used(rank, schema, count, before)
    return {
        "direction": direction,
        **{name: row[name] for name in row if name not in ("error_ratio", "services_active")},
    }


def scored(schema: str, scores: tuple[float | None, ...], text: str, *, is_zombie: bool = False) -> dict[str, Any]:
    names = ("overall_score", "success_rate_score", "performance_score", "activity_score")
    return {
        "day": DAY, "schema_name": schema, **dict(zip(names, scores, strict=True)), "is_zombie": is_zombie,
        "recommendations": text, "schemas_scored": 2, "schemas_good": 1, "schemas_poor": 1,
    }  # fmt: skip


def anomaly(severity: str, schema: str, text: str, count: int = 2) -> dict[str, Any]:
    return {
        "day": DAY, "schema_name": schema, "severity": severity, "deviation": 6.4, "description": text,
        "anomaly_count": count,
    }  # fmt: skip


def called(schema: str, name: str) -> dict[str, Any]:
    return {"schema_key": schema, "schema_name": name}


def day_rows() -> Rows:
    return {
        "days": [
            {"table_name": table, "day": DAY - timedelta(days=back), "state": "final", "is_final": True,
             "final_from": DAY - timedelta(days=back - 7), "row_count": 100, "rows_waiting": 0, "is_unusual": False}
            for table in TABLES for back in range(14)
        ],
        "kpis": [totals("current", 1200, 24, 2), totals("previous", 1000, 10)],
        "trend": [trend_day(DAY - timedelta(days=back), 1200 - 100 * back, 24 - 4 * back, 2 * (back == 0))
                  for back in (5, 4, 2, 1, 0)],
        "operations": [
            operation("read", 900, 0.75, 800, 9, 96.0), operation("compatibility_check", 300, 0.25, 200, 15, 414.0),
        ],
        "most_used_schemas": [used(1, ORDERS, 700, 650), used(2, USERS, 450, 350), used(3, NEW, 50, 0)],
        "changing_schemas": [
            changing("up", 1, USERS, 2400, 1200), changing("down", 1, ORDERS, 4000, 5000),
            changing("new", 1, NEW, 50, 0),
        ],
        "scorecards": [
            scored(USERS, (42.5, 97.9, 0.0, 11.0), "Make it faster: the 95th percentile of its latency is 629.8 ms, "
                   "the target 100 ms."),
            scored(ORDERS, (88.0, 70.0, 100.0, 100.0), "Find out why 9 of 30 operations failed (30.0 %)."),
            scored(NEW, (None, None, None, 0.0), "Ask its owner whether it can go: never used in the 34 days since it "
                   "was first seen.", is_zombie=True),
        ],
        "liveness": [
            {"state": "active", "schema_count": 2, "previous_schema_count": 2},
            {"state": "zombie", "schema_count": 1, "previous_schema_count": 0},
        ],
        "anomalies": [
            anomaly("critical", "", "Errors: 8 of 25 operations failed from 10:00 to 11:00 UTC (32.0 %, at most 10.0 % "
                    "are tolerated)."),
            anomaly("low", ORDERS, "Slow: the 95th percentile of the latency was 184.0 ms from 13:00 to 14:00 UTC, 2.1 "
                    "times the 86.0 ms that are usual."),
        ],
        "regions": [
            {"region": "eu-west-1", "operation_count": 1200, "operation_ratio": 1.0, "previous_operation_count": 900,
             "error_ratio": 0.02, "avg_latency_ms": 38.5, "highest_daily_p95_latency_ms": 148.5},
            {"region": "sa-east-1", "operation_count": 0, "operation_ratio": 0.0, "previous_operation_count": 100,
             "error_ratio": None, "avg_latency_ms": None, "highest_daily_p95_latency_ms": None},
        ],
        "failing_services": [
            {"service": "payments-api", "error_count": 20, "operation_count": 400, "error_ratio": 0.05,
             "previous_error_ratio": 0.01, "worst_schema_name": ORDERS},
            {"service": "web", "error_count": 4, "operation_count": 20, "error_ratio": 0.2,
             "previous_error_ratio": None, "worst_schema_name": USERS},
        ],
        "schema_names": [called(ORDERS, "orders.created.v1")],
    }  # fmt: skip


def report(cadence: reporting.Cadence, start: date, end: date, rows: Rows) -> dict[str, Any]:
    return reporting.build_report(
        cadence, "usage", start, end, rows, newest_day=date(2025, 4, 20), lateness_days=7, expected_tables=TABLES,
    )  # fmt: skip


def hostile() -> dict[str, Any]:
    rows = day_rows()
    for name in ("region", "service", "description", "recommendations"):
        for section in rows.values():
            for row in section:
                row.update({name: HOSTILE} if name in row else {})
    rows["schema_names"] = [called(ORDERS, HOSTILE), called(USERS, "'" + "x" * 5000), called(NEW, HOSTILE)]
    return report("daily", DAY, DAY + timedelta(days=1), rows)


def reports() -> dict[str, dict[str, Any]]:
    return {
        "usage_day": report("daily", DAY, DAY + timedelta(days=1), day_rows()),
        "usage_week": report("weekly", *WEEK, day_rows()),
        "usage_empty_day": report("daily", DAY, DAY + timedelta(days=1), {}),
    }


@pytest.mark.parametrize("name", reports())
def test_report_is_the_golden_one(name: str) -> None:
    value = reports()[name]
    for path, text in (
        (GOLDEN / f"{name}.html", reporting.render_html(value)),
        (GOLDEN / f"{name}.json", reporting.render_json(value)),
    ):  # fmt: skip
        if os.environ.get("UPDATE_GOLDEN"):
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("value", [*reports().values(), hostile()], ids=[*reports(), "hostile"])
def test_report_fits_its_schema(value: dict[str, Any]) -> None:
    schema = json.loads((TEMPLATES_DIR / "report.schema.json").read_text(encoding="utf-8"))
    assert list(Draft202012Validator(schema).iter_errors(json.loads(reporting.render_json(value)))) == []


def test_names_from_events_are_escaped() -> None:
    html = reporting.render_html(hostile())
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert" in html


def test_a_hostile_name_is_escaped_wherever_a_schema_is_named() -> None:
    """In a cell, a sentence, a chart, an attribute."""
    value = hostile()
    html = reporting.render_html(value)
    assert "<script>alert" not in html
    assert html.count("<script") == 1
    assert html.count("&lt;script&gt;alert") > 10
    assert [row["schema_name"] for row in section_of(value, "most_used_schemas")["rows"]] == [
        f"{HOSTILE} (aaaaaaaa)", "'" + "x" * 5000, f"{HOSTILE} (cccccccc)",
    ]  # fmt: skip


def section_of(value: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = (section for section in value["sections"] if section["name"] == name)
    return dict(found)


def test_names_stand_beside_ids_where_they_are_known() -> None:
    value = reports()["usage_day"]
    named = section_of(value, "most_used_schemas")
    assert [(row["schema_name"], row["schema_id"]) for row in named["rows"]] == [
        ("orders.created.v1", ORDERS), (USERS, USERS), (NEW, NEW),
    ]  # fmt: skip
    labels = [column["label"] for column in named["columns"]]
    assert (labels[:2], labels[-1]) == (["#", "Schema"], "Id")
    assert named["sentence"].startswith("Most used: orders.created.v1 with 700 operations")
    assert section_of(value, "changing_schemas")["sentence"].startswith("Most growth: bbbbbbbb…000b, ")
    worst = section_of(value, "failing_services")["rows"][0]
    assert (worst["worst_schema_name"], worst["worst_schema_id"]) == ("orders.created.v1", ORDERS)
    assert [(row["schema_name"], row["schema_id"]) for row in section_of(value, "anomalies")["rows"]] == [
        ("all schemas", "all schemas"), ("orders.created.v1", ORDERS),
    ]  # fmt: skip
    html = reporting.render_html(value)
    assert 'aria-label="graphics-symbol' not in html
    assert "orders.created.v1: 700" in html  # what a bar says when pointed at

    unnamed = report("daily", DAY, DAY + timedelta(days=1), {**day_rows(), "schema_names": []})
    assert [column["label"] for column in section_of(unnamed, "most_used_schemas")["columns"]][-1] == "Services"


def sentences(value: dict[str, Any]) -> dict[str, str]:
    return {section["name"]: section["sentence"] for section in value["sections"]}


def test_sentences_say_what_the_rows_say() -> None:
    found = sentences(reports()["usage_day"])
    assert found["operations"] == (
        "75.0\N{NO-BREAK SPACE}% of 1,200 operations were read; 24 failed, 2.0\N{NO-BREAK SPACE}% of all; the slowest "
        "kind was compatibility check with a p95 of 414\N{NO-BREAK SPACE}ms."
    )
    assert found["scorecards"] == (
        "Of 2 schemas with a score on 31 March, 1 reached 80 and 1 stayed below 50; the lowest: bbbbbbbb…000b with 42."
    )
    assert (
        found["anomalies"]
        == "2 hours of a schema were out of the ordinary; the most severe was critical: all schemas on 31 March."
    )


def test_an_operation_has_one_spelling_for_people() -> None:
    value = reports()["usage_day"]
    html = reporting.render_html(value)
    assert "compatibility_check" not in html
    assert '<td class="words">compatibility check</td>' in html
    [section] = [section for section in value["sections"] if section["name"] == "operations"]
    assert section["rows"][1]["operation"] == "compatibility_check"  # for programs


def test_a_day_after_a_week_without_anomalies_says_so() -> None:
    rows = day_rows()
    rows["trend"].append(trend_day(DAY - timedelta(days=7), 900, 9, 0))
    html = reporting.render_html(report("daily", DAY, DAY + timedelta(days=1), rows))
    card = html[html.index('<div class="label">Anomalies') :].split("</li>")[0]
    assert "none the week before" in card
    assert "none Sun" in card


def test_an_empty_day_says_that_nothing_is_known() -> None:
    found = sentences(reports()["usage_empty_day"])
    assert all("nothing of the period is loaded" in found[s.__name__] for s in REPORTS["usage"].sections[1:])
