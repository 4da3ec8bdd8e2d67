"""Questions about modules: what was done with one or all of them, which are used most, which grow, which versions."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Literal, get_args

from analytics_etl.families.queries import Coverage, Page, QueryError
from analytics_etl.families.queries.asking import ask
from analytics_etl.families.queries.coverage import ONE_DAY, are_there, ask_days, coverage_of_days, coverage_of_periods
from analytics_etl.families.queries.keyset import Key
from analytics_etl.families.queries.texts import check_texts
from analytics_etl.postgres.database import Database

Grain = Literal["1d", "1w", "1m"]
Direction = Literal["up", "down", "new"]
PERIODS = (1, 7, 30)
"""Days that `top` may count back from the newest one."""
COMPARED_DAYS = 14
"""Days that `trending` looks at: 7, and the 7 before."""

_DAYS, _TRENDING = "registry.module_stats_daily", "registry.trending_modules"
_OVERVIEW, _USERS = "registry.overview_daily", "registry.active_users_daily"
_VERSIONS, _ACTIVITY = "registry.version_stats_daily", "registry.module_activity_daily"
_SUFFIXES = {"1d": "daily", "1w": "weekly", "1m": "monthly"}
"""Of each grain the suffix of its table of modules, and of the query that asks it."""
_UNITS = {"1d": "day", "1w": "week", "1m": "month"}
_RANK, _DAY_AND_RANK = Key({"rank": int}), Key({"first_day": date, "rank": int})


def statistics(database: Database, grain: Grain, first: date, last: date, module: str | None = None) -> Page:
    """Views, downloads and compilations per day, week or month: of one module, or of all of them together.

    Weeks (Monday to Sunday) and months are whole ones, those that the days first to last touch. Users and organisations
    of several days count once. Those of a module are over its downloads and views; of all modules together users are
    over everything, pages about no module included. A period without events has no row.
    """
    if grain not in get_args(Grain):
        raise QueryError(f"the grain must be one of {', '.join(get_args(Grain))}, but is {grain}")
    start, until = _whole_periods(grain, first, last)
    if module is None:
        wanted = {"unit": _UNITS[grain]}
        return ask_days(database, [_OVERVIEW, _DAYS, _USERS], "registry.statistics_of_all", start, until, wanted)
    check_texts({"module": module})
    table, query = (f"registry.{name}_{_SUFFIXES[grain]}" for name in ("module_stats", "statistics_of_module"))
    found = ask_days(database, [table], query, start, until, {"module": module})
    return replace(found, coverage=coverage_of_periods(database, table, _DAYS, start, until))


def top(database: Database, last_days: int, limit: int = 100, after: str | None = None) -> Page:
    """The modules with the most downloads of the last 1, 7 or 30 days up to the newest one with statistics.

    The first 100 of 30 days are those of the view `registry.top_modules_30d`. `after` is the cursor of the page before,
    here as in the other functions.
    """
    if last_days not in PERIODS:
        raise QueryError(f"the number of days must be {', '.join(map(str, PERIODS))}, but is {last_days}")
    wanted = {"search": "", **_RANK.parameters(after, limit)}
    newest = _newest_day(database)
    if newest is None:
        return Page([], coverage=Coverage(_DAYS))
    found = ask_days(
        database, [_DAYS], "registry.modules_by_downloads", newest - timedelta(days=last_days - 1), newest, wanted
    )
    return replace(_RANK.page(found.rows, limit), coverage=found.coverage)


def top_of_days(
    database: Database, first: date, last: date, limit: int = 100, after: str | None = None, search: str = ""
) -> Page:
    """The modules that were downloaded in the days first to last, the most downloads first.

    `search` is a part of their names, in any case; all of them if it is empty.
    """
    check_texts({"search": search})
    wanted = {"search": search, **_RANK.parameters(after, limit)}
    found = ask_days(database, [_DAYS], "registry.modules_by_downloads", first, last, wanted)
    return replace(_RANK.page(found.rows, limit), coverage=found.coverage)


def trending(database: Database, direction: Direction = "up", limit: int = 100, after: str | None = None) -> Page:
    """The modules whose downloads grew or fell most, the last 7 days against the 7 before, or that are new; at most 50.

    A module with fewer downloads in the 7 days before than the setting `trending_min_downloads` is not ranked.
    """
    if direction not in get_args(Direction):
        raise QueryError(f"the direction must be one of {', '.join(get_args(Direction))}, but is {direction}")
    wanted = _RANK.parameters(after, limit)
    newest = _newest_day(database)
    if newest is None or not are_there(database, [_TRENDING]):
        return Page([], coverage=Coverage(_DAYS))
    start = newest - timedelta(days=COMPARED_DAYS - 1)
    if direction == "down":
        found = ask(database, "registry.declines", wanted, start, newest + ONE_DAY)
    else:
        found = ask(database, "registry.trends", {**wanted, "direction": direction, "is_new": direction == "new"})
    return replace(_RANK.page(found, limit), coverage=coverage_of_days(database, _DAYS, start, newest))


def versions(
    database: Database, module: str, first: date, last: date, *, by_day: bool = False, limit: int = 100,
    after: str | None = None,
) -> Page:  # fmt: skip
    """Successful downloads and users of each version of a module in the days first to last, the most downloads first.

    Of all days together a user counts once; `by_day` gives each day apart.
    """
    check_texts({"module": module})
    wanted = {"module": module, "by_day": by_day, **_DAY_AND_RANK.parameters(after, limit)}
    found = ask_days(database, [_VERSIONS, _ACTIVITY], "registry.versions_of_module", first, last, wanted)
    return replace(_DAY_AND_RANK.page(found.rows, limit), coverage=found.coverage)


def _whole_periods(grain: Grain, first: date, last: date) -> tuple[date, date]:
    """First and last day of the periods that hold the days first to last."""
    if grain == "1w":
        return first - timedelta(days=first.weekday()), last + timedelta(days=6 - last.weekday())
    if grain == "1m":
        return first.replace(day=1), (last.replace(day=28) + timedelta(days=4)).replace(day=1) - ONE_DAY
    return first, last


def _newest_day(database: Database) -> date | None:
    """The last day with a module's statistics, which the views end with as well."""
    rows = ask(database, "registry.newest_day_of_modules") if are_there(database, [_DAYS]) else []
    return rows[0]["day"] if rows else None
