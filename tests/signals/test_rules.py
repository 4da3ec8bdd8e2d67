from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from series_of import noise, series_of

from analytics_etl.signals.anomalies.context import Context
from analytics_etl.signals.anomalies.methods import Method, Novelty
from analytics_etl.signals.anomalies.rows import anomalies_of
from analytics_etl.signals.anomalies.rules import AboveMedian, Limit, RuleMethod, ZScore
from analytics_etl.signals.series import DAY, HOUR, WEEK

METHODS: list[Method] = [
    Novelty(),
    RuleMethod(Limit(0.1)),
    RuleMethod(AboveMedian(floor=100)),
    RuleMethod(ZScore()),
]


def begins(method: Method, values: list[float]) -> list[int]:
    scores, _ = method.detect(series_of(values, HOUR), None)
    return [int(at) for at in np.flatnonzero(scores.begins)]


def test_an_error_ratio_above_its_limit() -> None:
    ratios = [0.01, 0.02] * 6 + [0.1, 0.11, 0.5, 0.02, 0.3]
    assert begins(RuleMethod(Limit(0.1)), ratios) == [13, 16], "0.1 is not above, and 13 and 14 are one anomaly"
    scores, _ = RuleMethod(Limit(0.1)).detect(series_of(ratios, HOUR), None)
    assert scores.score[12:15].tolist() == pytest.approx([0.5, 0.11 / 0.21, 0.5 / 0.6])
    assert scores.expected[12] == pytest.approx(0.015)


def test_a_latency_above_twice_its_median_and_a_floor() -> None:
    """The median of 40 and 50 in turn is 45; after more points of 40, 40."""
    method = RuleMethod(AboveMedian(floor=95))
    values = [40.0, 50.0] * 6
    assert begins(method, [*values, 90.0]) == []
    assert begins(method, [*values, 94.0]) == [], "above 90, below the floor"
    assert begins(method, [*values, 96.0]) == [12]
    assert begins(RuleMethod(AboveMedian(floor=0)), [*values, 90.5]) == [12]


def test_a_z_score_beyond_two() -> None:
    """1 to 11: mean 6, variance 11, so 2 standard deviations are 6.633."""
    numbers = [float(number) for number in range(1, 12)]
    assert begins(RuleMethod(ZScore()), [*numbers, 12.6]) == []
    assert begins(RuleMethod(ZScore()), [*numbers, 12.7]) == [11]
    assert begins(RuleMethod(ZScore()), [*numbers, -0.7]) == [11]
    scores, _ = RuleMethod(ZScore()).detect(series_of([*numbers, 6 + 3.2 * 11**0.5], HOUR), None)
    assert scores.deviation[-1] == pytest.approx(3.2)


def test_rules_know_seven_days() -> None:
    """Eight days of 10, then one of 100: after three and a half days of these the median is 100."""
    values = [10.0] * 192 + [100.0] * 100
    scores, _ = RuleMethod(AboveMedian(floor=1)).detect(series_of(values, HOUR), None)
    assert np.flatnonzero(scores.begins).tolist() == [192]
    assert scores.expected[192 + 83] == 10
    assert scores.expected[192 + 85] == 100


def test_rules_know_thirty_days_of_days() -> None:
    scores, _ = RuleMethod(AboveMedian(floor=1)).detect(series_of([10.0] * 30 + [100.0] * 20, DAY), None)
    assert np.flatnonzero(scores.begins).tolist() == [30]
    assert scores.expected[[10, 30 + 14, 30 + 16]].tolist() == [10, 10, 100]


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_all_methods_have_one_interface(method: Method) -> None:
    values = noise(12, 300).tolist()
    values[250] = 1000.0
    series = series_of(values, HOUR)
    scores, state = method.detect(series, None)
    assert scores.score[250] > 0.5
    assert anomalies_of(series, scores, method.name).reason == ""
    assert ((scores.score >= 0) & (scores.score <= 1)).all()
    quiet, _ = method.detect(series, None, Context(maintenance=((250 * HOUR, 251 * HOUR),)))
    assert not quiet.begins[250]
    assert quiet.score[250] < 0.1
    few, _ = method.detect(series_of([0.0, 1.0] * 4 + [1e6], HOUR), None)
    assert not few.begins.any()
    with pytest.raises(ValueError, match="begin anew"):
        method.detect(series, b"other".ljust(16, b"\0") + state[16:])


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(0, 400), max_size=3), st.integers(0, 1000))
def test_states_go_on(method: Method, cuts: list[int], seed: int) -> None:
    values = np.round(np.random.default_rng(seed).standard_t(2, 400) * 30)
    values[::17] = np.nan
    series = series_of(values, HOUR)
    context = Context(maintenance=((WEEK, WEEK + 5 * HOUR),), confirmed=((WEEK + 9 * HOUR, WEEK + 12 * HOUR),))
    whole, last = method.detect(series, None, context)
    state, score, starts = None, [], []
    bounds = [0, *sorted(cuts), 400]
    for first, end in pairwise(bounds):
        scores, state = method.detect(series.between(first * HOUR, end * HOUR), state, context)
        score += scores.score.tolist()
        starts += scores.begins.tolist()
    assert state == last
    assert score == whole.score.tolist()
    assert starts == whole.begins.tolist()
