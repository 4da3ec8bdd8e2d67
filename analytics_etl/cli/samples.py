"""The commands `demo` and `sample`, which generate events."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from analytics_etl.cli.clock import yesterday
from analytics_etl.cli.configured import read_settings
from analytics_etl.cli.execution import run_days
from analytics_etl.cli.terminal import GOOD, Styled, actor, out, progress
from analytics_etl.cli.typed import DAY, MOST_DAYS, Count, Folder
from analytics_etl.config.settings import Settings
from analytics_etl.pipeline.demonstration import Demonstration
from analytics_etl.text.english import counted, shortened, spanned

DEMO_DAYS = 35

LAST_DAY = click.option(
    "--last-day", type=DAY, metavar="DAY", help="Last day of the events, UTC; yesterday by default."
)


@click.command()
@LAST_DAY
@click.option("--remove", is_flag=True, help="Take the demo's days and files away again.")
def demo(last_day: datetime | None, remove: bool) -> None:  # noqa: FBT001 - a flag of the command
    """Make sample events of 35 days up to yesterday, run them, and say where the report is.

    Loads the first 34 days as one backfill and the last as a daily run, with all checks and reports, on the embedded
    database. Running it again replaces the demo that is there. With --remove its files and days go; files that it has
    not made stay, whatever their names.
    """
    settings = read_settings()
    _refuse_other_databases(settings)
    if remove and last_day is not None:
        raise click.UsageError("--remove takes the demo away that is there: it needs no --last-day")
    demonstration = Demonstration(settings)
    if remove:
        _remove(demonstration)
        return
    last = _last_day(last_day)
    first = last - timedelta(days=DEMO_DAYS - 1)
    if settings.start_date > first:
        raise click.UsageError(f"the demo begins on {first}; set ANALYTICS_START_DATE to that day or an earlier one")
    _put_files(demonstration, first, last)
    run_days(settings, first, last - timedelta(days=1), "demo")
    run_days(settings, last, last, "demo")
    _say_where(settings, last)


def _refuse_other_databases(settings: Settings) -> None:
    if settings.database_url is not None:
        raise click.UsageError(
            "the demo fills a database with made-up events and does so on the embedded one only; unset "
            "ANALYTICS_DATABASE_URL, or use `analytics-etl sample` and `analytics-etl backfill`"
        )


def _put_files(demonstration: Demonstration, first: date, last: date) -> None:
    """Generate the events of the demo; remove a demo of other days first."""
    known = demonstration.known()
    if known is not None and (known.first, known.last) != (first, last):
        _remove(demonstration)
    with demonstration.staging() as folder:
        _make_events(folder, last, DEMO_DAYS)
        if foreign := demonstration.foreign_files(folder):
            raise click.ClickException(
                f"{counted(len(foreign), 'file')} below {demonstration.landing_dir} are not of the demo and have the "
                f"names of its files: {shortened(foreign)}; move them away, or name other days with --last-day"
            )
        demonstration.put(folder, first, last)


def _remove(demonstration: Demonstration) -> None:
    known = demonstration.known()
    if known is None:
        out.say("no demo is there")
        return
    from analytics_etl.cli.catalogs import read_catalog  # noqa: PLC0415 - only for this
    from analytics_etl.cli.dropping import bring_up_to_date  # noqa: PLC0415 - only for this
    from analytics_etl.pipeline import dropping  # noqa: PLC0415 - only for this
    from analytics_etl.postgres import migrations  # noqa: PLC0415 - only for this
    from analytics_etl.postgres.database import Database  # noqa: PLC0415 - only for this

    settings = demonstration.settings
    migrations.upgrade(settings)
    changed = demonstration.remove_files()
    catalog = read_catalog(settings)
    # Generated events can be generated again, so their archive is not needed.
    target = dropping.target_of(catalog, known.first, known.last, are_archives_needed=False)
    with progress(1) as step:
        dropped = dropping.run(Database(settings), catalog, target, actor(), "the demo was removed", step)
        bring_up_to_date(settings, catalog, dropped, step)
    demonstration.forget()
    out.say(GOOD, f" the demo is gone: {counted(len(known.files) - len(changed), 'file')}, the days {known}")
    if changed:
        out.say(
            f"! {counted(len(changed), 'file')} changed since the demo made it, and left alone: {shortened(changed)}"
        )


def _say_where(settings: Settings, last: date) -> None:
    folder = settings.reports_dir / "registry"
    out.say()
    out.say(
        Styled("Done.", "bold"), f" {DEMO_DAYS} days of sample events are loaded, aggregated, checked and reported."
    )
    out.say_lines(f"""
  Report of the last day   {folder / "daily" / f"{last}.html"}
  All reports              {settings.reports_dir / "index.html"}
  The lake                 {settings.lake_place}
                           a Parquet file of each raw day: DuckDB computes the tables from it

Next:
  make ui                                    the Dagster UI: lineage, partitions, checks, backfills
  .venv/bin/analytics-etl serve              the dashboard and the API: http://127.0.0.1:8080/
  .venv/bin/analytics-etl status             which day of which table is there
  psql "$(.venv/bin/analytics-etl db-url)"   the tables themselves
  .venv/bin/analytics-etl demo --remove      take the demo away, before events of your own
  .venv/bin/analytics-etl stop               stop the embedded database, which keeps running until then""")


@click.command()
@click.option("--to", "landing", type=Folder(), help="Landing folder; the configured one by default.")
@LAST_DAY
@click.option("--days", type=Count(MOST_DAYS), default=DEMO_DAYS, show_default=True)
@click.option("--events-per-day", type=Count(10**9), default=10_000, show_default=True)
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=1, show_default=True)
@click.option(
    "--format", "file_format", default="ndjson.zst", show_default=True,
    type=click.Choice(["ndjson", "ndjson.gz", "ndjson.zst", "csv", "csv.gz", "csv.zst", "parquet"]),
)  # fmt: skip
@click.option("--even", is_flag=True, help="The same number of events every day: no rhythm, growth or outage.")
def sample(
    landing: Path | None, last_day: datetime | None, days: int, events_per_day: int, seed: int, file_format: str,
    even: bool,  # noqa: FBT001
) -> None:  # fmt: skip
    """Make sample events up to yesterday: on the same day the same options give the same files.

    Popular and rare modules, a rhythm of days and weeks, growth, trends, an outage, anonymous users, and a few
    duplicates and bad rows, as in real life.
    """
    folder = landing or read_settings().landing_dir
    last = _last_day(last_day)
    written = _make_events(
        folder, last, days, events_per_day=events_per_day, seed=seed, file_format=file_format,
        rhythm=not even, outage=not even,
    )  # fmt: skip
    span = spanned(last - timedelta(days=days - 1), last)
    out.say(f"wrote {counted(len(written), 'file')} of {span} below {folder}")


def _last_day(named: datetime | None) -> date:
    """The day that was given, or yesterday, the newest day that can be run."""
    return yesterday() if named is None else named.date()


def _make_events(folder: Path, last_day: date, days: int, **options: Any) -> list[Path]:
    """Write sample events of the families in use; `options` are further fields of SampleOptions."""
    from analytics_etl.families.sample import FAMILIES, SampleOptions, write_sample  # noqa: PLC0415 - numpy and Arrow

    families = tuple(name for name in FAMILIES if name in (read_settings().families or FAMILIES))
    wanted = SampleOptions(last_day=last_day, days=days, families=families, **options)
    done = iter(range(1, days + 1))
    with progress(days) as step:
        return write_sample(folder, wanted, lambda day: step(f"making events of {day}", next(done), days))
