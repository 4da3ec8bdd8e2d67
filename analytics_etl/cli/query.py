"""Commands that ask: rows of a family's tables as a table, JSON or CSV. They change nothing."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import click

from analytics_etl.cli.answers import FORMAT, answer
from analytics_etl.cli.schedule_queries import TIME, schedules
from analytics_etl.queries import usage as usage_queries
from analytics_etl.queries.cursor import LARGEST_PAGE


@click.group()
def query() -> None:
    """Ask the tables of a family: statistics, and single events.

    \b
    analytics-etl query usage statistics --grain 1h --from 2025-03-31 --to 2025-04-01
    analytics-etl query usage events --days 7 --operation write --limit 20
    """  # noqa: D301 - click takes \b for the begin of lines to leave as they are


@query.group()
def usage() -> None:
    """Schema usage: what services do with schemas."""


@usage.command()
@click.option("--grain", type=click.Choice(["1m", "5m", "1h", "1d"]), default="1h", show_default=True)
@click.option("--from", "start", type=TIME, required=True, help="First moment, UTC.")
@click.option("--to", "end", type=TIME, help="First moment after the last one, UTC; a day after --from by default.")
@click.option("--schema", "schema_id", type=click.UUID, help="A schema's id; all schemas together by default.")
@click.option("--detail", is_flag=True, help="A row for each operation and region of the schema.")
@FORMAT
def statistics(
    grain: Any, start: datetime, end: datetime | None, schema_id: UUID | None, detail: bool, form: str  # noqa: FBT001
) -> None:  # fmt: skip
    """Operations, success rate and latency per minute, 5 minutes, hour or day.

    A bucket holds [bucket, bucket + grain); one without operations has no row. Percentiles are those of the events of
    the row, in every grain.

    \b
    The hours of a day, of all schemas:
      analytics-etl query usage statistics --from 2025-03-31
    Five minutes of one schema, each operation and region apart, for a spreadsheet:
      analytics-etl query usage statistics --grain 1m --from 2025-03-31T13:00 --to 2025-03-31T13:05 \\
        --schema 5f3f2c56-7a3e-0a1f-905b-cf106f85b7a3 --detail --format csv
    """  # noqa: D301 - the same
    end = end or start + timedelta(days=1)
    answer(form, lambda warehouse: usage_queries.statistics(warehouse, grain, start, end, schema_id, detail=detail))


@usage.command()
@click.option("--days", "last_days", type=click.IntRange(1), default=1, show_default=True,
              help="So many days up to the newest one that is loaded.")  # fmt: skip
@click.option("--schema", "schema_id", type=click.UUID, help="Id of a schema.")
@click.option("--operation", type=click.Choice(usage_queries.OPERATIONS))
@click.option("--service", help="Name of a service.")
@click.option("--region", help="Name of a region.")
@click.option("--success-only", is_flag=True, help="Leave out operations that failed.")
@click.option("--limit", type=click.IntRange(1, LARGEST_PAGE), default=100, show_default=True)
@click.option("--after", help="The cursor that came with the page before.")
@FORMAT
def events(form: str, last_days: int, limit: int, after: str | None, **wanted: Any) -> None:
    """Single events, newest first.

    When there are more than --limit, a cursor comes along: with --after it gives the next page, and events that are
    loaded meanwhile move nothing. Days that are archived are not read.

    \b
    What failed or succeeded in the last week in one region:
      analytics-etl query usage events --days 7 --region eu-west-1 --limit 20
    All of it, page by page, for a program:
      analytics-etl query usage events --format json --after 2025-03-31T13:00:00Z,5f3f2c56-7a3e-0a1f-905b-cf106f85b7a3
    """  # noqa: D301 - the same
    chosen = usage_queries.EventFilter(**wanted)
    answer(form, lambda warehouse: usage_queries.events(warehouse, last_days, chosen, limit, after))


query.add_command(schedules)
