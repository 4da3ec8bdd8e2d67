"""How far a figure lies beyond what chance alone does, in standard errors.

Counts and ratios of few events vary by chance, and so does the standard deviation of few points. Both get a
transformation that makes their variance constant: the root of a count has 1/4, the arcsine of the root of a share of n
events 1/(4 n) (Anscombe, *The transformation of Poisson, binomial and negative-binomial data*, 1948).
"""

from enum import StrEnum

import numpy as np

from analytics_etl.signals.anomalies.scores import (
    MEAN,
    ROOT_SPREAD,
    SEASONAL_MEAN,
    SHORT_SPREAD,
    SPREAD,
    Figures,
)
from analytics_etl.signals.anomalies.state import LONG, SHORT
from analytics_etl.signals.series import Floats, Integers


class Kind(StrEnum):
    """What the values of a series are."""

    COUNT = "count"
    """Of events."""
    SHARE = "share"
    """Of events; the weights say of how many. Where nobody knows, chance has no part in it."""
    OTHER = "other"
    """Only their spread is judged."""


def standard_errors(kind: Kind, aspect: Integers, figures: Figures, level: Floats, weights: Floats) -> Floats:
    """How far each figure is from what was expected; infinite where chance has no part in it.

    `level` is the median of the values, `weights` are the events that they rest on.
    """
    number = np.where(np.isnan(weights), np.inf, weights)
    points = np.where((aspect == MEAN) | (aspect == SEASONAL_MEAN), LONG, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        match kind:
            case Kind.COUNT:
                errors = 2 * np.sqrt(points) * np.abs(_root(figures.current) - _root(figures.expected))
                by_chance = np.sqrt(np.maximum(level, 0))
            case Kind.SHARE:
                errors = 2 * np.sqrt(points * number) * np.abs(_angle(figures.current) - _angle(figures.expected))
                share = np.clip(level, 0, 1)
                by_chance = np.sqrt(share * (1 - share) / number)
            case Kind.OTHER:
                errors, by_chance = np.full(len(aspect), np.inf), np.zeros(len(aspect))
        is_spread = (aspect == SPREAD) | (aspect == ROOT_SPREAD) | (aspect == SHORT_SPREAD)
        found = np.where(is_spread, _of_spread(aspect, figures, by_chance), errors)
    return np.where(np.isnan(found), np.inf, found)


def _of_spread(aspect: Integers, figures: Figures, by_chance: Floats) -> Floats:
    """Of the standard deviation of few points: its own is about itself, divided by the root of twice their number."""
    is_root = aspect == ROOT_SPREAD
    current = np.where(is_root, np.sqrt(_root(figures.current)), figures.current)
    expected = np.where(is_root, np.sqrt(_root(figures.expected)), figures.expected)
    # It is never less than what chance alone makes, whatever was seen so far.
    expected = np.where((current > expected) & ~is_root, np.maximum(expected, by_chance), expected)
    points = np.where(aspect == SHORT_SPREAD, SHORT, LONG)
    errors: Floats = np.abs(current - expected) * np.sqrt(2 * (points - 1)) / expected
    return errors


def _root(values: Floats) -> Floats:
    return np.sqrt(np.maximum(values, 0))


def _angle(shares: Floats) -> Floats:
    return np.arcsin(np.sqrt(np.clip(shares, 0, 1)))
