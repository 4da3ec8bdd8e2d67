"""Commands that ask about modules of the registry: how they are used, which are used most, which grow."""

from datetime import datetime
from typing import Any

import click

from analytics_etl.cli import ranges
from analytics_etl.cli.answers import AFTER, FORMAT, LIMIT, answer
from analytics_etl.cli.typed import Text
from analytics_etl.families.queries import registry_modules as queries

GRAIN = click.option(
    "--grain", type=click.Choice(["range", "1d"]), default="range", show_default=True,
    help="range: all days together; 1d: each day.",
)  # fmt: skip


@click.command()
@click.option(
    "--grain", type=click.Choice(["1d", "1w", "1m"]), default="1d", show_default=True, help="Day, week or month."
)
@ranges.days()
@click.option("--module", type=Text(), help="Name of a module; all modules together by default.")
@FORMAT
def statistics(form: str, grain: Any, first: datetime, last: datetime | None, module: str | None) -> None:
    """Views, downloads and compilations per day, week or month: of one module, or of all of them together.

    Weeks, from Monday to Sunday, and months are whole ones: all that the range touches. A period without events has no
    row. Users and organisations are counted once in a period, exactly: those of a module over its downloads and views,
    active users over all events, pages about no module included.

    \b
    The weeks of a month, of all modules:
      analytics-etl query registry statistics --grain 1w --from 2025-03-01 --to 2025-03-31
    The days of one module that `query registry top` names:
      analytics-etl query registry statistics --from 2025-03-25 --to 2025-03-31 --module hooli.audit.export.v3
    """  # noqa: D301 - click takes \b for the begin of lines to leave as they are
    until = (last or first).date()
    answer(form, lambda database: queries.statistics(database, grain, first.date(), until, module))


@click.command()
@click.option(
    "--days", "last_days", type=click.Choice([str(days) for days in queries.PERIODS]),
    help="So many days up to the newest one, instead of --from and --to.  [default: 7]",
)  # fmt: skip
@ranges.days(required=False)
@LIMIT
@AFTER
@FORMAT
def top(
    form: str, last_days: str | None, first: datetime | None, last: datetime | None, limit: int, after: str | None
) -> None:  # fmt: skip
    """Modules with the most successful downloads.

    \b
    Of the last month:
      analytics-etl query registry top --days 30 --limit 10
    Of some days:
      analytics-etl query registry top --from 2025-03-25 --to 2025-03-31
    """  # noqa: D301 - the same
    ranges.check_given(first, last, last_days)
    if first is None:
        days = int(last_days or 7)
        answer(form, lambda database: queries.top(database, days, limit, after))
        return
    start, until = first.date(), (last or first).date()
    answer(form, lambda database: queries.top_of_days(database, start, until, limit, after))


@click.command()
@click.option(
    "--direction", type=click.Choice(["up", "down", "new"]), default="up", show_default=True,
    help="new: without downloads in the 7 days before.",
)  # fmt: skip
@LIMIT
@AFTER
@FORMAT
def trending(form: str, direction: Any, limit: int, after: str | None) -> None:
    """Modules whose downloads grew or fell most, the last 7 days against the 7 before; at most 50.

    Modules with few downloads in the 7 days before are left out: fewer than ANALYTICS_TRENDING_MIN_DOWNLOADS.

    \b
    analytics-etl query registry trending
    analytics-etl query registry trending --direction new
    """  # noqa: D301 - the same
    answer(form, lambda database: queries.trending(database, direction, limit, after))


@click.command()
@click.argument("module", type=Text())
@ranges.days()
@GRAIN
@LIMIT
@AFTER
@FORMAT
def versions(
    form: str, module: str, first: datetime, last: datetime | None, grain: str, limit: int, after: str | None
) -> None:  # fmt: skip
    """Which versions of a module are downloaded: successful downloads, their share, and users.

    Users of days together are counted once, exactly.

    \b
    A week of one module that `query registry top` names:
      analytics-etl query registry versions hooli.audit.export.v3 --from 2025-03-25 --to 2025-03-31
    How a new version takes over, day by day:
      analytics-etl query registry versions hooli.audit.export.v3 --from 2025-03-25 --to 2025-03-31 --grain 1d
    """  # noqa: D301 - the same
    start, until, by_day = first.date(), (last or first).date(), grain == "1d"
    answer(
        form,
        lambda database: queries.versions(database, module, start, until, by_day=by_day, limit=limit, after=after),
    )
