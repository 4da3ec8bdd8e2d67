"""Commands that ask about the registry as a whole: its days, languages and organisations, and single events."""

from datetime import datetime, timedelta
from typing import Any

import click

from analytics_etl.cli import ranges
from analytics_etl.cli.answers import AFTER, FORMAT, LIMIT, answer
from analytics_etl.cli.health_queries import consumers, health, recommendations
from analytics_etl.cli.module_queries import GRAIN, statistics, top, trending, versions
from analytics_etl.cli.typed import MOST_DAYS, Count, Text
from analytics_etl.families.queries import registry as queries
from analytics_etl.families.queries import registry_events


@click.group()
def registry() -> None:
    """The registry: what is downloaded, viewed and compiled, by whom.

    \b
    analytics-etl query registry overview --from 2025-03-25 --to 2025-03-31
    analytics-etl query registry top --days 30 --limit 20
    analytics-etl query registry languages --grain range --from 2025-03-25 --to 2025-03-31
    analytics-etl query registry events --days 7 --failed-only --limit 20
    """  # noqa: D301 - click takes \b for the begin of lines to leave as they are


@registry.command()
@ranges.days()
@FORMAT
def overview(form: str, first: datetime, last: datetime | None) -> None:
    """The registry as a whole on each day: modules, downloads, users, cache hits and errors.

    active_users_7d and downloads_30d are those of the 7 and 30 days up to the day. Ratios are of what is known: a
    download of which no source says whether a cache answered is in none. A day without events has no row.

    \b
    analytics-etl query registry overview --from 2025-03-25 --to 2025-03-31
    """  # noqa: D301 - the same
    until = (last or first).date()
    answer(form, lambda database: queries.overview(database, first.date(), until))


@registry.command()
@ranges.days()
@click.option(
    "--grain", type=click.Choice(["1d", "range"]), default="1d", show_default=True,
    help="1d: each day; range: all days together, from their events as well.",
)  # fmt: skip
@FORMAT
def languages(form: str, first: datetime, last: datetime | None, grain: str) -> None:
    """Compilations of each language: how many, how many failed, how long they took.

    Percentiles are exact: those of days together come from the events, and are empty for a language with compilations
    on a day whose events were not kept; all else is there in any case, such as the highest daily p95.

    \b
    Each day of a week, for a spreadsheet:
      analytics-etl query registry languages --from 2025-03-25 --to 2025-03-31 --format csv
    The week as a whole:
      analytics-etl query registry languages --from 2025-03-25 --to 2025-03-31 --grain range
    """  # noqa: D301 - the same
    until = (last or first).date()
    answer(form, lambda database: queries.languages(database, first.date(), until, by_day=grain == "1d"))


@registry.command()
@ranges.days()
@GRAIN
@click.option("--organization", type=Text(), help="An organisation; all of them by default.")
@LIMIT
@AFTER
@FORMAT
def organizations(
    form: str, first: datetime, last: datetime | None, grain: str, organization: str | None, limit: int,
    after: str | None,
) -> None:  # fmt: skip
    """What each organisation did: all its events, downloads and compilations, and how many users it had.

    The most events first. Users of days together are counted once, exactly.

    \b
    A month as a whole:
      analytics-etl query registry organizations --from 2025-03-01 --to 2025-03-31 --limit 10
    One of those that it names, day by day:
      analytics-etl query registry organizations --from 2025-03-25 --to 2025-03-31 --grain 1d --organization globex
    """  # noqa: D301 - the same
    start, until, by_day = first.date(), (last or first).date(), grain == "1d"
    answer(
        form,
        lambda database: queries.organizations(
            database, start, until, organization, by_day=by_day, limit=limit, after=after
        ),
    )


@registry.command()
@click.option(
    "--kind", type=click.Choice(["download", "view", "compilation"]), default="download", show_default=True,
    help="What happened; views are those of pages.",
)  # fmt: skip
@click.option(
    "--days", "last_days", type=Count(MOST_DAYS),
    help="So many days up to the newest one that is loaded, instead of --from and --to.  [default: 1]",
)  # fmt: skip
@ranges.moments(required=False)
@click.option("--module", type=Text(), help="Name of a module.")
@click.option("--version", type=Text(), help="A version of modules.")
@click.option("--organization", type=Text(), help="An organisation.")
@click.option("--language", type=Text(), help="A language; not of views.")
@click.option("--success-only/--failed-only", "success", default=None,
              help="Only what succeeded, or only what failed; both by default. Not of views.")  # fmt: skip
@LIMIT
@AFTER
@FORMAT
def events(
    form: str, kind: Any, last_days: int | None, start: datetime | None, end: datetime | None, limit: int,
    after: str | None, **wanted: Any,
) -> None:  # fmt: skip
    """Single downloads, views or compilations, newest first, without who it was: no user, address or user agent.

    When there are more than --limit, a cursor comes along: with --after it gives the next page, and events that are
    loaded meanwhile move nothing. Days whose events were not kept are listed; the exit code is then 3.

    \b
    Downloads that failed in the last week:
      analytics-etl query registry events --days 7 --failed-only --limit 20
    Compilations into one language within an hour:
      analytics-etl query registry events --kind compilation --language go \\
        --from 2025-03-31T13:00 --to 2025-03-31T14:00
    """  # noqa: D301 - the same
    ranges.check_given(start, end, last_days)
    chosen = registry_events.EventFilter(**wanted)
    if start is None:
        answer(form, lambda database: registry_events.events(database, kind, last_days or 1, chosen, limit, after))
        return
    since, until = start, end or start + timedelta(days=1)
    answer(form, lambda database: registry_events.events_between(database, kind, since, until, chosen, limit, after))


for command in (statistics, top, trending, versions, health, recommendations, consumers):
    registry.add_command(command)
