"""The commands `archive`, `restore` and `prune`."""

from datetime import UTC, datetime, timedelta

import click

from analytics_etl.cli.catalogs import read_catalog
from analytics_etl.cli.configured import read_settings
from analytics_etl.cli.terminal import GOOD, actor, out, progress
from analytics_etl.cli.typed import DAY, REASON, Text
from analytics_etl.ops.dropped import dropped_days
from analytics_etl.ops.records import record_audit
from analytics_etl.pipeline import retention
from analytics_etl.postgres import migrations
from analytics_etl.postgres.database import Database
from analytics_etl.tables.archiving import Archiver
from analytics_etl.text.english import counted


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say what is due.")
def archive(dry_run: bool) -> None:  # noqa: FBT001 - a flag of the command
    """Archive raw days that are older than their retention, and empty personal columns that are.

    An archived day is in the lake alone: it leaves its table once its rows were compared with its file there. First,
    the days that an earlier version loaded or archived are taken over into the lake, one after the other. Interrupted,
    it can simply be started again. The daemon does the same every night.
    """
    settings = read_settings()
    migrations.upgrade(settings)
    database, catalog = Database(settings), read_catalog(settings)
    if dry_run:
        steps = [*retention.plan_taking_over(database, catalog), *retention.plan(database, catalog)]
        for step in steps:
            out.say(str(step))
        out.say(f"{counted(len(steps), 'step')} due; nothing was changed")
        return
    with progress(1) as log:
        outcome = retention.run(database, catalog, actor(), log)
    if outcome.taken_over:
        days = counted(outcome.taken_over, "day")
        out.say(f"took over {days} of an earlier version into the lake {settings.lake_place}")
    out.say(
        GOOD,
        f" archived {counted(outcome.days, 'day')}: {counted(outcome.rows, 'row')} are in the lake alone, in "
        f"{counted(outcome.bytes, 'byte')}; removed {counted(outcome.personal_values, 'personal value')}",
    )
    if outcome.lake_files:
        out.say(
            f"removed {counted(outcome.lake_files, 'file')} of {counted(outcome.lake_bytes, 'byte')} from the lake, "
            "which nothing refers to any more"
        )
    if outcome.dropped_days:
        days = counted(outcome.dropped_days, "day")
        out.say(f"dropped the raw events of {days}, as ANALYTICS_KEEP_RAW_EVENTS or ANALYTICS_LAKE_DAYS says")


@click.command()
@click.argument("table", type=Text(), metavar="TABLE")
@click.argument("day", type=DAY, metavar="DAY")
@click.option("--reason", type=REASON, required=True, help="Why; kept in the audit log.")
def restore(table: str, day: datetime, reason: str) -> None:
    """Bring an archived day of a raw table back into it: the rows in the lake, compared after they were copied. One
    whose raw events were not kept is loaded from its landing files again.

    TABLE is named with its schema, like registry.download_events. The day stays until the newest day of the table has
    moved on by ANALYTICS_RESTORED_DAYS (7). Aggregates of archived days can be run anew without this.
    """
    settings = read_settings()
    migrations.upgrade(settings)
    catalog, database = read_catalog(settings), Database(settings)
    contracts = catalog.contracts
    contract = contracts.get(table)
    if contract is None:
        raise click.UsageError(f"there is no event table {table}, expected one of {', '.join(contracts)}")
    wanted = day.date()
    if database.run(dropped_days, [table], wanted, wanted + timedelta(days=1)):
        from analytics_etl.pipeline.loading import load_days  # noqa: PLC0415 - only for this

        [loaded], _ = load_days(contract, catalog.mappings(contract.family), database, [wanted], log=lambda _: None)
        database.run(record_audit, actor(), "restore", f"{table} {wanted}", reason)
        rows = counted(loaded.rows, "row")
        out.say(GOOD, f" {table} {wanted} is back from its landing files: {rows}")
        return
    file = Archiver(database.settings).restore(contract, day.date(), actor(), reason)
    out.say(GOOD, f" {table} {day.date()} is back: {counted(file.rows, 'row')}")


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
def prune(dry_run: bool) -> None:  # noqa: FBT001 - a flag of the command
    """Remove old runs and event logs from Dagster, as the job `housekeeping` does every night.

    Runs that ended more than ANALYTICS_DAGSTER_KEEP_DAYS days ago (30 by default) go, except those that hold the latest
    materialization or check of some partition. The tables themselves are not touched.
    """
    from analytics_etl.orchestration import housekeeping  # noqa: PLC0415 - Dagster takes seconds to import
    from analytics_etl.orchestration.instance import instance as dagster_instance  # noqa: PLC0415 - Dagster takes seconds to import

    settings = read_settings()
    before = housekeeping.oldest_kept(datetime.now(UTC), settings)
    with dagster_instance(settings) as instance:
        found = housekeeping.prune(instance, before, dry_run=dry_run)
    if found.removed and not dry_run:
        runs_removed = f"{counted(len(found.removed), 'run')} that ended before {before:%F}"
        Database(settings).run(record_audit, actor(), "prune", runs_removed)
    what = "to remove" if dry_run else "removed"
    out.say(
        f"{what}: {counted(len(found.removed), 'run')} that ended before {before:%F %H:%M} UTC; "
        f"kept, for the latest of some partition: {len(found.kept)}"
    )
