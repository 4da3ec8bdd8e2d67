"""Types of arguments: days, moments, texts, folders, numbers, each with its bounds.

Whatever passes here can be computed with and stored: no day at the end of the calendar, no number beyond a bigint, no
text that PostgreSQL or UTF-8 cannot hold. All else is a mistake of who typed it: one line, exit code 2.
"""

import os
import re
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NoReturn
from uuid import UUID

import click

from analytics_etl.cli.clock import yesterday
from analytics_etl.config.values import FIRST_DAY, LAST_DAY, LONGEST_NAME, LONGEST_PATH

LONGEST_TEXT = 10_000
"""Characters of a text."""
MOST_DAYS = 36_500
SECONDS_OF_A_DAY = 86_400

_DAY_FORMAT = "%Y-%m-%d"
_MOMENTS = tuple(f"%Y-%m-%d{between}%H:%M{end}" for between in "T " for end in ("", ":%S", ":%S.%f"))
_OTHER_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d([.,]\d+)?(Z|[+-]\d\d(:?\d\d)?)?", re.ASCII)
"""Moments as other programs print them: more digits of a second, an offset of hours alone."""
_ZONED = tuple(f"{moment}%z" for moment in _MOMENTS)


class _Bounded(click.DateTime):
    """A day or moment from FIRST_DAY to LAST_DAY, in UTC without a zone; `yesterday` is a day, too."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if value == "yesterday":
            value = yesterday().isoformat()
        at: datetime = super().convert(value, param, ctx)
        if not FIRST_DAY <= at.date() <= LAST_DAY:
            self.fail(f"expected a day from {FIRST_DAY} to {LAST_DAY}, got {value!r}", param, ctx)
        return at if at.tzinfo is None else at.astimezone(UTC).replace(tzinfo=None)


class _Day(_Bounded):
    """A day like 2025-03-31."""

    def __init__(self) -> None:
        super().__init__(formats=[_DAY_FORMAT])

    def fail(self, message: str, param: click.Parameter | None = None, ctx: click.Context | None = None) -> NoReturn:
        typed, no_format, _ = message.partition(" does not match")
        hint = f"expected a day like {yesterday()}, or yesterday, got {typed}" if no_format else message
        super().fail(hint, param, ctx)


class Moment(_Bounded):
    """A day, or a moment as answers print it; UTC unless a zone follows."""

    def __init__(self) -> None:
        super().__init__(formats=[_DAY_FORMAT, *_MOMENTS, *_ZONED])

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, str) and _OTHER_MOMENT.fullmatch(value):
            with suppress(ValueError):  # then it is no moment, which is said below
                value = datetime.fromisoformat(value).isoformat()
        return super().convert(value, param, ctx)

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        del param, ctx
        return "DAY|TIME"

    def fail(self, message: str, param: click.Parameter | None = None, ctx: click.Context | None = None) -> NoReturn:
        formats, _, _ = message.partition(" does not match")  # of the many formats two tell enough
        hint = f"{formats} is neither a day like 2025-03-31 nor a moment like 2025-03-31T13:00"
        super().fail(hint if formats != message else message, param, ctx)


class Text(click.ParamType[str]):
    """A text that is not empty and that PostgreSQL can store."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value)
        if wrong := _wrong_with(text):
            self.fail(f"expected a text, got one that {wrong}", param, ctx)
        return text


class Clock(click.ParamType[str]):
    """A time of day, UTC: HH:MM."""

    name = "HH:MM"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value)
        if not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", text):
            self.fail(f"expected a time of day such as 08:30, got {text[:20]!r}", param, ctx)
        return text


class IdOrName(click.ParamType[UUID | str]):
    """A UUID, or else a name."""

    name = "UUID|NAME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> UUID | str:
        text = Text().convert(value, param, ctx)
        try:
            return UUID(text.strip())
        except ValueError:
            return text


class Folder(click.ParamType[Path]):
    """The path of a folder, which need not exist."""

    name = "folder"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        wrong = _wrong_with(str(value))
        path = Path() if wrong else Path(value)
        longest = max((len(os.fsencode(part)) for part in path.parts), default=0)
        if wrong or longest > LONGEST_NAME or len(os.fsencode(path)) > LONGEST_PATH:
            why = wrong or "is longer than a path may be"
            self.fail(f"expected a {self.name}, got a text that {why}", param, ctx)
        return path


class File(Folder):
    """The path of a file, which need not exist."""

    name = "file"


class Count(click.IntRange):
    """A whole number from 1 to `most`. The bound is far above any use, so the help does not name it."""

    def __init__(self, most: int = 1_000_000) -> None:
        super().__init__(1)
        self.most = most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        number: int = super().convert(value, param, ctx)
        if number > self.most:
            self.fail(f"{number} is not in the range x<={self.most}", param, ctx)
        return number


def _wrong_with(text: str) -> str | None:
    if not text.strip():
        return "is empty"
    if len(text) > LONGEST_TEXT:
        return f"has {len(text):,} characters, more than {LONGEST_TEXT:,}"
    if "\0" in text:
        return "holds a NUL"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "is not UTF-8"
    return None


DAY = _Day()
REASON = Text()
PORT = click.IntRange(1, 65_535)


def check_range(first: date, last: date, first_name: str, last_name: str, most_days: int | None = None) -> None:
    """Refuse a range that ends before it begins, or has more than `most_days`."""
    if first > last:
        raise click.UsageError(f"{first_name} {first} is after {last_name} {last}")
    days = (last - first).days + 1
    if most_days is not None and days > most_days:
        raise click.UsageError(
            f"{first_name} {first} {last_name} {last} are {days:,} days, expected at most {most_days:,}"
        )
