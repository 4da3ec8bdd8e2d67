"""The command `export`."""

from datetime import datetime
from pathlib import Path

import click

from analytics_etl.cli.catalogs import read_catalog
from analytics_etl.cli.configured import read_settings
from analytics_etl.cli.families import FAMILY, check_families
from analytics_etl.cli.terminal import out
from analytics_etl.cli.typed import DAY, Folder, Text, check_range
from analytics_etl.postgres import migrations
from analytics_etl.postgres.database import Database
from analytics_etl.text.english import counted


@click.command()
@click.argument("first", type=DAY, metavar="FROM", required=False)
@click.argument("last", type=DAY, metavar="TO", required=False)
@FAMILY
@click.option(
    "--table", "tables", type=Text(), multiple=True, metavar="TABLE",
    help="Only this table, like registry.language_stats_daily; may come more than once. All aggregates by default.",
)  # fmt: skip
@click.option(
    "--to", "folder", type=Folder(), metavar="FOLDER", help="Where to write; ANALYTICS_EXPORTS_DIR by default."
)
@click.option("--format", "form", type=click.Choice(["csv", "parquet", "both"]), default="both", show_default=True)
@click.option(
    "--tenant", type=Text(), metavar="TENANT",
    help="The rows of this tenant alone, to FOLDER/tenants/TENANT, with a manifest of its own.",
)  # fmt: skip
@click.option("--anew", is_flag=True, help="Write files again although their rows did not change.")
def export(
    first: datetime | None,
    last: datetime | None,
    families: tuple[str, ...],
    tables: tuple[str, ...],
    folder: Path | None,
    form: str,
    tenant: str | None,
    anew: bool,  # noqa: FBT001 - click passes it by name
) -> None:
    """Write aggregates as CSV and Parquet files for a static host: one file for each day, week or month.

    Only partitions are written whose rows changed since the last export to the folder, or that it lacks; files of
    partitions that are gone are removed. FROM and TO name days, both included, and so the partitions that hold any of
    them; FROM alone is one day; without them all are looked at. When the columns of a table have changed, all of its
    files are written.

    FOLDER/manifest.json lists the tables, and the manifest of each lists its partitions: files with their SHA-256,
    rows, columns with their meanings, whether final, and when the rows last changed. Files never change under their
    names, so a host may cache all but manifest.json. A kill leaves a manifest that is true; type it again to go on.

    Raw events and tables about single persons are never exported. Of a table with tenants the rows of the platform
    itself are exported, those of a tenant only with --tenant. docs/exports.md tells how to read the files.

    \b
    Each night, after the run:
      analytics-etl export
    A week of one table, for somebody:
      analytics-etl export 2025-03-24 2025-03-30 --table registry.language_stats_daily --format csv --to ./week
    What a tenant may fetch:
      analytics-etl export --family platform --tenant acme
    """  # noqa: D301 - click takes \b for the begin of lines to leave as they are
    from analytics_etl.pipeline.exports import Exporter, ExportError, ManifestError, Wanted  # noqa: PLC0415 - only for this
    from analytics_etl.pipeline.exports.files import FORMATS  # noqa: PLC0415 - only for this

    days = None
    if first is not None:
        days = first.date(), (last or first).date()
        check_range(*days, "FROM", "TO")
    settings = read_settings()
    catalog = read_catalog(settings)
    check_families(catalog, families)
    migrations.upgrade(settings)
    formats = FORMATS if form == "both" else tuple(found for found in FORMATS if found == form)
    wanted = Wanted(days, families, tables, formats, tenant, anew)
    exporter = Exporter(Database(settings), catalog, (folder or settings.exports_dir).resolve(), wanted)
    written = unchanged = removed = 0
    try:
        for outcome in exporter.export():
            written, removed = written + outcome.written, removed + outcome.removed
            unchanged += outcome.unchanged
            if outcome.written or outcome.removed:
                gone = f", {outcome.removed} removed" if outcome.removed else ""
                out.say(f"{outcome.table}: {counted(outcome.written, 'partition')} written{gone}")
    except (ExportError, ManifestError) as error:
        raise click.ClickException(str(error)) from error
    out.say(
        f"{counted(written, 'partition')} written, {unchanged} left as they were, {removed} removed: {exporter.top}"
    )
