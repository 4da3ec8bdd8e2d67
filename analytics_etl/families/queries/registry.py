"""Questions about the registry as a whole: its days, its languages, its organisations."""

from dataclasses import replace
from datetime import date

from analytics_etl.families.queries import Page
from analytics_etl.families.queries.coverage import ask_days, coverage_of_days
from analytics_etl.families.queries.keyset import Key
from analytics_etl.families.queries.texts import check_texts
from analytics_etl.postgres.database import Database

_LANGUAGES, _COMPILATIONS = "registry.language_stats_daily", "registry.compilation_events"
_DAY_AND_RANK = Key({"first_day": date, "rank": int})

_OVERVIEW = """
select
    day, modules_seen, versions_seen, view_count, download_count, failed_download_count, compilation_count,
    active_users_1d, active_users_7d, downloads_30d, download_cache_hit_ratio, compilation_cache_hit_ratio, error_ratio
from registry.overview_daily
where day >= :start::date and day < :end::date
order by day
limit :limit
"""
_LANGUAGES_OF_DAYS = """
select
    day as first_day, day as last_day, language, compilation_count,
    compilation_count::double precision / sum(compilation_count) over (partition by day) as compilation_share_ratio,
    success_count, failure_count, success_count::double precision / compilation_count as success_ratio,
    avg_duration_ms, p50_duration_ms, p95_duration_ms, p99_duration_ms, total_output_bytes, cache_hit_count,
    cache_miss_count
from registry.language_stats_daily
where day >= :start::date and day < :end::date
order by day, compilation_count desc, language collate "C"
limit :limit
"""
_LANGUAGES_OF_RANGE = """
with
-- What adds up over days, which is also there of days whose events are archived.
days as (
    select
        language,
        sum(compilation_count)::bigint as compilation_count,
        sum(success_count)::bigint as success_count,
        sum(failure_count)::bigint as failure_count,
        sum(total_duration_ms)::double precision / nullif(sum(timed_count), 0) as avg_duration_ms,
        max(p95_duration_ms) as highest_daily_p95_duration_ms,
        sum(total_output_bytes)::bigint as total_output_bytes,
        sum(cache_hit_count)::bigint as cache_hit_count,
        sum(cache_miss_count)::bigint as cache_miss_count
    from registry.language_stats_daily
    where day >= :start::date and day < :end::date
    group by 1
),
-- What does not, from the events themselves.
events as (
    select
        language,
        count(*) as compilation_count,
        (percentile_cont(0.50) within group (order by duration_ms))::double precision as p50_duration_ms,
        (percentile_cont(0.95) within group (order by duration_ms))::double precision as p95_duration_ms,
        (percentile_cont(0.99) within group (order by duration_ms))::double precision as p99_duration_ms
    from registry.compilation_events
    where started_at >= :start and started_at < :end
    group by 1
)
-- Events that are fewer than the compilations are not all, so that they tell nothing of the range.
select
    :start::date as first_day, :end::date - 1 as last_day, days.language, days.compilation_count,
    days.compilation_count::double precision / sum(days.compilation_count) over () as compilation_share_ratio,
    days.success_count, days.failure_count,
    days.success_count::double precision / days.compilation_count as success_ratio, days.avg_duration_ms,
    events.p50_duration_ms, events.p95_duration_ms, events.p99_duration_ms, days.highest_daily_p95_duration_ms,
    days.total_output_bytes, days.cache_hit_count, days.cache_miss_count
from days
left join events on events.language = days.language and events.compilation_count = days.compilation_count
order by days.compilation_count desc, days.language collate "C"
limit :limit
"""
_ORGANIZATIONS = """
with
counted as (
    select
        case when :by_day then day else :start::date end as first_day,
        organization_id,
        sum(api_requests)::bigint as api_requests,
        sum(downloads)::bigint as downloads,
        sum(compilations)::bigint as compilations,
        max(active_users) as active_users
    from registry.org_stats_daily
    where day >= :start::date and day < :end::date
    group by 1, 2
),
ranked as (
    select
        first_day,
        row_number() over (partition by first_day order by api_requests desc, organization_id collate "C") as rank,
        organization_id, api_requests, downloads, compilations, active_users
    from counted
),
-- Users of several days count once; those of one day are known.
users as (
    select organization_id, count(*) as active_users
    from (
        select distinct organization_id, user_id
        from registry.module_activity_daily
        where not :by_day and day >= :start::date and day < :end::date and organization_id <> '' and user_id <> ''
          and (:organization = '' or organization_id = :organization)
    ) as distinct_users
    group by 1
)
select
    first_day, case when :by_day then first_day else :end::date - 1 end as last_day, rank, organization_id,
    api_requests, downloads, compilations,
    case when :by_day then ranked.active_users else coalesce(users.active_users, 0) end as active_users
from ranked
left join users using (organization_id)
where (:organization = '' or organization_id = :organization)
  and (:is_first_page or (first_day, rank) > (:after_first_day::date, :after_rank))
order by first_day, rank
limit :limit
"""


def overview(database: Database, first: date, last: date) -> Page:
    """The registry as a whole at the end of each of the days first to last; a day without events has no row."""
    return ask_days(database, ["registry.overview_daily"], _OVERVIEW, first, last, {})


def languages(database: Database, first: date, last: date, *, by_day: bool = False) -> Page:
    """Compilations of each language in the days first to last together, or `by_day`; the most compiled first.

    Everything is exact. Percentiles of days together are those of the events; they are None for a language that has
    compilations on an archived day, of which the highest daily one remains.
    """
    if by_day:
        return ask_days(database, [_LANGUAGES], _LANGUAGES_OF_DAYS, first, last, {})
    found = ask_days(database, [_LANGUAGES], _LANGUAGES_OF_RANGE, first, last, {})
    events = coverage_of_days(database, _COMPILATIONS, first, last, is_raw=True)
    missing = found.coverage.missing if found.coverage else ()
    lack = ", so percentiles of the range are not known"
    return replace(found, coverage=replace(events, missing=missing, lack=lack))


def organizations(
    database: Database, first: date, last: date, organization: str | None = None, *, by_day: bool = False,
    limit: int = 100, after: str | None = None,
) -> Page:  # fmt: skip
    """What each organisation did in the days first to last together, or `by_day`; the most requests first.

    The rank is that among all organisations. Of all days together a user counts once. `after` is the cursor of the page
    before.
    """
    check_texts({"organization": organization})
    wanted = {"organization": organization or "", "by_day": by_day, **_DAY_AND_RANK.parameters(after, limit)}
    tables = ["registry.org_stats_daily", "registry.module_activity_daily"]
    found = ask_days(database, tables, _ORGANIZATIONS, first, last, wanted)
    return replace(_DAY_AND_RANK.page(found.rows, limit), coverage=found.coverage)
