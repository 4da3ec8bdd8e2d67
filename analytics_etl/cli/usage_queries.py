"""Commands that ask what services do with schemas."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import click

from analytics_etl.cli import ranges
from analytics_etl.cli.answers import AFTER, FORMAT, LIMIT, answer
from analytics_etl.cli.schema_queries import anomalies, health, liveness, operations, top, trending, zombies
from analytics_etl.cli.typed import MOST_DAYS, Count, IdOrName, Text
from analytics_etl.families.queries import Page
from analytics_etl.families.queries import usage as usage_queries
from analytics_etl.families.queries.usage_names import schema_of
from analytics_etl.postgres.database import Database


@click.group()
def usage() -> None:
    """Schema usage: what services do with schemas.

    \b
    analytics-etl query usage statistics --from 2025-03-31
    analytics-etl query usage statistics --from 2025-03-31 --schema payments.created.v1 --detail
    analytics-etl query usage events --days 7 --failed-only
    analytics-etl query usage operations --from 2025-03-25 --to 2025-03-31
    analytics-etl query usage top --days 7
    """  # noqa: D301 - the same


@usage.command()
@click.option("--grain", type=click.Choice(["1m", "5m", "1h", "1d"]), default="1h", show_default=True)
@ranges.moments()
@click.option("--schema", type=IdOrName(), help="A schema's id or newest name; all schemas together by default.")
@click.option("--detail", is_flag=True, help="A row for each operation and region of the schema; needs --schema.")
@FORMAT
def statistics(
    grain: Any, start: datetime, end: datetime | None, schema: UUID | str | None, detail: bool, form: str  # noqa: FBT001
) -> None:  # fmt: skip
    """Operations, success rate and latency per minute, 5 minutes, hour or day.

    A bucket holds [bucket, bucket + grain); one without operations has no row. Percentiles are those of the events of
    the row, in every grain. A row of all schemas has the schema 00000000-0000-0000-0000-000000000000, one of all
    operations and regions has none; tables say (all).

    \b
    The hours of a day, of all schemas:
      analytics-etl query usage statistics --from 2025-03-31
    The days of a week:
      analytics-etl query usage statistics --grain 1d --from 2025-03-25 --to 2025-03-31
    Five minutes of one schema, each operation and region apart, for a spreadsheet:
      analytics-etl query usage statistics --grain 1m --from 2025-03-31T13:00 --to 2025-03-31T13:05 \\
        --schema 81a1b693-84a2-4465-b6dd-7d2f0c2ddcd5 --detail --format csv
    """  # noqa: D301 - the same
    end = end or start + timedelta(days=1)
    all_of = {"schema_id": usage_queries.ALL_SCHEMAS, "operation": "", "region": ""}

    def ask(database: Database) -> Page:
        schema_id = schema_of(database, schema)
        return usage_queries.statistics(database, grain, start, end, schema_id, detail=detail)

    answer(form, ask, all_of)


@usage.command()
@click.option(
    "--days", "last_days", type=Count(MOST_DAYS),
    help="So many days up to the newest one that is loaded, instead of --from and --to.  [default: 1]",
)  # fmt: skip
@ranges.moments(required=False)
@click.option("--schema", type=IdOrName(), help="Id or newest name of a schema.")
@click.option("--operation", type=click.Choice(usage_queries.OPERATIONS))
@click.option("--service", type=Text(), help="Name of a service.")
@click.option("--region", type=Text(), help="Name of a region.")
@click.option("--success-only/--failed-only", "success", default=None,
              help="Only operations that succeeded, or only those that failed; both by default.")  # fmt: skip
@LIMIT
@AFTER
@FORMAT
def events(
    form: str, last_days: int | None, start: datetime | None, end: datetime | None, limit: int, after: str | None,
    schema: UUID | str | None, **wanted: Any,
) -> None:  # fmt: skip
    """Single events, newest first: of the last days, or from a day or moment to another.

    When there are more than --limit, a cursor comes along: with --after it gives the next page, and events that are
    loaded meanwhile move nothing. Archived days are listed and not read; the exit code is then 3.

    \b
    What failed in the last week in one region:
      analytics-etl query usage events --days 7 --region eu-west-1 --failed-only --limit 20
    All of a day, page by page, for a program:
      analytics-etl query usage events --from 2025-03-31 --format json
      analytics-etl query usage events --from 2025-03-31 --format json --after CURSOR
    """  # noqa: D301 - the same
    ranges.check_given(start, end, last_days)

    def ask(database: Database) -> Page:
        chosen = usage_queries.EventFilter(schema_of(database, schema), **wanted)
        if start is None:
            return usage_queries.events(database, last_days or 1, chosen, limit, after)
        return usage_queries.events_between(database, start, end or start + timedelta(days=1), chosen, limit, after)

    answer(form, ask)


for command in (operations, top, trending, liveness, zombies, health, anomalies):
    usage.add_command(command)
