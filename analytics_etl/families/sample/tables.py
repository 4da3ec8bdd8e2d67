"""What a family says about its event tables: how their rows are made, how many, and what is wrong with the bad ones."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa

from analytics_etl.families.sample.rhythm import Moments

Row = dict[str, Any]

NO_ZONE = "(the time, without its zone)"
"""In place of the value of a time column: the time is right, and its zone is not there."""
CUT = "(the line ends early)"
"""In place of the value of any column: the line ends early."""


@dataclass(frozen=True)
class EventTable:
    """How the events of one table are made."""

    columns: Callable[[Moments], dict[str, pa.Array]]
    """All columns, in the file's order, for the events of these moments. Whatever is random comes from the stream of
    the moments; called from several threads."""
    stream: int
    """A number no other table has, which its random streams are made from; with another one all rows change."""
    share: float = 0
    """Its number of events, relative to `events_per_day`."""
    defects: tuple[Row, ...] = ()
    """What is wrong with bad rows: each replaces some right values, and breaks the contract."""
    text_defects: tuple[Row, ...] = ()
    """The same for what does not fit into a typed file: other types, NO_ZONE, CUT."""
    count: Callable[[int, date], int] | None = None
    """Instead of a share: its number of events on a day, from that of `events_per_day` on the day."""
