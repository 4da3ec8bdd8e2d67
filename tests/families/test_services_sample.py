"""The sample of the streaming services has the patterns that its docstrings promise."""

from datetime import date, timedelta
from typing import Any

import pandas as pd

from analytics_etl.families.sample import SampleOptions
from analytics_etl.families.sample.rhythm import Slice, draw_moments
from analytics_etl.families.sample.services import make_tables

LAST = date(2025, 3, 31)


def rows(table: str, day: date = LAST, count: int = 5000, **options: Any) -> pd.DataFrame:
    made = SampleOptions(LAST, **options)
    of = make_tables(made)[table]
    columns = of.columns(draw_moments(made, Slice(day, 0, count, count), of.stream))
    frame = pd.DataFrame({name: column.to_pylist() for name, column in columns.items()})
    return frame.assign(minute=[at.hour * 60 + at.minute for at in frame["occurred_at"]])


def test_playback_has_an_incident_of_forty_minutes_on_the_last_day() -> None:
    for day, options, is_there in (
        (LAST, {}, True),
        (LAST - timedelta(1), {}, False),
        (LAST, {"outage": False}, False),
    ):
        frame = rows("performance_events", day, 20_000, **options)
        then = frame["minute"].between(19 * 60 + 10, 19 * 60 + 49)
        playback = frame["service_id"] == "playback"
        failed, usual = ~frame[then & playback]["success"], ~frame[~then & playback]["success"]
        assert (failed.mean() > 0.3) == is_there
        assert usual.mean() < 0.04
        slower = frame[then & playback]["duration_ms"].median() / frame[~then & playback]["duration_ms"].median()
        assert (slower > 5) == is_there
        assert (~frame[then & ~playback]["success"]).mean() < 0.1, "other services are well"


def test_sessions_take_minutes_whatever_the_volume_and_one_goes_on_after_midnight() -> None:
    for count in (200, 5000, 40_000):
        frame = rows("user_behavior_events", count=count)
        sessions = frame.groupby(["user_id", "session_id"])["occurred_at"].agg(["count", "min", "max"])
        assert 3 < sessions["count"].mean() < 6
        longer = sessions[sessions["count"] > 2]
        minutes = (longer["max"] - longer["min"]).dt.total_seconds() / 60
        assert 2 < minutes.median() < 60
    before, after = rows("user_behavior_events", LAST - timedelta(1)), rows("user_behavior_events")
    shared = set(before["session_id"].dropna()) & set(after["session_id"].dropna())
    assert len(shared) == 1


def test_users_join_on_every_day_and_some_come_back() -> None:
    today, tomorrow = (rows("user_behavior_events", LAST - timedelta(age)) for age in (1, 0))
    joined = f"viewer_{(LAST - timedelta(1)).toordinal()}_"
    new = set(today[today["user_id"].str.startswith(joined)]["user_id"])
    back = set(tomorrow["user_id"]) & new
    assert new
    assert 0 < len(back) < len(new)
