"""Grains: the suffixes of tables, and files that declare one table for each of several suffixes. Pure.

`schema_usage_1m,5m.sql` declares the tables schema_usage_1m and schema_usage_5m, which differ only in their bucket. In
its text, `:grain` stands for the suffix, `:period` for the name of the partition column, `:bucket` for a value.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from analytics_etl.catalog.calendar import Cadence


@dataclass(frozen=True)
class Grain:
    """The meaning of a suffix."""

    cadence: Cadence
    period: str
    """The partition column, which is the first column of the key."""
    bucket: int | str
    """Length in seconds; for calendar periods, the unit of `date_trunc`."""


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
    """The names that a file declares: {"a_1m": "1m", "a_5m": "5m"} if it lists several suffixes, else {name: None}."""
    found = _LIST.search(path.stem)
    if found is None:
        return {path.stem: None}
    before, after = path.stem[: found.start()], path.stem[found.end() :]
    return {f"{before}{grain}{after}": grain for grain in found[0].split(",")}


def tables_in(path: Path) -> list[str]:
    """The names that a file declares, with their family: the folder above the folder of the file."""
    return [f"{path.parent.parent.name}.{name}" for name in names_in(path)]


def write_names(text: str, grain: str) -> str:
    """Write the suffix and the partition column into the text of a file, header included."""
    names = {"grain": grain, "period": GRAINS[grain].period}
    return _NAMES.sub(lambda found: names[found[1]], text)
