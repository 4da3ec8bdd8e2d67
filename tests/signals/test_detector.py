from dataclasses import fields
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from series_of import KEY, noise, series_of

from analytics_etl.signals.anomalies.context import Context
from analytics_etl.signals.anomalies.detector import Direction, Sensitivity, _learn_beginnings, detect
from analytics_etl.signals.anomalies.scores import ASPECTS, Scores
from analytics_etl.signals.anomalies.state import State
from analytics_etl.signals.series import DAY, HOUR, MINUTE, WEEK, Series

GRAINS = [MINUTE // 2, MINUTE, 5 * MINUTE, HOUR, DAY, WEEK]


@st.composite
def some_series(draw: st.DrawFn) -> Series:
    """With gaps, off the grid or on it, heavy-tailed and with missing values."""
    grain, number = draw(st.sampled_from(GRAINS)), draw(st.integers(0, 1200))
    random = np.random.default_rng(draw(st.integers(0, 10**6)))
    steps = np.where(random.random(number) < 0.02, random.integers(2, 50, number), 1)
    away = random.integers(0, grain, number) * draw(st.booleans())
    values = np.round(random.standard_t(2, number) * 10, draw(st.integers(0, 3)))
    values[random.random(number) < 0.03] = draw(st.sampled_from([np.nan, np.inf, 0.0]))
    return Series.of(KEY, grain, DAY * 20_000 + np.cumsum(steps) * grain + away, values)


def part(series: Series, start: int, end: int) -> Series:
    return Series.of(series.key, series.grain, series.times[start:end], series.values[start:end])


def joined(parts: list[Scores], name: str) -> bytes:
    return np.concatenate([getattr(scores, name) for scores in parts]).tobytes()


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_a_stored_state_goes_on_as_if_all_had_been_read_at_once(data: st.DataObject) -> None:
    series = data.draw(some_series())
    number = len(series)
    cuts = sorted(data.draw(st.lists(st.integers(0, number), max_size=6)))
    start = 20_000 * DAY + 100 * series.grain
    context = Context(
        maintenance=((start, start + 30 * series.grain),),
        confirmed=((start + 50 * series.grain, start + 60 * series.grain),),
        dismissed={("value", "up"): 1, ("gap", "up"): 2},
    )
    whole, last = detect(series, context=context)
    state, parts = None, []
    for first, end in pairwise([0, *cuts, number]):
        scores, after = detect(part(series, first, end), state, context)
        state = State.from_bytes(after.to_bytes())
        parts.append(scores)
    assert state is not None
    assert state.to_bytes() == last.to_bytes()
    for field in fields(Scores):
        assert joined(parts, field.name) == joined([whole], field.name), field.name


@given(some_series(), st.integers(0, 1200))
@settings(max_examples=30, deadline=None)
def test_what_comes_later_changes_no_score(series: Series, number: int) -> None:
    early, _ = detect(part(series, 0, number))
    whole, _ = detect(series)
    assert early.score.tobytes() == whole.score[:number].tobytes()
    assert ((whole.score >= 0) & (whole.score <= 1)).all()


@given(some_series(), st.integers(0, 1200))
@settings(max_examples=15, deadline=None)
def test_figures_of_the_newest_points_and_of_anomalies_are_the_same_without_those_of_others(
    series: Series, number: int
) -> None:
    context = Context(maintenance=((20_000 * DAY, 20_000 * DAY + 30 * series.grain),))
    whole, last = detect(series, context=context)
    newest = series.times >= (series.times[min(number, len(series) - 1)] if len(series) else 0)
    found, after = detect(series, context=context, since=int(series.times[newest][0]) if len(series) else 0)
    assert after.to_bytes() == last.to_bytes()
    assert found.begins.tobytes() == whole.begins.tobytes()
    wanted = newest | whole.begins
    for field in fields(Scores):
        assert getattr(found, field.name)[wanted].tobytes() == getattr(whole, field.name)[wanted].tobytes(), field.name


@given(some_series())
@settings(max_examples=20, deadline=None)
def test_the_unit_of_a_metric_does_not_matter(series: Series) -> None:
    """By a factor that is a power of 16, which changes no bits of mantissas and fourth roots."""
    scores, _ = detect(series)
    larger, _ = detect(Series.of(KEY, series.grain, series.times, series.values * 16))
    assert scores.score.tobytes() == larger.score.tobytes()
    assert scores.begins.tobytes() == larger.begins.tobytes()


@pytest.mark.parametrize("values", [[], [1.0], [np.nan], [np.inf, -np.inf], [0.0] * 50, [np.nan] * 50, [1e308, -1e308]])
def test_of_nothing_comes_nothing(values: list[float]) -> None:
    with np.errstate(over="ignore", invalid="ignore"):
        scores, state = detect(series_of(values))
    assert not scores.begins.any()
    assert (scores.score == 0).all()
    assert len(state.to_bytes()) == len(State.new(DAY).to_bytes())


def test_the_state_is_bounded_and_is_told_apart() -> None:
    _, state = detect(series_of(noise(1, 5000), 5 * MINUTE))
    data = state.to_bytes()
    assert len(data) == len(State.new(5 * MINUTE).to_bytes()) < 36_000
    with pytest.raises(ValueError, match="of grain 300000000, the series of 60000000"):
        detect(series_of([1.0], MINUTE, 10**6), state)
    with pytest.raises(ValueError, match="not before"):
        detect(series_of([1.0], 5 * MINUTE, 4999), state)
    with pytest.raises(ValueError, match="detector 'other'"):
        State.from_bytes(b"other".ljust(16, b"\0") + data[16:])
    with pytest.raises(ValueError, match="damaged"):
        State.from_bytes(data + b"1")


# -- points and anomalies ---------------------------------------------------------------------------------------------


def test_a_burst_is_one_anomaly_at_its_beginning() -> None:
    values = noise(2, 3000)
    values[2000:2030] += np.linspace(60, 200, 30)
    values[2600:2605] += 900
    scores, _ = detect(series_of(values, 5 * MINUTE))
    assert np.flatnonzero(scores.begins[2000:2100]).tolist() == [0]
    assert scores.begins[2600]


def test_alarms_soon_after_one_belong_to_it_unless_they_are_far_more_unusual() -> None:
    """The novelty of an anomaly is the greatest of its alarms: 7 is more than three times 2."""
    is_alarm, novelty = np.zeros(300, np.bool_), np.zeros(300)
    for at, how_new in {5: 1.0, 30: 2.0, 60: 7.0, 160: 3.0, 261: 3.0}.items():
        is_alarm[at], novelty[at] = True, how_new
    begins, state = _learn_beginnings(State.new(5 * MINUTE), is_alarm, novelty)
    assert np.flatnonzero(begins).tolist() == [5, 60, 261]
    next_day, _ = _learn_beginnings(state, np.array([False] * 61 + [True, True]), np.ones(63))
    assert np.flatnonzero(next_day).tolist() == [], "100 points after the last alarm"


def test_a_level_shift_becomes_what_is_expected() -> None:
    """Days: 128 are kept, so 65 days of the new level outweigh those of the old one."""
    values = np.concatenate([noise(3, 200), noise(4, 200) + 100])
    scores, _ = detect(series_of(values))
    assert scores.begins[200]
    assert np.flatnonzero(scores.begins[201:]).size == 0
    assert scores.expected[230] == pytest.approx(100, abs=15)
    assert scores.expected[270] == pytest.approx(200, abs=15)


def test_a_dip_at_noon_is_seen_though_nights_are_as_low() -> None:
    """Values of a night at noon are within all of the past: only the season tells."""
    times = 5 * MINUTE * np.arange(288 * 14)
    values = 100 + 80 * np.sin(2 * np.pi * (times % DAY) / DAY) + noise(5, len(times)) / 5
    at = 288 * 12 + 72
    values[at : at + 24] -= 70
    scores, _ = detect(series_of(values, 5 * MINUTE))
    assert scores.begins[at : at + 3].any()
    assert ASPECTS[scores.aspect[at]] == "seasonal"
    assert scores.deviation[at] < -5
    assert scores.expected[at] == pytest.approx(values[at] + 70, abs=5)


def test_weekends_are_expected_after_two_weeks() -> None:
    times = HOUR * np.arange(24 * 7 * 6)
    is_weekend = (times // DAY + 3) % 7 >= 5
    values = np.where(is_weekend, 10.0, 100.0) + noise(6, len(times)) / 100
    scores, _ = detect(series_of(values, HOUR))
    last_weekend = is_weekend & (times >= 35 * DAY)
    assert not scores.begins[times >= 28 * DAY].any()
    assert np.abs(scores.expected[last_weekend] - values[last_weekend]).max() < 25


def test_another_value_after_a_constant_is_told() -> None:
    scores, _ = detect(series_of([5.0] * 12 + [6.0]))
    assert scores.begins.tolist() == [False] * 12 + [True]
    assert scores.deviation[-1] == np.inf
    assert scores.expected[-1] == 5


def test_nothing_is_told_of_the_first_ten_points() -> None:
    scores, _ = detect(series_of([5.0] * 9 + [1000.0]))
    assert (scores.score == 0).all()
    scores, _ = detect(series_of([5.0] * 10 + [1000.0]))
    assert scores.begins[-1]


def test_a_small_change_is_no_anomaly_where_only_large_ones_count() -> None:
    series = series_of([5.0] * 12 + [6.0])
    assert not detect(series, sensitivity=Sensitivity(least_change=1.5))[0].begins.any()
    assert detect(series, sensitivity=Sensitivity(least_change=1.0))[0].begins[-1]


def test_only_the_direction_that_matters_is_told() -> None:
    for value, direction in ((6.0, Direction.UP), (4.0, Direction.DOWN)):
        series = series_of([5.0] * 12 + [value])
        told = [d for d in Direction if detect(series, sensitivity=Sensitivity(direction=d))[0].begins[-1]]
        assert told == [direction, Direction.BOTH]


def test_a_gap_is_told_at_the_first_point_after_it() -> None:
    series = series_of(noise(7, 3000), 5 * MINUTE)
    kept = np.r_[0:2000, 2050:3000]
    scores, _ = detect(Series.of(KEY, series.grain, series.times[kept], series.values[kept]))
    assert scores.begins[2000]
    assert ASPECTS[scores.aspect[2000]] == "gap"
    assert (scores.current[2000], scores.expected[2000], scores.deviation[2000]) == (51, 1, 50)


# -- what people know -------------------------------------------------------------------------------------------------


def test_maintenance_is_neither_told_nor_learned() -> None:
    values = noise(8, 3000)
    values[2000:2010] = 5000
    values[2500] = 4000
    series = series_of(values, 5 * MINUTE)
    window = (int(series.times[2000]), int(series.times[2010]))
    scores, _ = detect(series, context=Context(maintenance=(window,)))
    assert np.flatnonzero(scores.begins[1900:2600]).tolist() == [600], "which maintenance has not made usual"
    assert scores.is_quiet.sum() == 10


def test_a_holiday_is_neither_told_nor_learned() -> None:
    values = noise(9, 200)
    values[150] = 0
    day = date(1970, 1, 1) + timedelta(150)
    assert detect(series_of(values))[0].begins[150]
    assert not detect(series_of(values), context=Context(holidays=frozenset([day])))[0].begins[150]


def test_a_confirmed_anomaly_does_not_make_the_next_one_usual() -> None:
    values = noise(10, 3000)
    values[[2000, 2500]] = 1000
    series = series_of(values, 5 * MINUTE)
    assert detect(series)[0].begins[[2000, 2500]].tolist() == [True, False]
    at = int(series.times[2000])
    scores, _ = detect(series, context=Context(confirmed=((at, at + 1),)))
    assert scores.begins[[2000, 2500]].tolist() == [True, True]


def test_what_people_dismissed_counts_for_less() -> None:
    values = np.append(noise(11, 200), 140)
    plain, _ = detect(series_of(values, WEEK))
    aspect = ASPECTS[plain.aspect[-1]]
    damped, _ = detect(series_of(values, WEEK), context=Context(dismissed={(aspect, "up"): 3}))
    other, _ = detect(series_of(values, WEEK), context=Context(dismissed={(aspect, "down"): 3}))
    assert damped.score[-1] < plain.score[-1] == other.score[-1]
