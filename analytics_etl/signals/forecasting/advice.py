"""What to do about a forecast: a sentence from the limits of a metric."""

from collections.abc import Sequence
from dataclasses import dataclass

from analytics_etl.signals.forecasting.forecast import ForecastRow
from analytics_etl.signals.series import DAY, HOUR, MINUTE, SECOND

_UNITS = (("d", DAY), ("h", HOUR), ("min", MINUTE), ("s", SECOND))


@dataclass(frozen=True)
class Limit:
    """A value that a metric should stay below, or above, and what helps if it does not."""

    value: float
    action: str
    """add capacity"""
    unit: str = ""
    """Written behind the value, as in 80 %."""
    is_floor: bool = False
    """Whether values below it are bad."""


def recommendation(rows: Sequence[ForecastRow], limits: Sequence[Limit]) -> str | None:
    """A sentence about the first limit that is crossed, the likely before the possible; None if all is well.

    `above 80 % within 1 h: add capacity` if the predicted value crosses the limit, `may be above ...` if only the 80 %
    interval does. `rows` are the forecasts of one series, `limits` are in order of importance.
    """
    made = sorted((row for row in rows if row.predicted is not None), key=lambda row: row.steps)
    for is_likely in (True, False):
        for limit in limits:
            for row in made:
                if _crosses(row, limit, is_likely=is_likely):
                    word = "below" if limit.is_floor else "above"
                    unit = f" {limit.unit}" if limit.unit else ""
                    sure = "" if is_likely else "may be "
                    within = _time(row.steps * row.grain)
                    return f"{sure}{word} {limit.value:g}{unit} within {within}: {limit.action}"
    return None


def _crosses(row: ForecastRow, limit: Limit, *, is_likely: bool) -> bool:
    value = row.predicted if is_likely else row.lower_80 if limit.is_floor else row.upper_80
    return value is not None and (value < limit.value if limit.is_floor else value > limit.value)


def _time(microseconds: int) -> str:
    name, unit = next(((name, unit) for name, unit in _UNITS if microseconds % unit == 0), ("s", SECOND))
    return f"{microseconds // unit} {name}"
