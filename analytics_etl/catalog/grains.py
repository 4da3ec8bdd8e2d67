"""The suffixes of tables, and files that declare a table for each of several: they differ in their bucket alone. Pure.

`schema_usage_1m,5m.sql` declares the tables schema_usage_1m and schema_usage_5m. What each has of its own is written
into the text: `:grain` is its suffix, `:period` the name of the column it is partitioned by, `:bucket` a value.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from analytics_etl.catalog.calendar import Cadence


@dataclass(frozen=True)
class Grain:
    """What a suffix says of a table."""

    cadence: Cadence
    period: str
    """The column of the period, which the key begins with."""
    bucket: int | str
    """Length in seconds; of tables named by the calendar the unit for `date_trunc`."""


GRAINS: Mapping[str, Grain] = {
    "1m": Grain("day", "day", 60),
    "5m": Grain("day", "day", 300),
    "1h": Grain("day", "day", 3600),
    "1d": Grain("day", "day", 86400),
    "daily": Grain("day", "day", "day"),
    "weekly": Grain("week", "week_start", "week"),
    "monthly": Grain("month", "month", "month"),
}
_ANY = "|".join(GRAINS)
_LIST = re.compile(rf"(?<=_)(?:{_ANY})(?:,(?:{_ANY}))+(?=_|$)")
_NAMES = re.compile(r"(?<!:):(grain|period)\b")


def names_in(path: Path) -> dict[str, str | None]:
    """The names that a file declares, each with its suffix if the file lists several: {"a_1m": "1m", "a_5m": "5m"}."""
    found = _LIST.search(path.stem)
    if found is None:
        return {path.stem: None}
    before, after = path.stem[: found.start()], path.stem[found.end() :]
    return {f"{before}{grain}{after}": grain for grain in found[0].split(",")}


def tables_in(path: Path) -> list[str]:
    """The same names with their family, which is the folder above the file's own."""
    return [f"{path.parent.parent.name}.{name}" for name in names_in(path)]


def write_names(text: str, grain: str) -> str:
    """Write the suffix and the column of the period into the text of a file, its header included."""
    names = {"grain": grain, "period": GRAINS[grain].period}
    return _NAMES.sub(lambda found: names[found[1]], text)
