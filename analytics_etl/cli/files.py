"""Commands about landing files."""

import click

from analytics_etl.cli.terminal import actor, out, plain
from analytics_etl.english import counted
from analytics_etl.settings import Settings
from analytics_etl.warehouse import Warehouse, migrations


@click.command()
@click.argument("path", metavar="PATH")
@click.option("--reason", required=True, help="Why; kept in the audit log.")
def forget(path: str, reason: str) -> None:
    """Take a landing file that is gone for good out of the ledger, so that it blocks its days no longer.

    PATH is below the landing folder, like download_events/2025-03-31.ndjson. A file that is still there is refused.
    Its rows leave the tables when its days are run, which is what to type next; archived days stay as they are.
    """
    settings = Settings.from_environment()
    migrations.upgrade(settings)
    forgotten = Warehouse(settings).forget_file(path, actor(), reason)
    out.print(f"[green]✓[/] {plain(forgotten.path)} is forgotten")
    if forgotten.archived:
        kept = counted(len(forgotten.archived), "archived day")
        out.print(f"its rows stay in {kept}, which the ledger keeps in mind")
    if not forgotten.days:
        return
    from analytics_etl.partitions import stretches  # noqa: PLC0415 - Dagster takes seconds to import

    rows = f"still in {forgotten.table}: {counted(forgotten.rows, 'row')} of it. " if forgotten.rows else ""
    out.print(f"{rows}Next:")
    for first, last in stretches(forgotten.days):
        out.print(f"  analytics-etl {f'run {first}' if first == last else f'backfill {first} {last}'}")
    out.print('and if that changes a final day by too much, add: --accept-change --reason "why it is right"')
