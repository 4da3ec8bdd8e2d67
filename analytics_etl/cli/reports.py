"""The command `report`."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import click

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.cli.catalogs import read_catalog
from analytics_etl.cli.clock import yesterday
from analytics_etl.cli.configured import read_settings
from analytics_etl.cli.families import FAMILY, check_families
from analytics_etl.cli.terminal import err, out
from analytics_etl.cli.typed import DAY
from analytics_etl.config.settings import Settings
from analytics_etl.ops.partitions import newest_day
from analytics_etl.postgres import migrations
from analytics_etl.postgres.database import Database
from analytics_etl.text.english import shortened


@click.command()
@click.argument("day", type=DAY, metavar="DATE")
@click.option("--cadence", type=click.Choice(["day", "week", "month"]), default="day", show_default=True)
@FAMILY
def report(day: datetime, cadence: Any, families: tuple[str, ...]) -> None:
    """Write the report of a day, or of the week or month that holds it, from what the tables hold now.

    DATE is a UTC day like 2025-03-31 that is over; of a week or month a day must be over. A family of which nothing of
    the period is loaded has no report of it.
    """
    from analytics_etl.catalog.calendar import period_start  # noqa: PLC0415 - only for this
    from analytics_etl.pipeline.module_pages import write_module_pages  # noqa: PLC0415 - only for this
    from analytics_etl.pipeline.reports import loaded_families, write_index, write_report  # noqa: PLC0415 - only for this

    settings = read_settings()
    catalog = read_catalog(settings)
    check_families(catalog, families)
    start = period_start(cadence, day.date())
    _check_period(settings, cadence, start)
    migrations.upgrade(settings)
    database = Database(settings)
    wanted = [name for name in families or catalog.families if catalog.reports(name)]
    loaded = loaded_families(database, cadence, start)
    lacking: dict[str, list[str]] = {}
    written = 0
    for family in wanted:
        if why := _lack(database, catalog, family, cadence, start, loaded):
            lacking.setdefault(why, []).append(family)
            continue
        out.say(str(write_report(database, catalog, family, cadence, start).html))
        written += 1
    if written:
        write_module_pages(database, catalog)
        write_index(settings.reports_dir)
    left_out = [f"no report of {', '.join(of)}: {why}" for why, of in lacking.items()]
    if left_out and (families or not written):
        raise click.ClickException(f"{'; '.join(left_out)}: {_remedy(database, cadence, start)}")
    for line in left_out:
        err.say(f"! {line}")


def _lack(
    database: Database, catalog: Catalog, family: str, cadence: Any, start: date, loaded: Sequence[str]
) -> str | None:  # fmt: skip
    """Why a family can have no report of the period; None if it can."""
    from analytics_etl.pipeline.reports import lacking_tables  # noqa: PLC0415 - only for this

    if lacking := lacking_tables(database, catalog, family, cadence):
        return f"{shortened(lacking, 2)} are made by its first run"
    if family in loaded:
        return None
    newest = database.run(newest_day, [table for table in catalog.kept_by_day if table.startswith(f"{family}.")])
    known = f"the newest day is {newest}" if newest else "nor any other day"
    return f"nothing of {_named(cadence, start)} is loaded, {known}"


def _remedy(database: Database, cadence: Any, start: date) -> str:
    """The command that loads the days of a period."""
    from analytics_etl.catalog.calendar import period_end  # noqa: PLC0415 - only for this
    from analytics_etl.pipeline.gaps import accepted_days  # noqa: PLC0415 - only for this

    first = max(start, database.settings.start_date)
    last = min(period_end(cadence, start) - timedelta(days=1), yesterday())
    days = {first + timedelta(days=n) for n in range((last - first).days + 1)}
    said = "somebody has accepted that there is no data; if there is: " if days <= accepted_days(database) else ""
    return said + (f"analytics-etl run {first}" if first == last else f"analytics-etl backfill {first} {last}")


def _named(cadence: Any, start: date) -> str:
    return str(start) if cadence == "day" else f"the {cadence} from {start} on"


def _check_period(settings: Settings, cadence: Any, start: date) -> None:
    """Refuse the report of a period of which no day can have rows: as `run`, and as partitions begin and end."""
    from analytics_etl.catalog.calendar import period_start  # noqa: PLC0415 - only for this

    if start < (first := period_start(cadence, settings.start_date)):
        raise click.UsageError(
            f"{start} is before the first {cadence}, {first}; set ANALYTICS_START_DATE to an earlier day"
        )
    if start > (last := period_start(cadence, yesterday())):
        what = f"{start} is not over" if cadence == "day" else f"no day of {_named(cadence, start)} is over"
        raise click.UsageError(f"{what} yet in UTC; the last {cadence} that has a report is {last}")
