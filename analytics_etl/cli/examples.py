"""The days in the examples of the help: the source has 2025-03-31 for yesterday, the help shows the real one."""

import re
from datetime import date

import click

from analytics_etl.cli.clock import yesterday

WRITTEN_FOR = date(2025, 3, 31)
"""The last day of the sample events that the examples are about."""

_DAY = re.compile(r"(?<!\d)2025-0[34]-\d\d(?!\d)")


def move_days(command: click.Command) -> None:
    """Move the days in the help of a command, its options and its subcommands to the days before today."""
    move_own_days(command)
    if isinstance(command, click.Group):
        for below in command.commands.values():
            move_days(below)


def move_own_days(command: click.Command) -> None:
    """Do the same for a command alone: the subcommands of the first one would all be imported."""
    command.help = _of_today(command.help)
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            parameter.help = _of_today(parameter.help)


def _of_today(text: str | None) -> str | None:
    moved = yesterday() - WRITTEN_FOR
    return text and _DAY.sub(lambda found: str(date.fromisoformat(found.group()) + moved), text)
