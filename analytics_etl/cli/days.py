"""Commands that run days: one, a range, what is missing of it, a final one."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date, datetime
from functools import partial
from typing import TYPE_CHECKING

import click

from analytics_etl import rejections
from analytics_etl.catalog import Catalog
from analytics_etl.cli.aftermath import told_after_failure
from analytics_etl.cli.families import FAMILY, check_families
from analytics_etl.cli.gaps import YES, ask_if_far
from analytics_etl.cli.notices import tell_owners
from analytics_etl.cli.terminal import BAD, GOOD, actor, err, explanation, out, progress
from analytics_etl.cli.typed import DAY, REASON, check_range, yesterday
from analytics_etl.english import counted
from analytics_etl.settings import Settings
from analytics_etl.warehouse import LOST_CONNECTION, DatabaseError, Warehouse, migrations, persistently

if TYPE_CHECKING:
    from analytics_etl import runs

ACCEPT_CHANGE = click.option(
    "--accept-change", is_flag=True, help="Publish changes of final days however large they are; needs --reason."
)


@click.command()
@click.argument("day", type=DAY, metavar="DATE")
@FAMILY
@ACCEPT_CHANGE
@click.option("--reason", type=REASON, help="Why; kept in the audit log.")
@click.option("--notify", is_flag=True, help="Tell the owners of what fails, as of a scheduled run.")
@YES
def run(
    day: datetime,
    families: tuple[str, ...],
    accept_change: bool,  # noqa: FBT001 - click passes it by name
    reason: str | None,
    notify: bool,  # noqa: FBT001 - click passes it by name
    yes: bool,  # noqa: FBT001 - click passes it by name
) -> None:
    """Run one day: load it, aggregate, check and report it, with its week, its month and the views.

    DATE is a UTC day like 2025-03-31, or `yesterday`. Running a day again replaces it by what the landing files hold
    now. A day more than 31 days after the newest one is asked about first.
    """
    settings = Settings.from_environment()
    _check_days(settings, day.date(), day.date())
    check_families(Catalog.of(settings), families)
    ask_if_far(settings, day.date(), yes=yes)
    run_days(
        settings, day.date(), day.date(), "run", reason, families=families, accept_change=accept_change, notify=notify
    )
    shown = "registry" if not families or "registry" in families else families[0]
    out.say(GOOD, f" {day.date()} is done: {settings.reports_dir / shown / 'daily' / f'{day.date()}.html'}")


@click.command()
@click.argument("first", type=DAY, metavar="FROM", required=False)
@click.argument("last", type=DAY, metavar="TO", required=False)
@click.option(
    "--missing",
    is_flag=True,
    help="Only what is missing, failed, outdated, not checked or not reported; FROM and TO may be left out.",
)
@FAMILY
@ACCEPT_CHANGE
@click.option("--reason", type=REASON, help="Why; kept in the audit log.")
@click.option("--notify", is_flag=True, help="Tell the owners of what fails, as of a scheduled run.")
@YES
def backfill(
    first: datetime | None,
    last: datetime | None,
    missing: bool,  # noqa: FBT001 - click passes it by name
    families: tuple[str, ...],
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
    settings = Settings.from_environment()
    if (first is None) != (last is None) or (first is None and not missing):
        raise click.UsageError("expected FROM and TO, two days like 2025-03-01 2025-03-31, or --missing without them")
    if missing:
        days = None if first is None or last is None else (first.date(), last.date())
        _backfill_missing(settings, days, families, reason)
        return
    assert first is not None
    assert last is not None
    _check_days(settings, first.date(), last.date())
    check_families(Catalog.of(settings), families)
    ask_if_far(settings, first.date(), yes=yes)
    run_days(
        settings, first.date(), last.date(), "backfill", reason,
        families=families, accept_change=accept_change, notify=notify,
    )  # fmt: skip
    count = counted((last - first).days + 1, "day")
    out.say(GOOD, f" {count} done; all reports: {settings.reports_dir / 'index.html'}")


@click.command()
@click.argument("day", type=DAY, metavar="DAY")
@FAMILY
@click.option("--reason", type=REASON, required=True, help="Why; kept in the audit log.")
def reopen(day: datetime, families: tuple[str, ...], reason: str) -> None:
    """Load the late rows of a day that is final: run it with its week, its month and the views.

    What changes is published however large it is, as with --accept-change. Does nothing when nothing waits for the day.

    DAY is a UTC day like 2025-03-31. What sensors and schedules run leaves such a day as it is.
    """
    settings = Settings.from_environment()
    _check_days(settings, day.date(), day.date())
    catalog = Catalog.of(settings)
    check_families(catalog, families)
    if not _waits(settings, catalog, day.date(), families):
        of = f" of {', '.join(families)}" * bool(families)
        out.say(
            GOOD,
            f" nothing to do: no late, new or replaced file{of} waits for {day.date()}; to run it all "
            f"the same: analytics-etl run {day.date()}",
        )
        return
    run_days(settings, day.date(), day.date(), "reopen", reason, families=families, accept_change=True)
    out.say(GOOD, f" {day.date()} was reopened and is done")


def _waits(settings: Settings, catalog: Catalog, day: date, families: tuple[str, ...]) -> bool:
    """Whether files wait for a day, those included that nobody has looked at yet."""
    from analytics_etl.assets.events import scan_files  # noqa: PLC0415 - Dagster takes seconds to import
    from analytics_etl.status import is_of  # noqa: PLC0415 - with it

    warehouse = Warehouse(settings)
    persistently(settings, lambda: migrations.upgrade(settings))
    with progress(1) as step:
        scan_files(catalog, warehouse, None, lambda text: step(text, 0, 1))
    return any(row["day"] == day and is_of(row["table_name"], families) for row in warehouse.waiting_days())


def run_days(
    settings: Settings, first: date, last: date, action: str, reason: str | None = None, *,
    families: tuple[str, ...] = (), accept_change: bool = False, notify: bool = False,
) -> None:  # fmt: skip
    """Run a range with its weeks, months and views, and say how far it is; a failure ends the command.

    `action` is what the runs' tag and the audit log call it. Changes of final days need a reason to be accepted.
    """
    if accept_change and not (reason or "").strip():
        raise click.UsageError('--accept-change publishes what was refused: say why with --reason "..."')
    check_families(Catalog.of(settings), families)
    from analytics_etl import runs  # noqa: PLC0415 - Dagster takes seconds to import

    what = _described(first, last, families)
    with _telling_rejected(settings, families), progress(1) as step:
        step("starting", 0, 1)
        actions = [action] if action in ("backfill", "reopen") or accept_change or reason else []
        if actions:
            persistently(settings, lambda: migrations.upgrade(settings))
        for done in [*actions, *(["accept change"] if accept_change else [])]:
            persistently(settings, partial(Warehouse(settings).record_audit, actor(), done, what, reason))
        asked = {"analytics_etl/accept_change": accept_change, "analytics_etl/notify": notify}
        tags = {"analytics_etl/by": action, **{tag: "true" for tag, is_asked in asked.items() if is_asked}}
        try:
            _execute(settings, runs.jobs_of(first, last, families), step, tags)
        finally:
            if notify:
                _tell_owners_if_possible(settings)


def _execute(
    settings: Settings, jobs: "Sequence[runs.Job]", step: "runs.Progress", tags: dict[str, str]
) -> None:  # fmt: skip
    """Run jobs. A failure ends the command, after views, reports and index say so."""
    from analytics_etl import runs  # noqa: PLC0415 - Dagster takes seconds to import

    try:
        runs.execute(settings, jobs, step, tags)
    except runs.RunFailedError as error:
        raise click.ClickException(told_after_failure(settings, error, jobs, step, tags)) from error


@contextmanager
def _telling_rejected(settings: Settings, families: tuple[str, ...]) -> Iterator[None]:
    """At the end, also of a run that failed, say which files had rows that were rejected meanwhile."""
    began = time.monotonic()

    def tell() -> None:
        for line in rejections.since(Warehouse(settings), time.monotonic() - began, families):
            out.say(f"! {line}")

    try:
        yield
    except click.ClickException:
        with suppress(*LOST_CONNECTION, DatabaseError):  # what failed first is what must be told
            tell()
        raise
    tell()


def _tell_owners_if_possible(settings: Settings) -> None:
    """What cannot be told now is told by the next `notify`, and must not hide how the run ended."""
    try:
        tell_owners(settings)
    except Exception as error:
        said = explanation(error)
        if said is None:
            raise
        err.say(BAD, f" nobody was told, which the next `analytics-etl notify` does: {said}")


def _backfill_missing(
    settings: Settings, days: tuple[date, date] | None, families: tuple[str, ...], reason: str | None
) -> None:
    from analytics_etl import gaps  # noqa: PLC0415 - the same
    from analytics_etl.assets.events import scan_files  # noqa: PLC0415 - the same
    from analytics_etl.missing import known_days, make_plan  # noqa: PLC0415 - the same
    from analytics_etl.status import rows_before_the_first_day  # noqa: PLC0415 - the same

    if days is not None:
        _check_days(settings, *days)
    warehouse, catalog = Warehouse(settings), Catalog.of(settings)
    check_families(catalog, families)
    migrations.upgrade(settings)
    # What new and replaced files hold belongs to what is missing.
    with _telling_rejected(settings, families), progress(1) as step:
        scan_files(catalog, warehouse, None, lambda text: step(text, 0, 1))
    for gap in gaps.find(warehouse):
        if not gap.is_accepted:
            out.say_lines(": ".join(gaps.told(gap)), "! ")
    if early := rows_before_the_first_day(warehouse, families):
        out.say(f"! {': '.join(early)}")
    days = days or known_days(warehouse, yesterday())
    if days is None:
        out.say("no day is known yet: load one with `analytics-etl run DATE`")
        return
    plan = make_plan(warehouse, catalog, *days, families)
    for day in plan.frozen:
        out.say(
            f"! {day} is final and has late or replaced files: left alone; "
            f"to load them: analytics-etl reopen {day} --reason TEXT"
        )
    for day in plan.refused:
        out.say(
            f"✗ {day}: a change of final data was refused, so it is left alone; to look at it: analytics-etl changes "
            f"{day}; to publish it: analytics-etl run {day} --accept-change --reason TEXT"
        )
    if not plan.jobs:
        out.say(GOOD, f" nothing to do: {days[0]} to {days[1]} is complete and up to date")
        return
    for line in plan.reasons():
        out.say(line)
    out.say("runs: " + ", ".join(map(str, plan.jobs)))
    warehouse.record_audit(actor(), "backfill --missing", _described(*days, families), reason)
    with _telling_rejected(settings, families), progress(1) as step:
        _execute(settings, plan.jobs, step, {"analytics_etl/by": "backfill"})
    done = [counted(len(plan.gaps), "partition")] if plan.gaps else []
    done += [counted(len(plan.views), "view")] if plan.views else []
    done += [f"checks of {counted(len(plan.checks), 'partition')}"] if plan.checks else []
    done += [counted(len(plan.reports), "report")] if plan.reports else []
    done = done or ["the index"]
    out.say(GOOD, f" {' and '.join(done)} done; all reports: {settings.reports_dir / 'index.html'}")


def _described(first: date, last: date, families: Sequence[str]) -> str:
    """Days and families as the audit log names them."""
    return f"{first} to {last}" + f" of {', '.join(families)}" * bool(families)


def _check_days(settings: Settings, first: date, last: date) -> None:
    check_range(first, last, "FROM", "TO")
    if first < settings.start_date:
        raise click.UsageError(
            f"{first} is before the first partition, {settings.start_date}; set ANALYTICS_START_DATE to an earlier day"
        )
    if last > yesterday():
        raise click.UsageError(f"{last} is not over yet in UTC; the last day that can be run is {yesterday()}")
