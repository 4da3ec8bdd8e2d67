"""Rows of the registry's report queries and the reports that are built of them, for the tests of reports."""

import os
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from analytics_etl import reporting

GOLDEN_DIR = Path(__file__).parent / "golden"
EVENTS = ["registry.compilation_events", "registry.download_events", "registry.module_view_events"]
DAY = date(2025, 3, 31)
WEEK = (date(2025, 3, 31), date(2025, 4, 7))
HOSTILE = "<script>alert('x')</script>\u202e&amp;"
HOSTILE_PLACES = (
    ("top_modules", "module_name"),
    ("growing_modules", "module_name"),
    ("top_versions", "version"),
    ("top_organizations", "organization_id"),
    ("languages", "language"),
    ("compilation_performance", "language"),
    ("schema_health", "module_name"),
    ("broken_schemas", "message"),
    ("schema_recommendations", "evidence"),
    ("quality_checks", "description"),
    ("quality_checks", "table_name"),
    ("quality_reasons", "reason"),
    ("changed_tables", "table_name"),
)

Rows = dict[str, list[dict[str, Any]]]


def next_day(day: date) -> date:
    return day + timedelta(1)


def loaded_days(*days: date, tables: list[str] = EVENTS) -> list[dict[str, Any]]:
    return [
        {
            "table_name": table,
            "day": day,
            "state": "final",
            "is_final": True,
            "final_from": day + timedelta(7),
            "row_count": 100,
            "rows_waiting": 0,
            "is_unusual": False,
        }
        for table in tables
        for day in days
    ]


def totals(period: str, downloads: int, days: int = 1) -> dict[str, Any]:
    return {
        "period": period,
        "day_count": days,
        "download_count": downloads,
        "failed_download_count": downloads // 100,
        "total_download_bytes": downloads * 1000,
        "modules_downloaded": 3,
        "view_count": 4321,
        "compilation_count": 200,
        "failed_compilation_count": 10,
        "active_users": 57,
        "download_cache_hit_ratio": 0.25,
        "error_ratio": (downloads // 100 + 10) / (downloads + downloads // 100 + 200),
    }


def trend_day(day: date, downloads: int) -> dict[str, Any]:
    return {
        "day": day,
        **{name: value for name, value in totals("", downloads).items() if name not in ("period", "day_count")},
    }


def module(rank: int, name: str, downloads: int, previous: int, previous_rank: int | None) -> dict[str, Any]:
    return {
        "rank": rank,
        "previous_rank": previous_rank,
        "rank_change": None if previous_rank is None else previous_rank - rank,
        "module_name": name,
        "download_count": downloads,
        "previous_download_count": previous,
        "growth_ratio": downloads / previous - 1 if previous else None,
        "total_download_bytes": downloads * 1000,
    }


def version(name: str, downloads: int, previous: int, share: float) -> dict[str, Any]:
    return {
        "rank": 1 if share > 0.5 else 2,
        "module_name": "acme.orders.v1",
        "version": name,
        "download_count": downloads,
        "previous_download_count": previous,
        "growth_ratio": downloads / previous - 1,
        "module_share_ratio": share,
        "highest_daily_unique_users": 40,
    }


def organization(name: str, requests: int, previous: int) -> dict[str, Any]:
    return {
        "rank": 1 if previous else 2,
        "organization_id": name,
        "request_count": requests,
        "previous_request_count": previous,
        "growth_ratio": requests / previous - 1 if previous else None,
        "download_count": requests // 2,
        "compilation_count": 10,
        "highest_daily_active_users": 30,
    }


def language(name: str, count: int, failed: int, share: float) -> dict[str, Any]:
    return {
        "language": name,
        "compilation_count": count,
        "previous_compilation_count": 100,
        "compilation_share_ratio": share,
        "success_count": count - failed,
        "failure_count": failed,
        "success_ratio": (count - failed) / count,
    }


def performance(name: str, count: int, mean: float) -> dict[str, Any]:
    return {
        "language": name,
        "compilation_count": count,
        "timed_count": count - 1,
        "avg_duration_ms": mean,
        "previous_avg_duration_ms": None,
        "highest_daily_p50_duration_ms": mean / 2,
        "highest_daily_p95_duration_ms": mean * 3,
        "highest_daily_p99_duration_ms": mean * 5,
        "previous_highest_daily_p95_duration_ms": None,
    }


def health(module: str, score: float, before: float, unused: int, broken: int, dependents: int) -> dict[str, Any]:
    return {
        "module_name": module,
        "version": "1.4.0",
        "overall_score": score,
        "previous_overall_score": before,
        "badge": "green" if score >= 80 else "red",
        "unused_field_count": unused,
        "deprecated_count": 2,
        "breaking_count": broken,
        "dependent_count": dependents,
        "reason": None,
        "module_count": 3,
        "green_count": 1,
        "amber_count": 1,
        "red_count": 1,
    }


def check(table: str, severity: str, failed: int, checked: int) -> dict[str, Any]:
    return {
        "table_name": table,
        "check_name": "key_unique",
        "severity": severity,
        "description": "event_id is unique",
        "result_count": checked,
        "failed_count": failed,
        "unexpected_count": failed * 2,
        "first_failed_day": DAY if failed else None,
        "last_failed_day": DAY if failed else None,
    }


def arrived(table: str, read: int, duplicate: int, rejected: int) -> dict[str, Any]:
    return {
        "table_name": table,
        "file_count": 2,
        "rows_read": read,
        "rows_loaded": read - duplicate - rejected,
        "rows_duplicate": duplicate,
        "rows_conflicting": min(duplicate, 1),
        "rows_rejected": rejected,
        "rows_waiting": 0,
    }


def empty_rows() -> Rows:
    return {name: [] for name in reporting.section_windows("registry", "daily", DAY, next_day(DAY))}


def day_rows() -> Rows:
    """An ordinary Monday, with one day missing in the month before."""
    days = [DAY - timedelta(number) for number in range(29, -1, -1) if number != 20]
    return {
        "kpis": [totals("current", 12_345), totals("previous", 10_000)],
        "trend": [trend_day(day, 10_000 + 100 * day.day if day < DAY else 12_345) for day in days],
        "top_modules": [
            module(1, "acme.orders.v1", 9000, 8000, 2),
            module(2, "acme.users.v1", 3000, 9000, 1),
            module(3, "acme.new", 345, 0, None),
        ],
        "growing_modules": [
            {
                "rank": 1,
                "module_name": "acme.orders.v1",
                "download_count": 3000,
                "previous_download_count": 2000,
                "growth_ratio": 0.5,
                "is_new": False,
            },
            {
                "rank": None,
                "module_name": "acme.new",
                "download_count": 345,
                "previous_download_count": 0,
                "growth_ratio": None,
                "is_new": True,
            },
        ],
        "top_versions": [version("1.4.0", 6000, 4000, 2 / 3), version("1.3.2", 3000, 4000, 1 / 3)],
        "top_organizations": [organization("acme", 9000, 6000), organization("newcomer", 345, 0)],
        "languages": [language("go", 150, 9, 0.75), language("rust", 50, 1, 0.25)],
        "compilation_performance": [performance("go", 150, 480.5), performance("rust", 50, 2000.0)],
        "registered_modules": [{"module_name": "acme.orders.v1"}, {"module_name": "acme.users.v1"}],
        "schema_health": [health("acme.orders.v1", 48.6, 61.2, 9, 5, 1), health("acme.users.v1", 91.0, 90.0, 0, 0, 0)],
        "broken_schemas": [
            {
                "day": DAY,
                "module_name": "acme.orders.v1",
                "version": "1.4.0",
                "previous_version": "1.3.2",
                "element": "acme.orders.v1.Order.note",
                "rules": "FIELD_NO_DELETE, FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED",
                "message": 'The field 3 "note" was removed.',
                "dependent_count": 2,
                "element_count": 1,
                "version_count": 1,
            }
        ],
        "schema_recommendations": [
            {
                "module_name": "acme.orders.v1",
                "recommendation": "Remove unused fields: nobody used 9 of them in 90 days.",
                "evidence": "acme.orders.v1.Order.a\nacme.orders.v1.Order.b",
                "first_seen_day": DAY - timedelta(3),
                "open_count": 1,
            }
        ],
        "quality_checks": [
            check("registry.download_events", "warn", 1, 1),
            check("registry.overview_daily", "error", 0, 1),
        ],
        "quality_rows": [
            arrived("registry.compilation_events", 200, 0, 0),
            arrived("registry.download_events", 12_480, 7, 5),
        ],
        "quality_reasons": [
            {
                "table_name": "registry.download_events",
                "reason": "file_size: expected a whole number",
                "rejected_count": 5,
            },
        ],
        "days": loaded_days(*[DAY - timedelta(number) for number in range(14)]),
    }


def week_rows() -> Rows:
    """A week of which two days are missing, one of them in one table only."""
    days = [WEEK[0] + timedelta(number) for number in (0, 1, 4, 5, 6)]
    before = [WEEK[0] - timedelta(number) for number in range(7, 0, -1)]
    return {
        **day_rows(),
        "kpis": [totals("current", 50_000, 5), totals("previous", 70_000, 7)],
        "trend": [trend_day(day, 10_000) for day in [*before, *days]],
        "days": loaded_days(*before, *days) + loaded_days(date(2025, 4, 2), tables=EVENTS[:2]),
    }


def troubled_rows() -> Rows:
    """A whole week in which much has happened, some of it since the report was first published."""
    rows = week_rows()
    week = [WEEK[0] + timedelta(number) for number in range(7)]
    before = [WEEK[0] - timedelta(number) for number in range(7, 0, -1)]
    rows["days"] = loaded_days(*before, *week)
    of = {(row["table_name"], row["day"]): row for row in rows["days"]}
    of[EVENTS[1], week[0]].update(state="frozen_late", rows_waiting=1234)
    of[EVENTS[1], week[1]].update(state="failed")
    of[EVENTS[1], week[2]].update(is_unusual=True, row_count=7)
    of[EVENTS[0], week[3]].update(is_unusual=True, row_count=0)
    of[EVENTS[2], week[4]].update(state="archived")
    of[EVENTS[2], week[6]].update(state="provisional", is_final=False, rows_waiting=1)
    first = {**totals("", 50_000, 7), "download_count": 49_000.0, "active_users": None}
    at = datetime(2025, 4, 7, 0, 7, tzinfo=UTC)
    rows["first_figures"] = [
        {"first_published_at": at, "figure": name, "value": None if first[name] is None else float(first[name])}
        for name in sorted(first)
        if name != "period"
    ]
    rows["changed_tables"] = [
        {
            "table_name": EVENTS[1],
            "change_count": 2,
            "first_changed_day": week[0],
            "last_changed_day": week[1],
            "rows_added": 1000,
            "rows_removed": 0,
            "rows_changed": 3,
            "last_changed_at": datetime(2025, 4, 9, 14, 5, tzinfo=UTC),
        }
    ]
    return rows


def day_report(rows: Rows, **overrides: Any) -> dict[str, Any]:
    arguments: dict[str, Any] = {"newest_day": date(2025, 4, 7), "lateness_days": 7, "expected_tables": EVENTS}
    return reporting.build_report("daily", "registry", DAY, next_day(DAY), rows, **{**arguments, **overrides})


def week_report(rows: Rows | None = None, newest_day: date = date(2025, 4, 6), **overrides: Any) -> dict[str, Any]:
    arguments: dict[str, Any] = {"newest_day": newest_day, "lateness_days": 7, "expected_tables": EVENTS, **overrides}
    return reporting.build_report("weekly", "registry", *WEEK, rows or week_rows(), **arguments)


def hostile_report() -> dict[str, Any]:
    rows = day_rows()
    rows["changed_tables"] = troubled_rows()["changed_tables"]
    for name, column in HOSTILE_PLACES:
        rows[name][0][column] = HOSTILE
    rows["top_modules"][1]["module_name"] = "a" * 5000
    rows["top_modules"][2]["module_name"] = "名前\x07\x1b[31m.v1"
    rows["quality_checks"][0]["failed_count"] = 1
    rows["registered_modules"].append({"module_name": HOSTILE})
    return day_report(rows)


REPORTS: dict[str, Callable[[], dict[str, Any]]] = {
    "ordinary_day": lambda: day_report(day_rows()),
    "empty_day": lambda: day_report(empty_rows(), newest_day=date(2025, 3, 30)),
    "partial_week": week_report,
    "troubled_week": lambda: week_report(troubled_rows(), newest_day=date(2025, 4, 13)),
}


def section(report: Mapping[str, Any], name: str) -> dict[str, Any]:
    return next(each for each in report["sections"] if each["name"] == name)


def assert_golden(name: str, text: str) -> None:
    path = GOLDEN_DIR / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), (
        f"{name} has changed; the docstring of test_reporting.py says what to do"
    )
