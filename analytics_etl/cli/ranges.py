"""Options that say which days or moments a question is about. A day named as the end belongs to the range."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import click

_DAY_FORMAT = "%Y-%m-%d"
_MOMENTS = ("%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S")
_OTHER_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d([.,]\d+)?)?(Z|[+-]\d\d(:?\d\d)?)?", re.ASCII)
"""What answers print as times, or other programs do: with fractions of a second, with an offset."""

Command = Callable[..., Any]
DAY = click.DateTime(formats=[_DAY_FORMAT])


class _Start(click.DateTime):
    def __init__(self) -> None:
        super().__init__(formats=[_DAY_FORMAT, *_MOMENTS])

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The moment in UTC, without a zone."""
        if isinstance(value, str) and _OTHER_MOMENT.fullmatch(value):
            try:
                moment = datetime.fromisoformat(value)
                return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
            except (ValueError, OverflowError) as error:
                self.fail(f"{value!r} is no moment: {error}.", param, ctx)
        found: datetime = super().convert(value, param, ctx)
        return found


class _End(_Start):
    """A day is wanted whole, so that the range ends with it; a moment is the first one after the range."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        moment: datetime = super().convert(value, param, ctx)
        is_day = isinstance(value, str) and "T" not in value
        return moment + timedelta(days=1) if is_day else moment


def moments(*, required: bool = True) -> Callable[[Command], Command]:
    """--from and --to as `start` and `end`: [start, end), the end perhaps None."""
    start = click.option(
        "--from", "start", type=_Start(), required=required, metavar="DAY|TIME",
        help="First day, or first moment, like 2025-03-31T13:00 or 2025-03-31T13:00:00Z; UTC without an offset.",
    )  # fmt: skip
    end = click.option(
        "--to", "end", type=_End(), metavar="DAY|TIME",
        help="Last day, which is included; or a moment, which is not. A day after --from by default.",
    )  # fmt: skip
    return lambda command: start(end(command))


def days(*, required: bool = True) -> Callable[[Command], Command]:
    """--from and --to as `first` and `last`: days, both included; the last one perhaps None."""
    start = click.option(
        "--from", "first", type=DAY, required=required, metavar="DAY",
        help="First day, UTC." if required else "First day, UTC; the newest day by default.",
    )  # fmt: skip
    end = click.option(
        "--to", "last", type=DAY, metavar="DAY", help="Last day, which is included; the first one by default."
    )
    return lambda command: start(end(command))


def whole_days(start: datetime, end: datetime) -> tuple[date, date]:
    """The first and last day of [start, end), which must be whole ones."""
    if start.time() != time() or end.time() != time():
        raise click.UsageError("this grain needs whole days: name --from and --to as days")
    if start >= end:
        raise click.UsageError(f"the last day must not be before the first, but {end:%F} is not after {start:%F}")
    return start.date(), (end - timedelta(days=1)).date()
