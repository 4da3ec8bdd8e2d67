/*
description: The registry as a whole at the end of each UTC day with events.
key: [day]
columns:
  day: UTC calendar day.
  modules_seen: Distinct modules in the events of the day.
  versions_seen: Distinct versions of modules in the events of the day.
  view_count: Pages viewed, list and search pages included.
  download_count: Successful downloads.
  failed_download_count: Failed downloads.
  compilation_count: Compilations started.
  active_users_1d: Distinct users of the day.
  active_users_7d: Distinct users of the 7 days up to and including the day.
  downloads_30d: Successful downloads of the 30 days up to and including the day.
  download_cache_hit_ratio: Share of downloads that a cache answered, of those where it is known.
  compilation_cache_hit_ratio: Share of compilations that a cache answered, of those where it is known.
  error_ratio: Share of downloads and compilations that failed.
  modules: Modules with a registered version, at the end of the day.
  versions: Registered versions, at the end of the day.
  storage_bytes: Bytes of their source together.
  modules_created: Modules whose first version was registered on the day.
  versions_created: Versions that were registered on the day.
checks:
  - expect_column_values_to_be_between: {column: error_ratio, min_value: 0, max_value: 1}
  - expect_column_values_to_be_between: {column: download_cache_hit_ratio, min_value: 0, max_value: 1}
  - expect_column_values_to_be_between: {column: compilation_cache_hit_ratio, min_value: 0, max_value: 1}
  - expect_column_pair_values_a_to_be_greater_than_b: {column_A: active_users_7d, column_B: active_users_1d, or_equal: true}
  - expect_column_pair_values_a_to_be_greater_than_b: {column_A: downloads_30d, column_B: download_count, or_equal: true}
*/
with
-- The days of the window that have events.
totals as (
    select
        day,
        sum(view_count)::bigint as view_count,
        sum(download_count)::bigint as download_count,
        sum(failed_download_count)::bigint as failed_download_count,
        sum(compilation_count)::bigint as compilation_count,
        sum(download_cache_hit_count)::double precision
            / nullif(sum(download_cache_known_count), 0) as download_cache_hit_ratio,
        sum(compilation_cache_hit_count)::double precision
            / nullif(sum(compilation_cache_known_count), 0) as compilation_cache_hit_ratio,
        (sum(failed_download_count) + sum(compilation_count) - sum(compilation_success_count))::double precision
            / nullif(sum(download_count) + sum(failed_download_count) + sum(compilation_count), 0) as error_ratio
    from registry.module_activity_daily
    where day >= :start::date and day < :end::date
    group by 1
),
-- Modules and versions, from the rows that name one.
seen as (
    select day, count(distinct module_name) as modules_seen, count(version) as versions_seen
    from (
        select distinct day, module_name, nullif(version, '') as version
        from registry.module_activity_daily
        where day >= :start::date and day < :end::date and module_name <> ''
    ) as named
    group by 1
),
-- Rolling measures look back from each day, never at a clock.
users as (
    select
        totals.day,
        count(distinct user_id) filter (where active.day = totals.day) as active_users_1d,
        count(distinct user_id) as active_users_7d
    from totals
    join registry.active_users_daily as active on active.day > totals.day - 7 and active.day <= totals.day
    where active.day > :start::date - 7 and active.day < :end::date
    group by 1
),
-- Summed per day before the days are joined, so that 30 rows are added for each day and not 30 days of modules.
downloads as (
    select totals.day, sum(daily.download_count)::bigint as downloads_30d
    from totals
    join (
        select day, sum(download_count) as download_count
        from registry.module_stats_daily
        where day > :start::date - 30 and day < :end::date
        group by 1
    ) as daily on daily.day > totals.day - 30 and daily.day <= totals.day
    group by 1
),
-- What is registered.
registered as (
    select day, modules, versions, storage_bytes, modules_created, versions_created
    from registry.registry_size_daily
    where day >= :start::date and day < :end::date and organization_id = ''
)
select
    day,
    coalesce(modules_seen, 0)::bigint as modules_seen,
    coalesce(versions_seen, 0)::bigint as versions_seen,
    view_count,
    download_count,
    failed_download_count,
    compilation_count,
    coalesce(active_users_1d, 0)::bigint as active_users_1d,
    coalesce(active_users_7d, 0)::bigint as active_users_7d,
    coalesce(downloads_30d, 0)::bigint as downloads_30d,
    download_cache_hit_ratio,
    compilation_cache_hit_ratio,
    error_ratio,
    coalesce(modules, 0)::bigint as modules,
    coalesce(versions, 0)::bigint as versions,
    coalesce(storage_bytes, 0)::bigint as storage_bytes,
    coalesce(modules_created, 0)::bigint as modules_created,
    coalesce(versions_created, 0)::bigint as versions_created
from totals
left join seen using (day)
left join users using (day)
left join downloads using (day)
left join registered using (day)
