"""Each method by hand, or against published figures."""

import numpy as np
import pytest

from analytics_etl.signals.forecasting.accuracy import covered, mase, owa, seasonal_naive, smape
from analytics_etl.signals.forecasting.combining import combine, ends_of, method_of
from analytics_etl.signals.forecasting.intervals import coverage, half_widths, unrest_at
from analytics_etl.signals.forecasting.methods import forecasts
from analytics_etl.signals.forecasting.regression import autoregression
from analytics_etl.signals.forecasting.seasons import deseasonalised, has_season, seasons_of, trend_of
from analytics_etl.signals.forecasting.smoothing import _ALPHA, _BETA, _GRID, _PHI, Smoothed, smooth
from analytics_etl.signals.series import DAY, HOUR, MINUTE, Floats

# Oil production of Saudi Arabia, 1996 to 2007: Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 7.1.
OIL = np.array(
    [
        446.6565,
        454.4733,
        455.663,
        423.6322,
        456.2713,
        440.5881,
        425.3325,
        485.1494,
        506.0482,
        526.792,
        514.2689,
        494.211,
    ]
)


def parameters(alpha: float, beta: float, phi: float) -> int:
    """The place of a set of parameters in the grid."""
    found = np.flatnonzero(np.isclose(_ALPHA, alpha) & np.isclose(_BETA, beta) & np.isclose(_PHI, phi))
    assert len(found) == 1
    return int(found[0])


def one_column(values: Floats) -> Smoothed:
    return smooth(values[:, None], np.array([len(values)]))


def chosen(at: int, level: float, trend: float, slope: float = 0.0, length: int = 3) -> Smoothed:
    """A column whose best set of parameters is the one at a place."""
    errors = np.ones((1, len(_GRID)))
    errors[0, at] = 0
    levels, trends = (np.full((1, len(_GRID)), value) for value in (level, trend))
    return Smoothed(levels, trends, errors, np.array([slope]), np.array([length]))


def test_the_last_values() -> None:
    values = np.array([1.0, 2, 4, 3, 5, 7])
    found = forecasts(values, np.array([4, 6]), (2,), 3)
    assert found["naive"].tolist() == [[3, 3, 3], [7, 7, 7]]
    assert found["seasonal naive 2"].tolist() == [[4, 3, 4], [5, 7, 5]]
    drift = [[3 + 2 / 3, 3 + 4 / 3, 5], [7 + 6 / 5, 7 + 12 / 5, 7 + 18 / 5]]
    np.testing.assert_allclose(found["drift"], drift)
    assert found["median"].tolist() == [[2.5] * 3, [3.5] * 3]
    means = forecasts(np.arange(1.0, 9), np.array([8]), (2,), 3)["seasonal mean 2"]
    assert means.tolist() == [[4, 5, 4]]  # of 7, 5, 3, 1 and of 8, 6, 4, 2


def test_simple_smoothing_as_published() -> None:
    """alpha = 0.6: 501.84. With alpha = 0.89, the best, 496.49; the grid has 0.9."""
    found = one_column(OIL)
    assert found.level[0, parameters(0.6, 0, 0)] == pytest.approx(501.837, abs=0.002)
    np.testing.assert_allclose(found.ahead("simple", 2), [[496.49] * 2], atol=0.3)


def test_simple_smoothing_by_hand() -> None:
    """It begins at the mean, 4: 4 + 0.5 (2 - 4) = 3, then 3.5 and 4.75; the errors are -2, 1 and 2.5."""
    found = one_column(np.array([2.0, 4, 6]))
    at = parameters(0.5, 0, 0)
    assert found.level[0, at] == 4.75
    assert found.errors[0, at] == 4 + 1 + 6.25


def test_a_trend_by_hand() -> None:
    """The line of the first values is 1, 2, 3; alpha 0.5, beta 0.05, phi 0.9 or 1."""
    found = one_column(np.array([1.0, 2, 3]))
    np.testing.assert_allclose(found.ahead("holt", 3), [[4, 5, 6]])
    at = parameters(0.5, 0.05, 0.9)
    # 0 + 0.9 = 0.9, error 0.1: level 0.95, trend 0.905. Then 1.7645 and 0.2355, 1.88225 and 0.826275. Then 2.6258975.
    assert found.level[0, at] == pytest.approx(2.6258975 + 0.5 * 0.3741025)
    assert found.trend[0, at] == pytest.approx(0.9 * 0.826275 + 0.05 * 0.3741025)
    damped = chosen(at, level=10, trend=2).ahead("damped", 3)
    np.testing.assert_allclose(damped, [[10 + 2 * 0.9, 10 + 2 * (0.9 + 0.81), 10 + 2 * (0.9 + 0.81 + 0.729)]])


def test_theta_by_hand() -> None:
    """level + slope / 2 (h - 1 + (1 - (1 - alpha)^n) / alpha), with (1 - 0.5^3) / 0.5 = 1.75."""
    found = chosen(parameters(0.5, 0, 0), level=4.75, trend=0, slope=2, length=3)
    np.testing.assert_allclose(found.ahead("theta", 3), [[6.5, 7.5, 8.5]])


def test_columns_end_where_they_end() -> None:
    both = smooth(np.column_stack([OIL, np.r_[OIL[:8], np.full(4, 1e9)]]), np.array([12, 8]))
    np.testing.assert_allclose(both.ahead("damped", 3)[1], one_column(OIL[:8]).ahead("damped", 3)[0])
    np.testing.assert_allclose(both.ahead("theta", 3)[0], one_column(OIL).ahead("theta", 3)[0])


def test_an_autoregression_finds_its_rule() -> None:
    """Every value is the one three before it: so are the forecasts, but for the penalty of the ridge."""
    values = np.tile([1.0, 2, 6], 40)
    np.testing.assert_allclose(autoregression(values, [1, 2, 3], 4), [1, 2, 6, 1], atol=0.2)


def test_an_autoregression_by_hand() -> None:
    """Of 7 rows, so with a penalty of 0.14."""
    values = np.array([1.0, -1, 1, -1, 1, -1, 1, -1])
    # Rows (lag, 1) -> value: 4 times (1, 1) -> -1, 3 times (-1, 1) -> 1.
    # Normal equations: 7.14 w + b = -7, w + 7 b = -1.
    weight = -48 / (7.14 * 7 - 1)
    constant = (-1 - weight) / 7
    first = constant - weight
    np.testing.assert_allclose(autoregression(values, [1], 2), [first, constant + weight * first])


def test_the_centred_moving_average() -> None:
    assert trend_of(np.array([1.0, 2, 6, 4, 5]), 3).tolist()[1:4] == [3, 4, 5]
    # 2 x 4: (1/2 + 2 + 6 + 4 + 5/2) / 4
    assert trend_of(np.array([1.0, 2, 6, 4, 5, 7]), 4).tolist()[2] == 3.75
    line = np.arange(20.0)
    np.testing.assert_allclose(trend_of(line, 6), line)


def test_a_season_is_taken_out() -> None:
    line, season = np.arange(40.0), np.tile([3.0, -1, -2, 0], 10)
    rest, ahead = deseasonalised(line + season, (4,), 6)
    np.testing.assert_allclose(rest, line, atol=1e-9)
    np.testing.assert_allclose(ahead, [3, -1, -2, 0, 3, -1], atol=1e-9)
    day, week = np.tile([2.0, -2], 70), np.tile([5.0, 5, -1, -1, -8, -8, 2, 2, 1, 1, 1, 1, 0, 0], 10)
    rest, ahead = deseasonalised(day + week, (2, 14), 14)
    np.testing.assert_allclose(rest, 0, atol=1e-9)
    np.testing.assert_allclose(ahead, (day + week)[:14], atol=1e-9)


def test_the_effects_of_a_long_season_are_smoothed() -> None:
    """A spike at one of 168 phases goes to its neighbours, too: 1/4, 1/2, 1/4."""
    spike = np.where(np.arange(168) == 50, 168.0, 0.0)
    _, ahead = deseasonalised(np.tile(spike, 4), (168,), 168)
    np.testing.assert_allclose(ahead[48:53], [-1, 41, 83, 41, -1], atol=1e-6)


def test_a_season_is_found_if_there_is_one() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 1, 120)
    assert has_season(noise + np.tile([3.0, 0, 0, 0, 0, -3], 20), 6)
    assert not has_season(noise, 6)
    assert not has_season(np.arange(120.0), 6)


def test_the_seasons_of_a_grain() -> None:
    grains = [MINUTE, 5 * MINUTE, HOUR, DAY, 7 * DAY, 30 * DAY, 31 * DAY, 90 * DAY, 365 * DAY]
    assert [seasons_of(grain) for grain in grains] == [
        (1440, 10080), (288, 2016), (24, 168), (7,), (52,), (12,), (12,), (4,), (),
    ]  # fmt: skip


def test_growth_is_a_line_of_logarithms() -> None:
    found = forecasts(np.exp2(np.arange(-20.0, 0)), np.array([20]), (), 2)
    np.testing.assert_allclose(found["log holt"], [[1, 2]])


# -- combining --------------------------------------------------------------------------------------------------------


def test_backtests_end_in_the_last_third() -> None:
    assert ends_of(120, 6, 12).tolist() == [80, 83, 86, 90, 93, 96, 100, 103, 106, 110, 113, 117, 120]
    assert ends_of(13, 4, 1).tolist() == [7, 8, 9, 10, 11, 13]
    assert ends_of(3, 6, 1).tolist() == [2, 3]
    assert ends_of(25, 6, 12).tolist() == [25]


def test_a_method_weighs_what_its_errors_say() -> None:
    """Errors of 1 and 2 and few values: the power is 2, the weights are 0.8 and 0.2."""
    values = np.full(20, 5.0)
    made = {"damped": np.array([[6.0], [6]]), "theta": np.array([[3.0], [9]])}
    found = combine(values, np.array([19, 20]), made, is_seasonal=False)
    assert found.weights == pytest.approx({"damped": 0.8, "theta": 0.2})
    assert found.ahead == pytest.approx([6])  # the middle half of the weight lies within the 0.8
    assert found.residuals == pytest.approx(np.array([[-1.0]]))
    assert method_of({"a": 0.5, "b": 0.3, "c": 0.15, "d": 0.05}) == "a 50%, b 30%, c 15%, 1 more"


def test_without_a_backtest_the_priors_decide() -> None:
    made = {"naive": np.array([[1.0]]), "damped": np.array([[2.0]]), "theta": np.array([[3.0]])}
    found = combine(np.array([1.0, 2]), np.array([2]), made, is_seasonal=False)
    assert found.weights == pytest.approx({"damped": 1 / 2.3, "theta": 1 / 2.3, "naive": 0.3 / 2.3})
    assert found.residuals.shape == (0, 1)


def test_in_a_season_only_those_who_know_of_it_have_a_say() -> None:
    made = {name: np.ones((1, 1)) for name in ("damped", "damped 7", "log autoregression", "seasonal naive 7", "naive")}
    found = combine(np.ones(3), np.array([3]), made, is_seasonal=True)
    assert set(found.weights) == {"damped 7", "log autoregression", "seasonal naive 7"}


# -- intervals --------------------------------------------------------------------------------------------------------


EVEN = np.ones(100)
"""A series that is as restless at each end."""


def test_an_interval_is_a_quantile_of_the_errors() -> None:
    """Of 1 to 19: 0.8 x 20 / 19 of the way from 1 to 19, 16.158, and a little wider."""
    residuals = np.arange(1.0, 20)[:, None] * np.tile([1, -1], 10)[:19, None]
    quantile = 1 + 18 * 0.8 * 20 / 19
    # One step has no neighbours, so no autocorrelation: 20 degrees of freedom: 1.325 / 1.282.
    np.testing.assert_allclose(half_widths(residuals, 20, 0.80, EVEN[:20]), [quantile * 1.325 / 1.282])
    # One degree, the least: 3.078 / 1.282.
    np.testing.assert_allclose(half_widths(residuals, 0, 0.80, EVEN[:20]), [quantile * 3.078 / 1.282])


def test_errors_that_follow_from_each_other_say_less() -> None:
    """1 1 1 is one witness, 1 -1 1 are three: 30 / 3 = 10 degrees of freedom (1.372), or 30 (1.310)."""
    same, different = np.ones((10, 3)), np.tile([1.0, -1, 1], (10, 1))
    ratio = half_widths(same, 30, 0.80, EVEN[:11]) / half_widths(different, 30, 0.80, EVEN[:11])
    np.testing.assert_allclose(ratio, 1.372 / 1.310)


def test_intervals_grow_as_the_errors_do() -> None:
    steps = np.arange(1, 101)
    flat, growing = np.ones((5, 100)), np.tile(steps.astype(float), (5, 1))
    halves = half_widths(growing, 10**9, 0.80, EVEN[:6]) / half_widths(growing, 10**9, 0.80, EVEN[:6])[0]
    np.testing.assert_allclose(halves, steps ** ((100 + 0.4 * 4) / 104))
    assert half_widths(flat, 10**9, 0.80, EVEN[:6])[-1] == pytest.approx(
        100 ** (0.4 * 4 / 104) * half_widths(flat, 10**9, 0.80, EVEN[:6])[0]
    )


def test_the_coverage_leaves_the_own_errors_out() -> None:
    """The error of 100 is beyond what those of 1 say, and within no interval but its own."""
    residuals = np.array([[1.0], [1], [1], [1], [100]])
    assert coverage(residuals, 10**9, EVEN[:6]) == 0.8
    assert coverage(residuals[:1], 10, EVEN[:2]) is None


def test_a_restless_time_has_wider_intervals() -> None:
    """Errors of a time of half the unrest count twice, and those to come are half as large again: 2 x 1.5."""
    errors = np.ones((10, 1))
    quiet = np.r_[np.full(10, 0.5), 1.5]
    ratio = half_widths(errors, 10**9, 0.80, quiet) / half_widths(errors, 10**9, 0.80, EVEN[:11])
    np.testing.assert_allclose(ratio, [3.0])
    # An error of 2.3 at a time of twice the unrest is within: the others of 1.2 say 2.4 there.
    assert coverage(np.array([[2.3], [1.2], [1.2], [1.2]]), 10**9, np.array([2.0, 1, 1, 1, 1])) == 1.0


def test_the_unrest_is_the_mean_of_the_last_thirty_changes() -> None:
    """Sixty changes of 1, then thirty of 3: 1 and 3, in units of their mean 2."""
    values = np.cumsum([0, *[1] * 60, *[3] * 30])
    np.testing.assert_allclose(unrest_at(values, np.array([61, 91])), [0.5, 1.5])
    np.testing.assert_allclose(unrest_at(values, np.array([11, 61])), [1, 1])
    stood_still = np.cumsum([0, *[0] * 60, *[1] * 30])
    np.testing.assert_allclose(unrest_at(stood_still, np.array([61, 91])), [0.25, 2])
    np.testing.assert_allclose(unrest_at(np.zeros(9), np.array([8, 9])), [1, 1])


# -- accuracy ---------------------------------------------------------------------------------------------------------


def test_measures_by_hand() -> None:
    past, actual, forecast = np.array([1.0, 2, 4, 3]), np.array([4.0, 6]), np.array([5.0, 3])
    assert mase(past, actual, forecast) == 2 / (4 / 3)
    assert mase(past, actual, forecast, season=2) == 2 / 2
    assert np.isnan(mase(np.ones(4), actual, forecast))
    assert smape(actual, forecast) == pytest.approx((200 / 9 + 600 / 9) / 2)
    assert smape(np.zeros(2), np.zeros(2)) == 0
    assert owa([(1, 10), (3, 30)], [(4, 20), (4, 60)]) == pytest.approx((0.5 + 0.5) / 2)
    assert covered(actual, np.array([4.0, 7]), np.array([4.0, 9])) == 0.5
    assert seasonal_naive(past, 3, 2).tolist() == [4, 3, 4]
    assert seasonal_naive(past, 2, 7).tolist() == [3, 3]
