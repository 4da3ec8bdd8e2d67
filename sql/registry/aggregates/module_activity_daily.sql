/*
description: >-
  What each user did with each version of each module on a UTC day. The finest grain that is kept: uniques of weeks and
  months are counted from it, exactly, also after the raw days are gone.
kept: lake
key: [day, module_name, version, organization_id, user_id]
columns:
  day: UTC calendar day of the events.
  module_name: Module; empty for list and search pages, which are about none.
  version: Version of the module; empty when the event names none.
  organization_id: Organisation; empty when there is none.
  user_id: User or service account; empty for anonymous ones.
  view_count: Pages viewed.
  download_count: Successful downloads.
  failed_download_count: Failed downloads.
  total_download_bytes: Bytes of the successful downloads.
  download_cache_hit_count: Downloads, failed ones included, that a cache answered.
  download_cache_known_count: Downloads, failed ones included, of which it is known whether a cache answered.
  compilation_count: Compilations started.
  compilation_success_count: Compilations that succeeded.
  compilation_timed_count: Compilations whose duration is known.
  total_compilation_duration_ms: Sum of the known durations, in milliseconds.
  compilation_cache_hit_count: Compilations that a cache answered.
  compilation_cache_known_count: Compilations of which it is known whether a cache answered.
checks:
  - expect_column_values_to_be_between: {column: view_count, min_value: 0}
  - expect_column_values_to_be_between: {column: total_download_bytes, min_value: 0}
*/
with
-- One list of all events, so that the big tables are read once and never joined to each other.
events as (
    select
        (downloaded_at at time zone 'UTC')::date as day,
        module_name, version, organization_id, user_id,
        'download' as kind, success, cache_hit, file_size, cast(null as bigint) as duration_ms
    from registry.download_events
    where downloaded_at >= :start and downloaded_at < :end
    union all
    select
        (viewed_at at time zone 'UTC')::date,
        module_name, version, organization_id, user_id,
        'view', true, null, null, null
    from registry.module_view_events
    where viewed_at >= :start and viewed_at < :end
    union all
    select
        (started_at at time zone 'UTC')::date,
        module_name, version, organization_id, user_id,
        'compilation', success, cache_hit, null, duration_ms
    from registry.compilation_events
    where started_at >= :start and started_at < :end
)
select
    day,
    coalesce(module_name, '') as module_name,
    coalesce(version, '') as version,
    coalesce(organization_id, '') as organization_id,
    coalesce(user_id, '') as user_id,
    count(*) filter (where kind = 'view') as view_count,
    count(*) filter (where kind = 'download' and success) as download_count,
    count(*) filter (where kind = 'download' and not success) as failed_download_count,
    coalesce(sum(file_size) filter (where success), 0)::bigint as total_download_bytes,
    count(*) filter (where kind = 'download' and cache_hit) as download_cache_hit_count,
    count(cache_hit) filter (where kind = 'download') as download_cache_known_count,
    count(*) filter (where kind = 'compilation') as compilation_count,
    count(*) filter (where kind = 'compilation' and success) as compilation_success_count,
    count(duration_ms) as compilation_timed_count,
    coalesce(sum(duration_ms), 0)::bigint as total_compilation_duration_ms,
    count(*) filter (where kind = 'compilation' and cache_hit) as compilation_cache_hit_count,
    count(cache_hit) filter (where kind = 'compilation') as compilation_cache_known_count
from events
group by 1, 2, 3, 4, 5
