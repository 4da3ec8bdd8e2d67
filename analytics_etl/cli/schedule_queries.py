"""Commands that ask about schedule executions."""

from datetime import datetime, timedelta
from typing import Any

import click

from analytics_etl.cli import ranges
from analytics_etl.cli.answers import AFTER, FORMAT, LIMIT, answer
from analytics_etl.cli.typed import Text
from analytics_etl.families.queries import schedule_days, schedule_statistics
from analytics_etl.families.queries import schedules as queries


@click.group()
def schedules() -> None:
    """Schedule executions: what each tier did, how long it waited, what went wrong.

    \b
    analytics-etl query schedules health --from 2025-03-25 --to 2025-03-31
    analytics-etl query schedules statistics --grain range --from 2025-03-25 --to 2025-03-31
    analytics-etl query schedules events --from 2025-03-31 --level ERROR --limit 20
    """  # noqa: D301 - click takes \b for the begin of lines to leave as they are


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
    """Single records with their queue times and what Kafka got, newest first.

    Days whose events were not kept are listed; the exit code is then 3.

    \b
    What failed in the third tier within an hour:
      analytics-etl query schedules events --from 2025-03-31T13:00 --to 2025-03-31T14:00 --tier redis --level ERROR
    """  # noqa: D301 - the same
    until, chosen = end or start + timedelta(days=1), queries.EventFilter(**wanted)
    answer(form, lambda database: queries.events(database, start, until, chosen, limit, after))


@schedules.command()
@click.option(
    "--grain", type=click.Choice(["1h", "1d", "range"]), default="1d", show_default=True,
    help="1h: each hour, from its records; 1d: each day; range: all days together.",
)  # fmt: skip
@ranges.moments()
@click.option("--tier", "schedule_type", type=click.Choice(queries.TIERS))
@FORMAT
def statistics(form: str, grain: str, start: datetime, end: datetime | None, schedule_type: str | None) -> None:
    """Results, queue and processing times of each tier and kind of work.

    Per hour they come from the records, so days whose records were not kept are not in the answer. Of a range as a
    whole everything is exact: distinct executions and percentiles come from its records, and are empty when those of a
    day were not kept; all else is there in any case, such as the highest daily p95. The throughput per hour is that of
    the hours of the days that are loaded.

    \b
    A week of one tier, day by day:
      analytics-etl query schedules statistics --from 2025-03-25 --to 2025-03-31 --tier redis
    The same week as a whole:
      analytics-etl query schedules statistics --grain range --from 2025-03-25 --to 2025-03-31
    The hours of an afternoon:
      analytics-etl query schedules statistics --grain 1h --from 2025-03-31T12:00 --to 2025-03-31T18:00
    """  # noqa: D301 - the same
    until = end or start + timedelta(days=1)
    if grain == "1h":
        answer(form, lambda database: schedule_statistics.statistics_of_hours(database, start, until, schedule_type))
        return
    first, last = ranges.whole_days(start, until)
    ask = queries.statistics if grain == "1d" else schedule_statistics.statistics_of_range
    answer(form, lambda database: ask(database, first, last, schedule_type))


@schedules.command()
@ranges.days()
@click.option("--tier", type=click.Choice(schedule_days.HEALTH_TIERS), help="all: the three tiers together.")
@FORMAT
def health(form: str, first: datetime, last: datetime | None, tier: str | None) -> None:
    """Whether each tier, and the three together, worked per day: ok, degraded or down.

    ok: below 1 % of the attempts that ended failed or took too long; degraded: below 5 %; down: 5 % and more.

    \b
    analytics-etl query schedules health --from 2025-03-25 --to 2025-03-31
    analytics-etl query schedules health --from 2025-03-01 --to 2025-03-31 --tier all --format csv
    """  # noqa: D301 - the same
    until = (last or first).date()
    answer(form, lambda database: schedule_days.health(database, first.date(), until, tier))


@schedules.command()
@ranges.days()
@FORMAT
def flow(form: str, first: datetime, last: datetime | None) -> None:
    """What became of the executions that started on each day: completed, stopped, lost, and how long they took.

    completed: a success in each of the three tiers. tier_missing: a success in redis without one in each tier before.
    An execution is followed for 2 days after its own, until which it counts as lost.

    \b
    analytics-etl query schedules flow --from 2025-03-25 --to 2025-03-31
    """  # noqa: D301 - the same
    until = (last or first).date()
    answer(form, lambda database: schedule_days.flow(database, first.date(), until))


@schedules.command()
@ranges.days()
@click.option("--topic", type=Text(), help="A topic.")
@LIMIT
@AFTER
@FORMAT
def kafka(
    form: str, first: datetime, last: datetime | None, topic: str | None, limit: int, after: str | None
) -> None:  # fmt: skip
    """What was published to each partition of each topic per day, and its skew.

    The skew is what the partition got over the mean of the topic's partitions of the day; -1 is no partition.

    \b
    analytics-etl query schedules kafka --from 2025-03-31
    analytics-etl query schedules kafka --from 2025-03-25 --to 2025-03-31 --topic results.sync --format csv
    """  # noqa: D301 - the same
    until = (last or first).date()
    answer(form, lambda database: schedule_days.kafka(database, first.date(), until, topic, limit, after))


@schedules.command()
@ranges.days()
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
    answer(form, lambda database: queries.errors(database, first.date(), until, schedule_id, limit, after))


@schedules.command()
@click.argument("schedule_id", type=Text())
@ranges.days()
@FORMAT
def performance(form: str, schedule_id: str, first: datetime, last: datetime | None) -> None:
    """How one schedule did per day, against its own 28 days before.

    \b
    One of those that `query schedules events` names:
      analytics-etl query schedules performance sync.payments --from 2025-03-25 --to 2025-03-31
    """  # noqa: D301 - the same
    until = (last or first).date()
    answer(form, lambda database: queries.performance(database, schedule_id, first.date(), until))
