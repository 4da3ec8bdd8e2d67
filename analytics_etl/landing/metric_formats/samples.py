"""The columns of a sample, its time and its labels, as all formats of metrics give them."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from functools import lru_cache

COLUMNS = ("position", "recorded_at", "name", "type", "unit", "value", "labels")
"""What a source mapping may read, all as text. `position` counts the samples of a line from 1, since an OTLP document
and a StatsD line may hold several; `labels` is a JSON object of texts.
"""

NO_TIME = "has no time; expected one in the line, or in the file's name like 2025-03-31T12-00-00Z"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER_OF_UNITS = re.compile(r"-?[0-9]{1,30}(\.[0-9]{0,30})?([eE]\+?[0-9]{1,2})?", re.ASCII)
_TIME_IN_NAME = re.compile(r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})T([0-9]{2})[-:]?([0-9]{2})[-:]?([0-9]{2})Z")
_CUMULATIVE = ("temporality", "cumulative")


class SampleError(ValueError):
    """A sample that cannot be read; the message is the reason of its rejection."""


@lru_cache(maxsize=4096)  # most samples of a file have the time of another one
def moment(text: str, power: int) -> str:
    """A time that counts units of 10^-power seconds since 1970, digits behind the microsecond cut off."""
    try:
        units = Decimal(text if _NUMBER_OF_UNITS.fullmatch(text) else "")
        micros = int(units.scaleb(6 - power).to_integral_value(ROUND_FLOOR))
        return _written(_EPOCH + timedelta(microseconds=micros))
    except ArithmeticError as error:
        raise SampleError(f"recorded_at: expected a time as a number since 1970, got {text[:100]}") from error


def named_moment(path: str) -> str | None:
    """The first time in a file's name, like 2025-03-31T12-00-00Z or 20250331T120000Z; None without one."""
    found = _TIME_IN_NAME.search(path.rpartition("/")[2])
    if found is None:
        return None
    year, month, day, hour, minute, second = map(int, found.groups())
    try:
        return _written(datetime(year, month, day, hour, minute, second, tzinfo=UTC))
    except ValueError:  # digits like those of a time, but no such time
        return None


def _written(time: datetime) -> str:
    return time.isoformat().removesuffix("+00:00") + "Z"


def number(text: str) -> str:
    """The text of a number, as it came; NaN and infinities are numbers here, and rejected by the contract."""
    try:
        float(text)
    except ValueError:
        pass
    else:
        if "_" not in text and text.isascii():
            return text
    raise SampleError(f"value: expected a number, got {text[:100]}")


def labels_text(labels: Mapping[str, str], *, is_cumulative: bool = False) -> str:
    """Labels as a JSON object, with temporality=cumulative for a total since some start."""
    label, value = _CUMULATIVE
    if is_cumulative:
        if labels.get(label, value) != value:
            raise SampleError(f"has a label {label} of its own, which says whether a counter is cumulative; rename it")
        labels = {**labels, label: value}
    text = json.dumps(labels, sort_keys=True, ensure_ascii=False)
    if "\\u0000" in text and any("\0" in part for pair in labels.items() for part in pair):
        raise SampleError("labels: hold a NUL byte, which text must not")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise SampleError("labels: hold half of a surrogate pair, which is no character") from error
    return text
