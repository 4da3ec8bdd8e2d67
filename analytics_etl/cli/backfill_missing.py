"""`backfill --missing`: make the backfill plan, print it, run it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.cli.catalogs import read_catalog
from analytics_etl.cli.clock import yesterday
from analytics_etl.cli.execution import check_days, described, execute, reporting_rejected
from analytics_etl.cli.families import check_families
from analytics_etl.cli.plan_display import print_unread, show
from analytics_etl.cli.terminal import BAD, GOOD, actor, out, progress
from analytics_etl.config.settings import Settings
from analytics_etl.ops.records import record_audit
from analytics_etl.postgres import migrations
from analytics_etl.postgres.database import Database
from analytics_etl.text.english import MOST_NAMED, counted

if TYPE_CHECKING:  # imported where it is used
    from analytics_etl.pipeline.plan import Plan


def backfill_missing(
    settings: Settings, days: tuple[date, date] | None, families: tuple[str, ...], names: Collection[str] | None,
    reason: str | None, *, dry_run: bool,
) -> None:  # fmt: skip
    """Make the backfill plan of the given days, or of all known ones, and run it; with `dry_run` only print it."""
    from analytics_etl.monitoring.status import rows_before_the_first_day  # noqa: PLC0415 - only for this
    from analytics_etl.orchestration.job_steps import FOLLOWS  # noqa: PLC0415 - Dagster takes seconds to import
    from analytics_etl.pipeline import gaps  # noqa: PLC0415 - only for this
    from analytics_etl.pipeline.late import unread_files  # noqa: PLC0415 - only for this
    from analytics_etl.pipeline.planning import known_days, make_plan  # noqa: PLC0415 - only for this

    if days is not None:
        check_days(settings, *days)
    database, catalog = Database(settings), read_catalog(settings)
    check_families(catalog, families)
    migrations.upgrade(settings)
    if not dry_run:
        _read_files(settings, database, catalog, families)
    unread = unread_files(database, catalog, families) if dry_run else {}
    for gap in gaps.find(database):
        if not gap.is_accepted:
            out.say_lines(": ".join(gaps.explain(gap)), "! ")
    if early := rows_before_the_first_day(database, families):
        out.say(f"! {': '.join(early)}")
    days = days or known_days(database, yesterday())
    if days is None:
        _say_nothing_to_do(None, unread)
        return
    plan = make_plan(database, catalog, *days, families, names)
    _say_left_alone(plan, settings)
    if not plan.jobs:
        is_all = not (plan.stuck or plan.refused or plan.dropped or catalog.broken_files)
        _say_nothing_to_do(days, unread, is_all=is_all)
        return
    for line in plan.reasons():
        out.say(line)
    if dry_run:
        show(settings, catalog, plan.jobs, plan, FOLLOWS)
        print_unread(unread)
        return
    out.say("runs: " + ", ".join(map(str, plan.jobs)))
    database.run(record_audit, actor(), "backfill --missing", described(*days, families, names), reason)
    with reporting_rejected(settings, families), progress(1) as step:
        outcome = execute(settings, plan.jobs, step, {"analytics_etl/by": "backfill"})
    out.say(GOOD, f" {_counts(plan)} done: {outcome.summary() or 'nothing else'}")
    out.say(f"  all reports: {settings.reports_dir / 'index.html'}")


def _read_files(settings: Settings, database: Database, catalog: Catalog, families: tuple[str, ...]) -> None:
    """Read new and replaced files into the ledger, so that the plan knows which days they hold rows of."""
    from analytics_etl.pipeline.loading import scan_files  # noqa: PLC0415 - only for this

    with reporting_rejected(settings, families), progress(1) as step:
        scan_files(catalog, database, None, lambda text: step(text, 0, 1))


def _say_nothing_to_do(
    days: tuple[date, date] | None, unread: Mapping[str, Sequence[str]], *, is_all: bool = True
) -> None:
    """Say that nothing is due, and what that statement does not cover: unread files, days left alone."""
    if unread:
        print_unread(unread)
    elif days is None:
        out.say("no day is known yet: no landing file holds a valid event; to see why: analytics-etl doctor")
    elif is_all:
        out.say(GOOD, f" nothing to do: {days[0]} to {days[1]} is complete and up to date")
    else:
        out.say(f"nothing else to do: {days[0]} to {days[1]} is complete and up to date, but for these")


def _say_left_alone(plan: "Plan", settings: Settings) -> None:
    """Name the days that wait for a person, with what to type: another run would change nothing, or too much."""
    from analytics_etl.pipeline.failed_checks import what_mends  # noqa: PLC0415 - only for this

    for day in plan.frozen:
        out.say(
            f"! {day} is final and has late or replaced files: left alone; "
            f"to load them: analytics-etl reopen {day} --reason TEXT"
        )
    for dropped in plan.dropped[:MOST_NAMED]:
        out.say(
            f"! {dropped}: left alone; to load it again: analytics-etl run {dropped.day}; if it is to stay empty, move "
            "the files away"
        )
    if len(plan.dropped) > MOST_NAMED:
        out.say(f"! and {counted(len(plan.dropped) - MOST_NAMED, 'more dropped day')}: analytics-etl doctor")
    for day in plan.refused:
        out.say(
            f"✗ {day}: a change of final data was refused, so it is left alone; to look at it: analytics-etl changes "
            f"{day}; to publish it: analytics-etl run {day} --accept-change --reason TEXT"
        )
    for check in plan.stuck[:MOST_NAMED]:
        out.say(BAD, f" {check}; nothing has changed since, so it is not run again:")
        for line in what_mends([check], settings.start_date):
            out.say(f"    → {line}")
    if len(plan.stuck) > MOST_NAMED:
        out.say(BAD, f" and {counted(len(plan.stuck) - MOST_NAMED, 'more failed check')}: analytics-etl doctor")


def _counts(plan: "Plan") -> str:
    """The partitions, views, checks and reports of a plan, counted."""
    done = [counted(len(plan.partitions), "partition")] if plan.partitions else []
    done += [counted(len(plan.views), "view")] if plan.views else []
    done += [f"checks of {counted(len(plan.checks), 'partition')}"] if plan.checks else []
    done += [counted(len(plan.reports), "report")] if plan.reports else []
    return " and ".join(done) or "the index"
