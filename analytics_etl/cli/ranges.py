"""Options that say which days or moments a question is about. A day named as the end belongs to the range."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import click

_DAY_FORMAT = "%Y-%m-%d"
_MOMENTS = ("%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S")

Command = Callable[..., Any]


class _Start(click.DateTime):
    def __init__(self) -> None:
        super().__init__(formats=[_DAY_FORMAT, *_MOMENTS])


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
        help="First day, or first moment, like 2025-03-31T13:00; UTC.",
    )  # fmt: skip
    end = click.option(
        "--to", "end", type=_End(), metavar="DAY|TIME",
        help="Last day, which is included; or a moment, which is not. A day after --from by default.",
    )  # fmt: skip
    return lambda command: start(end(command))


def days(command: Command) -> Command:
    """--from and --to as `first` and `last`: days, both included."""
    day = click.DateTime(formats=[_DAY_FORMAT])
    start = click.option("--from", "first", type=day, required=True, metavar="DAY", help="First day, UTC.")
    end = click.option(
        "--to", "last", type=day, metavar="DAY", help="Last day, which is included; the first one by default."
    )
    return start(end(command))
