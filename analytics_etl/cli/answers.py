"""Rows as the command line prints them: a table, JSON or CSV."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import click
from rich.console import Console
from rich.table import Table

from analytics_etl.cli.terminal import err, out, plain
from analytics_etl.queries import Page, QueryError, Row
from analytics_etl.settings import Settings
from analytics_etl.warehouse import Warehouse, migrations

FORMAT = click.option(
    "--format", "form", type=click.Choice(["table", "json", "csv"]), default="table", show_default=True,
    help="json: an object with rows and next; csv: the rows under a header, nothing when there are none.",
)  # fmt: skip


def answer(form: str, ask: Callable[[Warehouse], Page]) -> None:
    """Ask, and print the rows in one of the forms; a question that cannot be asked so is a mistake of who typed it."""
    settings = Settings.from_environment()
    migrations.upgrade(settings)
    try:
        page = ask(Warehouse(settings))
    except QueryError as error:
        raise click.UsageError(str(error)) from error
    if form == "json":
        click.echo(json.dumps({"rows": [_portable(row) for row in page.rows], "next": page.next}, indent=2))
        return
    click.echo(_csv(page.rows), nl=False) if form == "csv" else _print_table(page.rows)
    if page.next:
        err.print(f"more: --after {plain(page.next)}")


def _print_table(rows: Sequence[Row]) -> None:
    if not rows:
        out.print("no rows")
        return
    table = Table(box=None, pad_edge=False)
    for name, value in rows[0].items():
        justify: Any = "right" if isinstance(value, int | float) and not isinstance(value, bool) else "left"
        table.add_column(name, justify=justify, no_wrap=True)
    for row in rows:
        table.add_row(*(plain(_shown(value)) for value in row.values()))
    Console(width=None if out.is_terminal else max(out.width, 400), highlight=False).print(table)


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1 else f"{value:,.1f}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    portable = _portable({"value": value})["value"]
    return "" if portable is None else str(portable)


def _csv(rows: Sequence[Row]) -> str:
    text = io.StringIO(newline="")
    if rows:
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(_portable(row) for row in rows)
    return text.getvalue()


def _portable(row: Row) -> dict[str, Any]:
    """Values as JSON and CSV have them: times in UTC with a Z, ids as text."""

    def portable(value: Any) -> Any:
        if isinstance(value, datetime):
            return value.isoformat().replace("+00:00", "Z")
        return str(value) if isinstance(value, UUID | date) else value

    return {name: portable(value) for name, value in row.items()}
