"""What the header of a series says of its numbers. Not here: reading it (`reading`)."""

from dataclasses import dataclass
from typing import Literal

Direction = Literal["up", "down", "both"]


@dataclass(frozen=True)
class Measure:
    """What the header of a series says of its numbers."""

    unit: str
    is_absent_zero: bool
    """Whether nothing was there when a bucket is missing; else nobody knows."""
    is_forecast: bool
    """Whether the series of the whole, which has no entity, is forecast."""
    is_each_forecast: bool = False
    """Whether those of entities are, too: the ones that change most."""
    noun: str = ""
    """What its entities are, such as `service`; empty if it has none, or if their names say it."""
    bad: Direction = "both"
    """The direction of changes that are anomalies."""
    limit: float | None = None
    """What a forecast should not go beyond in the bad direction."""
    action: str = ""
    """What helps if it does, such as `add capacity`."""
