"""The command `analytics-etl`. Thin: it reads arguments, calls, and prints."""

import gc
import getpass
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from analytics_etl import embedded, retention
from analytics_etl.archive import ArchiveError
from analytics_etl.catalog import Catalog
from analytics_etl.contracts import ContractError
from analytics_etl.models import ModelError
from analytics_etl.settings import CHECKOUT, Roles, Settings, SettingsError
from analytics_etl.warehouse import DatabaseError, Warehouse, database_url, migrations, outbox
from analytics_etl.warehouse.roles import Tables

DEMO_LAST_DAY = date(2025, 3, 31)
DEMO_DAYS = 35

STATES = {
    "final": ("●", "green"),
    "provisional": ("◐", "cyan"),
    "outdated": ("~", "yellow"),
    "failed": ("✗", "red"),
    "archived": ("▪", "blue"),
    "frozen late": ("!", "magenta"),
    "missing": ("·", "dim"),
}

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

DATE = click.DateTime(formats=["%Y-%m-%d"])
ACCEPT_CHANGE = click.option(
    "--accept-change", is_flag=True, help="Publish changes of final days however large they are; needs --reason."
)


class Commands(click.Group):
    """Lists the commands in the order of a day's work, and turns known errors into one message and exit code 1."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        known = (SettingsError, DatabaseError, ArchiveError, embedded.EmbeddedServerError, ModelError, ContractError)
        try:
            return super().invoke(ctx)
        except known as error:
            err.print(f"[bold red]Error:[/] {_plain(str(error))}")
            ctx.exit(1)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="analytics-etl")
def main() -> None:
    """Usage analytics of a schema registry: raw event files in, aggregates, checks and reports out.

    Start with `analytics-etl demo`, which needs nothing, then `analytics-etl ui`. With events of your own: put files
    below landing/<table>/, then `analytics-etl run 2025-03-31`. All days are UTC days. The environment variables that
    configure it stand in the README.
    """
    # Millions of objects are made by imports and stay: looking for garbage among them takes a second of a short run.
    gc.set_threshold(100_000, 50, 50)


@main.command()
def demo() -> None:
    """Make sample events of 35 days, run them, and say where the report is.

    Loads the first 34 days as one backfill and the last as a daily run, with all checks and reports, on the embedded
    database. Running it again replaces the same days by the same numbers.
    """
    from analytics_etl.sample import SampleOptions, write_sample  # noqa: PLC0415 - numpy and Arrow, only for this

    settings = Settings.from_environment()
    if settings.database_url is not None:
        raise click.UsageError(
            "the demo fills a database with made-up events and does so on the embedded one only; unset "
            "ANALYTICS_DATABASE_URL, or use `analytics-etl sample` and `analytics-etl backfill`"
        )
    first = DEMO_LAST_DAY - timedelta(days=DEMO_DAYS - 1)
    if settings.start_date > first:
        raise click.UsageError(f"the demo begins on {first}; set ANALYTICS_START_DATE to that day or an earlier one")
    with _progress(DEMO_DAYS) as step:
        done = iter(range(1, DEMO_DAYS + 1))
        options = SampleOptions(last_day=DEMO_LAST_DAY, days=DEMO_DAYS)
        write_sample(settings.landing_dir, options, lambda day: step(f"making events of {day}", next(done), DEMO_DAYS))
    day_before = DEMO_LAST_DAY - timedelta(days=1)
    _run(settings, first, day_before, "demo")
    _run(settings, DEMO_LAST_DAY, DEMO_LAST_DAY, "demo")
    folder = settings.reports_dir / "registry"
    out.print(f"""
[bold]Done.[/] {DEMO_DAYS} days of sample events are loaded, aggregated, checked and reported.

  Report of the last day   {folder / "daily" / f"{DEMO_LAST_DAY}.html"}
  All reports              {settings.reports_dir / "index.html"}

Next:
  make ui                                    the Dagster UI: lineage, partitions, checks, backfills
  .venv/bin/analytics-etl status             which day of which table is there
  psql "$(.venv/bin/analytics-etl db-url)"   the tables themselves
  .venv/bin/analytics-etl stop               stop the embedded database, which keeps running until then""")


@main.command()
@click.argument("day", type=DATE, metavar="DATE")
@ACCEPT_CHANGE
@click.option("--reason", help="Why; kept in the audit log.")
@click.option("--notify", is_flag=True, help="Tell the owners of what fails, as of a scheduled run.")
def run(day: datetime, accept_change: bool, reason: str | None, notify: bool) -> None:  # noqa: FBT001 - by name
    """Run one day: load it, aggregate, check and report it, with its week, its month and the views.

    DATE is a UTC day like 2025-03-31. Running a day again replaces it by what the landing files hold now.
    """
    settings = Settings.from_environment()
    _check_days(settings, day.date(), day.date())
    _run(settings, day.date(), day.date(), "run", reason, accept_change=accept_change, notify=notify)
    out.print(f"[green]✓[/] {day.date()} is done: {settings.reports_dir / 'registry' / 'daily' / f'{day.date()}.html'}")


@main.command()
@click.argument("first", type=DATE, metavar="FROM", required=False)
@click.argument("last", type=DATE, metavar="TO", required=False)
@click.option("--missing", is_flag=True, help="Only what is missing, failed or outdated; FROM and TO may be left out.")
@ACCEPT_CHANGE
@click.option("--reason", help="Why; kept in the audit log.")
@click.option("--notify", is_flag=True, help="Tell the owners of what fails, as of a scheduled run.")
def backfill(
    first: datetime | None,
    last: datetime | None,
    missing: bool,  # noqa: FBT001 - click passes it by name
    accept_change: bool,  # noqa: FBT001 - click passes it by name
    reason: str | None,
    notify: bool,  # noqa: FBT001 - click passes it by name
) -> None:
    """Run a range of days, FROM and TO included, with their weeks, months and the views.

    Every table does the whole range in one run, with the same result as day by day. Interrupted, it can simply be
    started again. With --missing it says what it will run and why, runs only that, and leaves alone the days that are
    final and have late rows; without FROM and TO it looks at every day from the first to the newest that is known.
    """
    settings = Settings.from_environment()
    if (first is None) != (last is None) or (first is None and not missing):
        raise click.UsageError("expected FROM and TO, two days like 2025-03-01 2025-03-31, or --missing without them")
    if missing:
        days = None if first is None or last is None else (first.date(), last.date())
        _backfill_missing(settings, days, reason)
        return
    assert first is not None
    assert last is not None
    _check_days(settings, first.date(), last.date())
    _run(settings, first.date(), last.date(), "backfill", reason, accept_change=accept_change, notify=notify)
    count = (last - first).days + 1
    out.print(f"[green]✓[/] {count} days are done; all reports: {settings.reports_dir / 'index.html'}")


@main.command()
@click.argument("day", type=DATE, metavar="DAY")
@click.option("--reason", required=True, help="Why; kept in the audit log.")
def reopen(day: datetime, reason: str) -> None:
    """Load the late rows of a day that is final: run it with its week, its month and the views.

    DAY is a UTC day like 2025-03-31. What sensors and schedules run leaves such a day as it is.
    """
    settings = Settings.from_environment()
    _check_days(settings, day.date(), day.date())
    _run(settings, day.date(), day.date(), "reopen", reason, accept_change=True)
    out.print(f"[green]✓[/] {day.date()} was reopened and is done")


@main.command()
@click.option("--from", "first", type=DATE, help="First day to show; 13 days before the last one by default.")
@click.option("--to", "last", type=DATE, help="Last day to show; the newest day there is by default.")
@click.option("--rows", is_flag=True, help="Show numbers of rows instead of states.")
def status(first: datetime | None, last: datetime | None, rows: bool) -> None:  # noqa: FBT001 - a flag of the command
    """Print which day of which table is there, final, provisional, outdated, failed, archived or missing."""
    from analytics_etl.status import matrices  # noqa: PLC0415 - Dagster takes seconds to import

    settings = Settings.from_environment()
    migrations.upgrade(settings)
    warehouse, catalog = Warehouse(settings), Catalog()
    newest = warehouse.newest_day(list(catalog.contracts)) or settings.start_date
    end = last.date() if last else newest
    start = first.date() if first else end - timedelta(days=13)
    if start > end:
        raise click.UsageError(f"--from {start} is after --to {end}")
    for matrix in matrices(warehouse, catalog, start, end):
        table = Table(box=None, pad_edge=False, title=None)
        table.add_column(f"{matrix.cadence}s", no_wrap=True)
        for period in matrix.periods:
            table.add_column(
                f"{period:%m-%d}" if matrix.cadence != "month" else f"{period:%Y-%m}", justify="center", no_wrap=True
            )
        for name, states in matrix.states.items():
            cells = [f"[{STATES[state][1]}]{STATES[state][0]}[/]" for state in states]
            counts = ["" if count is None else f"{count:,}" for count in matrix.rows[name]]
            table.add_row(name, *(counts if rows else cells))
        Console(width=max(out.width, 40 + 12 * len(matrix.periods)) if not out.is_terminal else None).print(table)
        out.print()
    out.print("  ".join(f"[{color}]{mark}[/] {state}" for state, (mark, color) in STATES.items()))


@main.command()
@click.option("--dry-run", is_flag=True, help="Only say what is due.")
def archive(dry_run: bool) -> None:  # noqa: FBT001 - a flag of the command
    """Archive raw days that are older than their retention, and empty personal columns that are.

    Each day becomes a Parquet file with a manifest below the archive folder, is read back, and only then leaves its
    table. Interrupted, it can simply be started again. The daemon does the same every night.
    """
    settings = Settings.from_environment()
    migrations.upgrade(settings)
    warehouse, catalog = Warehouse(settings), Catalog()
    if dry_run:
        steps = list(retention.plan(warehouse, catalog))
        for step in steps:
            out.print(str(step))
        out.print(f"{len(steps)} steps are due; nothing was changed")
        return
    with _progress(1) as tell:
        outcome = retention.run(warehouse, catalog, _actor(), tell)
    out.print(
        f"[green]✓[/] archived {outcome.days} days: {outcome.rows:,} rows in {outcome.bytes:,} bytes below "
        f"{settings.archive_dir}; removed {outcome.personal_values:,} personal values"
    )


@main.command()
@click.argument("table", metavar="TABLE")
@click.argument("day", type=DATE, metavar="DAY")
@click.option("--reason", required=True, help="Why; kept in the audit log.")
def restore(table: str, day: datetime, reason: str) -> None:
    """Bring an archived day of a raw table back into it: the same rows, verified against the manifest.

    TABLE is named with its schema, like registry.download_events. The day stays until the newest day of the table has
    moved on by ANALYTICS_RESTORED_DAYS (7). Aggregates of archived days can be run anew without this.
    """
    settings = Settings.from_environment()
    migrations.upgrade(settings)
    contract = Catalog().contracts.get(table)
    if contract is None:
        raise click.UsageError(f"there is no event table {table}, expected one of {', '.join(Catalog().contracts)}")
    manifest = Warehouse(settings).archiver.restore(contract, day.date(), _actor(), reason)
    out.print(f"[green]✓[/] {table} {day.date()} is back: {manifest.fingerprint.rows:,} rows")


@main.command()
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
    catalog = Catalog()
    for family in [family for family in catalog.families if catalog.reports(family)]:
        written = write_report(Warehouse(settings), catalog, family, cadence, period_start(cadence, day.date()))
        out.print(str(written.html))
    write_index(settings.reports_dir)


@main.command()
@click.option("--port", default=3000, show_default=True)
def ui(port: int) -> None:
    """Start the Dagster UI with its daemon, on http://127.0.0.1:PORT, on the right database and home.

    Stays in the foreground; stop it with Ctrl-C. Schedules and backfills run as long as it does.
    """
    out.print(f"Dagster UI: http://127.0.0.1:{port}")
    _dagster("dagster", "dev", "-w", str(CHECKOUT / "workspace.yaml"), "-h", "127.0.0.1", "-p", str(port))


@main.command(name="exec", context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]})
@click.argument("command", nargs=-1, required=True)
def execute(command: Sequence[str]) -> None:
    """Run one of Dagster's own programs on the right database and home, for services.

    For example: analytics-etl exec dagster-daemon run -w workspace.yaml
    """
    _dagster(*command)


@main.command()
def stop() -> None:
    """Stop the embedded database server."""
    stopped = embedded.stop(Settings.from_environment().home)
    out.print("stopped" if stopped else "it was not running")


@main.command()
def doctor() -> None:
    """Look for what is wrong and say what to type. Exit code 1 if anything is."""
    from analytics_etl.doctor import examine  # noqa: PLC0415 - looks at everything, so needs everything

    is_well = True
    for finding in examine(Settings.from_environment(), Catalog(), datetime.now(UTC).date()):
        is_well = is_well and finding.is_well
        mark = "[green]✓[/]" if finding.is_well else "[red]✗[/]"
        out.print(f"{mark} {finding.subject}: {_plain(finding.detail)}")
        if finding.advice:
            out.print(f"    → {_plain(finding.advice)}")
    if not is_well:
        sys.exit(1)


@main.command()
@click.option("--serve", is_flag=True, help="Answer scrapes on HOST:PORT until Ctrl-C instead of printing.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; there is no password.")
@click.option("--port", default=9190, show_default=True)
def metrics(serve: bool, host: str, port: int) -> None:  # noqa: FBT001 - a flag of the command
    """Print the state of the pipeline as Prometheus metrics, or serve them.

    Freshness, rows, checks, landing backlog, Dagster's runs and daemons, disk. Looks everything up at each scrape.
    """
    from analytics_etl.metrics import expose, listen  # noqa: PLC0415 - reads Dagster's tables by status, so imports it

    settings, catalog = Settings.from_environment(), Catalog()

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


@main.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
def prune(dry_run: bool) -> None:  # noqa: FBT001 - a flag of the command
    """Remove old runs and event logs from Dagster, as the job `housekeeping` does every night.

    Runs that ended more than ANALYTICS_DAGSTER_KEEP_DAYS days ago (30 by default) go, except those that hold the latest
    materialization or check of some partition. The tables themselves are not touched.
    """
    from analytics_etl import housekeeping, runs  # noqa: PLC0415 - Dagster takes seconds to import

    settings = Settings.from_environment()
    before = housekeeping.oldest_kept(datetime.now(UTC), settings)
    with runs.instance(settings) as instance:
        found = housekeeping.prune(instance, before, dry_run=dry_run)
    if found.removed and not dry_run:
        Warehouse(settings).record_audit(_actor(), "prune", f"{len(found.removed)} runs that ended before {before:%F}")
    what = "would be removed" if dry_run else "are removed"
    out.print(
        f"{len(found.removed)} runs that ended before {before:%F %H:%M} UTC {what}; "
        f"{len(found.kept)} stay, since they hold the latest of some partition"
    )


@main.command()
@click.option("--watch", is_flag=True, help="Do it again and again, until Ctrl-C.")
@click.option("--every", type=click.IntRange(1), default=60, show_default=True, help="Seconds between, with --watch.")
@click.option("--test", "is_test", is_flag=True, help="Send a test message to every receiver instead.")
@click.option("--list", "is_list", is_flag=True, help="Show the newest messages and what became of them instead.")
def notify(watch: bool, every: int, is_test: bool, is_list: bool) -> None:  # noqa: FBT001 - flags of the command
    """Tell the owners of tables what went wrong: look once for new failures, send what is due.

    The daemon does the same each minute. Started by cron or systemd, this notices a daemon that has died, too. Exit
    code 1 if a receiver did not accept a message; it is tried again later.
    """
    settings = Settings.from_environment()
    if is_test:
        _test_receivers(settings)
    elif is_list:
        _list_notifications(settings)
    else:
        has_errors = _tell(settings)
        while watch:
            time.sleep(every)
            has_errors = _tell(settings)
        if has_errors:
            sys.exit(1)


def _tell(settings: Settings) -> bool:
    """One pass of collecting and sending; whether a receiver did not accept a message."""
    from analytics_etl import notifier, runs  # noqa: PLC0415 - Dagster takes seconds to import

    with runs.instance(settings) as instance:
        outcome = notifier.tell(Warehouse(settings), instance, datetime.now(UTC))
    err.print(f"notifications: {outcome}")
    for receiver, said in outcome.errors.items():
        err.print(f"[red]✗[/] {_plain(receiver)}: {_plain(said)}")
    return bool(outcome.errors)


def _test_receivers(settings: Settings) -> None:
    from analytics_etl.notifications import DeliveryError, messages, receivers_of  # noqa: PLC0415 - only for this

    message = messages.trial_message(datetime.now(UTC), ["*"])
    failed = False
    for receiver in receivers_of(settings):
        try:
            with receiver.handing_over(message):
                out.print(f"[green]✓[/] {_plain(receiver.name)}")
        except DeliveryError as error:
            failed = True
            out.print(f"[red]✗[/] {_plain(receiver.name)}: {_plain(str(error))}")
    if failed:
        sys.exit(1)


def _list_notifications(settings: Settings) -> None:
    migrations.upgrade(settings)
    with Warehouse(settings).outbox() as connection:
        found = outbox.listed(connection, 50)
    for row in found:
        state = f"{row['state']} (attempts: {row['attempts']})"
        error = f": {row['last_error']}" if row["last_error"] else ""
        line = f"{row['created_at']:%Y-%m-%d %H:%M}  {row['subject']}  →  {row['receiver']}: {state}{error}"
        out.print(_plain(line))
    if not found:
        out.print("nothing has been told yet")


@main.command()
@click.option("--cells", type=click.IntRange(1), default=100, show_default=True, help="Rows to compare, about.")
@click.option("--seed", type=int, help="Which rows; those of the newest day's week by default.")
def watchdog(cells: int, seed: int | None) -> None:
    """Compute some cells of every table again from the raw rows, by another engine, and compare.

    Exit code 1 if any stored value differs; the results are kept as checks of the tables, too.
    """
    from analytics_etl.watchdog import watch  # noqa: PLC0415 - Dagster takes seconds to import

    settings = Settings.from_environment()
    migrations.upgrade(settings)
    findings = watch(Warehouse(settings), Catalog(), cells, seed)
    if not findings:
        out.print("there is nothing to compare yet: no table has a partition that is up to date")
    for finding in findings:
        mark = "[red]✗[/]" if finding.differences else "[green]✓[/]"
        out.print(f"{mark} {finding.table} {finding.start}: {finding.keys} rows compared")
        for wrong in finding.differences:
            out.print(
                f"    {_plain(wrong.key)}: {wrong.column} is stored as {_plain(str(wrong.stored))}, the raw rows give "
                f"{_plain(str(wrong.derived))}; run {wrong.day} again"
            )
    if any(finding.differences for finding in findings):
        sys.exit(1)


@main.command(name="db-url")
def db_url() -> None:
    """Print the URL of the database, starting the embedded server if it is the one. May print a password."""
    click.echo(database_url(Settings.from_environment()))


@main.command()
@click.option("--down", metavar="REVISION", help="Go back to a revision, or to 'base'; never drops rows.")
@click.option("--roles", "create", is_flag=True, help="Make the owner, loader and reader role if they are missing.")
def migrate(down: str | None, create: bool) -> None:  # noqa: FBT001 - a flag of the command
    """Bring the database's event and ops tables to the newest revision. Every run does this by itself.

    With ANALYTICS_ROLES or --roles, also set owners and rights of all tables; as a superuser, or as the owner role.
    """
    settings = Settings.from_environment()
    if down and create:
        raise click.UsageError("--down and --roles do not go together")
    revision = migrations.downgrade(settings, down) if down else migrations.upgrade(settings)
    out.print(f"the database is at revision {revision}")
    names = settings.roles or (Roles() if create else None)
    if names is not None and not down:
        catalog = Catalog()
        created = migrations.set_grants(settings, names, Tables(catalog.contracts, catalog.derived), create=create)
        out.print(f"grants are set for {names.owner}, {names.loader} and {names.reader}")
        if created:
            out.print(f"made {', '.join(created)}; nobody can log in as them: grant them to roles with a password")


@main.command()
@click.option("--to", "landing", type=click.Path(path_type=Path), help="Landing folder; the configured one by default.")
@click.option("--last-day", type=DATE, default=str(DEMO_LAST_DAY), show_default=True)
@click.option("--days", type=click.IntRange(1), default=DEMO_DAYS, show_default=True)
@click.option("--events-per-day", type=click.IntRange(1), default=10_000, show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option(
    "--format", "file_format", default="ndjson.zst", show_default=True,
    type=click.Choice(["ndjson", "ndjson.gz", "ndjson.zst", "csv", "csv.gz", "csv.zst", "parquet"]),
)  # fmt: skip
@click.option("--even", is_flag=True, help="The same number of events every day: no rhythm, growth or outage.")
def sample(
    landing: Path | None, last_day: datetime, days: int, events_per_day: int, seed: int, file_format: str, even: bool  # noqa: FBT001
) -> None:  # fmt: skip
    """Make sample events: the same options give the same files.

    Popular and rare modules, a rhythm of days and weeks, growth, trends, an outage, anonymous users, and a few
    duplicates and bad rows, as in real life.
    """
    from analytics_etl.sample import SampleOptions, write_sample  # noqa: PLC0415 - numpy and Arrow, only for this

    folder = landing or Settings.from_environment().landing_dir
    options = SampleOptions(
        last_day=last_day.date(), days=days, events_per_day=events_per_day, seed=seed, file_format=file_format,
        rhythm=not even, outage=not even,
    )  # fmt: skip
    with _progress(days) as step:
        done = iter(range(1, days + 1))
        written = write_sample(folder, options, lambda day: step(f"making events of {day}", next(done), days))
    out.print(f"wrote {len(written)} files below {folder}")


def _backfill_missing(settings: Settings, days: tuple[date, date] | None, reason: str | None) -> None:
    from analytics_etl import runs  # noqa: PLC0415 - Dagster takes seconds to import
    from analytics_etl.missing import known_days, make_plan  # noqa: PLC0415 - the same

    if days is not None:
        _check_days(settings, *days)
    migrations.upgrade(settings)
    warehouse = Warehouse(settings)
    days = days or known_days(warehouse)
    if days is None:
        out.print("no day is known yet: load one with `analytics-etl run DATE`")
        return
    plan = make_plan(warehouse, Catalog(), *days)
    for day in plan.frozen:
        out.print(
            f"! {day} is final and has late rows: left alone; to load them: analytics-etl reopen {day} --reason TEXT"
        )
    if not plan.jobs:
        out.print(f"[green]✓[/] nothing to do: {days[0]} to {days[1]} is complete and up to date")
        return
    for line in plan.reasons():
        out.print(line)
    out.print("runs: " + ", ".join(map(str, plan.jobs)))
    warehouse.record_audit(_actor(), "backfill --missing", f"{days[0]} to {days[1]}", reason)
    with _progress(1) as step:
        try:
            runs.execute(settings, plan.jobs, step, {"analytics_etl/by": "backfill"})
        except runs.RunFailedError as error:
            raise click.ClickException(str(error)) from error
    out.print(f"[green]✓[/] {len(plan.gaps)} partitions are done; all reports: {settings.reports_dir / 'index.html'}")


def _run(
    settings: Settings, first: date, last: date, action: str, reason: str | None = None, *,
    accept_change: bool = False, notify: bool = False,
) -> None:  # fmt: skip
    if accept_change and not (reason or "").strip():
        raise click.UsageError('--accept-change publishes what was refused: say why with --reason "..."')
    from analytics_etl import runs  # noqa: PLC0415 - Dagster takes seconds to import

    with _progress(1) as step:
        step("starting", 0, 1)
        if action in ("backfill", "reopen") or accept_change or reason:
            migrations.upgrade(settings)
            Warehouse(settings).record_audit(_actor(), action, f"{first} to {last}", reason)
        if accept_change:
            Warehouse(settings).record_audit(_actor(), "accept change", f"{first} to {last}", reason)
        tags = {"analytics_etl/by": action, **({"analytics_etl/accept_change": "true"} if accept_change else {})}
        try:
            tags |= {"analytics_etl/notify": "true"} if notify else {}
            runs.execute(settings, runs.jobs_of(first, last), step, tags)
        except runs.RunFailedError as error:
            raise click.ClickException(str(error)) from error
        finally:
            if notify:
                _tell(settings)


def _check_days(settings: Settings, first: date, last: date) -> None:
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    if first > last:
        raise click.UsageError(f"FROM {first} is after TO {last}")
    if first < settings.start_date:
        raise click.UsageError(
            f"{first} is before the first partition, {settings.start_date}; set ANALYTICS_START_DATE to an earlier day"
        )
    if last > yesterday:
        raise click.UsageError(f"{last} is not over yet in UTC; the last day that can be run is {yesterday}")


def _actor() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no name for this user id, as in some containers
        return f"uid {os.getuid()}"


@contextmanager
def _progress(total: int) -> Iterator[Callable[[str, int, int], None]]:
    """A bar on a terminal, a line for each new message elsewhere (but not for each file)."""
    if not err.is_terminal:
        last = ""

        def tell(what: str, done: int, steps: int) -> None:
            nonlocal last
            if what != last and ": reading " not in what:
                err.print(f"{done}/{steps} {_plain(what)}")
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
            bar.update(task, description=_plain(what), completed=done, total=steps)

        yield show


def _plain(text: str) -> str:
    """Text that holds no markup, whatever stands in it."""
    return text.replace("[", "\\[")


def _dagster(program: str, *arguments: str) -> None:
    from analytics_etl.runs import environment_for  # noqa: PLC0415 - Dagster takes seconds to import

    path = Path(sys.executable).with_name(program)
    if not path.exists():
        raise click.UsageError(f"there is no program {program} beside {sys.executable}")
    os.execve(path, [str(path), *arguments], environment_for(Settings.from_environment()))  # noqa: S606 - our own programs


if __name__ == "__main__":
    main()
