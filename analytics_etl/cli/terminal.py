"""The terminal a command was typed at: how it is written to, how far something is, who types.

All that commands print goes through `out` and `err`. What they are given is text, never markup: styles are given apart
from it, as `Styled`, and what would act on a terminal is written out (see `visible`). Only `hand_over`, for
programs, writes a text as it is.
"""

import getpass
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Any, NamedTuple

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from analytics_etl.text.visible import cut, visible

LONGEST_MESSAGE = 4_000
"""Characters of an error; what a person typed may be of any length."""
WIDEST = 400
"""Columns of a table that goes to no terminal, unless it needs more."""
WIDEST_NEEDED = 100_000


@dataclass(frozen=True)
class Styled:
    """A text and the style it is shown in on a terminal, like `bold red`."""

    text: str
    style: str


Part = str | Styled
Parts = Part | list[Part]
GOOD, NOTE, BAD = Styled("✓", "green"), Styled("!", "yellow"), Styled("✗", "red")


class Column(NamedTuple):
    """The head of a column, and where its cells stand."""

    name: str
    justify: Any = "left"


class _Console(Console):
    def on_broken_pipe(self) -> None:
        _silence(self.file)


class Screen:
    """Standard output or standard error."""

    def __init__(self, *, is_error: bool = False) -> None:
        # Text objects are never read for markup or emoji codes; these are off for whatever else may come.
        self.console = _Console(stderr=is_error, highlight=False, markup=False, emoji=False, soft_wrap=True)

    @property
    def is_terminal(self) -> bool:
        return self.console.is_terminal

    def say(self, *parts: Part) -> None:
        """Print a line."""
        self.console.print(_line(*parts))

    def say_lines(self, text: str, *before: Part) -> None:
        """Print a text of several lines, the later ones indented, so that none of them looks like one of ours."""
        first, *rest = text.split("\n")
        self.say(*before, first)
        for line in rest:
            self.say(f"  {line}" if line else "")

    def table(self, columns: Sequence[Column], rows: Iterable[Sequence[Parts]], width: int = WIDEST) -> None:
        """Print a table as wide as the terminal, or `width` elsewhere."""
        table = Table(box=None, pad_edge=False)
        for column in columns:
            table.add_column(_line(column.name), justify=column.justify, no_wrap=True)
        for row in rows:
            table.add_row(*(_line(*cell) if isinstance(cell, list) else _line(cell) for cell in row))
        needed = self.console.measure(table, options=self.console.options.update(max_width=WIDEST_NEEDED)).maximum
        _Console(
            stderr=self.console.stderr, width=None if self.is_terminal else max(self.console.width, width, needed),
            highlight=False, markup=False, emoji=False,
        ).print(table)  # fmt: skip

    def hand_over(self, text: str) -> None:
        """Write what another program reads, as it is."""
        stream = self.console.file
        try:
            stream.write(text)
            stream.flush()
        except BrokenPipeError:
            _silence(stream)


def _line(*parts: Part) -> Text:
    text = Text()
    for part in parts:
        shown, style = (part, None) if isinstance(part, str) else (part.text, part.style)
        text.append(visible(shown), style)
    return text


out, err = Screen(), Screen(is_error=True)


@contextmanager
def speaking() -> Iterator[None]:
    """Let output never end the work: what an encoding lacks becomes `?`, and a reader that has gone is left alone."""
    for number, name in ((1, "stdout"), (2, "stderr")):
        stream = getattr(sys, name)
        if stream is None:  # closed by whoever started us; the number must not become that of a connection
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 - until the end
            with suppress(OSError):
                os.dup2(getattr(sys, name).fileno(), number)
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    sys.excepthook = _tell_mistake
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except BrokenPipeError:
                _silence(stream)


def _silence(stream: IO[str]) -> None:
    """Send what else is written to nowhere: `| head -1` has seen enough, and the work goes on."""
    with suppress(OSError, ValueError):  # no file under it
        number, nowhere = stream.fileno(), os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, number)
        os.close(nowhere)


def _tell_mistake(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print the traceback of a mistake of ours; the message may hold anything."""
    err.say_lines("".join(traceback.format_exception(kind, error, trace)).rstrip())


def show_error(error: click.ClickException) -> None:
    """Show what was wrong with a command, as click does, and let nothing in it act."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):  # its message is a whole page, of ours
        err.hand_over(f"{visible(error.message, keep_lines=True)}\n")
        return
    is_ours = not isinstance(error, click.UsageError)
    text = visible(error.message, keep_lines=is_ours).replace("\n", "\n  ")
    vars(error)["message"] = cut(text, LONGEST_MESSAGE) if not is_ours else text
    error.show()


def is_terminal() -> bool:
    """Whether somebody sits there who can be asked."""
    return sys.stdin is not None and sys.stdin.isatty()


def actor() -> str:
    """Who types, for the audit log."""
    try:
        return visible(getpass.getuser())  # a variable may name it, and hold anything
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
                err.say(f"{done}/{steps} {what}")
            last = what

        yield tell
        return
    columns = (
        SpinnerColumn(),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
    )
    with Progress(*columns, console=err.console, transient=True) as bar:
        task = bar.add_task("", total=total)

        def show(what: str, done: int, steps: int) -> None:
            bar.update(task, description=visible(what), completed=done, total=steps)

        yield show
