"""The terminal: output, progress, questions, and the name of the user.

All that commands print goes through `out` and `err`. What they are given is text, never markup: styles are given apart
from it, as `Styled`, and what would act on a terminal is written out (see `visible`). Only `write`, for
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
"""Characters of an error message: a typed text that it quotes may have any length."""
WIDEST = 400
"""Characters of a line of a table in a file or pipe, unless the table needs more."""
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
    """The heading of a column, and how its cells are aligned."""

    name: str
    justify: Any = "left"


class _Console(Console):
    def on_broken_pipe(self) -> None:
        _discard(self.file)


class Screen:
    """Standard output or standard error."""

    def __init__(self, *, is_error: bool = False) -> None:
        # rich reads no markup or emoji codes in Text objects; these options turn them off for all else.
        self.console = _Console(stderr=is_error, highlight=False, markup=False, emoji=False, soft_wrap=True)

    @property
    def is_terminal(self) -> bool:
        return self.console.is_terminal

    def say(self, *parts: Part) -> None:
        """Print a line."""
        self.console.print(_line(*parts))

    def say_lines(self, text: str, *before: Part) -> None:
        """Print a text of several lines; all but the first are indented, so that none looks like one of ours."""
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

    def write(self, text: str) -> None:
        """Write text for another program, unchanged."""
        stream = self.console.file
        try:
            stream.write(text)
            stream.flush()
        except BrokenPipeError:
            _discard(stream)


def _line(*parts: Part) -> Text:
    text = Text()
    for part in parts:
        shown, style = (part, None) if isinstance(part, str) else (part.text, part.style)
        text.append(visible(shown), style)
    return text


out, err = Screen(), Screen(is_error=True)


@contextmanager
def robust_output() -> Iterator[None]:
    """Keep output from ending the work: unencodable characters become `?`, a closed pipe is ignored."""
    for number, name in ((1, "stdout"), (2, "stderr")):
        stream = getattr(sys, name)
        if stream is None:  # closed by whoever started us; the number must not become that of a connection
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 - until the end
            with suppress(OSError):
                os.dup2(getattr(sys, name).fileno(), number)
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    sys.excepthook = _print_bug
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except BrokenPipeError:
                _discard(stream)


def _discard(stream: IO[str]) -> None:
    """Discard all further output: after `| head -1` the work goes on without a reader."""
    with suppress(OSError, ValueError):  # no file under it
        number, nowhere = stream.fileno(), os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, number)
        os.close(nowhere)


def _print_bug(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print the traceback of a bug, with control characters written out."""
    err.say_lines("".join(traceback.format_exception(kind, error, trace)).rstrip())


def show_error(error: click.ClickException) -> None:
    """Print the error of a command as click does, with control characters written out."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):  # its message is a whole page, of ours
        err.write(f"{visible(error.message, keep_lines=True)}\n")
        return
    is_ours = not isinstance(error, click.UsageError)
    text = visible(error.message, keep_lines=is_ours).replace("\n", "\n  ")
    vars(error)["message"] = cut(text, LONGEST_MESSAGE) if not is_ours else text
    error.show()


def is_terminal() -> bool:
    """Whether standard input is a terminal, so that a question can be asked."""
    return sys.stdin is not None and sys.stdin.isatty()


def actor() -> str:
    """The name of the user, for the audit log."""
    try:
        return visible(getpass.getuser())  # a variable may name it, and hold anything
    except (KeyError, OSError):  # no name for this user id, as in some containers
        return f"uid {os.getuid()}"


@contextmanager
def progress(total: int) -> Iterator[Callable[[str, int, int], None]]:
    """Show progress: a bar on a terminal, else a line for each new message, except those about single files."""
    if not err.is_terminal:
        last = ""

        def log(what: str, done: int, steps: int) -> None:
            nonlocal last
            if what != last and ": reading " not in what:
                err.say(f"{done}/{steps} {what}")
            last = what

        yield log
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
