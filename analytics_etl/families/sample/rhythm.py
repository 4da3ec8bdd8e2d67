"""When events happen: how many on a day, at what time of it, and when everything fails."""
# ruff: noqa: PLR2004 - the ratios of a made-up world would not be clearer with names

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from analytics_etl.families.sample.columns import Flags, Numbers, Shares
from analytics_etl.families.sample.options import SampleOptions

DAY_US = 86_400_000_000
_OUTAGE_HOURS = (13, 16)
# Relative volume at 0, 2, 4, ... 24 o'clock UTC: office hours of Europe, then of America.
_HOURLY = (0.45, 0.35, 0.35, 0.6, 1.5, 1.8, 1.5, 1.9, 1.8, 1.2, 0.8, 0.6, 0.45)


@dataclass(frozen=True)
class Slice:
    """The events `first` to `first + size` of the `total` events of a day, in order of time."""

    day: date
    first: int
    size: int
    total: int


@dataclass(frozen=True)
class Moments:
    """The times of the events of a slice, in microseconds since 1970, and the random stream they are made from.

    `is_outage` tells which of them fall into the three hours in which much fails.
    """

    options: SampleOptions
    day: date
    size: int
    rng: np.random.Generator
    time: Numbers
    is_outage: Flags

    def chance(self, ratio: float | Shares) -> Flags:
        """A mask that picks this share of the events at random."""
        return self.rng.random(self.size) < ratio


def draw_moments(options: SampleOptions, part: Slice, stream: int) -> Moments:
    """Draw the times of a slice from the random stream that belongs to it and to the table of this number."""
    rng = np.random.default_rng([options.seed, part.day.toordinal(), stream, part.first])
    has_outage = _has_outage(options, part.day)
    cumulative = np.concatenate([[0.0], _minute_weights(has_outage=has_outage).cumsum()])
    # The events are a slice of the day, in order of time, so that the file is as well.
    position = (part.first + part.size * np.sort(rng.random(part.size))) / part.total
    minute = np.interp(position, cumulative / cumulative[-1], np.arange(1441))
    offset = np.minimum((minute * 60_000_000).astype(np.int64), DAY_US - 1)
    return Moments(
        options=options,
        day=part.day,
        size=part.size,
        rng=rng,
        time=(part.day - date(1970, 1, 1)).days * DAY_US + offset,
        is_outage=has_outage & (minute >= _OUTAGE_HOURS[0] * 60) & (minute < _OUTAGE_HOURS[1] * 60),
    )


def day_events(options: SampleOptions, day: date) -> int:
    """How many events a day has for each `events_per_day`."""
    if not options.rhythm:
        return options.events_per_day
    noise = np.random.default_rng([options.seed, day.toordinal()]).uniform(0.97, 1.03)
    level = (0.4 if day.isoweekday() > 5 else 1.0) / 1.01 ** (options.last_day - day).days
    not_swallowed = (
        _minute_weights(has_outage=_has_outage(options, day)).sum() / _minute_weights(has_outage=False).sum()
    )
    return round(float(options.events_per_day * level * noise * not_swallowed))


def _minute_weights(*, has_outage: bool) -> Shares:
    """Relative volume of the 1440 minutes of a day."""
    weights = np.interp(np.arange(1440), np.linspace(0, 1440, len(_HOURLY)), _HOURLY)
    if has_outage:
        weights[_OUTAGE_HOURS[0] * 60 : _OUTAGE_HOURS[1] * 60] *= 0.25
    return weights


def _has_outage(options: SampleOptions, day: date) -> bool:
    return options.outage and day == options.last_day - timedelta(days=10)
