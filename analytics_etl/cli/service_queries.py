"""Commands that ask about the streaming services."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import click

from analytics_etl.cli import ranges
from analytics_etl.cli.answers import AFTER, FORMAT, LIMIT, answer, answer_value
from analytics_etl.cli.typed import Text
from analytics_etl.families.queries import Page, services_dashboard
from analytics_etl.families.queries import services as queries
from analytics_etl.postgres.database import Database

SERVICE = click.option("--service", type=Text(), help="A service; all of them by default.")


@click.group()
def services() -> None:
    """Streaming services: operations and latencies, errors, health, users.

    \b
    analytics-etl query services aggregations --from 2025-03-31 --service playback
    analytics-etl query services dashboard --from 2025-03-31 --service playback
    analytics-etl query services errors --from 2025-03-25 --to 2025-03-31
    analytics-etl query services operations --from 2025-03-31 --service playback
    analytics-etl query services engagement --from 2025-03-25 --to 2025-03-31
    """  # noqa: D301 - click takes \b for the begin of lines to leave as they are


@services.command()
@ranges.days()
@SERVICE
@LIMIT
@AFTER
@FORMAT
def errors(form: str, **wanted: Any) -> None:
    """How operations failed, the most frequent error first.

    \b
    Of a week together:
      analytics-etl query services errors --from 2025-03-25 --to 2025-03-31
    """  # noqa: D301 - the same
    _answer(form, queries.errors, **wanted)


@services.command()
@ranges.days()
@SERVICE
@LIMIT
@AFTER
@FORMAT
def operations(form: str, **wanted: Any) -> None:
    """What services carried out, with errors and durations; what took most time first.

    \b
    Of one service on a day:
      analytics-etl query services operations --from 2025-03-31 --service playback
    """  # noqa: D301 - the same
    _answer(form, queries.operations, **wanted)


@services.command("top-users")
@ranges.days()
@SERVICE
@LIMIT
@AFTER
@FORMAT
def top_users(form: str, **wanted: Any) -> None:
    """The 20 users for whom each service did most on each day, under the pseudonyms that reports show.

    \b
    Of one service:
      analytics-etl query services top-users --from 2025-03-31 --service playback
    """  # noqa: D301 - the same
    _answer(form, queries.top_users, **wanted)


@services.command()
@ranges.days()
@FORMAT
def engagement(form: str, **wanted: Any) -> None:
    """Active, new and returning users, sessions and conversion per day.

    \b
    Of a week:
      analytics-etl query services engagement --from 2025-03-25 --to 2025-03-31
    """  # noqa: D301 - the same
    _answer(form, queries.engagement, **wanted)


@services.command()
@click.option("--grain", type=click.Choice(["1m", "5m", "1h", "1d"]), default="1h", show_default=True,
              help="Length of the buckets.")  # fmt: skip
@ranges.moments()
@SERVICE
@LIMIT
@AFTER
@FORMAT
def aggregations(form: str, start: datetime, end: datetime | None, **wanted: Any) -> None:
    """Operations, error rates, throughput and latencies per minute, 5 minutes, hour or day; the oldest first.

    \b
    The hours of a day, of one service:
      analytics-etl query services aggregations --from 2025-03-31 --service playback
    Its minutes within an hour, for a spreadsheet:
      analytics-etl query services aggregations --grain 1m --from 2025-03-31T13:00 --to 2025-03-31T14:00 \\
        --service playback --format csv
    """  # noqa: D301 - the same
    until = end or start + timedelta(days=1)
    answer(form, lambda database: queries.aggregations(database, start=start, end=until, **wanted))


@services.command()
@ranges.days()
@SERVICE
@FORMAT
def health(form: str, **wanted: Any) -> None:
    """Whether each service was healthy on each day, and why not; the worst of a day first.

    \b
    Of a week:
      analytics-etl query services health --from 2025-03-25 --to 2025-03-31
    """  # noqa: D301 - the same
    _answer(form, queries.health, **wanted)


@services.command()
@ranges.days()
@SERVICE
@LIMIT
@FORMAT
def anomalies(form: str, **wanted: Any) -> None:
    """What was unusual of services and of all of them together, the newest first.

    \b
    Of a week:
      analytics-etl query services anomalies --from 2025-03-25 --to 2025-03-31
    """  # noqa: D301 - the same
    _answer(form, queries.anomalies, **wanted)


@services.command()
@ranges.days()
@SERVICE
@LIMIT
@FORMAT
def forecasts(form: str, **wanted: Any) -> None:
    """What is expected after each day, of services and of all of them together; the newest day first.

    \b
    Of one service, as of the end of a day:
      analytics-etl query services forecasts --from 2025-03-31 --service playback
    """  # noqa: D301 - the same
    _answer(form, queries.forecasts, **wanted)


@services.command()
@ranges.days()
@SERVICE
def dashboard(first: datetime, last: datetime | None, service: str | None) -> None:
    """Metrics, most frequent errors, busiest users and health of the days as one JSON value.

    Its fields are those of /api/v1/analytics/dashboard; users have the pseudonyms that reports show.

    \b
    Of one service:
      analytics-etl query services dashboard --from 2025-03-31 --service playback
    """  # noqa: D301 - the same
    until = (last or first).date()

    def ask(database: Database) -> dict[str, Any]:
        found, coverage = services_dashboard.dashboard(database, first.date(), until, service)
        missing = coverage.missing if coverage else ()
        return {"from": first.date(), "to": until, **found, "missing": [{"first": a, "last": b} for a, b in missing]}

    answer_value(ask)


def _answer(form: str, question: Callable[..., Page], first: datetime, last: datetime | None, **wanted: Any) -> None:
    until = (last or first).date()
    answer(form, lambda database: question(database, first.date(), until, **wanted))
