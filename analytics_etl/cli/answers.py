"""Rows as the command line prints them: a table, JSON or CSV."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import click
from rich.console import Console
from rich.table import Table

from analytics_etl.cli.terminal import err, out, plain
from analytics_etl.queries import Page, QueryError, Row
from analytics_etl.queries.cursor import LARGEST_PAGE
from analytics_etl.settings import Settings
from analytics_etl.warehouse import Warehouse, migrations

FORMAT = click.option(
    "--format", "form", type=click.Choice(["table", "json", "csv"]), default="table", show_default=True,
    help="table: rounded for reading; json: an object with rows and next; csv: the rows under a header, nothing when "
    "there are none. Numbers of JSON and CSV have up to 15 significant digits.",
)  # fmt: skip


LIMIT = click.option("--limit", type=click.IntRange(1, LARGEST_PAGE), default=100, show_default=True,
                     help="Rows of a page.")  # fmt: skip
AFTER = click.option("--after", metavar="CURSOR", help="What came with the page before as `next`: the rows after it.")

ALL = "(all)"
"""In a table, instead of the value that stands for all of a column's."""

SIGNIFICANT_DIGITS = 15
"""Of a number in JSON and CSV: so many a double holds for sure. What a sum of doubles leaves behind in the 16th and
17th (12.300000000000001) means nothing, and differs from one engine to the next."""


def answer(form: str, ask: Callable[[Warehouse], Page], all_of: Mapping[str, Any] | None = None) -> None:
    """Ask, and print the rows in one of the forms; a question that cannot be asked so is a mistake of who typed it.

    `all_of` has, by column, the value that stands for all of them, which a table says in words.
    """
    settings = Settings.from_environment()
    migrations.upgrade(settings)
    try:
        page = ask(Warehouse(settings))
    except QueryError as error:
        raise click.UsageError(str(error)) from error
    if form == "json":
        click.echo(json.dumps({"rows": [_portable(row) for row in page.rows], "next": page.next}, indent=2))
        return
    click.echo(_csv(page.rows), nl=False) if form == "csv" else _print_table(page.rows, all_of or {})
    if page.next:
        err.print(f"more: --after {plain(page.next)}")


def _print_table(rows: Sequence[Row], all_of: Mapping[str, Any]) -> None:
    if not rows:
        out.print("no rows")
        return
    table = Table(box=None, pad_edge=False)
    for name, value in rows[0].items():
        justify: Any = "right" if isinstance(value, int | float) and not isinstance(value, bool) else "left"
        table.add_column(name, justify=justify, no_wrap=True)
    for row in rows:
        table.add_row(*(plain(ALL if all_of.get(name) == value else _shown(value)) for name, value in row.items()))
    Console(width=None if out.is_terminal else max(out.width, 400), highlight=False).print(table)


def _shown(value: Any) -> str:
    """A value for reading: means and percentiles with one decimal, ratios with four digits."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1 else f"{value:,.1f}"
    if isinstance(value, int):
        return f"{value:,}"
    portable = portable_value(value)
    return "" if portable is None else str(portable)


def _csv(rows: Sequence[Row]) -> str:
    text = io.StringIO(newline="")
    if rows:
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(_portable(row) for row in rows)
    return text.getvalue()


def _portable(row: Row) -> dict[str, Any]:
    return {name: portable_value(value) for name, value in row.items()}


def portable_value(value: Any) -> Any:
    """A value as JSON and CSV have it: a time in UTC with a Z, an id as text, a number without digits of no meaning."""
    if isinstance(value, float):  # a whole one is exact
        return value if value.is_integer() else float(f"{value:.{SIGNIFICANT_DIGITS}g}")
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return str(value) if isinstance(value, UUID | date) else value
