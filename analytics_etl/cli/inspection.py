"""Commands that look and say what they see; they change nothing but reports and results of checks."""

import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

from analytics_etl.catalog import Catalog
from analytics_etl.cli.families import FAMILY, check_families
from analytics_etl.cli.terminal import DATE, out, plain
from analytics_etl.english import counted
from analytics_etl.marks import FLAGS, STATES
from analytics_etl.settings import Settings
from analytics_etl.warehouse import Warehouse, migrations

if TYPE_CHECKING:  # Dagster takes seconds to import
    from analytics_etl.status import Cell

MARKS = {**STATES, **FLAGS}
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
}
"""Of the marks of states and flags."""
NOTES_SHOWN = 10


@click.command()
@click.option(
    "--from", "first", type=DATE, metavar="DATE", help="First day to show; 13 days before the last one by default."
)
@click.option("--to", "last", type=DATE, metavar="DATE", help="Last day to show; the newest day there is by default.")
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
    from analytics_etl.status import is_of, matrices, notes  # noqa: PLC0415 - Dagster takes seconds to import

    settings = Settings.from_environment()
    catalog = Catalog.of(settings)
    check_families(catalog, families)
    migrations.upgrade(settings)
    warehouse = Warehouse(settings)
    newest = warehouse.newest_day([t for t in catalog.contracts if is_of(t, families)]) or settings.start_date
    end = last.date() if last else newest
    start = first.date() if first else end - timedelta(days=13)
    if start > end:
        raise click.UsageError(f"--from {start} is after --to {end}")
    for matrix in matrices(warehouse, catalog, start, end, families):
        if not matrix.cells:  # a family need not have weekly or monthly tables
            continue
        table = Table(box=None, pad_edge=False, title=None)
        table.add_column(f"{matrix.cadence}s", no_wrap=True)
        for period in matrix.periods:
            table.add_column(
                f"{period:%m-%d}" if matrix.cadence != "month" else f"{period:%Y-%m}", justify="center", no_wrap=True
            )
        for name, cells in matrix.cells.items():
            table.add_row(name, *(_count(cell) if rows else _marks(cell) for cell in cells))
        Console(width=max(out.width, 40 + 12 * len(matrix.periods)) if not out.is_terminal else None).print(table)
        out.print()
    out.print("  ".join(f"{_sign(name)} {mark.words}" for name, mark in MARKS.items()))
    found = notes(warehouse, start, end + timedelta(days=1), families)
    for note in found[:NOTES_SHOWN]:
        out.print(f"  {plain(note)}")
    if len(found) > NOTES_SHOWN:
        out.print(f"  and {len(found) - NOTES_SHOWN} more; analytics-etl doctor looks at everything")


def _marks(cell: "Cell") -> str:
    return _sign(cell.state) + (_sign(cell.flag) if cell.flag else "")


def _sign(name: str) -> str:
    return f"[{COLORS[name]}]{MARKS[name].sign}[/]"


def _count(cell: "Cell") -> str:
    return "" if cell.rows is None else f"{cell.rows:,}"


@click.command()
@click.argument("day", type=DATE, metavar="DATE")
@click.option("--cadence", type=click.Choice(["day", "week", "month"]), default="day", show_default=True)
def report(day: datetime, cadence: Any) -> None:
    """Write the report of a day, or of the week or month that holds it, from what the tables hold now.

    DATE is a UTC day like 2025-03-31.
    """
    from analytics_etl.assets.reports import write_index, write_report  # noqa: PLC0415 - Dagster takes seconds to import
    from analytics_etl.partitions import period_start  # noqa: PLC0415 - the same

    settings = Settings.from_environment()
    migrations.upgrade(settings)
    catalog = Catalog.of(settings)
    for family in [family for family in catalog.families if catalog.reports(family)]:
        written = write_report(Warehouse(settings), catalog, family, cadence, period_start(cadence, day.date()))
        out.print(str(written.html))
    write_index(settings.reports_dir)


@click.command()
def doctor() -> None:
    """Look for what is wrong and say what to type. Exit code 1 if anything is."""
    from analytics_etl.doctor import examine  # noqa: PLC0415 - looks at everything, so needs everything

    is_well = True
    settings = Settings.from_environment()
    for finding in examine(settings, Catalog.of(settings), datetime.now(UTC).date()):
        is_well = is_well and finding.is_well
        mark = "[green]✓[/]" if finding.is_well else "[red]✗[/]"
        out.print(f"{mark} {finding.subject}: {plain(finding.detail)}")
        for line in (finding.advice or "").splitlines():
            out.print(f"    → {plain(line)}")
    if not is_well:
        sys.exit(1)


@click.command()
@click.option("--serve", is_flag=True, help="Answer scrapes on HOST:PORT until Ctrl-C instead of printing.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; there is no password.")
@click.option("--port", default=9190, show_default=True)
def metrics(serve: bool, host: str, port: int) -> None:  # noqa: FBT001 - a flag of the command
    """Print the state of the pipeline as Prometheus metrics, or serve them.

    Freshness, rows, checks, landing backlog, Dagster's runs and daemons, disk. Looks everything up at each scrape.
    """
    from analytics_etl.metrics import expose, listen  # noqa: PLC0415 - reads Dagster's tables by status, so imports it

    settings = Settings.from_environment()
    catalog = Catalog.of(settings)

    def now() -> datetime:
        return datetime.now(UTC)

    if not serve:
        click.echo(expose(settings, catalog, now), nl=False)
        return
    try:
        server, thread = listen(settings, catalog, now, host, port)
    except OSError as error:
        raise click.ClickException(f"cannot listen on {host}:{port}: {error.strerror}; try another --port") from error
    out.print(f"metrics: http://{host}:{server.server_port}/metrics")
    with suppress(KeyboardInterrupt):
        thread.join()


@click.command()
@click.option("--cells", type=click.IntRange(1), default=100, show_default=True, help="Rows to compare, about.")
@click.option("--seed", type=int, help="Which rows; those of the newest day's week by default.")
def watchdog(cells: int, seed: int | None) -> None:
    """Compute some cells of every table again from the raw rows, by another engine, and compare.

    Exit code 1 if any stored value differs; the results are kept as checks of the tables, too.
    """
    from analytics_etl.watchdog import watch  # noqa: PLC0415 - Dagster takes seconds to import

    settings = Settings.from_environment()
    migrations.upgrade(settings)
    findings = watch(Warehouse(settings), Catalog.of(settings), cells, seed)
    if not findings:
        out.print("there is nothing to compare yet: no table has a partition that is up to date")
    for finding in findings:
        mark = "[red]✗[/]" if finding.differences else "[green]✓[/]"
        out.print(f"{mark} {finding.table} {finding.start}: {counted(finding.keys, 'row')} compared")
        for wrong in finding.differences:
            out.print(
                f"    {plain(wrong.key)}: {wrong.column} is stored as {plain(str(wrong.stored))}, the raw rows give "
                f"{plain(str(wrong.derived))}; run {wrong.day} again"
            )
    if any(finding.differences for finding in findings):
        sys.exit(1)
