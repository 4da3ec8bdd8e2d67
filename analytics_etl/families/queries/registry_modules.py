"""Questions about modules: what was done with one or all of them, which are used most, which grow, which versions."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Literal, get_args

from analytics_etl.families.queries import Coverage, Page, QueryError
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
_TABLES = {
    "1d": (_DAYS, "stats.day"),
    "1w": ("registry.module_stats_weekly", "stats.week_start"),
    "1m": ("registry.module_stats_monthly", "stats.month"),
}
"""Of each grain the table of modules, and its column for the first day."""
_LENGTHS = {"1d": ("day", "1 day"), "1w": ("week", "7 days"), "1m": ("month", "1 month")}
"""Of each grain its name for `date_trunc`, and how long it is."""
_RANK, _DAY_AND_RANK = Key({"rank": int}), Key({"first_day": date, "rank": int})

_OF_MODULE = """
select
    stats.day as first_day, (stats.day + :length::interval)::date - 1 as last_day, module_name, view_count,
    download_count, failed_download_count, unique_users, unique_orgs, compilation_count, compilation_success_count,
    avg_compilation_duration_ms, total_download_bytes,
    download_cache_hit_count::double precision / nullif(download_cache_known_count, 0) as download_cache_hit_ratio
from registry.module_stats_daily as stats
where stats.day >= :start::date and stats.day < :end::date and module_name = :module
order by stats.day
limit :limit
"""
_OF_ALL = """
with
-- List and search pages are about no module, so that only the overview counts them.
totals as (
    select
        date_trunc(:unit, day)::date as first_day,
        sum(view_count)::bigint as view_count,
        sum(download_count)::bigint as download_count,
        sum(failed_download_count)::bigint as failed_download_count,
        sum(compilation_count)::bigint as compilation_count
    from registry.overview_daily
    where day >= :start::date and day < :end::date
    group by 1
),
-- What adds up over modules and is not in the overview.
modules as (
    select
        date_trunc(:unit, day)::date as first_day,
        sum(compilation_success_count) as compilation_success_count,
        sum(total_compilation_duration_ms)::double precision
            / nullif(sum(compilation_timed_count), 0) as avg_compilation_duration_ms,
        sum(total_download_bytes) as total_download_bytes,
        sum(download_cache_hit_count)::double precision
            / nullif(sum(download_cache_known_count), 0) as download_cache_hit_ratio
    from registry.module_stats_daily
    where day >= :start::date and day < :end::date
    group by 1
),
-- A user of several days counts once; grouping before counting is much faster than count(distinct).
users as (
    select first_day, count(*) as active_users
    from (
        select distinct date_trunc(:unit, day)::date as first_day, user_id
        from registry.active_users_daily
        where day >= :start::date and day < :end::date
    ) as distinct_users
    group by 1
)
select
    first_day, (first_day + :length::interval)::date - 1 as last_day, view_count, download_count,
    failed_download_count, coalesce(active_users, 0)::bigint as active_users, compilation_count,
    coalesce(compilation_success_count, 0)::bigint as compilation_success_count, avg_compilation_duration_ms,
    coalesce(total_download_bytes, 0)::bigint as total_download_bytes, download_cache_hit_ratio
from totals
left join modules using (first_day)
left join users using (first_day)
order by first_day
limit :limit
"""
_TOP = """
with
counted as (
    select
        module_name,
        sum(download_count)::bigint as download_count,
        sum(view_count)::bigint as view_count,
        sum(total_download_bytes)::bigint as total_download_bytes
    from registry.module_stats_daily
    where day >= :start::date and day < :end::date
    group by 1
    having sum(download_count) > 0
),
ranked as (
    select
        row_number() over (order by download_count desc, module_name collate "C") as rank,
        module_name, download_count, view_count, total_download_bytes
    from counted
)
select
    rank, module_name, download_count, view_count, total_download_bytes, :start::date as first_day,
    :end::date - 1 as last_day
from ranked
where :is_first_page or rank > :after_rank
order by rank
limit :limit
"""
_NEWEST_DAY = "select max(day) as day from registry.module_stats_daily"
_TRENDS = """
with
-- New modules have no growth, so that their order is that of their downloads.
placed as (
    select
        row_number() over (order by rank, download_count desc, module_name collate "C") as rank,
        module_name, download_count, previous_download_count, growth_ratio, last_day
    from registry.trending_modules
    where is_new = :is_new
)
select :direction as direction, rank, module_name, download_count, previous_download_count, growth_ratio, last_day
from placed
where :is_first_page or rank > :after_rank
order by rank
limit :limit
"""
_DECLINES = """
with
-- Both weeks of each module side by side, as the view of those that grow has them.
modules as (
    select
        module_name,
        coalesce(sum(download_count) filter (where day >= :end::date - 7), 0)::bigint as download_count,
        coalesce(sum(download_count) filter (where day < :end::date - 7), 0)::bigint as previous_download_count
    from registry.module_stats_daily
    where day >= :start::date and day < :end::date
    group by 1
),
ranked as (
    select
        module_name, download_count, previous_download_count,
        download_count::double precision / previous_download_count - 1 as growth_ratio,
        row_number() over (
            order by
                download_count::double precision / previous_download_count,
                previous_download_count desc,
                module_name collate "C"
        ) as rank
    from modules
    where download_count < previous_download_count and previous_download_count >= :trending_min_downloads
)
select
    'down' as direction, rank, module_name, download_count, previous_download_count, growth_ratio,
    :end::date - 1 as last_day
from ranked
where rank <= 50 and (:is_first_page or rank > :after_rank)
order by rank
limit :limit
"""
_ADOPTION = """
with
counted as (
    select
        case when :by_day then day else :start::date end as first_day,
        version,
        sum(downloads)::bigint as downloads,
        max(unique_users) as unique_users
    from registry.version_stats_daily
    where day >= :start::date and day < :end::date and module_name = :module
    group by 1, 2
),
ranked as (
    select
        first_day, row_number() over (partition by first_day order by downloads desc, version collate "C") as rank,
        version, downloads, unique_users,
        downloads::double precision / sum(downloads) over (partition by first_day) as download_share_ratio
    from counted
),
-- Users of several days count once; those of one day are known.
users as (
    select version, count(*) as unique_users
    from (
        select distinct version, user_id
        from registry.module_activity_daily
        where not :by_day and day >= :start::date and day < :end::date and module_name = :module
          and user_id <> '' and download_count > 0
    ) as distinct_users
    group by 1
)
select
    first_day, case when :by_day then first_day else :end::date - 1 end as last_day, rank, :module as module_name,
    version, downloads, download_share_ratio,
    case when :by_day then ranked.unique_users else coalesce(users.unique_users, 0) end as unique_users
from ranked
left join users using (version)
where :is_first_page or (first_day, rank) > (:after_first_day::date, :after_rank)
order by first_day, rank
limit :limit
"""


def statistics(database: Database, grain: Grain, first: date, last: date, module: str | None = None) -> Page:
    """Views, downloads and compilations per day, week or month: of one module, or of all of them together.

    Weeks (Monday to Sunday) and months are whole ones, those that the days first to last touch. Users and organisations
    of several days count once. Those of a module are over its downloads and views; of all modules together users are
    over everything, pages about no module included. A period without events has no row.
    """
    if grain not in get_args(Grain):
        raise QueryError(f"the grain must be one of {', '.join(get_args(Grain))}, but is {grain}")
    start, until = _whole_periods(grain, first, last)
    unit, length = _LENGTHS[grain]
    if module is None:
        wanted = {"unit": unit, "length": length}
        return ask_days(database, [_OVERVIEW, _DAYS, _USERS], _OF_ALL, start, until, wanted)
    check_texts({"module": module})
    table, first_day = _TABLES[grain]
    statement = _OF_MODULE.replace(_DAYS, table).replace("stats.day", first_day)
    found = ask_days(database, [table], statement, start, until, {"length": length, "module": module})
    return replace(found, coverage=coverage_of_periods(database, table, _DAYS, start, until))


def top(database: Database, last_days: int, limit: int = 100, after: str | None = None) -> Page:
    """The modules with the most downloads of the last 1, 7 or 30 days up to the newest one with statistics.

    The first 100 of 30 days are those of the view `registry.top_modules_30d`. `after` is the cursor of the page before,
    here as in the other functions.
    """
    if last_days not in PERIODS:
        raise QueryError(f"the number of days must be {', '.join(map(str, PERIODS))}, but is {last_days}")
    wanted = _RANK.parameters(after, limit)
    newest = _newest_day(database)
    if newest is None:
        return Page([], coverage=Coverage(_DAYS))
    found = ask_days(database, [_DAYS], _TOP, newest - timedelta(days=last_days - 1), newest, wanted)
    return replace(_RANK.page(found.rows, limit), coverage=found.coverage)


def top_of_days(database: Database, first: date, last: date, limit: int = 100, after: str | None = None) -> Page:
    """All modules that were downloaded in the days first to last, the most downloads first."""
    found = ask_days(database, [_DAYS], _TOP, first, last, _RANK.parameters(after, limit))
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
        least = int(database.settings.parameters["trending_min_downloads"])
        found = database.query(_DECLINES, {**wanted, "trending_min_downloads": least}, start, newest + ONE_DAY)
    else:
        found = database.query(_TRENDS, {**wanted, "direction": direction, "is_new": direction == "new"})
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
    found = ask_days(database, [_VERSIONS, _ACTIVITY], _ADOPTION, first, last, wanted)
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
    rows = database.query(_NEWEST_DAY) if are_there(database, [_DAYS]) else []
    return rows[0]["day"] if rows else None
