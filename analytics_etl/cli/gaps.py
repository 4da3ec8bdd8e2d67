"""Days without data: the command `accept-gap`, the question before a run of a far day, the note after an empty run."""

from collections.abc import Collection
from datetime import date, datetime, timedelta

import click

from analytics_etl.catalog.calendar import stretches
from analytics_etl.catalog.catalog import is_of
from analytics_etl.cli.catalogs import read_catalog
from analytics_etl.cli.clock import yesterday
from analytics_etl.cli.configured import read_settings
from analytics_etl.cli.terminal import GOOD, actor, err, is_terminal, out
from analytics_etl.cli.typed import DAY, MOST_DAYS, REASON, check_range
from analytics_etl.config.settings import Settings
from analytics_etl.ops.partitions import newest_day
from analytics_etl.ops.records import record_audit
from analytics_etl.postgres import migrations
from analytics_etl.postgres.database import Database
from analytics_etl.postgres.failures import persistently
from analytics_etl.text.english import counted, shortened, spanned

YES = click.option("--yes", is_flag=True, help="Do not ask whether a day far from what is there is meant.")


@click.command(name="accept-gap")
@click.argument("first", type=DAY, metavar="FROM")
@click.argument("last", type=DAY, metavar="TO")
@click.option("--undo", is_flag=True, help="Take back what was accepted: the days may be due again.")
@click.option("--reason", type=REASON, required=True, help="Why; kept in the audit log.")
def accept_gap(first: datetime, last: datetime, undo: bool, reason: str) -> None:  # noqa: FBT001 - click passes it by name
    """Say that there is no data of the days FROM to TO, both included: they are not due, and no finding of `doctor`.

    Days of which something is known are refused. Should files of the days come, these are loaded all the same.
    """
    from analytics_etl.pipeline import gaps  # noqa: PLC0415 - only for this

    settings = read_settings()
    check_range(first.date(), last.date(), "FROM", "TO", most_days=MOST_DAYS)
    if last.date() > yesterday():
        raise click.UsageError(
            f"{last.date()} is not over yet in UTC; the last day that can be accepted is {yesterday()}"
        )
    migrations.upgrade(settings)
    database = Database(settings)
    days = spanned(first.date(), last.date())
    if not undo and (known := gaps.known_in(database, first.date(), last.date())):
        raise click.ClickException(
            f"there are partitions or files of {shortened(known)}: accept the days around, or drop these first: "
            f'analytics-etl drop {known[0]} --reason "why"'
        )
    action = gaps.TAKE_BACK if undo else gaps.ACCEPT
    database.run(record_audit, actor(), action, f"{first.date()} to {last.date()}", reason)
    if undo:
        out.say(GOOD, f" taken back: {days} may have data")
    else:
        out.say(GOOD, f" accepted: no data in {days}; to take it back: add --undo")


def ask_if_far(settings: Settings, first: date, last: date, *, yes: bool) -> None:
    """Ask whether days far from all known ones are meant; without a terminal, raise UsageError unless `yes`."""
    from analytics_etl.pipeline import gaps  # noqa: PLC0415 - only for this

    def known() -> tuple[date, date] | None:
        migrations.upgrade(settings)
        database = Database(settings)
        newest = database.run(newest_day, list(read_catalog(settings).kept_by_day))
        return None if newest is None else (gaps.first_known(database) or newest, newest)

    if (there := persistently(settings, known)) is None:
        return
    oldest, newest = there
    if first > newest + timedelta(days=gaps.FAR_DAYS):
        far = f"{first} is {counted((first - newest).days, 'day')} after the newest day there is, {newest}"
        then = "all days before become final"
    elif last < oldest - timedelta(days=gaps.FAR_DAYS):
        far = f"{last} is {counted((oldest - last).days, 'day')} before the first day there is, {oldest}"
        then = "the days between become a gap, which is a finding of `doctor` until they are accepted or run"
    else:
        return
    undo = f"to undo it: {undo_command(first, last)}"
    if yes:
        err.say(f"! {far}; {undo}")
    elif is_terminal():
        click.confirm(f"{far}: {then}. Is it meant?", abort=True)
    else:
        raise click.UsageError(f"{far}: {then}; if it is meant, add --yes ({undo})")


def undo_command(first: date, last: date) -> str:
    """The command that undoes a run of days."""
    until = "" if first == last else f" --to {last}"
    return f'analytics-etl drop {first}{until} --reason "why"'


def say_empty_days(
    settings: Settings, days: tuple[date, date], families: tuple[str, ...], names: Collection[str] | None
) -> None:
    """Print the days of which no raw table of the run has a row: the day may have been typed wrongly."""
    from analytics_etl.pipeline import gaps  # noqa: PLC0415 - only for this

    tables = [
        table
        for table in read_catalog(settings).contracts
        if is_of(table, families) and (names is None or table in names)
    ]
    empty = list(stretches(persistently(settings, lambda: gaps.empty_days(Database(settings), tables, *days))))
    if empty:
        undo = f"; if that was not meant: {undo_command(*empty[0])}" if len(empty) == 1 else ""
        out.say(f"! no landing file holds a valid event of {shortened([spanned(*some) for some in empty])}{undo}")
