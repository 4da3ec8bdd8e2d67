"""What Ctrl-C is answered with: whether the command had changed anything."""

import click

_BEGUN = "analytics_etl.begun"


def only_looks() -> None:
    """Say that the command changes nothing until it says that it begins."""
    click.get_current_context().meta[_BEGUN] = False


def begins() -> None:
    """Say that from now on the command may change something."""
    click.get_current_context().meta[_BEGUN] = True


def interruption(context: click.Context) -> str:
    """What to tell of a command that was interrupted."""
    if context.meta.get(_BEGUN, True):
        return "interrupted; to go on, type the same command again"
    return "interrupted; nothing was changed"
