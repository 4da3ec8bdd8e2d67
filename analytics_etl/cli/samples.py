"""Commands that make up events: the demonstration, and samples of whatever size."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from analytics_etl.cli.days import run_days
from analytics_etl.cli.terminal import Styled, out, progress
from analytics_etl.cli.typed import DAY, MOST_DAYS, Count, Folder
from analytics_etl.english import counted
from analytics_etl.settings import Settings

DEMO_LAST_DAY = date(2025, 3, 31)
DEMO_DAYS = 35


@click.command()
def demo() -> None:
    """Make sample events of 35 days, run them, and say where the report is.

    Loads the first 34 days as one backfill and the last as a daily run, with all checks and reports, on the embedded
    database. Running it again replaces the same days by the same numbers.
    """
    settings = Settings.from_environment()
    if settings.database_url is not None:
        raise click.UsageError(
            "the demo fills a database with made-up events and does so on the embedded one only; unset "
            "ANALYTICS_DATABASE_URL, or use `analytics-etl sample` and `analytics-etl backfill`"
        )
    first = DEMO_LAST_DAY - timedelta(days=DEMO_DAYS - 1)
    if settings.start_date > first:
        raise click.UsageError(f"the demo begins on {first}; set ANALYTICS_START_DATE to that day or an earlier one")
    _make_events(settings.landing_dir, DEMO_LAST_DAY, DEMO_DAYS)
    day_before = DEMO_LAST_DAY - timedelta(days=1)
    run_days(settings, first, day_before, "demo")
    run_days(settings, DEMO_LAST_DAY, DEMO_LAST_DAY, "demo")
    folder = settings.reports_dir / "registry"
    out.say()
    out.say(
        Styled("Done.", "bold"), f" {DEMO_DAYS} days of sample events are loaded, aggregated, checked and reported."
    )
    out.say_lines(f"""
  Report of the last day   {folder / "daily" / f"{DEMO_LAST_DAY}.html"}
  All reports              {settings.reports_dir / "index.html"}

Next:
  make ui                                    the Dagster UI: lineage, partitions, checks, backfills
  .venv/bin/analytics-etl status             which day of which table is there
  psql "$(.venv/bin/analytics-etl db-url)"   the tables themselves
  .venv/bin/analytics-etl stop               stop the embedded database, which keeps running until then""")


@click.command()
@click.option("--to", "landing", type=Folder(), help="Landing folder; the configured one by default.")
@click.option("--last-day", type=DAY, default=str(DEMO_LAST_DAY), show_default=True)
@click.option("--days", type=Count(MOST_DAYS), default=DEMO_DAYS, show_default=True)
@click.option("--events-per-day", type=Count(10**9), default=10_000, show_default=True)
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=1, show_default=True)
@click.option(
    "--format", "file_format", default="ndjson.zst", show_default=True,
    type=click.Choice(["ndjson", "ndjson.gz", "ndjson.zst", "csv", "csv.gz", "csv.zst", "parquet"]),
)  # fmt: skip
@click.option("--even", is_flag=True, help="The same number of events every day: no rhythm, growth or outage.")
def sample(
    landing: Path | None, last_day: datetime, days: int, events_per_day: int, seed: int, file_format: str, even: bool  # noqa: FBT001
) -> None:  # fmt: skip
    """Make sample events: the same options give the same files.

    Popular and rare modules, a rhythm of days and weeks, growth, trends, an outage, anonymous users, and a few
    duplicates and bad rows, as in real life.
    """
    folder = landing or Settings.from_environment().landing_dir
    written = _make_events(
        folder, last_day.date(), days, events_per_day=events_per_day, seed=seed, file_format=file_format,
        rhythm=not even, outage=not even,
    )  # fmt: skip
    out.say(f"wrote {counted(len(written), 'file')} below {folder}")


def _make_events(folder: Path, last_day: date, days: int, **options: Any) -> list[Path]:
    """Sample events of all families; other options are those of SampleOptions."""
    from analytics_etl.sample import FAMILIES, SampleOptions, write_sample  # noqa: PLC0415 - numpy and Arrow

    wanted = SampleOptions(last_day=last_day, days=days, families=tuple(FAMILIES), **options)
    done = iter(range(1, days + 1))
    with progress(days) as step:
        return write_sample(folder, wanted, lambda day: step(f"making events of {day}", next(done), days))
