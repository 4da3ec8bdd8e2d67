"""What a detector remembers of a series: bounded, and as bytes the same on every machine.

A state that was stored after a day continues as if the days before had just been read: every sum is added in the order
of the points, so detection over both days in one gives the same bits.
"""

import struct
from dataclasses import dataclass, fields
from typing import Self

import numpy as np

from analytics_etl.signals.series import DAY, MINUTE, WEEK, Floats

VERSION = "novelty-1"
"""Method and version of the detector; a state of another version is not read."""

NAMES = ("value", "seasonal", "mean", "seasonal_mean", "spread", "root_spread", "short_spread")
"""The aspects of a series (`aspects.py`)."""
LONG, SHORT = 20, 5
"""Points of a long and a short window."""
LEAST = 10
"""Points before which nothing is said."""
LEAST_VALUES = (LEAST, LEAST, LEAST + LONG, LEAST + LONG, LEAST + LONG, LEAST + LONG, LEAST + SHORT)
"""Values of each aspect before which it says nothing; those of windows differ little from one point to the next."""
EXTREMES, RECENT = 100, 25
"""Extremes that are kept of each aspect and side: of the past, and of those the generation that has just begun."""
MOST_QUIET = 100
"""Points after which an unusual point is news again, of a fine grain."""
SAMPLE = 128
"""Values of each aspect that centre and spread are taken from."""

_HEAD = struct.Struct("<16sq")
_LENGTH = struct.Struct("<I")


@dataclass(frozen=True, eq=False)
class State:
    """Arrays of 64-bit floats, made anew by each detection; what is not known yet is NaN."""

    grain: int
    seen: Floats
    """Points learned; time of the last point; longest gap in buckets; generation of extremes."""
    last_alarm: Floats
    """Points since then, and the greatest novelty of the anomaly."""
    last_values: Floats
    last_residuals: Floats
    """Of the last points, for windows."""
    profile: Floats
    profile_counts: Floats
    profile_spreads: Floats
    """Of each slot of a cycle: mean, how often it was seen, and mean distance from the mean."""
    weekly: Floats
    weekly_counts: Floats
    weekly_spreads: Floats
    """By hour of the week: what is left when the daily profile is taken away. Empty if the cycle is a week."""
    open_hour: Floats
    """The hour that is not in `weekly` yet: its number since 1970, the sum of what is left, and of how many points."""
    extremes: Floats
    recent: Floats
    """(aspect, side, rank), ascending; low sides with their sign turned; those of fewer values begin with -inf."""
    past_novelty: Floats
    """Of the last points."""
    sample: Floats
    """(aspect, number): one of `stride` points each, the oldest first, NaN before there are as many."""
    sampling: Floats
    """Stride and number of samples; then centre and spread of each aspect, as last taken."""

    @classmethod
    def new(cls, grain: int) -> Self:
        """Make the state of a series of which nothing is known."""
        slots, sides = slots_of(grain), (len(NAMES), 2)
        weekly = 7 * 24 if cycle_of(grain) == DAY else 0
        return cls(
            grain=grain,
            seen=np.array([0.0, np.nan, 1.0, np.nan]),
            last_alarm=np.array([np.inf, 0.0]),
            last_values=np.full(LONG - 1, np.nan),
            last_residuals=np.full(LONG - 1, np.nan),
            profile=np.full(slots, np.nan),
            profile_counts=np.zeros(slots),
            profile_spreads=np.zeros(slots),
            weekly=np.zeros(weekly),
            weekly_counts=np.zeros(weekly),
            weekly_spreads=np.zeros(weekly),
            open_hour=np.array([np.nan, 0.0, 0.0, np.nan]),
            extremes=np.full((*sides, EXTREMES), -np.inf),
            recent=np.full((*sides, RECENT), -np.inf),
            past_novelty=np.zeros(quiet_points(grain)),
            sample=np.full((len(NAMES), SAMPLE), np.nan),
            sampling=np.array([1.0, 0.0, *[np.nan] * (2 * len(NAMES))]),
        )

    @property
    def last_time(self) -> float:
        """Of the last point; -inf if there was none."""
        return float(np.nan_to_num(self.seen[1], nan=-np.inf))

    def to_bytes(self) -> bytes:
        """Write the state: version, grain, then each array with its length, little-endian."""
        parts = [_HEAD.pack(VERSION.encode(), self.grain)]
        for name in _ARRAYS:
            array = np.ascontiguousarray(getattr(self, name), "<f8").ravel()
            parts += [_LENGTH.pack(len(array)), array.tobytes()]
        return b"".join(parts)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what `to_bytes` wrote; anything else is refused."""
        version, grain = _HEAD.unpack_from(data)
        found = version.rstrip(b"\0").decode("ascii", "replace")
        if found != VERSION:
            raise ValueError(f"The state is of detector {found!r}, not of {VERSION!r}: begin anew.")
        shapes = cls.new(grain)
        arrays, at = {}, _HEAD.size
        for name in _ARRAYS:
            (length,) = _LENGTH.unpack_from(data, at)
            shape = getattr(shapes, name).shape
            arrays[name] = np.frombuffer(data, "<f8", length, at + _LENGTH.size).astype(np.float64).reshape(shape)
            at += _LENGTH.size + 8 * length
        if at != len(data):
            raise ValueError(f"The state has {len(data)} bytes, expected are {at}: it is damaged.")
        return cls(grain=grain, **arrays)


_ARRAYS = [field.name for field in fields(State) if field.name != "grain"]


def quiet_points(grain: int) -> int:
    """After how many points an unusual point is news again: four cycles or 100."""
    return min(4 * slots_of(grain), MOST_QUIET)


def cycle_of(grain: int) -> int:
    """After which time a series repeats itself: a day, or a week if the buckets are days or longer."""
    return DAY if grain < DAY else WEEK


def slots_of(grain: int) -> int:
    """Number of slots of a cycle: one for each bucket, at most one a minute."""
    return max(1, cycle_of(grain) // max(grain, MINUTE))
