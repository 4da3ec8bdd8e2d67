"""Forecasts of series: rows, reasons, domains, and what is degenerate."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analytics_etl.signals.forecasting.advice import Limit, recommendation
from analytics_etl.signals.forecasting.forecast import (
    Domain,
    ForecastRow,
    Prediction,
    forecast,
    predict,
    regular,
    standard_horizons,
)
from analytics_etl.signals.series import DAY, HOUR, MINUTE, Floats, Series, SeriesKey

KEY = SeriesKey("acme", "platform", "web", "cpu_percent")


def series(values: Floats | list[float], grain: int = MINUTE) -> Series:
    return Series.of(KEY, grain, np.arange(len(values)) * grain, values)


def noisy(count: int, level: float = 50, seed: int = 0) -> Floats:
    return level + np.random.default_rng(seed).normal(0, 1, count)


def bounds(found: Prediction) -> list[Floats]:
    """All arrays of a prediction, which never descend in this order."""
    return [found.lower_95, found.lower_80, found.values, found.upper_80, found.upper_95]


def test_a_row_for_each_horizon() -> None:
    rows = forecast(series(noisy(60)), standard_horizons(MINUTE), Domain.PERCENT)
    assert [(row.steps, row.made_at, row.bucket) for row in rows] == [
        (5, 60 * MINUTE, 64 * MINUTE), (15, 60 * MINUTE, 74 * MINUTE), (60, 60 * MINUTE, 119 * MINUTE),
    ]  # fmt: skip
    for row in rows:
        assert row.predicted == pytest.approx(50, abs=2)
        assert row.confidence is not None
        assert 0.6 < row.confidence <= 1
        assert row.method
        assert row.reason is None


def test_the_standard_horizons() -> None:
    assert [standard_horizons(grain) for grain in (MINUTE, 5 * MINUTE, HOUR, DAY, 7 * DAY)] == [
        (5, 15, 60), (1, 3, 12), (1,), (1, 7), (1,),
    ]  # fmt: skip


def test_fewer_than_20_points_have_no_forecast() -> None:
    (row,) = forecast(series(noisy(19)), [5])
    assert row == ForecastRow(KEY, MINUTE, 19 * MINUTE, 5, 23 * MINUTE, reason="19 points; a forecast needs 20")
    (row,) = forecast(series([*noisy(19), np.nan, np.inf]), [5])
    assert row.reason == "19 points; a forecast needs 20"
    assert row.made_at == 19 * MINUTE
    assert forecast(series([]), [1])[0].reason == "0 points; a forecast needs 20"
    assert forecast(series(noisy(20)), [5])[0].reason is None
    assert forecast(series(noisy(13), 365 * DAY), [4], fewest=10)[0].predicted is not None


def test_points_without_variance_have_no_forecast() -> None:
    assert forecast(series([7.5] * 30), [1])[0].reason == "all 30 points are 7.5; a forecast needs some variance"


def test_horizons_are_steps_ahead() -> None:
    for wrong in ([], [0, 1]):
        with pytest.raises(ValueError, match="Expected horizons of 1 step or more"):
            forecast(series(noisy(30)), wrong)


def test_a_gap_is_bridged_and_a_missing_end_is_forecast() -> None:
    values = np.arange(40.0)
    whole = series(values)
    holes = series([np.nan if 10 <= at < 14 or at >= 38 else value for at, value in enumerate(values)])
    assert np.isnan(regular(holes)).sum() == 4
    (row,) = forecast(holes, [2])
    assert row.bucket == 39 * MINUTE
    assert row.predicted == pytest.approx(39, abs=0.1)
    part = Series.of(KEY, MINUTE, whole.times[[0, 3, 4]], whole.values[[0, 3, 4]])
    np.testing.assert_array_equal(regular(part), [0, np.nan, np.nan, 3, 4])


def test_months_are_of_unequal_length() -> None:
    starts = np.cumsum([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] * 4)[:48] * DAY
    starts = starts + np.arange(48)  # ascending, where a year ends
    values = np.arange(48.0)
    assert regular(Series.of(KEY, 30 * DAY, starts, values)).tolist() == values.tolist()


@pytest.mark.parametrize(
    ("domain", "low", "high"), [(Domain.RATIO, 0, 1), (Domain.PERCENT, 0, 100), (Domain.COUNT, 0, np.inf)]
)
def test_forecasts_stay_in_their_domain(domain: Domain, low: float, high: float) -> None:
    steep = np.linspace(min(high, 1000) * 0.5, min(high, 1000) * 0.99, 40)
    for values in (steep, steep[::-1]):
        for one in bounds(predict(values, 100, (), domain)):
            assert one.min() >= low
            assert one.max() <= high


def test_a_line_goes_on() -> None:
    found = predict(np.arange(60.0) * 2 + 5, 10)
    np.testing.assert_allclose(found.values, np.arange(60, 70) * 2 + 5, rtol=0.02)


def test_a_season_goes_on() -> None:
    week = np.array([10.0, 12, 13, 12, 14, 4, 3])
    found = predict(np.tile(week, 10), 14, (7,))
    np.testing.assert_allclose(found.values, np.tile(week, 2), atol=0.2)


def test_two_seasons_go_on() -> None:
    hours = np.arange(24 * 7 * 5)
    values = 100 + 20 * np.sin(hours * 2 * np.pi / 24) + 30 * (hours // 24 % 7 < 5)
    past, actual = values[:-48], values[-48:]
    assert np.abs(predict(past, 48, (24, 168)).values - actual).mean() < 2


def test_nothing_but_the_values_matters() -> None:
    """Scaled values have scaled forecasts, and the same values the same ones."""
    values = noisy(100)
    for one, other in zip(bounds(predict(values, 5)), bounds(predict(values * 1000, 5)), strict=True):
        np.testing.assert_allclose(one * 1000, other, rtol=1e-9)
    np.testing.assert_array_equal(predict(values, 5).values, predict(values.tolist(), 5).values)


def test_intervals_cover_what_they_say() -> None:
    """80 and 95 % of the next values of 150 series of two kinds, within three and a half deviations of that share."""
    inside_80, inside_95 = [], []
    for seed in range(150):
        values = noisy(110, seed=seed) if seed % 2 else np.cumsum(noisy(110, level=0, seed=seed))
        found = predict(values[:100], 10)
        inside_80.append(((found.lower_80 <= values[100:]) & (values[100:] <= found.upper_80)).mean())
        inside_95.append(((found.lower_95 <= values[100:]) & (values[100:] <= found.upper_95)).mean())
    assert 0.75 < np.mean(inside_80) < 0.87
    assert 0.91 < np.mean(inside_95) < 0.995


@pytest.mark.parametrize(
    "values",
    [
        [0.0], [5.0, 5.0], [1.0, 2.0], [0.0] * 50, [1e308] * 30, [1e308, -1e308] * 20, [5e-324, 0.0] * 20,
        [*[0.0] * 49, 1e300], [1e-300, 1e300] * 20, [np.nan, 1.0, np.inf, 2.0, -np.inf, 4.0],
        [*np.geomspace(1e-300, 1e300, 60)], [0.0, 0.0, 1.0] * 10, [1.0, 1.0 + 1e-15] * 30,
    ],
)  # fmt: skip
@pytest.mark.parametrize("seasons", [(), (2,), (4, 8)])
def test_what_is_degenerate_has_a_finite_forecast(values: list[float], seasons: tuple[int, ...]) -> None:
    found = predict(values, 12, seasons)
    assert all(np.isfinite(one).all() for one in bounds(found))
    if len({value for value in values if np.isfinite(value)}) == 1:
        assert set(found.values) == {values[0]}
        assert set(found.upper_95) == {values[0]}


def test_without_a_finite_value_there_is_no_forecast() -> None:
    with pytest.raises(ValueError, match="at least one finite value, but came 2 others"):
        predict([np.nan, np.inf], 3)


finite = st.floats(allow_nan=True, allow_infinity=True, width=64)


@settings(max_examples=60, deadline=None)
@given(
    arrays(np.float64, st.integers(1, 40), elements=st.one_of(st.integers(-3, 3).map(float), finite)).filter(
        lambda values: bool(np.isfinite(values).any())
    ),
    st.integers(1, 15),
    st.sampled_from([(), (3,), (2, 6)]),
    st.sampled_from(list(Domain)),
)
def test_intervals_enclose_their_forecast(
    values: Floats, horizon: int, seasons: tuple[int, ...], domain: Domain
) -> None:
    found = predict(values, horizon, seasons, domain)
    stacked = np.array(bounds(found))
    assert stacked.shape == (5, horizon)
    assert np.isfinite(stacked).all()
    assert (stacked[1:] >= stacked[:-1]).all()
    assert found.confidence is None or 0 <= found.confidence <= 1


# -- advice -----------------------------------------------------------------------------------------------------------


def row(steps: int, predicted: float | None, half: float = 5) -> ForecastRow:
    if predicted is None:
        return ForecastRow(KEY, MINUTE, 0, steps, 0, reason="too few points")
    return ForecastRow(KEY, MINUTE, 0, steps, 0, predicted, predicted - half, predicted + half)


FULL = Limit(80, "add capacity", "%")
IDLE = Limit(10, "remove capacity", "%", is_floor=True)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([row(5, 70), row(60, 81)], "above 80 % within 1 h: add capacity"),
        ([row(15, 90), row(5, 85)], "above 80 % within 5 min: add capacity"),
        ([row(5, 70), row(15, 76)], "may be above 80 % within 15 min: add capacity"),
        ([row(5, 76), row(15, 5)], "below 10 % within 15 min: remove capacity"),
        ([row(1440, 14)], "may be below 10 % within 1 d: remove capacity"),
        ([row(5, 50), row(60, 75)], None),
        ([row(5, None)], None),
    ],
)
def test_advice(rows: list[ForecastRow], said: str | None) -> None:
    assert recommendation(rows, [FULL, IDLE]) == said
    assert recommendation([row(1, 0.4, 0)], [Limit(0.1, "look")]) == "above 0.1 within 1 min: look"
