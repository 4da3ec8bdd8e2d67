"""What people know: the calendar's file, and what they said of anomalies."""

import json
from pathlib import Path

import pytest

from analytics_etl.config.settings import SQL_DIR
from analytics_etl.signals.anomalies.calendar import CalendarError, load_calendar, read_calendar
from analytics_etl.signals.anomalies.context import NOTHING_KNOWN
from analytics_etl.signals.anomalies.feedback import Feedback, heed, heeded_from
from analytics_etl.signals.series import DAY, HOUR

SCHEMA = json.loads((SQL_DIR / "calendar.schema.json").read_text(encoding="utf-8"))
GOOD = """
holidays:
  - {day: 1970-01-03, name: A holiday}
maintenance:
  - {from: 1970-01-02T10:30Z, to: 1970-01-02T12:00Z, reason: new disks, labels: {family: services, entity: "check*"}}
"""


def test_a_window_holds_for_the_series_that_it_names() -> None:
    calendar = read_calendar(GOOD, "calendar.yaml", SCHEMA)
    holiday = (2 * DAY, 3 * DAY)
    window = (DAY + 10 * HOUR + HOUR // 2, DAY + 12 * HOUR)
    hours = calendar.of({"family": "services", "entity": "checkout"}, HOUR)
    # A bucket that begins before the window but reaches into it is touched.
    assert hours == ((holiday[0] - HOUR + 1, holiday[1]), (window[0] - HOUR + 1, window[1]))
    assert calendar.of({"family": "usage"}, DAY) == ((holiday[0] - DAY + 1, holiday[1]),)


def test_the_calendar_of_the_project_is_one(tmp_path: Path) -> None:
    assert load_calendar(SQL_DIR).windows == ()
    assert load_calendar(tmp_path).windows == ()


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("1970-01-03", "tomorrow", r"holidays.0.day: expected a day like 2026-12-25, but is \"tomorrow\""),
        ("1970-01-03", "1970-02-30", "c.yaml: day is out of range"),
        ("12:00Z", "09:00Z", "expected an end after 1970-01-02T10:30Z, but is 1970-01-02T09:00Z"),
        ("reason: new disks, ", "", "maintenance.0: 'reason' is a required property"),
        ("holidays", "feasts", r"'feasts' was unexpected"),
        ("holidays:", "holidays: [", "expected YAML"),
    ],
)
def test_a_wrong_calendar_is_told(before: str, after: str, message: str) -> None:
    with pytest.raises(CalendarError, match=message):
        read_calendar(GOOD.replace(before, after), "c.yaml", SCHEMA)


def test_what_is_said_counts_from_its_day_on_and_the_last_word_counts() -> None:
    first = Feedback(2 * DAY + HOUR, DAY, 2 * DAY, "value", "up", "dismissed")
    again = Feedback(4 * DAY, DAY, 2 * DAY, "value", "up", "confirmed")
    other = Feedback(2 * DAY, 0, DAY, "value", "up", "dismissed")
    said = [again, first, other]
    assert heeded_from(said) == [2 * DAY, 4 * DAY]
    assert heed(NOTHING_KNOWN, said, DAY) == NOTHING_KNOWN
    at_first = heed(NOTHING_KNOWN, said, 3 * DAY)
    assert (at_first.dismissed, at_first.confirmed) == ({("value", "up"): 2}, ())
    later = heed(NOTHING_KNOWN, said, 4 * DAY)
    assert (later.dismissed, later.confirmed) == ({("value", "up"): 1}, ((DAY, 2 * DAY),))
