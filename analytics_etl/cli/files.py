"""The command `forget`."""

import click

from analytics_etl.cli.configured import read_settings
from analytics_etl.cli.terminal import GOOD, actor, out
from analytics_etl.cli.typed import REASON, Text
from analytics_etl.ops.forgetting import UnknownFileError
from analytics_etl.pipeline.forgetting import forget_file
from analytics_etl.postgres import migrations
from analytics_etl.postgres.database import Database
from analytics_etl.text.english import counted


@click.command()
@click.argument("path", type=Text(), metavar="PATH")
@click.option("--reason", type=REASON, required=True, help="Why; kept in the audit log.")
def forget(path: str, reason: str) -> None:
    """Take a landing file that is gone for good out of the ledger, so that it blocks its days no longer.

    PATH is below the landing folder, like download_events/2025-03-31.ndjson. A file that is still there is refused.
    Its rows leave the tables when its days are run, which is what to type next; archived days stay as they are.
    """
    settings = read_settings()
    migrations.upgrade(settings)
    try:
        forgotten = forget_file(Database(settings), path, actor(), reason)
    except UnknownFileError as error:
        raise click.UsageError(str(error)) from error
    out.say(GOOD, f" {forgotten.path} is forgotten")
    if forgotten.archived:
        kept = counted(len(forgotten.archived), "archived day")
        out.say(f"its rows stay in {kept}, which the ledger keeps in mind")
    if not forgotten.days:
        return
    from analytics_etl.catalog.calendar import stretches  # noqa: PLC0415 - only for this

    rows = f"still in {forgotten.table}: {counted(forgotten.rows, 'row')} of it. " if forgotten.rows else ""
    out.say(f"{rows}Next:")
    for first, last in stretches(forgotten.days):
        out.say(f"  analytics-etl {f'run {first}' if first == last else f'backfill {first} {last}'}")
    out.say('and if that changes a final day by too much, add: --accept-change --reason "why it is right"')
