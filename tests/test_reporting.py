"""Reports against golden files, and what must hold for every report.

After a wanted change of a report, write the golden files anew and read the difference before it is committed:

    UPDATE_GOLDEN=1 pytest tests/test_reporting.py
"""

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from analytics_etl import reporting
from analytics_etl.reporting import svg, wording
from analytics_etl.reporting.families import REPORTS as REPORTS_OF_FAMILIES
from analytics_etl.reporting.period import Kpi
from analytics_etl.settings import SQL_DIR, TEMPLATES_DIR

GOLDEN_DIR = Path(__file__).parent / "golden"
EVENTS = ["registry.compilation_events", "registry.download_events", "registry.module_view_events"]
DAY = date(2025, 3, 31)
WEEK = (date(2025, 3, 31), date(2025, 4, 7))
HOSTILE = "<script>alert('x')</script>\u202e&amp;"
HOSTILE_PLACES = (
    ("top_modules", "module_name"),
    ("growing_modules", "module_name"),
    ("languages", "language"),
    ("compilation_performance", "language"),
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
        "languages": [language("go", 150, 9, 0.75), language("rust", 50, 1, 0.25)],
        "compilation_performance": [performance("go", 150, 480.5), performance("rust", 50, 2000.0)],
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


def week_report(rows: Rows | None = None, newest_day: date = date(2025, 4, 6)) -> dict[str, Any]:
    return reporting.build_report(
        "weekly", "registry", *WEEK, rows or week_rows(), newest_day=newest_day, lateness_days=7, expected_tables=EVENTS
    )


def hostile_report() -> dict[str, Any]:
    rows = day_rows()
    rows["changed_tables"] = troubled_rows()["changed_tables"]
    for name, column in HOSTILE_PLACES:
        rows[name][0][column] = HOSTILE
    rows["top_modules"][1]["module_name"] = "a" * 5000
    rows["top_modules"][2]["module_name"] = "名前\x07\x1b[31m.v1"
    rows["quality_checks"][0]["failed_count"] = 1
    return day_report(rows)


REPORTS: dict[str, Callable[[], dict[str, Any]]] = {
    "ordinary_day": lambda: day_report(day_rows()),
    "empty_day": lambda: day_report(empty_rows(), newest_day=date(2025, 3, 30)),
    "partial_week": week_report,
    "troubled_week": lambda: week_report(troubled_rows(), newest_day=date(2025, 4, 13)),
}


@pytest.fixture(params=[*REPORTS, "hostile_day"])
def report(request: pytest.FixtureRequest) -> dict[str, Any]:
    return {**REPORTS, "hostile_day": hostile_report}[request.param]()


def assert_golden(name: str, text: str) -> None:
    path = GOLDEN_DIR / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), f"{name} has changed; the docstring of this module says what to do"


@pytest.mark.parametrize("name", REPORTS)
def test_report_is_the_golden_one(name: str) -> None:
    value = REPORTS[name]()
    assert_golden(f"{name}.json", reporting.render_json(value))
    assert_golden(f"{name}.html", reporting.render_html(value))


def test_index_is_the_golden_one() -> None:
    entries = [reporting.index_entry(build()) for build in REPORTS.values()][::2]
    assert_golden("index.json", reporting.render_index_json(entries))
    assert_golden("index.html", reporting.render_index(entries))


def test_report_fits_its_schema(report: dict[str, Any]) -> None:
    schema = json.loads((TEMPLATES_DIR / "report.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(json.loads(reporting.render_json(report)))


def test_index_fits_its_schema(report: dict[str, Any]) -> None:
    schema = json.loads((TEMPLATES_DIR / "index.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    index = json.loads(reporting.render_index_json([reporting.index_entry(report)]))
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(index)


def test_same_value_gives_same_bytes(report: dict[str, Any]) -> None:
    assert reporting.render_json(report) == reporting.render_json(json.loads(reporting.render_json(report)))
    assert reporting.render_html(report) == reporting.render_html(json.loads(reporting.render_json(report)))


class _Page(HTMLParser):
    """Collects what a browser would act on."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.handlers: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "srcset", "xlink:href", "data")]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]


def test_page_asks_the_network_for_nothing(report: dict[str, Any]) -> None:
    for text in (reporting.render_html(report), reporting.render_index([reporting.index_entry(report)])):
        page = _Page()
        page.feed(text)
        assert not page.tags & {"script", "link", "img", "iframe", "object", "embed", "base", "form", "image"}
        assert all(re.fullmatch(r"[\w./-]+\.(html|json)", link) for link in page.links)
        assert not page.handlers
        assert len(page.ids) == len(set(page.ids))
        assert "http:" not in text
        assert "https:" not in text
        assert "url(" not in text
        assert "@import" not in text


def test_names_from_events_are_escaped() -> None:
    text = reporting.render_html(hostile_report())
    assert "<script" not in text
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;" in text
    assert "\x1b" not in re.sub(r'title="[^"]*"', "", text)


def test_every_picture_can_be_read_out(report: dict[str, Any]) -> None:
    pictures = re.findall(r"<svg[^>]*>", reporting.render_html(report))
    assert all('role="img"' in picture and re.search(r'aria-label="[^"]+"', picture) for picture in pictures)
    assert all("viewBox=" in picture for picture in pictures)


def test_every_colour_of_a_picture_has_a_dark_side() -> None:
    text = reporting.render_html(week_report())
    used = set(re.findall(r'(?:fill|stroke)="(#[0-9a-f]+)"', text.split("</style>")[1]))
    mapped = set(re.findall(r'svg \[(?:fill|stroke)="(#[0-9a-f]+)"\]', text))
    assert used
    assert used <= mapped


def test_text_has_enough_contrast() -> None:
    def luminance(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        red, green, blue = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    for side in (0, 1):
        for background in ("page", "surface"):
            for text in ("ink", "muted", "accent", "good", "warn", "bad"):
                pair = sorted(luminance(svg.PALETTE[name][side]) for name in (background, text))
                assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 4.5, (text, background, side)


def test_no_query_touches_personal_data() -> None:
    for path in sorted((SQL_DIR / "registry" / "reports").glob("*.sql")):
        text = path.read_text()
        assert not re.search(r"ip_address|user_agent|\bcontent\b|\bsample\b|error_message\b(?!_)", text), path
        columns = re.findall(r"^  (\w+):", text.split("*/")[0], re.MULTILINE)
        assert not {"user_id", "organization_id"} & set(columns), path


@pytest.mark.parametrize("family", REPORTS_OF_FAMILIES)
def test_every_query_has_a_window_and_every_window_a_query(family: str) -> None:
    queries = {path.stem for of in ("ops", family) for path in (SQL_DIR / of / "reports").glob("*.sql")}
    assert queries == set(reporting.section_windows(family, "daily", DAY, next_day(DAY)))


def test_windows_of_a_day() -> None:
    windows = reporting.section_windows("registry", "daily", DAY, next_day(DAY))
    assert windows["kpis"] == (date(2025, 3, 30), DAY, date(2025, 4, 1))
    assert windows["trend"] == (date(2025, 3, 2), date(2025, 3, 2), date(2025, 4, 1))
    assert windows["growing_modules"] == (date(2025, 3, 18), date(2025, 3, 25), date(2025, 4, 1))
    assert windows["days"] == (date(2025, 3, 18), DAY, date(2025, 4, 1))


def test_windows_of_a_month_follow_the_calendar() -> None:
    windows = reporting.section_windows("registry", "monthly", date(2024, 3, 1), date(2024, 4, 1))
    assert windows["growing_modules"] == (date(2024, 2, 1), date(2024, 3, 1), date(2024, 4, 1))
    assert windows["trend"][1:] == (date(2023, 4, 1), date(2024, 4, 1))


def test_names_follow_the_iso_calendar() -> None:
    assert reporting.period_name("weekly", date(2024, 12, 30)) == "2025-W01"
    assert reporting.report_path("registry", "monthly", date(2025, 3, 1), "json") == "registry/monthly/2025-03.json"


@pytest.mark.parametrize(
    ("cadence", "start", "end"),
    [
        ("daily", DAY, date(2025, 4, 2)),
        ("weekly", date(2025, 4, 1), date(2025, 4, 8)),
        ("monthly", date(2025, 3, 1), date(2025, 3, 31)),
    ],
)
def test_a_period_of_another_cadence_is_refused(cadence: reporting.Cadence, start: date, end: date) -> None:
    with pytest.raises(ValueError, match=f"a {cadence} report covers"):
        reporting.build_report(
            cadence, "registry", start, end, empty_rows(), newest_day=end, lateness_days=7, expected_tables=EVENTS
        )


@pytest.mark.parametrize(("newest_day", "is_final"), [(date(2025, 4, 6), False), (date(2025, 4, 7), True)])
def test_a_day_is_final_when_the_lateness_window_is_loaded(newest_day: date, is_final: bool) -> None:  # noqa: FBT001
    state = day_report(day_rows(), newest_day=newest_day)["state"]
    assert state["is_final"] is is_final
    assert state["final_from"] == "2025-04-07"


def test_a_day_that_one_table_lacks_is_missing_and_not_compared() -> None:
    rows = day_rows()
    rows["days"] = [row for row in rows["days"] if (row["table_name"], row["day"]) != (EVENTS[1], DAY)]
    report = day_report(rows)
    assert report["state"]["missing_tables"] == [{"day": "2025-03-31", "table_names": [EVENTS[1]]}]
    assert report["comparison"]["is_comparable"] is False
    assert {kpi["change_ratio"] for kpi in report["kpis"]} == {None}


def test_what_is_wrong_is_said_at_the_top() -> None:
    state = week_report(troubled_rows(), newest_day=date(2025, 4, 13))["state"]
    assert [notice["sentence"] for notice in state["notices"]] == [
        (
            "1,234 rows of registry.download_events (31 March) came after the day was final and are not in these "
            "numbers until the day is reopened."
        ),
        "1 row of registry.module_view_events (6 April) came late and will be in these numbers soon.",
        "A check or the last run failed: registry.download_events (1 April).",
        "There are no rows at all: registry.compilation_events (3 April).",
        "The number of rows is far from what is usual on this weekday: registry.download_events (2 April).",
        "2 figures differ from what was first published on 7 April 2025 at 00:07 UTC.",
    ]
    assert state["is_complete"]
    assert not state["is_final"]


def test_a_final_day_whose_file_was_replaced_says_that_its_numbers_are_as_before() -> None:
    rows = day_rows()
    of = {(row["table_name"], row["day"]): row for row in rows["days"]}
    of[EVENTS[1], DAY].update(state="frozen_late")
    [notice] = day_report(rows, newest_day=date(2025, 4, 7))["state"]["notices"]
    assert notice == {
        "kind": "late_rows",
        "sentence": "Files of registry.download_events (31 March) were replaced, or came without a valid row, after "
        "the day was final; the numbers stay as they are until the day is reopened.",
    }


def test_figures_are_compared_with_those_first_published() -> None:
    [section] = [s for s in week_report(troubled_rows())["sections"] if s["name"] == "first_figures"]
    assert [tuple(row.values()) for row in section["rows"]] == [
        ("download_count", "Downloads", "count", 49_000, 50_000, 50_000 / 49_000 - 1),
        ("active_users", "Active users", "count", None, 57, None),
    ]
    assert section["sentence"] == "2 of 8 key figures since 7 April 2025 at 00:07 UTC."


def test_an_amount_is_neither_better_nor_worse_when_everything_grew() -> None:
    kpis = {kpi["name"]: kpi for of in REPORTS_OF_FAMILIES.values() for kpi in (each._asdict() for each in of.kpis)}
    judged = {name for name, kpi in kpis.items() if kpi["better"] is not None}
    assert judged == {
        "error_ratio", "download_cache_hit_ratio", "failure_ratio", "completed_ratio", "p95_latency_ms",
    }  # fmt: skip
    with pytest.raises(ValueError, match="error_count is an amount"):
        replace(REPORTS_OF_FAMILIES["registry"], kpis=(Kpi("error_count", "Errors", "count", "lower"),))


def test_a_ratio_says_what_it_is_a_share_of() -> None:
    text = reporting.render_html(day_report(day_rows())).replace(wording.SPACE, " ")
    assert '1.0 % <span class="base">of downloads and compilations</span></div>' in text  # 133 of 12,668
    assert "Downloads from cache: <b>25.0 %</b> of those of which it is known (" in text
    with pytest.raises(ValueError, match="error_ratio is of kind ratio and has the base None"):
        replace(REPORTS_OF_FAMILIES["registry"], kpis=(Kpi("error_ratio", "Error ratio", "ratio", "lower"),))


def test_growth_over_zero_is_no_number() -> None:
    rows = day_rows()
    rows["kpis"][1]["download_count"] = 0
    kpi = day_report(rows)["kpis"][0]
    assert (kpi["previous"], kpi["change"], kpi["change_ratio"]) == (0, 12_345, None)


def test_links_lead_to_reports_that_can_exist() -> None:
    links = day_report(day_rows(), newest_day=DAY, first_day=DAY)["links"]
    assert (links["previous"], links["next"]) == (None, None)
    links = day_report(day_rows())["links"]
    assert (links["previous"]["href"], links["next"]["href"]) == ("2025-03-30.html", "2025-04-01.html")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (wording.count(9_999), "9,999"),
        (wording.count(10_000), "10.0 k"),
        (wording.count(999_499), "999 k"),
        (wording.count(999_950), "1.00 M"),
        (wording.count(1_234_567_890), "1.23 B"),
        (wording.grouped(999_999), "999,999"),
        (wording.size(999), "999 bytes"),
        (wording.size(1_500_000), "1.50 MB"),
        (wording.duration(0.25), "0.25 ms"),
        (wording.duration(90_000.0), "1.50 min"),
        (wording.ratio(0), "0 %"),
        (wording.ratio(0.0001), "< 0.1 %"),
        (wording.ratio(0.9996), "> 99.9 %"),
        (wording.ratio(1.0), "100 %"),
        (wording.change(-0.5), "\N{MINUS SIGN}50.0 %"),
        (wording.change(9.0), "\N{MULTIPLICATION SIGN} 10.0"),
        (wording.points(0.0001), "±0 points"),
        (wording.points_apart(0.8, 0.97), "17.0 points"),
        (wording.points_apart(0.9, 0.8999), "< 0.1 points"),
        (wording.count(None), "\N{EN DASH}"),
        (wording.name("a" * 30, 11), "aaaaa…aaaaa"),
        (wording.name("a\u202eb"), "a\N{REPLACEMENT CHARACTER}b"),
        (wording.day_list([date(2025, 3, 31), date(2025, 4, 1), date(2025, 4, 3)]), "31 March and 1 April, 3 April"),
        (wording.day_range(date(2024, 12, 30), date(2025, 1, 6)), "30 December 2024 to 5 January 2025"),
    ],
)
def test_wording(written: str, expected: str) -> None:
    assert written.replace(wording.SPACE, " ") == expected


def test_sparkline_keeps_gaps() -> None:
    everything, current = svg.sparkline([2, None, 1, 2], 1)
    assert everything == "M0 2L0 2M66.67 14L66.67 14L100 2"
    assert current == "M100 2L100 2"


def test_large_tables_are_cut_in_html_and_whole_in_json() -> None:
    rows = day_rows()
    rows["languages"] = [language(f"language_{number}", 10, 1, 0.01) for number in range(100)]
    report = day_report(rows)
    text = reporting.render_html(report)
    assert "40 more rows are in the" in text
    assert "language_99" not in text
    assert len(section(report, "languages")["rows"]) == 100


def section(report: Mapping[str, Any], name: str) -> dict[str, Any]:
    return next(each for each in report["sections"] if each["name"] == name)
