"""The options --from and --to of questions. A day as the end is included."""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from functools import wraps
from typing import Any

import click

from analytics_etl.cli.typed import DAY, Moment

Command = Callable[..., Any]


class _End(Moment):
    """The end of a range: a day becomes the moment after it, a moment stays as it is."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        moment = super().convert(value, param, ctx)
        is_day = isinstance(value, str) and ":" not in value
        return moment + timedelta(days=1) if is_day else moment


def moments(*, required: bool = True) -> Callable[[Command], Command]:
    """Options --from and --to as the half-open range `start`, `end`; `end` may be None."""
    start = click.option(
        "--from", "start", type=Moment(), required=required, metavar="DAY|TIME",
        help="First day, or first moment, like 2025-03-31T13:00 or 2025-03-31T13:00:00Z; UTC without an offset.",
    )  # fmt: skip
    end = click.option(
        "--to", "end", type=_End(), metavar="DAY|TIME",
        help="Last day, which is included; or a moment, which is not. By default the day of --from alone, or "
        "24 hours from the moment.",
    )  # fmt: skip
    return lambda command: start(end(_checked(command)))


def _checked(command: Command) -> Command:
    """Refuse a range that ends before it begins; the message quotes what was typed."""

    @wraps(command)
    def checked(*arguments: Any, **options: Any) -> Any:
        first, after = options.get("start"), options.get("end")
        is_of_days = first is not None and after is not None and first.time() == after.time() == time()
        if first is not None and after is not None and (after < first or (is_of_days and after == first)):
            typed = f"{after - timedelta(days=1):%F}" if is_of_days else f"{after:%FT%T}"
            since = f"{first:%F}" if is_of_days else f"{first:%FT%T}"
            raise click.UsageError(
                f"the range must not end before it begins, but --to {typed} is before --from {since}"
            )
        return command(*arguments, **options)

    return checked


def days(*, required: bool = True) -> Callable[[Command], Command]:
    """Options --from and --to as the days `first` and `last`, both included; `last` may be None."""
    start = click.option(
        "--from", "first", type=DAY, required=required, metavar="DAY",
        help="First day, UTC." if required else "First day, UTC; the newest day by default.",
    )  # fmt: skip
    end = click.option(
        "--to", "last", type=DAY, metavar="DAY", help="Last day, which is included; the first one by default."
    )
    return lambda command: start(end(command))


def check_given(start: datetime | None, end: datetime | None, last_days: object = None) -> None:
    """Refuse --to without --from, and --days together with --from."""
    if start is None and end is not None:
        raise click.UsageError("--to needs --from")
    if start is not None and last_days is not None:
        raise click.UsageError("--days and --from do not go together: --days counts back from the newest day")


def whole_days(start: datetime, end: datetime) -> tuple[date, date]:
    """The first and last day of [start, end), which must be whole ones."""
    if start.time() != time() or end.time() != time():
        raise click.UsageError("this grain needs whole days: name --from and --to as days")
    if start >= end:
        raise click.UsageError(f"the last day must not be before the first, but {end:%F} is not after {start:%F}")
    return start.date(), (end - timedelta(days=1)).date()
