"""The command that prints the change record, in words, as JSON or as CSV."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import click

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.cli.answers import csv_of
from analytics_etl.cli.configured import read_settings
from analytics_etl.cli.terminal import Styled, err, out
from analytics_etl.cli.typed import DAY, Count, Text
from analytics_etl.families.queries.written import FORMULAS, portable_value
from analytics_etl.ops.changes import newest_changes
from analytics_etl.postgres import migrations
from analytics_etl.postgres.database import Database
from analytics_etl.text.english import spanned

FIELDS = (
    "changed_at", "table", "period_start", "period_end", "outcome", "rows_before", "rows_after", "rows_added",
    "rows_removed", "rows_changed", "measure", "old", "new", "percent", "code_version_before", "code_version_after",
    "run_id",
)  # fmt: skip
"""Columns of the CSV: a line for each measure that changed, or one without a measure."""

WIDTH = 94
"""Characters of a line of totals, indented by four, on a terminal of 100 columns."""


@click.command()
@click.argument("first", type=DAY, metavar="FROM", required=False)
@click.argument("last", type=DAY, metavar="TO", required=False)
@click.option(
    "--table",
    type=Text(),
    metavar="TABLE",
    help="Only of this table, like registry.download_events or download_events.",
)
@click.option(
    "--format",
    "how",
    type=click.Choice(["table", "json", "csv"]),
    default="table",
    show_default=True,
    help=f"Texts are exact in JSON; {FORMULAS}",
)
@click.option("--limit", type=Count(), default=50, show_default=True, help="Changes to show, the newest first.")
def changes(first: datetime | None, last: datetime | None, table: str | None, how: str, limit: int) -> None:
    """Show how numbers changed after they were first published, newest first; refused changes are marked.

    FROM and TO are the days the numbers are about, not those of the change; FROM alone is one day, none is all days.
    Weeks and months are shown when they hold any of the days. Dates and times are UTC.
    """
    settings = read_settings()
    start = first.date() if first else date.min
    end = last.date() if last else start if first else date.max
    if start > end:
        raise click.UsageError(f"FROM {start} is after TO {end}")
    name = _table_named(Catalog(), table) if table else None
    migrations.upgrade(settings)
    found = Database(settings).run(newest_changes, start, end, name, limit + 1)
    if len(found) > limit:
        err.say(f"there are older ones, too: --limit {limit}, or name the days")
    _PRINT[how](found[:limit])


def _table_named(catalog: Catalog, name: str) -> str:
    tables = [*catalog.contracts, *catalog.aggregates]
    found = [table for table in tables if name in (table, table.split(".")[1])]
    if len(found) != 1:
        raise click.UsageError(f"there is no table {name} that keeps changes, expected one of {', '.join(tables)}")
    return found[0]


def _print_text(found: Sequence[Mapping[str, Any]]) -> None:
    """Format a change as a few lines: its up to twenty totals do not fit on one."""
    if not found:
        out.say("nothing has changed since it was first published")
    for change in found:
        outcome = "published" if change["published"] else Styled("REFUSED, the old rows stay", "red")
        at, of = f"{change['changed_at']:%Y-%m-%d %H:%M}", _period(change)
        out.say(f"{at}  {change['table_name']}  {of}  ", outcome)
        for line in (_rows(change), *_packed(_totals(change))):
            out.say(f"    {line}")


def _packed(parts: Iterable[str]) -> Iterator[str]:
    """Put parts on as few lines as possible without breaking any."""
    line = ""
    for part in parts:
        if line and len(line) + len(part) > WIDTH:
            yield f"{line};"
            line = part
        else:
            line = f"{line}; {part}" if line else part
    if line:
        yield line


def _period(change: Mapping[str, Any]) -> str:
    return spanned(change["period_start"], change["period_end"] - timedelta(days=1))


def _rows(change: Mapping[str, Any]) -> str:
    parts = [f"{change[f'rows_{what}']:,} {what}" for what in ("added", "removed", "changed") if change[f"rows_{what}"]]
    return f"{_cause(change)}: rows {change['rows_before']:,} → {change['rows_after']:,}, {', '.join(parts)}"


def _totals(change: Mapping[str, Any]) -> list[str]:
    return [
        f"{name} {measure['old']:,.12g} → {measure['new']:,.12g} "
        f"({'from nothing' if measure['percent'] is None else format(measure['percent'], '+.2f') + ' %'})"
        for name, measure in change["measures"].items()
        if measure["old"] != measure["new"]
    ]


def _cause(change: Mapping[str, Any]) -> str:
    return "new data" if change["code_version_before"] == change["code_version_after"] else "other SQL"


def _print_json(found: Sequence[Mapping[str, Any]]) -> None:
    out.write(json.dumps([_plain(change) for change in found], indent=2, default=str) + "\n")


def _plain(change: Mapping[str, Any]) -> dict[str, Any]:
    outcome = {"table": change["table_name"], "outcome": "published" if change["published"] else "refused"}
    left_out = ("change_id", "published", "table_name", "measures")
    rest = {name: value for name, value in change.items() if name not in left_out}
    totals = {name: {of: portable_value(v) for of, v in m.items()} for name, m in change["measures"].items()}
    return {**outcome, **rest, "measures": totals}


def _print_csv(found: Sequence[Mapping[str, Any]]) -> None:
    out.write(csv_of(FIELDS, _by_measure(found)))


def _by_measure(found: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for change in map(_plain, found):
        changed = {name: m for name, m in change["measures"].items() if m["old"] != m["new"]}
        for name, measure in (changed or {None: {}}).items():
            yield {**change, "measure": name, **measure}


_PRINT = {"table": _print_text, "json": _print_json, "csv": _print_csv}
