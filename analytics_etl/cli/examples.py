"""The days in the examples of the help: written as if yesterday were 2025-03-31, shown as they can be typed today."""

import re
from datetime import date

import click

from analytics_etl.cli.clock import yesterday

WRITTEN_FOR = date(2025, 3, 31)
"""The last day of the sample events that the examples are about."""

_DAY = re.compile(r"(?<!\d)2025-0[34]-\d\d(?!\d)")


def put_days_of_today(command: click.Command) -> None:
    """Let the help of a command, of its options and of the commands below it name days of the sample events."""
    put_own_days_of_today(command)
    if isinstance(command, click.Group):
        for below in command.commands.values():
            put_days_of_today(below)


def put_own_days_of_today(command: click.Command) -> None:
    """The same for a command alone: to look at those below the first one would import all of them."""
    command.help = _of_today(command.help)
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            parameter.help = _of_today(parameter.help)


def _of_today(text: str | None) -> str | None:
    moved = yesterday() - WRITTEN_FOR
    return text and _DAY.sub(lambda found: str(date.fromisoformat(found.group()) + moved), text)
