"""The command that undoes days."""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

import click

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.cli.catalogs import read_catalog
from analytics_etl.cli.clock import yesterday
from analytics_etl.cli.configured import read_settings
from analytics_etl.cli.execution import execute
from analytics_etl.cli.families import FAMILY, check_families
from analytics_etl.cli.terminal import GOOD, actor, is_terminal, out, progress
from analytics_etl.cli.typed import DAY, REASON, check_range
from analytics_etl.config.settings import Settings
from analytics_etl.postgres import migrations
from analytics_etl.postgres.database import Database
from analytics_etl.text.english import counted, shortened, spanned

if TYPE_CHECKING:
    from analytics_etl.pipeline import dropping


@click.command()
@click.argument("day", type=DAY, metavar="DAY")
@click.option("--to", "last", type=DAY, metavar="DAY", help="Last day, which is included; DAY alone by default.")
@FAMILY
@click.option("--reason", type=REASON, help="Why; kept in the audit log.  [required unless --dry-run]")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.option("--yes", is_flag=True, help="Do not ask before days go that are final.")
def drop(
    day: datetime, last: datetime | None, families: tuple[str, ...], reason: str | None, dry_run: bool, yes: bool  # noqa: FBT001
) -> None:  # fmt: skip
    """Undo days: as if they had never been run.

    Rows, states, check results and reports of DAY go, and weeks and months that hold no other day; what else was made
    of them is made anew, checked and reported. Landing files stay, and a run of the days loads them again: move those
    out of the landing folder that must not come back, before or after. Interrupted, it can simply be started again.

    For example, after a wrong year was typed: analytics-etl drop 2025-03-31 --reason "the year was wrong"
    """
    if reason is None and not dry_run:
        raise click.MissingParameter(param_type="option", param_hint="--reason", message="say why, or use --dry-run")
    settings = read_settings()
    catalog = read_catalog(settings)
    until = last or day
    check_range(day.date(), until.date(), "DAY", "--to")
    if until.date() > yesterday():
        raise click.UsageError(
            f"{until.date()} is not over yet in UTC, so there is nothing of it to drop; the last day there can be is "
            f"{yesterday()}"
        )
    check_families(catalog, families)
    from analytics_etl.pipeline import dropping  # noqa: PLC0415 - only for this

    migrations.upgrade(settings)
    database, target = Database(settings), dropping.target_of(catalog, day.date(), until.date(), families)
    plan = dropping.look(database, target)
    if reason is None or dry_run:
        _say_what_goes(plan, "would go")
        _say_files(settings, plan)
        out.say("nothing was changed")
        return
    if plan.final_days and not yes and is_terminal():
        days = shortened(plan.final_days)
        click.confirm(
            f"{days} {'is' if len(plan.final_days) == 1 else 'are'} final. Drop them all the same?", abort=True
        )
    with progress(1) as step:
        dropped = dropping.run(database, catalog, target, actor(), reason, step)
        bring_up_to_date(settings, catalog, dropped, step)
    _say_what_goes(dropped, "went")
    if dropped.remade or dropped.rewritten:
        partitions = sum(map(len, dropped.remade.values()))
        out.say(
            f"made anew, since it was made of them: {counted(partitions, 'partition')} of "
            f"{counted(len(dropped.remade), 'table')}, {counted(dropped.rewritten, 'report')}"
        )
    _say_files(settings, dropped)
    out.say(GOOD, f" {spanned(target.first, target.last)} {'is' if target.first == target.last else 'are'} undone")


def bring_up_to_date(
    settings: Settings, catalog: Catalog, dropped: "dropping.Dropped", step: Callable[[str, int, int], None]
) -> None:
    """Run the checks of what was made anew, refresh the views, and write the reports that show these checks."""
    from analytics_etl.pipeline.jobs import VIEWS_JOB, Job  # noqa: PLC0415 - only for this
    from analytics_etl.pipeline.planning import due_after  # noqa: PLC0415 - only for this

    if dropped.is_nothing and not dropped.remade:
        return
    jobs = [*due_after(Database(settings), catalog, dropped.remade), Job(VIEWS_JOB)]
    try:
        execute(settings, jobs, step, {"analytics_etl/by": "drop"})
    except click.ClickException as error:
        raise click.ClickException(f"the days are undone, but then {error.message}") from error


def _say_what_goes(plan: "dropping.Dropped", verb: str) -> None:
    if plan.is_nothing:
        out.say("no row, state or report of these days is there")
        return
    tables: dict[str, int] = {}
    for period in plan.found.partitions:
        tables[period.table] = tables.get(period.table, 0) + 1
    partitions = counted(len(plan.found.partitions), "partition")
    out.say(f"{verb}: {partitions} of {counted(len(tables), 'table')} with {counted(plan.rows, 'row')}")
    if plan.reports:
        out.say(f"{verb}: {counted(len(plan.reports), 'report')}: {shortened([str(path) for path in plan.reports])}")
    if verb != "went" and plan.found.made_of_them:
        others = sum(map(len, plan.found.made_of_them.values()))
        of = counted(len(plan.found.made_of_them), "table")
        out.say(f"would be made anew, since it was made of them: {counted(others, 'partition')} of {of}")


def _say_files(settings: Settings, plan: "dropping.Dropped") -> None:
    """Print the landing files that hold rows of the days, and what happens to them."""
    there = [file for file in plan.found.files if file.is_there]
    gone = [file for file in plan.found.files if not file.is_there]
    if there:
        rows = counted(sum(file.rows for file in there), "row")
        tops = [str(top) for top in settings.landing_dirs if any((top / file.path).exists() for file in there)]
        folders = " and ".join(tops or [str(settings.landing_dir)])
        out.say(
            f"! {counted(len(there), 'landing file')} with {rows} of these days "
            f"{'stays' if len(there) == 1 else 'stay'} below {folders}: a run of the days loads them again, "
            "and so does a newer file of them:"
        )
        for file in there[:5]:
            out.say(f"    {file.path}" + (", which holds rows of other days, too" if file.has_other_days else ""))
        if len(there) > 5:  # noqa: PLR2004 - as many as messages name
            out.say(f"    and {len(there) - 5:,} more")
        out.say("  to prevent it, move them out of that folder and type the same command again")
    if gone:
        rows = counted(sum(file.rows for file in gone), "row")
        out.say(f"{counted(len(gone), 'landing file')} with {rows} of these days is no longer there: it is forgotten")
