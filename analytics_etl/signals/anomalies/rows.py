"""Anomalies as rows: what a person reads of the points that begin one."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from analytics_etl.signals.anomalies.scores import ASPECTS, LEAST_DEVIATION, Scores
from analytics_etl.signals.anomalies.state import LEAST, LONG, SHORT
from analytics_etl.signals.series import Floats, Series, SeriesKey
from analytics_etl.signals.words import Measured, number_text, range_text, subject, value_text

NOT_TOLD = Measured()
CRITICAL_ERROR_RATIO = 0.05
MEDIUM, HIGH = 3.0, 5.0
"""Least deviations, in robust standard deviations."""


class Severity(StrEnum):
    """From least to worst."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        return list(Severity).index(self)


@dataclass(frozen=True)
class Anomaly:
    """One anomaly, as it was when it began."""

    key: SeriesKey
    time: int
    method: str
    """With its version."""
    aspect: str
    score: float
    current: float
    expected: float
    lower: float
    upper: float
    deviation: float | None
    """Signed, in robust standard deviations; None off a flat line."""
    direction: str
    """`up` or `down`."""
    is_flat: bool
    """The baseline was constant, so that no deviation can be told."""
    severity: Severity
    sentence: str


@dataclass(frozen=True)
class Findings:
    """The anomalies that begin in a series; or the reason why there can be none."""

    anomalies: Sequence[Anomaly]
    reason: str = ""


def severity_of(deviation: float, error_ratio: float | None = None) -> Severity | None:
    """How severe a deviation is: low from 2, medium from 3, high from 5, critical with an error ratio above 5 %."""
    away = abs(deviation)
    if away < LEAST_DEVIATION or math.isnan(away):
        return None
    if away < MEDIUM:
        return Severity.LOW
    if away < HIGH:
        return Severity.MEDIUM
    is_critical = error_ratio is not None and error_ratio > CRITICAL_ERROR_RATIO
    return Severity.CRITICAL if is_critical else Severity.HIGH


def anomalies_of(
    series: Series, scores: Scores, method: str, measured: Measured = NOT_TOLD, error_ratios: Floats | None = None
) -> Findings:
    """The rows of the points that begin an anomaly. Error ratios, one for each point, make high ones critical."""
    known = int(scores.seen.max()) + 1 if len(series) else 0
    if known <= LEAST and not scores.begins.any():
        return Findings((), f"{known} points are known, at least {LEAST} must come before an anomaly.")
    rows = []
    for at in np.flatnonzero(scores.begins).tolist():
        ratio = None if error_ratios is None else float(error_ratios[at])
        rows.append(_row(series, scores, at, method, measured, ratio))
    return Findings(tuple(rows))


def _row(
    series: Series, scores: Scores, at: int, method: str, measured: Measured, error_ratio: float | None
) -> Anomaly:
    deviation = float(scores.deviation[at])
    current, expected = float(scores.current[at]), float(scores.expected[at])
    aspect, is_flat = ASPECTS[scores.aspect[at]], math.isinf(deviation)
    # What is new, though near the middle of values that are spread widely, is told as low.
    severity = severity_of(deviation, error_ratio) or Severity.LOW
    return Anomaly(
        key=series.key,
        time=int(series.times[at]),
        method=method,
        aspect=aspect,
        score=float(scores.score[at]),
        current=current,
        expected=expected,
        lower=float(scores.lower[at]),
        upper=float(scores.upper[at]),
        deviation=None if is_flat or math.isnan(deviation) else deviation,
        direction="up" if current >= expected else "down",
        is_flat=is_flat,
        severity=severity,
        sentence=_sentence(series, measured, scores, at, severity),
    )


_TEXTS = {
    "value": "{metric} is {current}, expected {interval}",
    "seasonal": "{metric} is {current}, expected {interval} at this time",
    "mean": f"{{metric}} is {{current}} on average of {LONG} points, expected {{interval}}",
    "seasonal_mean": f"{{metric}} is {{current}} on average of {LONG} points, expected {{interval}} at this time",
    "spread": f"{{metric}} varies by {{current}} over {LONG} points, expected {{interval}}",
    "root_spread": f"{{metric}} varies by {{current}} over {LONG} points, most where it is low, expected {{interval}}",
    "short_spread": f"{{metric}} varies by {{current}} over {SHORT} points, expected {{interval}}",
    "gap": "{metric} is missing: {current} buckets after the one before, at most {longest} until now",
}


def _sentence(series: Series, measured: Measured, scores: Scores, at: int, severity: Severity) -> str:
    name = ASPECTS[scores.aspect[at]]
    deviation, expected, current = (float(of[at]) for of in (scores.deviation, scores.expected, scores.current))
    is_flat = math.isinf(deviation)
    interval = range_text(float(scores.lower[at]), float(scores.upper[at]), measured.unit)
    text = _TEXTS[name].format(
        metric=subject(series.key, measured, series.grain),
        current=number_text(current) if name == "gap" else value_text(current, measured.unit),
        interval=f"always {value_text(expected, measured.unit)} as before" if is_flat else interval,
        longest=number_text(expected),
    )
    if name == "gap" or is_flat or math.isnan(deviation):
        return f"{text}: {severity}"
    return f"{text}: {deviation:+.1f} sd, {severity}"
