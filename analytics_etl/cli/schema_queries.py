"""Commands that ask which schemas are used most, which grow, live or fail, and what is done with all of them."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import click

from analytics_etl.cli import ranges
from analytics_etl.cli.answers import AFTER, FORMAT, LIMIT, answer
from analytics_etl.cli.typed import DAY, MOST_DAYS, Count, IdOrName
from analytics_etl.families.queries import Page, usage_breakdowns, usage_schemas
from analytics_etl.families.queries.usage import ALL_SCHEMAS, OPERATIONS
from analytics_etl.families.queries.usage_names import schema_of
from analytics_etl.postgres.database import Database

_DAY = click.option("--day", type=DAY, metavar="DAY", help="As of the end of this day; of the newest by default.")


@click.command()
@ranges.days()
@click.option(
    "--grain", type=click.Choice(["range", "1d"]), default="range", show_default=True,
    help="range: all days together; 1d: each day.",
)  # fmt: skip
@click.option("--by-region", is_flag=True, help="Each region apart.")
@FORMAT
def operations(form: str, first: datetime, last: datetime | None, grain: str, by_region: bool) -> None:  # noqa: FBT001
    """What was done with all schemas: each kind of operation, with success rate and latency.

    Distinct schemas and percentiles are those of the whole range, exactly, not put together from its days.

    \b
    A week as a whole:
      analytics-etl query usage operations --from 2025-03-25 --to 2025-03-31
    Each day and region:
      analytics-etl query usage operations --from 2025-03-25 --to 2025-03-31 --grain 1d --by-region --format csv
    """  # noqa: D301 - click takes \b for the begin of lines to leave as they are
    until = (last or first).date()
    answer(
        form,
        lambda database: usage_breakdowns.operations(
            database, first.date(), until, by_day=grain == "1d", by_region=by_region
        ),
        {"region": ""},
    )


@click.command()
@click.option(
    "--days", "last_days", type=click.Choice([str(days) for days in usage_schemas.PERIODS]),
    help="So many days up to the newest one, the first 100 of them, instead of --from and --to.  [default: 7]",
)  # fmt: skip
@ranges.days(required=False)
@click.option("--operation", type=click.Choice(OPERATIONS), help="Only these operations; all together by default.")
@LIMIT
@AFTER
@FORMAT
def top(
    form: str, last_days: str | None, first: datetime | None, last: datetime | None, operation: str | None, limit: int,
    after: str | None,
) -> None:  # fmt: skip
    """Schemas with the most operations, overall or of one kind.

    \b
    Of the last month, the most written to:
      analytics-etl query usage top --days 30 --operation write --limit 10
    Of some days:
      analytics-etl query usage top --from 2025-03-25 --to 2025-03-31
    """  # noqa: D301 - the same
    ranges.check_given(first, last, last_days)
    all_of = {"operation": ""}
    if first is None:
        days = int(last_days or 7)
        answer(form, lambda database: usage_schemas.top(database, days, operation, limit, after), all_of)
        return
    start, until = first.date(), (last or first).date()
    answer(form, lambda database: usage_schemas.top_of_days(database, start, until, operation, limit, after), all_of)


@click.command()
@click.option(
    "--direction", type=click.Choice(["up", "down", "new"]), default="up", show_default=True,
    help="new: without operations in the 7 days before.",
)  # fmt: skip
@LIMIT
@AFTER
@FORMAT
def trending(form: str, direction: Any, limit: int, after: str | None) -> None:
    """Schemas whose operations grew or fell most, the last 7 days against the 7 before; at most 50.

    \b
    analytics-etl query usage trending
    analytics-etl query usage trending --direction down --limit 10
    """  # noqa: D301 - the same
    answer(form, lambda database: usage_schemas.trending(database, direction, limit, after))


@click.command()
@_DAY
@click.option("--state", type=click.Choice(usage_schemas.STATES))
@LIMIT
@AFTER
@FORMAT
def liveness(form: str, day: datetime | None, state: str | None, limit: int, after: str | None) -> None:
    """When each schema was last used: active, idle, stale or zombie; the longest unused first.

    \b
    analytics-etl query usage liveness --day 2025-03-31 --state idle
    """  # noqa: D301 - the same
    as_of = day.date() if day else None
    answer(form, lambda database: usage_schemas.liveness(database, as_of, state, limit, after))


@click.command()
@_DAY
@LIMIT
@AFTER
@FORMAT
def zombies(form: str, day: datetime | None, limit: int, after: str | None) -> None:
    """Schemas that nobody has used for 90 days, or never in the 30 days since they were first seen.

    \b
    analytics-etl query usage zombies --day 2025-03-31
    """  # noqa: D301 - the same
    as_of = day.date() if day else None
    answer(form, lambda database: usage_schemas.liveness(database, as_of, "zombie", limit, after))


@click.command()
@ranges.days(required=False)
@click.option("--schema", type=IdOrName(), help="A schema's id or newest name; all schemas by default.")
@LIMIT
@AFTER
@FORMAT
def health(
    form: str, first: datetime | None, last: datetime | None, schema: UUID | str | None, limit: int,
    after: str | None,
) -> None:  # fmt: skip
    """Scorecards with what to do, the lowest score first; of the newest day, unless days are named.

    \b
    All schemas on the newest day:
      analytics-etl query usage health --limit 20
    One of those that `query usage top` names, day by day:
      analytics-etl query usage health --from 2025-03-25 --to 2025-03-31 --schema 81a1b693-84a2-4465-b6dd-7d2f0c2ddcd5
    """  # noqa: D301 - the same
    ranges.check_given(first, last)
    start, until = (first.date(), (last or first).date()) if first else (None, None)
    answer(
        form,
        lambda database: usage_schemas.health(database, start, until, schema_of(database, schema), limit, after),
    )


@click.command()
@click.option(
    "--days", "last_days", type=Count(MOST_DAYS),
    help="So many days up to the newest one, instead of --from and --to.  [default: 1]",
)  # fmt: skip
@ranges.moments(required=False)
@click.option("--schema", type=IdOrName(), help=f"A schema's id or newest name; {ALL_SCHEMAS} for all together.")
@click.option("--severity", type=click.Choice(usage_breakdowns.SEVERITIES))
@LIMIT
@AFTER
@FORMAT
def anomalies(
    form: str, last_days: int | None, start: datetime | None, end: datetime | None, schema: UUID | str | None,
    severity: str | None, limit: int, after: str | None,
) -> None:  # fmt: skip
    """Hours of a schema, or of all of them together, with too many errors or far slower than usual; newest first.

    \b
    analytics-etl query usage anomalies --days 30
    analytics-etl query usage anomalies --days 30 --severity critical --schema payments.created.v1
    """  # noqa: D301 - the same
    ranges.check_given(start, end, last_days)

    def ask(database: Database) -> Page:
        wanted = schema_of(database, schema), severity, limit, after
        if start is None:
            return usage_breakdowns.anomalies_of_last_days(database, last_days or 1, *wanted)
        return usage_breakdowns.anomalies(database, start, end or start + timedelta(days=1), *wanted)

    answer(form, ask, {"schema_id": ALL_SCHEMAS})
