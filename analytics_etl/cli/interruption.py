"""The message after Ctrl-C: it says whether the command had changed anything."""

import click

_BEGUN = "analytics_etl.begun"


def mark_unchanged() -> None:
    """Mark the running command as one that has changed nothing yet."""
    click.get_current_context().meta[_BEGUN] = False


def mark_changing() -> None:
    """Mark the running command as one that may have changed something."""
    click.get_current_context().meta[_BEGUN] = True


def interruption(context: click.Context) -> str:
    """The message of an interrupted command."""
    if context.meta.get(_BEGUN, True):
        return "interrupted; to go on, type the same command again"
    return "interrupted; nothing was changed"
