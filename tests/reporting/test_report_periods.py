"""What the queries of a report are asked for, and what they may not tell."""

import re
from datetime import date

import pytest
from report_values import DAY, EVENTS, empty_rows, next_day

from analytics_etl import reporting
from analytics_etl.catalog.calendar import period_name, report_path
from analytics_etl.config.settings import SQL_DIR
from analytics_etl.reporting.families import REPORTS as REPORTS_OF_FAMILIES


def test_no_query_touches_personal_data() -> None:
    for path in sorted((SQL_DIR / "registry" / "reports").glob("*.sql")):
        text = path.read_text()
        assert not re.search(r"ip_address|user_agent|\bcontent\b|\bsample\b|error_message\b(?!_)", text), path
        columns = re.findall(r"^  (\w+):", text.split("*/")[0], re.MULTILINE)
        assert "user_id" not in columns, path


@pytest.mark.parametrize("family", REPORTS_OF_FAMILIES)
def test_every_query_has_a_window_and_every_window_a_query(family: str) -> None:
    folders = ("ops", "ops/signals", family)
    queries = {path.stem for folder in folders for path in (SQL_DIR / folder / "reports").glob("*.sql")}
    assert queries == set(reporting.section_windows(family, "daily", DAY, next_day(DAY)))


def test_windows_of_a_day() -> None:
    windows = reporting.section_windows("registry", "daily", DAY, next_day(DAY))
    # A Monday is compared with the Monday before.
    assert windows["kpis"] == (date(2025, 3, 24), date(2025, 3, 25), DAY, date(2025, 4, 1))
    assert windows["trend"] == (date(2025, 3, 2), date(2025, 3, 2), date(2025, 3, 2), date(2025, 4, 1))
    middle = date(2025, 3, 25)
    assert windows["growing_modules"] == (date(2025, 3, 18), middle, middle, date(2025, 4, 1))
    assert windows["days"] == (date(2025, 3, 18), DAY, DAY, date(2025, 4, 1))


def test_windows_of_a_month_follow_the_calendar() -> None:
    windows = reporting.section_windows("registry", "monthly", date(2024, 3, 1), date(2024, 4, 1))
    march = date(2024, 3, 1)
    assert windows["growing_modules"] == (date(2024, 2, 1), march, march, date(2024, 4, 1))
    assert windows["trend"][2:] == (date(2023, 4, 1), date(2024, 4, 1))


def test_names_follow_the_iso_calendar() -> None:
    assert period_name("weekly", date(2024, 12, 30)) == "2025-W01"
    assert report_path("registry", "monthly", date(2025, 3, 1), "json") == "registry/monthly/2025-03.json"


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
