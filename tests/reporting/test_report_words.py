"""What a report says of its period: its state, what changed, better or worse, and numbers as people read them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from report_values import DAY, EVENTS, WEEK, day_report, day_rows, trend_day, troubled_rows, week_report, week_rows

from analytics_etl import reporting
from analytics_etl.reporting import wording
from analytics_etl.reporting.families import REPORTS as REPORTS_OF_FAMILIES
from analytics_etl.reporting.period import Kpi


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
        "avg_latency_ms", "conversion_ratio", "unhealthy_ratio",
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
    links = day_report(day_rows(), neighbours=(None, None))["links"]
    assert (links["previous"], links["next"]) == (None, None)
    links = day_report(day_rows(), neighbours=(date(2025, 1, 31), date(2025, 6, 1)))["links"]
    assert (links["previous"]["href"], links["next"]["href"]) == ("2025-01-31.html", "2025-06-01.html")
    links = day_report(day_rows())["links"]
    assert (links["previous"]["href"], links["next"]["href"]) == ("2025-03-30.html", "2025-04-01.html")


def comparing(report: Mapping[str, Any]) -> set[str]:
    """The columns of sections, but for those about the data's quality, that compare with another period."""
    return {
        f"{section['name']}.{column['name']}"
        for section in report["sections"]
        if section["topic"] != "Data quality"
        for column in section["columns"]
        if column["name"].startswith("previous_") or column["name"] in ("growth_ratio", "rank_change")
    }


def test_a_week_with_days_missing_is_compared_nowhere() -> None:
    report = week_report()
    assert report["comparison"]["sentence"] == "No comparison: this period is incomplete."
    assert comparing(report) == set()
    html = reporting.render_html(report)
    assert "before)" not in html
    assert 'mark">the week before' not in html
    [growth] = [section for section in report["sections"] if section["name"] == "growing_modules"]
    assert growth["sentence"] == "No comparison, since 2 days are not loaded (2 and 3 April)."

    whole = week_report(troubled_rows(), newest_day=date(2025, 4, 13))
    assert comparing(whole) >= {"top_modules.growth_ratio", "languages.previous_compilation_count"}


def test_a_month_before_with_days_missing_is_compared_nowhere() -> None:
    rows = troubled_rows()
    gone = [row for row in rows["days"] if row["day"] == WEEK[0] - timedelta(days=3)]
    rows["days"] = [row for row in rows["days"] if row not in gone]
    report = week_report(rows, newest_day=date(2025, 4, 13))
    assert report["comparison"]["sentence"].endswith("is incomplete.")
    assert comparing(report) == set()


def test_a_day_is_compared_with_the_same_weekday_first() -> None:
    report = day_report(day_rows())
    assert report["comparison"]["sentence"] == "Compared with Monday 24 March 2025."
    downloads = report["kpis"][0]
    assert (downloads["previous"], downloads["day_before"]) == (10_000, 13_000)
    html = reporting.render_html(report)
    assert html.index("vs last Mon") < html.index("vs Sun")


def trend_of(report: Mapping[str, Any]) -> Mapping[str, Any]:
    (found,) = (section for section in report["sections"] if section["name"] == "trend")
    return dict(found)


def test_the_trend_compares_a_day_with_its_weekday_and_a_week_with_whole_ones() -> None:
    """A Saturday is not half of a usual day, and a week of which two days are there is none to take a mean of."""
    rows = day_rows()
    rows["trend"] = [trend_day(DAY - timedelta(days=n), 1000 if n % 7 == 0 else 9000) for n in range(28)]
    sentence = trend_of(day_report(rows))["sentence"].replace(wording.SPACE, " ")
    assert sentence.startswith("1,000 downloads on the day; ±0 % against the mean of 3 Mondays before, 1,000; ")

    rows["trend"] = [trend_day(WEEK[1] - timedelta(days=n + 1), 100) for n in range(7 * 3 + 2)]
    first = WEEK[1] - timedelta(days=7 * 3 + 2)
    trend = trend_of(week_report({**troubled_rows(), "trend": rows["trend"]}, date(2025, 4, 13), first_day=first))
    sentence = trend["sentence"].replace(wording.SPACE, " ")
    assert sentence == "700 downloads in the week; ±0 % against the mean of 2 complete weeks before, 700."
    assert [(row["day_count"], row["expected_day_count"]) for row in trend["rows"]] == [(7, 7)] * 3 + [(2, 7)]


@pytest.mark.parametrize(
    ("rows", "said"), [(1, "1 row without a usable time was"), (2, "2 rows without a usable time were")]
)
def test_one_row_is_no_rows(rows: int, said: str) -> None:
    counts = {**day_rows()["quality_rows"][0], "rows_undated": rows, "rows_rejected": 5}
    report = day_report({**day_rows(), "quality_rows": [counts]})
    assert any(said in notice["sentence"] for notice in report["state"]["notices"])
    (quality,) = (section for section in report["sections"] if section["name"] == "quality_rows")
    assert f"5 rejected, {rows} of which {'tells' if rows == 1 else 'tell'} no day" in quality["sentence"]


def test_a_week_that_is_not_over_is_in_progress() -> None:
    rows = week_rows()
    rows["days"] = [row for row in rows["days"] if row["day"] < date(2025, 4, 2)]
    report = week_report(rows, newest_day=date(2025, 4, 1))
    assert report["state"]["is_under_way"]
    assert report["state"]["sentence"] == (
        "Week 14 of 2025, 31 March to 6 April 2025 (UTC) is in progress: 2 of 7 days are loaded, up to 1 April."
    )
    html = reporting.render_html(report)
    assert "in progress</span>" in html
    assert "incomplete" not in html
    sentences = {section["name"]: section["sentence"] for section in report["sections"]}
    assert sentences["days"].startswith("2 to 6 April are still to come, all days before are loaded; ")
    assert sentences["growing_modules"] == "No comparison, since this period is not over yet."
    # A day that was left out is no day to come.
    assert not week_report(newest_day=date(2025, 4, 6))["state"]["is_under_way"]


def test_before_the_first_day_there_is_nothing() -> None:
    report = day_report(day_rows(), first_day=DAY - timedelta(days=4))
    [trend] = [section for section in report["sections"] if section["name"] == "trend"]
    assert [row["period_start"] for row in trend["rows"]] == [str(DAY - timedelta(days=n)) for n in range(5)]
    assert "no data" not in trend["sentence"]


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
