"""The terminal a command was typed at: how it is written to, how far something is, who types."""

import getpass
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from analytics_etl.archive import ArchiveError
from analytics_etl.contracts import ContractError
from analytics_etl.embedded import EmbeddedServerError
from analytics_etl.models import ModelError
from analytics_etl.settings import Settings, SettingsError
from analytics_etl.warehouse import DatabaseError, explained, without_password

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

DATE = click.DateTime(formats=["%Y-%m-%d"])


def actor() -> str:
    """Who types, for the audit log."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no name for this user id, as in some containers
        return f"uid {os.getuid()}"


@contextmanager
def progress(total: int) -> Iterator[Callable[[str, int, int], None]]:
    """A bar on a terminal, a line for each new message elsewhere (but not for each file)."""
    if not err.is_terminal:
        last = ""

        def tell(what: str, done: int, steps: int) -> None:
            nonlocal last
            if what != last and ": reading " not in what:
                err.print(f"{done}/{steps} {plain(what)}")
            last = what

        yield tell
        return
    columns = (
        SpinnerColumn(),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("", total=total)

        def show(what: str, done: int, steps: int) -> None:
            bar.update(task, description=plain(what), completed=done, total=steps)

        yield show


def explanation(error: BaseException) -> str | None:
    """What to tell of an error that a person can do something about; None of any other, which is a mistake of ours."""
    known = (SettingsError, DatabaseError, ArchiveError, EmbeddedServerError, ModelError, ContractError)
    if isinstance(error, SettingsError):
        return str(error)
    said = str(error) if isinstance(error, known) else explained(error)
    return None if said is None else without_password(said, Settings.from_environment())


def plain(text: str) -> str:
    """Text that holds no markup, whatever stands in it."""
    return text.replace("[", "\\[")
