"""The parts of the detector, by values computed by hand."""

import numpy as np
import pytest
from series_of import series_of

from analytics_etl.signals.anomalies.aspects import aspects
from analytics_etl.signals.anomalies.baseline import is_due, learn_baseline
from analytics_etl.signals.anomalies.detector import detect
from analytics_etl.signals.anomalies.novelty import learn_extremes
from analytics_etl.signals.anomalies.season import learn_season
from analytics_etl.signals.anomalies.state import NAMES, State, cycle_of, quiet_points, slots_of
from analytics_etl.signals.series import DAY, HOUR, MINUTE, WEEK, Floats


def novelty_of(values: list[float], last: list[float]) -> list[float]:
    numbers = np.array([*values, *last])
    found = np.full((len(NAMES), len(numbers)), np.nan)
    found[0] = numbers
    everything = np.ones(len(numbers), np.bool_)
    novelty, _ = learn_extremes(State.new(HOUR), HOUR * np.arange(len(numbers)), found, everything)
    return [float(number) for number in novelty[0, len(values) :]]


def test_novelty_is_what_lies_beyond_in_units_of_the_range() -> None:
    tens = [10.0, 20.0] * 5
    assert novelty_of(tens, [25.0]) == [0.5]
    assert novelty_of(tens, [5.0]) == [-0.5]
    assert novelty_of(tens, [15.0, 20.0, 10.0]) == [0, 0, 0]
    assert novelty_of(tens, [30.0, 40.0]) == [1.0, 0.5], "the range is 20 by then"


def test_the_unit_of_a_long_past_is_the_spread_of_its_hundred_extremes() -> None:
    """Of 1 to 200 the greatest are 200 to 101, so the unit is 99."""
    assert novelty_of([float(number) for number in range(1, 201)], [299.0]) == [1.0]


def test_off_a_flat_line_everything_is_new() -> None:
    assert novelty_of([7.0] * 10, [7.0001]) == [5.0]
    assert novelty_of([7.0] * 9, [8.0]) == [0.0], "after ten values"


def test_extremes_are_forgotten_after_two_generations() -> None:
    """A generation of days is 91 weeks: an extreme of the first is unknown in the third."""
    weeks = 91 * 7
    values = np.tile([10.0, 20.0], 2 * weeks)[: 3 * weeks]
    values[10] = 120
    found = np.full((len(NAMES), len(values)), np.nan)
    found[0] = values
    times, everything = DAY * np.arange(len(values)), np.ones(len(values), np.bool_)
    novelty, last = learn_extremes(State.new(DAY), times, found, everything)
    assert novelty[0, 10] == 10
    assert last.extremes[0, 0].max() == 20
    early = slice(2 * weeks)
    _, earlier = learn_extremes(State.new(DAY), times[early], found[:, early], everything[early])
    assert earlier.extremes[0, 0].max() == 120


def test_a_slot_is_the_mean_of_its_first_cycles_then_the_last_count_most() -> None:
    times = DAY * 7 * np.arange(7)
    values = np.array([10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 60.0])
    usual, _ = learn_season(State.new(DAY), times, values, np.ones(7, np.bool_))
    # Means of 1, 2, 3, 4 and 5 values; then a fifth of the way from 30 to 60.
    assert usual.tolist()[1:] == pytest.approx([10, 15, 20, 25, 30, 36])
    assert np.isnan(usual[0])


def test_an_anomaly_hardly_moves_its_slot() -> None:
    times = DAY * 7 * np.arange(5)
    usual, _ = learn_season(State.new(DAY), times, np.array([10.0, 20.0, 15.0, 5000.0, 0.0]), np.ones(5, np.bool_))
    # Spread of two values: half of 10; of three: two thirds of it; so 5000 counts as 15 + 4 * 10 / 3, a quarter of it.
    assert usual.tolist()[1:] == pytest.approx([10, 15, 15, 15 + 10 / 3])


def test_windows_end_with_their_point() -> None:
    values = np.concatenate([np.zeros(19), [20.0, 40.0]])
    found = dict(zip(NAMES, aspects(values, values / 2), strict=True))
    assert found["value"].tolist() == [20, 40]
    assert found["seasonal"].tolist() == [10, 20]
    assert found["mean"].tolist() == [1, 3]
    assert found["seasonal_mean"].tolist() == [0.5, 1.5]
    # 19 times 1 and once 19 from the mean: sqrt((19 + 361) / 20).
    assert found["spread"][0] == pytest.approx(19**0.5)
    # Of 0, 0, 0, 0, 20: sqrt((4 * 16 + 256) / 5).
    assert found["short_spread"][0] == pytest.approx(8)
    # The fourth root of 40 is 2.5149 and of 20 2.1147: mean 0.2315, mean square 0.53984.
    assert found["root_spread"][1] == pytest.approx((0.53984 - 0.2315**2) ** 0.5, rel=1e-3)


def baseline_after(values: list[float]) -> tuple[float, float]:
    found = np.full((len(NAMES), len(values)), np.nan)
    found[0] = values
    _, _, state = learn_baseline(State.new(DAY), found, np.ones(len(values), np.bool_), np.zeros(len(values), np.bool_))
    centre, spread = state.sampling[2], state.sampling[2 + len(NAMES)]
    return float(centre), float(spread)


def test_centre_and_spread_are_median_and_median_deviation() -> None:
    assert baseline_after([float(number) for number in range(1, 12)]) == pytest.approx((6, 3 * 1.4826))
    assert baseline_after([5.0] * 12) == (5, 0)
    assert baseline_after([5.0] * 11 + [17.0]) == pytest.approx((5, 1.2533)), "mean deviation: 12 / 12"
    assert np.isnan(baseline_after([5.0] * 9)).all(), "after ten points"


def test_the_sample_spans_two_cycles() -> None:
    """Five minutes: 576 points in two days, so one of eight is kept in the end: 1024 points."""
    numbers = np.arange(5000.0)
    found: Floats = np.tile(numbers, (len(NAMES), 1))
    _, _, state = learn_baseline(State.new(5 * MINUTE), found, np.ones(5000, np.bool_), np.zeros(5000, np.bool_))
    assert state.sampling[:2].tolist() == [8, 128]
    assert state.sample[0].tolist() == list(range(4992 - 127 * 8, 4993, 8))


def test_baselines_are_taken_at_counts_that_do_not_depend_on_the_calls() -> None:
    assert [count for count in range(40) if is_due(count, 288)] == [*range(10, 16), *range(16, 32, 2), 32, 36]
    assert [count for count in range(1000, 1100) if is_due(count, 288)] == [1024, 1056, 1088]
    assert is_due(1001, 7)


def test_grains() -> None:
    assert [slots_of(grain) for grain in (MINUTE // 6, MINUTE, 5 * MINUTE, HOUR, DAY, WEEK)] == [
        1440,
        1440,
        288,
        24,
        7,
        1,
    ]
    assert [cycle_of(grain) for grain in (HOUR, DAY, WEEK)] == [DAY, WEEK, WEEK]
    assert [quiet_points(grain) for grain in (5 * MINUTE, HOUR, DAY)] == [100, 96, 28]


def test_a_score_by_hand() -> None:
    """Hours: 10 and 20 in turn, then 45, which lies 2.5 ranges beyond. Nothing else is known after ten points."""
    scores, _ = detect(series_of([10.0, 20.0] * 5 + [45.0], HOUR))
    trusted = 2.5 * 10 / (5 * 24)
    assert scores.score[-1] == pytest.approx(0.1 + 0.9 * trusted / (trusted + 0.3))
    # Half of the values are 5 away from their median of 15: so are all.
    assert (scores.expected[-1], scores.deviation[-1]) == (15, pytest.approx(30 / (5 * 1.4826)))
