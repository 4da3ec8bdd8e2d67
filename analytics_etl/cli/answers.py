"""Rows as the command line prints them: a table, JSON or CSV."""

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import click

from analytics_etl.cli.configured import read_settings
from analytics_etl.cli.terminal import Column, err, out
from analytics_etl.cli.typed import Text
from analytics_etl.families.queries import Coverage, Page, QueryError, Row, written
from analytics_etl.families.queries.cursor import LARGEST_PAGE
from analytics_etl.families.queries.written import FORMULAS, cell_value, plain, portable_row
from analytics_etl.postgres import migrations
from analytics_etl.postgres.database import Database
from analytics_etl.text.english import counted, shortened, spanned
from analytics_etl.text.visible import visible

FORMAT = click.option(
    "--format", "form", type=click.Choice(["table", "json", "csv"]), default="table", show_default=True,
    help="table: rounded for reading; json: an object with rows, next, dropped and missing days; csv: the rows under "
    "a header, nothing when there are none. Numbers of JSON and CSV have up to 15 significant digits. Texts are exact "
    "in JSON; " + FORMULAS,
)  # fmt: skip

LIMIT = click.option("--limit", type=click.IntRange(1, LARGEST_PAGE), default=100, show_default=True,
                     help="Rows of a page.")  # fmt: skip
AFTER = click.option(
    "--after", type=Text(), metavar="CURSOR", help="What came with the page before as `next`: the rows after it."
)

EXIT_DROPPED = 3
"""Exit code of an incomplete answer: the rows of some of the days asked for were not kept."""

ALL = "(all)"
"""What a table shows for the value that stands for all values of a column."""


def answer(form: str, ask: Callable[[Database], Page], all_of: Mapping[str, Any] | None = None) -> None:
    """Ask, and print the rows in one of the forms; raise UsageError for a QueryError.

    `all_of` maps a column to the value that stands for all its values; a table prints it as ALL. Dropped and missing
    days are listed on stderr, and in JSON. If any day was dropped, the process ends with EXIT_DROPPED.
    """
    settings = read_settings()
    migrations.upgrade(settings)
    try:
        page = ask(Database(settings))
    except QueryError as error:
        raise click.UsageError(str(error)) from error
    coverage = page.coverage or Coverage("")
    if form == "json":
        out.write(json.dumps(_whole(page, coverage), indent=2) + "\n")
    elif form == "csv":
        out.write(csv_of(list(page.rows[0]) if page.rows else [], page.rows))
    else:
        _print_table(page.rows, all_of or {}, coverage)
    for note in notes(coverage):
        err.say(note)
    if page.next and form != "json":
        err.say(f"more: --after {page.next}")
    if coverage.dropped:
        sys.exit(EXIT_DROPPED)


def answer_value(ask: Callable[[Database], Mapping[str, Any]]) -> None:
    """Ask for a value that is no table, and print it as JSON; raise UsageError for a QueryError."""
    settings = read_settings()
    migrations.upgrade(settings)
    try:
        found = ask(Database(settings))
    except QueryError as error:
        raise click.UsageError(str(error)) from error
    out.write(json.dumps(plain(found), indent=2) + "\n")


def _whole(page: Page, coverage: Coverage) -> dict[str, Any]:
    """The page as the object that JSON prints."""
    return {
        "rows": [portable_row(row) for row in page.rows],
        "next": page.next,
        "dropped": [str(day) for day in coverage.dropped],
        "missing": [{"first": str(first), "last": str(last)} for first, last in coverage.missing],
    }


def notes(coverage: Coverage) -> list[str]:
    """A line about the dropped days and one about the missing days of an answer, with what to type."""
    said = []
    if coverage.table and not (coverage.dropped or coverage.missing or coverage.other_days):
        said.append(f"no day of {coverage.table} is loaded")
    if days := coverage.dropped:
        spans = _spans(days)
        were = "was" if len(days) == 1 else "were"
        said.append(
            f"{coverage.table}: {_listed(spans)} {were} not kept{coverage.lack}; to bring a day back from its files: "
            f'analytics-etl restore {coverage.table} {days[0]} --reason "why"'
        )
    if gaps := coverage.missing:
        are = "is" if len(gaps) == 1 and gaps[0][0] == gaps[0][1] else "are"
        said.append(f"{coverage.table}: {_listed(gaps)} {are} not loaded")
    return said


def _spans(days: Sequence[date]) -> list[tuple[date, date]]:
    """(first, last) of each stretch of consecutive days; the days are in order."""
    spans: list[tuple[date, date]] = []
    for day in days:
        follows = spans and spans[-1][1] + timedelta(days=1) == day
        spans[-1:] = [(spans[-1][0], day)] if follows else [*spans[-1:], (day, day)]
    return spans


def _listed(spans: Sequence[tuple[date, date]]) -> str:
    return shortened([spanned(*span) for span in spans])


def _print_table(rows: Sequence[Row], all_of: Mapping[str, Any], coverage: Coverage) -> None:
    if not rows:
        if not (coverage.dropped or coverage.missing):
            out.say("no rows")
        elif coverage.other_days:
            out.say(f"no rows on the {counted(coverage.other_days, 'day')} that can be read")
        return
    columns = []
    for name in rows[0]:
        value = next((row[name] for row in rows if row[name] is not None), None)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        columns.append(Column(name, "right" if is_number else "left"))
    out.table(columns, [[_cell(name, value, all_of) for name, value in row.items()] for row in rows])


def _cell(name: str, value: Any, all_of: Mapping[str, Any]) -> str:
    return ALL if name in all_of and all_of[name] == value else _shown(value)


def _shown(value: Any) -> str:
    """Format a value for a table: means and percentiles with one decimal, ratios with four digits."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1 else f"{value:,.1f}"
    if isinstance(value, int):
        return f"{value:,}"
    portable = cell_value(value)
    return "" if portable is None else str(portable)


def csv_of(names: Sequence[str], rows: Iterable[Row]) -> str:
    """Rows as CSV. On a terminal what would act on it is written out, in a file it stays as it is stored."""
    return written.csv_of(names, rows, visible if out.is_terminal else str)


def csv_lines(rows: Iterable[Sequence[Any]]) -> str:
    """Rows of cells as CSV, see `csv_of`."""
    return written.csv_lines(rows, visible if out.is_terminal else str)
