"""How far figures lie beyond chance, by hand; and which anomalies of a table are told."""

import math

import numpy as np
import pytest
from series_of import noise, series_of

from analytics_etl.families.functions.anomalies import sensitivity_of
from analytics_etl.signals.anomalies.chance import Kind, standard_errors
from analytics_etl.signals.anomalies.detector import detect
from analytics_etl.signals.anomalies.scores import ASPECTS, figures_of_values
from analytics_etl.signals.series import Series
from analytics_etl.signals.words import Measured


@pytest.mark.parametrize(
    ("kind", "aspect", "current", "expected", "level", "weight", "errors"),
    [
        (Kind.COUNT, "value", 100, 64, 64, 1, 4),  # 2 (10 - 8)
        (Kind.COUNT, "mean", 100, 64, 64, 1, 4 * math.sqrt(20)),
        (Kind.SHARE, "value", 0.5, 0, 0, 100, 5 * math.pi),  # 2 * 10 * (pi / 4 - 0)
        (Kind.SHARE, "seasonal", 0.25, 0, 0, 36, 2 * math.pi),  # 2 * 6 * pi / 6
        (Kind.SHARE, "value", 0.25, 0, 0, math.nan, math.inf),
        (Kind.OTHER, "value", 2, 1, 1, 1, math.inf),
        (Kind.OTHER, "spread", 2, 1, 1, 1, math.sqrt(38)),  # 19 degrees of freedom
        (Kind.OTHER, "short_spread", 3, 1, 1, 1, 2 * math.sqrt(8)),
        (Kind.COUNT, "spread", 2, 1, 4, 1, 0),  # chance alone makes the root of 4
        (Kind.OTHER, "root_spread", 16, 1, 1, 1, math.sqrt(38)),  # fourth roots: 2 and 1
    ],
)
def test_standard_errors_by_hand(
    kind: Kind, aspect: str, current: float, expected: float, level: float, weight: float, errors: float
) -> None:
    figures = figures_of_values(*(np.array([number], np.float64) for number in (current, expected, 1)))
    found = standard_errors(
        kind, np.array([ASPECTS.index(aspect)]), figures, np.array([level], np.float64), np.array([weight], np.float64)
    )
    assert found.tolist() == pytest.approx([errors])


def begun(series: Series, measured: Measured) -> int:
    return int(detect(series, sensitivity=sensitivity_of(measured))[0].begins.sum())


def test_small_changes_and_good_ones_are_not_told() -> None:
    steady = np.full(60, 88.0)
    steady[50] = 85.5
    assert (begun(series_of(steady), Measured("score")), begun(series_of(steady), Measured(""))) == (0, 0)
    steady[50] = 50
    assert begun(series_of(steady), Measured("score", bad="down")) == 1
    assert begun(series_of(steady), Measured("score", bad="up")) == 0
    assert begun(series_of(steady), Measured("ms")) == 1


def test_chance_is_not_told() -> None:
    """Of 20 requests 1 fails on each day, then 4: that is 2 standard errors; of 2,000 it is 20."""
    shares = np.full(60, 0.05)
    shares[50] = 0.2
    few, many = (
        Series.of(series.key, series.grain, series.times, series.values, np.full(60, number))
        for series in [series_of(shares)]
        for number in (20, 2000)
    )
    assert (begun(few, Measured("ratio")), begun(many, Measured("ratio"))) == (0, 1)


def test_a_burst_is_told() -> None:
    values = np.abs(noise(3, 80))
    values[70:73] *= 5
    assert begun(series_of(values), Measured("count")) == 1
