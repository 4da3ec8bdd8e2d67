"""The commands `run`, `backfill` and `reopen`."""

from datetime import date, datetime
from typing import TYPE_CHECKING

import click

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.cli.backfill_missing import backfill_missing
from analytics_etl.cli.catalogs import read_catalog
from analytics_etl.cli.configured import read_settings
from analytics_etl.cli.execution import check_days, planned_jobs, reporting_misplaced, run_days
from analytics_etl.cli.families import FAMILY, check_families
from analytics_etl.cli.gaps import YES, ask_if_far, say_empty_days
from analytics_etl.cli.interruption import mark_unchanged
from analytics_etl.cli.plan_display import DRY_RUN, SELECT, names_of, print_unread, show
from analytics_etl.cli.terminal import GOOD, out, progress
from analytics_etl.cli.typed import DAY, REASON
from analytics_etl.config.settings import Settings
from analytics_etl.ops.records import waiting_days
from analytics_etl.postgres import migrations
from analytics_etl.postgres.database import Database
from analytics_etl.postgres.failures import persistently
from analytics_etl.text.english import counted, spanned

if TYPE_CHECKING:
    from analytics_etl.orchestration import runs

ACCEPT_CHANGE = click.option(
    "--accept-change", is_flag=True, help="Publish changes of final days however large they are; needs --reason."
)


@click.command()
@click.argument("day", type=DAY, metavar="DATE")
@FAMILY
@SELECT
@DRY_RUN
@ACCEPT_CHANGE
@click.option("--reason", type=REASON, help="Why; kept in the audit log.")
@click.option("--notify", is_flag=True, help="Tell the owners of what fails, as of a scheduled run.")
@YES
def run(
    day: datetime,
    families: tuple[str, ...],
    selected: tuple[str, ...],
    dry_run: bool,  # noqa: FBT001 - click passes it by name
    accept_change: bool,  # noqa: FBT001 - click passes it by name
    reason: str | None,
    notify: bool,  # noqa: FBT001 - click passes it by name
    yes: bool,  # noqa: FBT001 - click passes it by name
) -> None:
    """Run one day: load it, aggregate, check and report it, with its week, its month and the views.

    DATE is a UTC day like 2025-03-31, or `yesterday`. Running a day again replaces it by what the landing files hold
    now. A day more than 31 days after the newest one, or before the first, is asked about.

    \b
    analytics-etl run yesterday --dry-run
    analytics-etl run 2025-03-31 --select registry.language_stats_daily+
    """  # noqa: D301 - click takes \b for the begin of lines to leave as they are
    _run_range(
        (day.date(), day.date()), "run", families, selected, reason,
        dry_run=dry_run, accept_change=accept_change, notify=notify, yes=yes,
    )  # fmt: skip


@click.command()
@click.argument("first", type=DAY, metavar="FROM", required=False)
@click.argument("last", type=DAY, metavar="TO", required=False)
@click.option(
    "--missing",
    is_flag=True,
    help="Only what is missing, failed, outdated, not checked or not reported; FROM and TO may be left out.",
)
@FAMILY
@SELECT
@DRY_RUN
@ACCEPT_CHANGE
@click.option("--reason", type=REASON, help="Why; kept in the audit log.")
@click.option("--notify", is_flag=True, help="Tell the owners of what fails, as of a scheduled run.")
@YES
def backfill(
    first: datetime | None,
    last: datetime | None,
    missing: bool,  # noqa: FBT001 - click passes it by name
    families: tuple[str, ...],
    selected: tuple[str, ...],
    dry_run: bool,  # noqa: FBT001 - click passes it by name
    accept_change: bool,  # noqa: FBT001 - click passes it by name
    reason: str | None,
    notify: bool,  # noqa: FBT001 - click passes it by name
    yes: bool,  # noqa: FBT001 - click passes it by name
) -> None:
    """Run a range of days, FROM and TO included, with their weeks, months and the views.

    Every table does the whole range in one run, with the same result as day by day. Interrupted, it can simply be
    started again. With --missing it says what it will run and why, runs only that, and leaves alone the days that are
    final and have late rows; without FROM and TO it looks at every day from the first to the newest that is known.
    """
    settings = read_settings()
    if (first is None) != (last is None) or (first is None and not missing):
        raise click.UsageError("expected FROM and TO, two days like 2025-03-01 2025-03-31, or --missing without them")
    if missing:
        days = None if first is None or last is None else (first.date(), last.date())
        catalog = read_catalog(settings)
        names = names_of(catalog, selected, families)
        with reporting_misplaced(settings, catalog):
            backfill_missing(settings, days, families, names, reason, dry_run=dry_run)
        return
    assert first is not None
    assert last is not None
    _run_range(
        (first.date(), last.date()), "backfill", families, selected, reason,
        dry_run=dry_run, accept_change=accept_change, notify=notify, yes=yes,
    )  # fmt: skip


def _run_range(
    days: tuple[date, date], action: str, families: tuple[str, ...], selected: tuple[str, ...], reason: str | None,
    *, dry_run: bool, accept_change: bool, notify: bool, yes: bool,
) -> None:  # fmt: skip
    mark_unchanged()
    settings = read_settings()
    check_days(settings, *days)
    catalog = read_catalog(settings)
    check_families(catalog, families)
    names = names_of(catalog, selected, families)
    ask_if_far(settings, *days, yes=yes or dry_run)
    if dry_run:
        _show_range(settings, catalog, days, families, names)
        return
    with reporting_misplaced(settings, catalog):
        done = run_days(
            settings, *days, action, reason, families=families, names=names, accept_change=accept_change, notify=notify
        )
        _say_done(settings, days, done, " is done")
        say_empty_days(settings, days, families, names)
        if selected and not all(pattern.endswith("+") for pattern in selected):
            out.say("  what reads it was not run; to run that, too: analytics-etl backfill --missing")


def _show_range(
    settings: Settings, catalog: Catalog, days: tuple[date, date], families: tuple[str, ...],
    names: set[str] | None,
) -> None:  # fmt: skip
    from analytics_etl.pipeline.late import replaced_days, unread_files  # noqa: PLC0415 - only for this
    from analytics_etl.pipeline.planning import make_plan, plan_of_named_days  # noqa: PLC0415 - only for this

    migrations.upgrade(settings)
    database = Database(settings)
    unread = unread_files(database, catalog, families)
    if names is not None:  # no other table reads its files
        unread = {table: paths for table, paths in unread.items() if table in names}
    plan = make_plan(database, catalog, *days, families, names)
    replaced = {table: replaced_days(database, table, paths) for table, paths in unread.items()}
    jobs = planned_jobs(catalog, *days, families, names)
    asked = plan_of_named_days(plan, replaced, catalog, days, families, names)
    show(settings, catalog, jobs, asked, "up to date, asked for")
    print_unread(unread)


def _say_done(settings: Settings, days: tuple[date, date], done: "runs.Outcome", what: str) -> None:
    """Print counts of what was done, and the report to open: the day's own, of a family with rows, or the index."""
    count = "" if days[0] == days[1] else f" ({counted((days[1] - days[0]).days + 1, 'day')})"
    out.say(GOOD, f" {spanned(*days)}{count}{what}: {done.summary() or 'there was nothing to do'}")
    with_rows = {table.partition(".")[0] for table, rows in done.rows.items() if rows}
    of_day = [path for path in done.reports if path.match(f"daily/{days[0]}.html")]
    of_day.sort(key=lambda path: (path.parts[-3] not in with_rows, path))
    if of_day and days[0] == days[1]:
        out.say(f"  report: {of_day[0]}")
    elif done.reports:
        out.say(f"  all reports: {settings.reports_dir / 'index.html'}")


@click.command()
@click.argument("day", type=DAY, metavar="DAY")
@FAMILY
@click.option("--reason", type=REASON, required=True, help="Why; kept in the audit log.")
def reopen(day: datetime, families: tuple[str, ...], reason: str) -> None:
    """Load the late rows of a day that is final: run it with its week, its month and the views.

    What changes is published however large it is, as with --accept-change. Does nothing when nothing waits for the day.

    DAY is a UTC day like 2025-03-31. What sensors and schedules run leaves such a day as it is.
    """
    settings = read_settings()
    check_days(settings, day.date(), day.date())
    catalog = read_catalog(settings)
    check_families(catalog, families)
    if not _waits(settings, catalog, day.date(), families):
        of = f" of {', '.join(families)}" * bool(families)
        out.say(
            GOOD,
            f" nothing to do: no late, new or replaced file{of} waits for {day.date()}; to run it all "
            f"the same: analytics-etl run {day.date()}",
        )
        return
    done = run_days(settings, day.date(), day.date(), "reopen", reason, families=families, accept_change=True)
    _say_done(settings, (day.date(), day.date()), done, " was reopened and is done")


def _waits(settings: Settings, catalog: Catalog, day: date, families: tuple[str, ...]) -> bool:
    """Read new files, and say whether any file waits for the day."""
    from analytics_etl.catalog.catalog import is_of  # noqa: PLC0415 - only for this
    from analytics_etl.pipeline.loading import scan_files  # noqa: PLC0415 - only for this

    database = Database(settings)
    persistently(settings, lambda: migrations.upgrade(settings))
    with progress(1) as step:
        scan_files(catalog, database, None, lambda text: step(text, 0, 1))
    return any(row["day"] == day and is_of(row["table_name"], families) for row in database.run(waiting_days))
