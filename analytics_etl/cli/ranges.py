"""Options that say which days or moments a question is about. A day named as the end belongs to the range."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import click

from analytics_etl.cli.typed import DAY, Moment

Command = Callable[..., Any]


class _End(Moment):
    """A day is wanted whole, so that the range ends with it; a moment is the first one after the range."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        moment = super().convert(value, param, ctx)
        is_day = isinstance(value, str) and ":" not in value
        return moment + timedelta(days=1) if is_day else moment


def moments(*, required: bool = True) -> Callable[[Command], Command]:
    """--from and --to as `start` and `end`: [start, end), the end perhaps None."""
    start = click.option(
        "--from", "start", type=Moment(), required=required, metavar="DAY|TIME",
        help="First day, or first moment, like 2025-03-31T13:00; UTC.",
    )  # fmt: skip
    end = click.option(
        "--to", "end", type=_End(), metavar="DAY|TIME",
        help="Last day, which is included; or a moment, which is not. A day after --from by default.",
    )  # fmt: skip
    return lambda command: start(end(command))


def days(command: Command) -> Command:
    """--from and --to as `first` and `last`: days, both included."""
    start = click.option("--from", "first", type=DAY, required=True, metavar="DAY", help="First day, UTC.")
    end = click.option(
        "--to", "last", type=DAY, metavar="DAY", help="Last day, which is included; the first one by default."
    )
    return start(end(command))
