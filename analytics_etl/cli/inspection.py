"""The commands `status`, `doctor`, `metrics` and `watchdog`: they change nothing but results of checks."""

import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from analytics_etl.catalog.states import MARKS
from analytics_etl.cli.catalogs import read_catalog
from analytics_etl.cli.configured import read_settings
from analytics_etl.cli.families import FAMILY, check_families
from analytics_etl.cli.terminal import BAD, GOOD, NOTE, Column, Parts, Styled, out
from analytics_etl.cli.typed import DAY, PORT, Count, Text, check_range
from analytics_etl.ops.partitions import newest_day
from analytics_etl.postgres import migrations
from analytics_etl.postgres.database import Database
from analytics_etl.text.english import counted

if TYPE_CHECKING:  # imported where it is used
    from analytics_etl.monitoring.status import Cell, Matrix

COLORS = {
    "final": "green",
    "provisional": "cyan",
    "outdated": "yellow",
    "failed": "red",
    "archived": "blue",
    "dropped": "blue",
    "frozen_late": "magenta",
    "expected": "dim",
    "empty": "yellow",
    "unusual": "yellow",
    "unchecked": "yellow",
}
"""State or flag -> colour of its mark."""
NOTES_SHOWN = 10
MOST_DAYS_SHOWN = 1000
"""Columns of the table of `status`: nobody reads more, and each day is looked up."""


@click.command()
@click.option(
    "--from", "first", type=DAY, metavar="DATE", help="First day to show; 13 days before the last one by default."
)
@click.option("--to", "last", type=DAY, metavar="DATE", help="Last day to show; the newest day there is by default.")
@click.option("--rows", is_flag=True, help="Show numbers of rows instead of states.")
@FAMILY
def status(
    first: datetime | None, last: datetime | None, rows: bool, families: tuple[str, ...]  # noqa: FBT001 - a flag
) -> None:  # fmt: skip
    """Print which day of which table is there, final, provisional, outdated, failed, archived or missing.

    Below, what is wrong or odd with the days shown, and what to type. A family is the part of a table's name before the
    dot.

    \b
    analytics-etl status --family usage
    analytics-etl status --family usage --family schedules --from 2025-03-01 --to 2025-03-31 --rows
    """  # noqa: D301 - click takes \b for the begin of lines to leave as they are
    from analytics_etl.catalog.catalog import is_of  # noqa: PLC0415 - only for this
    from analytics_etl.monitoring.status import matrices, notes  # noqa: PLC0415 - only for this

    settings = read_settings()
    catalog = read_catalog(settings)
    check_families(catalog, families)
    migrations.upgrade(settings)
    database = Database(settings)
    newest = database.run(newest_day, [t for t in catalog.contracts if is_of(t, families)])
    end = last.date() if last else newest or settings.start_date
    start = first.date() if first else end - timedelta(days=13)
    check_range(start, end, "--from", "--to", most_days=MOST_DAYS_SHOWN)
    if newest is None and not (first or last):
        out.say(f"no day is loaded yet: put files below {settings.landing_dir}, then: analytics-etl backfill --missing")
    else:
        _show(matrices(database, catalog, start, end, families), _count if rows else _marks)
    found = notes(database, start, end + timedelta(days=1), families)
    for note in found[:NOTES_SHOWN]:
        out.say(f"  {note}")
    if len(found) > NOTES_SHOWN:
        out.say(f"  and {len(found) - NOTES_SHOWN} more; analytics-etl doctor looks at everything")


def _show(found: "list[Matrix]", shown: "Callable[[Cell], Parts]") -> None:
    """Print a table for each cadence, then the legend of the marks."""
    for matrix in found:
        if not matrix.cells:  # a family need not have weekly or monthly tables
            continue
        named = "%m-%d" if matrix.cadence != "month" else "%Y-%m"
        columns = [Column(f"{matrix.cadence}s"), *(Column(f"{p:{named}}", "center") for p in matrix.periods)]
        lines: list[list[Parts]] = [[name, *map(shown, cells)] for name, cells in matrix.cells.items()]
        out.table(columns, lines, width=40 + 12 * len(matrix.periods))
        out.say("")
    legend = [part for name, mark in MARKS.items() for part in ("  ", _sign(name), f" {mark.words}")]
    out.say(*legend[1:])


def _marks(cell: "Cell") -> Parts:
    if not cell.is_due:
        return ""
    return [_sign(cell.state), *([_sign(cell.flag)] if cell.flag else [])]


def _sign(name: str) -> Styled:
    return Styled(MARKS[name].sign, COLORS[name])


def _count(cell: "Cell") -> Parts:
    return ["" if cell.rows is None else f"{cell.rows:,}"]


@click.command()
def doctor() -> None:
    """Look for what is wrong and say what to type. Exit code 1 if anything is; a line with ! only tells."""
    from analytics_etl.monitoring.doctor import examine  # noqa: PLC0415 - looks at everything, so needs everything

    is_well = True
    settings = read_settings()
    for finding in examine(settings, read_catalog(settings), datetime.now(UTC).date()):
        is_well = is_well and finding.is_well
        sign = BAD if not finding.is_well else NOTE if finding.is_note else GOOD
        out.say(sign, f" {finding.subject}: {finding.detail}")
        for line in finding.advice.split("\n") if finding.advice else []:
            out.say(f"    → {line}")
    if not is_well:
        sys.exit(1)


@click.command()
@click.option("--serve", is_flag=True, help="Answer scrapes on HOST:PORT until Ctrl-C instead of printing.")
@click.option(
    "--host", type=Text(), default="127.0.0.1", show_default=True, help="Address to listen on; there is no password."
)
@click.option("--port", type=PORT, default=9190, show_default=True)
def metrics(serve: bool, host: str, port: int) -> None:  # noqa: FBT001 - a flag of the command
    """Print the state of the pipeline as Prometheus metrics, or serve them.

    Freshness, rows, checks, landing backlog, Dagster's runs and daemons, disk. Looks everything up at each scrape.
    """
    from analytics_etl.monitoring.metrics import expose, listen  # noqa: PLC0415 - reads Dagster's tables by status, so imports it

    settings = read_settings()
    catalog = read_catalog(settings)

    def now() -> datetime:
        return datetime.now(UTC)

    if not serve:
        out.write(expose(settings, catalog, now))
        return
    try:
        server, thread = listen(settings, catalog, now, host, port)
    except (OSError, UnicodeError) as error:  # a name that can be none of a machine
        said = getattr(error, "strerror", None) or str(error)
        raise click.ClickException(f"cannot listen on {host}:{port}: {said}; try another --port or --host") from error
    out.say(f"metrics: http://{host}:{server.server_port}/metrics")
    with suppress(KeyboardInterrupt):
        thread.join()


@click.command()
@click.option("--cells", type=Count(), default=100, show_default=True, help="Rows to compare, about.")
@click.option(
    "--seed", type=click.IntRange(-(2**63), 2**63 - 1), help="Which rows; those of the newest day's week by default."
)
def watchdog(cells: int, seed: int | None) -> None:
    """Compute some cells of every table again from the raw rows, by another engine, and compare.

    Exit code 1 if any stored value differs; the results are kept as checks of the tables, too.
    """
    from analytics_etl.pipeline.verification import watch  # noqa: PLC0415 - only for this

    settings = read_settings()
    migrations.upgrade(settings)
    findings = watch(Database(settings), read_catalog(settings), cells, seed)
    if not findings:
        out.say("there is nothing to compare yet: no table has a partition that is up to date")
    for finding in findings:
        compared = f" {finding.table} {finding.start}: {counted(finding.keys, 'row')} compared"
        out.say(BAD if finding.differences else GOOD, compared)
        for wrong in finding.differences:
            out.say(
                f"    {wrong.key}: {wrong.column} is stored as {wrong.stored}, the raw rows give {wrong.derived}; "
                f"run {wrong.day} again"
            )
    if any(finding.differences for finding in findings):
        sys.exit(1)
