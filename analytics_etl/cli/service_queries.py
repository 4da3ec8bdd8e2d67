"""Commands that ask about the streaming services."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import click

from analytics_etl.cli import ranges
from analytics_etl.cli.answers import AFTER, FORMAT, LIMIT, answer
from analytics_etl.cli.typed import Text
from analytics_etl.families.queries import Page
from analytics_etl.families.queries import services as queries

SERVICE = click.option("--service", type=Text(), help="A service; all of them by default.")


@click.group()
def services() -> None:
    """Streaming services: errors, operations, users.

    \b
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


def _answer(form: str, question: Callable[..., Page], first: datetime, last: datetime | None, **wanted: Any) -> None:
    until = (last or first).date()
    answer(form, lambda database: question(database, first.date(), until, **wanted))
