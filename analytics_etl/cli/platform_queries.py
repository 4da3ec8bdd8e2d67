"""Commands that ask about the platform."""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any

import click

from analytics_etl.cli import ranges
from analytics_etl.cli.answers import AFTER, FORMAT, LIMIT, answer, answer_value
from analytics_etl.cli.typed import DAY, Text
from analytics_etl.families.queries import Page
from analytics_etl.families.queries import platform as queries

CATEGORIES = ("system", "business", "user", "performance", "security")


def of_tenant(command: Callable[..., None]) -> Callable[..., None]:
    """Options --tenant and --platform as `tenant`: a tenant, "" for the platform itself, None for all side by side."""

    @wraps(command)
    def called(*arguments: Any, tenant: str | None, is_platform: bool, **options: Any) -> None:
        if tenant is not None and is_platform:
            raise click.UsageError("--tenant and --platform do not go together")
        command(*arguments, tenant="" if is_platform else tenant, **options)

    named = click.option(
        "--tenant", type=Text(), help="A tenant; all of them and the platform, side by side, by default."
    )
    itself = click.option("--platform", "is_platform", is_flag=True, help="The platform itself, which is no tenant.")
    return named(itself(called))


@click.group()
def platform() -> None:
    """Metrics of the platform and its tenants: samples, health, business.

    \b
    analytics-etl query platform latest cpu_percent --from 2025-03-31
    analytics-etl query platform aggregated revenue --grain 1d --from 2025-03-25 --to 2025-03-31 --tenant acme
    analytics-etl query platform dashboard --from 2025-03-31 --tenant acme
    """  # noqa: D301 - click takes \b for the begin of lines to leave as they are


@platform.command()
@click.argument("name", type=Text())
@ranges.days()
@of_tenant
@LIMIT
@AFTER
@FORMAT
def latest(form: str, **wanted: Any) -> None:
    """The newest sample of each series of the metric NAME in the days.

    \b
    Of the platform itself:
      analytics-etl query platform latest cpu_percent --from 2025-03-31 --platform
    """  # noqa: D301 - the same
    _answer(form, queries.latest, **wanted)


@platform.command()
@click.argument("name", type=Text())
@click.option("--grain", type=click.Choice(["1h", "1d"]), default="1h", show_default=True, help="Hours or days.")
@ranges.days()
@of_tenant
@LIMIT
@AFTER
@FORMAT
def aggregated(form: str, **wanted: Any) -> None:
    """The metric NAME per hour or day: bounds, mean, percentiles, growth of counters.

    \b
    Of a week:
      analytics-etl query platform aggregated requests_total --grain 1d --from 2025-03-25 --to 2025-03-31
    """  # noqa: D301 - the same
    _answer(form, queries.aggregated, **wanted)


@platform.command()
@click.argument("category", type=click.Choice(CATEGORIES), metavar="CATEGORY")
@ranges.days()
@of_tenant
@LIMIT
@AFTER
@FORMAT
def category(form: str, **wanted: Any) -> None:
    """The metrics of a CATEGORY (system, business, user, performance, security), those with the most samples first.

    \b
    Of a tenant:
      analytics-etl query platform category business --from 2025-03-31 --tenant acme
    """  # noqa: D301 - the same
    _answer(form, queries.category, **wanted)


@platform.command()
@ranges.days()
@of_tenant
@LIMIT
@AFTER
@FORMAT
def health(form: str, **wanted: Any) -> None:
    """Whether each service was healthy on each day, and why not.

    \b
    Of a week:
      analytics-etl query platform health --from 2025-03-25 --to 2025-03-31
    """  # noqa: D301 - the same
    _answer(form, queries.health, **wanted)


@platform.command()
@click.option("--service", type=Text(), help="A service; all of them by default.")
@click.option("--gauge", "name", type=Text(), help="A gauge, such as cpu_percent; all of them by default.")
@click.option("--grain", type=click.Choice(["1m", "5m", "1h", "1d"]), default="1h", show_default=True,
              help="Length of the buckets.")  # fmt: skip
@ranges.days()
@of_tenant
@LIMIT
@AFTER
@FORMAT
def gauges(form: str, **wanted: Any) -> None:
    """The gauges of services per bucket, such as use of the processors: mean, bounds and newest value.

    \b
    One of a service, hour by hour:
      analytics-etl query platform gauges --service gateway --gauge cpu_percent --from 2025-03-31
    """  # noqa: D301 - the same
    _answer(form, queries.gauges, **wanted)


@platform.command()
@click.argument("day", type=DAY)
@FORMAT
def capacity(form: str, day: datetime) -> None:
    """How large the tables of the lake were at the end of DAY, how they grow, and when the lake is full.

    \b
    At the end of March:
      analytics-etl query platform capacity 2025-03-31
    """  # noqa: D301 - the same
    answer(form, lambda database: queries.capacity(database, day.date()))


@platform.command()
@ranges.days()
@of_tenant
@click.option(
    "--metric", "metrics", type=Text(), multiple=True, help="A metric to show the newest samples of; several."
)
def dashboard(first: datetime, last: datetime | None, **wanted: Any) -> None:
    """Health, business and tenants of the days as one JSON value.

    \b
    With two metrics:
      analytics-etl query platform dashboard --from 2025-03-31 --metric cpu_percent --metric revenue
    """  # noqa: D301 - the same
    until = (last or first).date()
    answer_value(lambda database: queries.dashboard(database, first.date(), until, **wanted))


def _answer(form: str, question: Callable[..., Page], first: datetime, last: datetime | None, **wanted: Any) -> None:
    until = (last or first).date()
    answer(form, lambda database: question(database, first.date(), until, **wanted))
