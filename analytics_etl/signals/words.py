"""Numbers and names of series as people read them: 12 %, 412 ms, hourly p95 latency of service checkout."""

from collections.abc import Mapping
from math import inf
from typing import NamedTuple

from analytics_etl.signals.series import HOUR, SeriesKey

_UNIT_OF_NAME = {"ms": "_ms", "percent": "_percent", "bytes": "_bytes"}
"""Unit of a series -> the end of its metric's name that says so, too."""
UNIT_SIGNS = {"ms": "ms", "percent": "%", "bytes": "bytes"}
_MOST = {"ratio": 1.0, "percent": 100.0, "score": 100.0}
_LONGEST_NAME = 80
_FINE = 100
"""Numbers of three digits and more have none behind the point."""


class Measured(NamedTuple):
    """What the file of a series says of its numbers."""

    unit: str = ""
    """count, ratio, score, percent, ms or bytes."""
    noun: str = ""
    """What an entity of it is, such as `service`."""
    bad: str = "both"
    """The direction that is told: up, down or both."""
    limit: float | None = None
    """What a forecast should stay below, or above if down is bad."""
    action: str = ""
    """What helps if it does not."""


def value_text(value: float, unit: str) -> str:
    """A value with its unit: 12 %, 0.5 %, 412 ms, 1,234."""
    if unit == "ratio":
        return f"{number_text(value * 100)} %"
    return f"{number_text(value)} {UNIT_SIGNS.get(unit, '')}".rstrip()


def number_text(number: float) -> str:
    """Three digits of a small number, all digits before the point of a large one: 0.0123, 41.5, 412, 1,234."""
    return f"{number:,.0f}" if abs(number) >= _FINE else f"{number:.3g}"


def in_domain(value: float, unit: str) -> float:
    """A limit of what is usual where values can be: nothing that has a unit is negative, no share beyond 1."""
    if not unit:
        return value
    return min(max(value, 0.0), _MOST.get(unit, inf))


def range_text(lower: float, upper: float, unit: str) -> str:
    """Both ends of what is usual, with the unit behind the second: 0.5 to 2 %."""
    times = 100 if unit == "ratio" else 1
    lower, upper = in_domain(lower, unit), in_domain(upper, unit)
    return f"{number_text(lower * times)} to {value_text(upper, unit)}"


def subject(key: SeriesKey, measured: Measured, grain: int = 0) -> str:
    """What a series is about: `P95 latency of service checkout of tenant acme`, `Hourly error ratio of usage`."""
    metric = key.metric.removesuffix(_UNIT_OF_NAME.get(measured.unit, " ")).replace("_", " ")
    metric = f"hourly {metric}" if grain == HOUR else metric
    of = f"{measured.noun} {_shown(key.entity)}".strip() if key.entity else f"all {key.family}" if key.family else ""
    tenant = f" of tenant {_shown(key.tenant)}" if key.tenant else ""
    further = f" ({labels_text(dict(key.labels))})" if key.labels else ""
    text = f"{metric}{f' of {of}' if of else ''}{tenant}{further}"
    return text[:1].upper() + text[1:]


def labels_text(labels: Mapping[str, str]) -> str:
    """Labels in order of their names: env prod, host web-1."""
    return ", ".join(f"{name} {_shown(value)}" for name, value in sorted(labels.items()))


def _shown(name: str) -> str:
    """A name from an event, fit for a sentence: no control characters, and not longer than a line."""
    if len(name) > _LONGEST_NAME:
        name = f"{name[: _LONGEST_NAME // 2]}…{name[-_LONGEST_NAME // 2 + 1 :]}"
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in name)
