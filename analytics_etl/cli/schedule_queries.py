"""Commands that ask about schedule executions."""

from datetime import datetime, timedelta
from typing import Any

import click

from analytics_etl.cli import ranges
from analytics_etl.cli.answers import AFTER, FORMAT, LIMIT, answer
from analytics_etl.cli.typed import Text
from analytics_etl.queries import schedules as queries


@click.group()
def schedules() -> None:
    """Schedule executions: what each tier did, how long it waited, what went wrong."""


@schedules.command()
@ranges.moments()
@click.option("--schedule", "schedule_id", type=Text(), help="A schedule.")
@click.option("--execution", "execution_id", type=Text(), help="An execution, through all tiers.")
@click.option("--tier", "schedule_type", type=click.Choice(queries.TIERS))
@click.option("--event-type", type=Text(), help="What was done, such as execution, transfer or processing.")
@click.option("--level", type=click.Choice(queries.LEVELS))
@click.option("--result", type=click.Choice(queries.RESULTS))
@LIMIT
@AFTER
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
@ranges.days
@click.option("--tier", "schedule_type", type=click.Choice(queries.TIERS))
@FORMAT
def statistics(form: str, first: datetime, last: datetime | None, schedule_type: str | None) -> None:
    """Results, queue and processing times of each tier and kind of work per day.

    \b
    A week of one tier:
      analytics-etl query schedules statistics --from 2025-03-25 --to 2025-03-31 --tier redis
    """  # noqa: D301 - the same
    until = (last or first).date()
    answer(form, lambda warehouse: queries.statistics(warehouse, first.date(), until, schedule_type))


@schedules.command()
@ranges.days
@click.option("--schedule", "schedule_id", type=Text(), help="A schedule.")
@LIMIT
@AFTER
@FORMAT
def errors(
    form: str, first: datetime, last: datetime | None, schedule_id: str | None, limit: int, after: str | None
) -> None:  # fmt: skip
    """Error messages with ids, numbers and paths masked, the most frequent first.

    \b
    Of a week together:
      analytics-etl query schedules errors --from 2025-03-25 --to 2025-03-31
    """  # noqa: D301 - the same
    until = (last or first).date()
    answer(form, lambda warehouse: queries.errors(warehouse, first.date(), until, schedule_id, limit, after))


@schedules.command()
@click.argument("schedule_id", type=Text())
@ranges.days
@FORMAT
def performance(form: str, schedule_id: str, first: datetime, last: datetime | None) -> None:
    """How one schedule did per day, against its own 28 days before.

    \b
    One of those that `query schedules events` names:
      analytics-etl query schedules performance sync.payments --from 2025-03-25 --to 2025-03-31
    """  # noqa: D301 - the same
    until = (last or first).date()
    answer(form, lambda warehouse: queries.performance(warehouse, schedule_id, first.date(), until))
