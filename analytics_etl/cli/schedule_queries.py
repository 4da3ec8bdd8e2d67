"""Commands that ask about schedule executions."""

from datetime import datetime, timedelta
from typing import Any

import click

from analytics_etl.cli.answers import FORMAT, answer
from analytics_etl.queries import schedules as queries
from analytics_etl.queries.cursor import LARGEST_PAGE

TIME = click.DateTime(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"])
DAY = click.DateTime(formats=["%Y-%m-%d"])
LIMIT = click.option("--limit", type=click.IntRange(1, LARGEST_PAGE), default=100, show_default=True)
DAYS = (
    click.option("--from", "first", type=DAY, required=True, help="First day."),
    click.option("--to", "last", type=DAY, help="Last day; the first one by default."),
)


@click.group()
def schedules() -> None:
    """Schedule executions: what each tier did, how long it waited, what went wrong."""


@schedules.command()
@click.option("--from", "start", type=TIME, required=True, help="First moment, UTC.")
@click.option("--to", "end", type=TIME, help="First moment after the last one, UTC; a day after --from by default.")
@click.option("--schedule", "schedule_id", help="A schedule.")
@click.option("--execution", "execution_id", help="An execution, through all tiers.")
@click.option("--tier", "schedule_type", type=click.Choice(queries.TIERS))
@click.option("--event-type", help="What was done, such as execution, transfer or processing.")
@click.option("--level", type=click.Choice(queries.LEVELS))
@click.option("--result", type=click.Choice(queries.RESULTS))
@LIMIT
@click.option("--after", help="The cursor that came with the page before.")
@FORMAT
def events(form: str, start: datetime, end: datetime | None, limit: int, after: str | None, **wanted: Any) -> None:
    """Single records with their queue times, newest first.

    \b
    What failed in the third tier within an hour:
      analytics-etl query schedules events --from 2025-03-31T13:00 --to 2025-03-31T14:00 --tier redis --level ERROR
    """  # noqa: D301 - click takes \b for the begin of lines to leave as they are
    until, chosen = end or start + timedelta(days=1), queries.EventFilter(**wanted)
    answer(form, lambda warehouse: queries.events(warehouse, start, until, chosen, limit, after))


@schedules.command()
@DAYS[0]
@DAYS[1]
@click.option("--tier", "schedule_type", type=click.Choice(queries.TIERS))
@FORMAT
def statistics(form: str, first: datetime, last: datetime | None, schedule_type: str | None) -> None:
    """Results, queue and processing times of each tier and kind of work per day."""
    until = (last or first).date()
    answer(form, lambda warehouse: queries.statistics(warehouse, first.date(), until, schedule_type))


@schedules.command()
@DAYS[0]
@DAYS[1]
@click.option("--schedule", "schedule_id", help="A schedule.")
@LIMIT
@FORMAT
def errors(form: str, first: datetime, last: datetime | None, schedule_id: str | None, limit: int) -> None:
    """Error messages with ids, numbers and paths masked, the most frequent first."""
    until = (last or first).date()
    answer(form, lambda warehouse: queries.errors(warehouse, first.date(), until, schedule_id, limit))


@schedules.command()
@click.argument("schedule_id")
@DAYS[0]
@DAYS[1]
@FORMAT
def performance(form: str, schedule_id: str, first: datetime, last: datetime | None) -> None:
    """How one schedule did per day, against its own 28 days before."""
    until = (last or first).date()
    answer(form, lambda warehouse: queries.performance(warehouse, schedule_id, first.date(), until))
