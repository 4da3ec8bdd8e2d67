/*
description:
  weekly: Views, downloads and compilations of each module per ISO week (Monday to Sunday, UTC).
  monthly: Views, downloads and compilations of each module per calendar month (UTC).
key: [:period, module_name]
columns:
  :period:
    weekly: Monday the week starts with.
    monthly: First day of the month.
  module_name: Module.
  view_count: Pages viewed.
  download_count: Successful downloads.
  failed_download_count: Failed downloads.
  unique_users: Distinct users over downloads and views, failed downloads included, anonymous ones left out.
  unique_orgs: Distinct organisations over downloads and views, failed downloads included.
  compilation_count: Compilations started.
  compilation_success_count: Compilations that succeeded.
  compilation_timed_count: Compilations whose duration is known.
  total_compilation_duration_ms: Sum of the known durations, in milliseconds.
  avg_compilation_duration_ms: Mean of the known durations, in milliseconds; NULL when none is known.
  total_download_bytes: Bytes of the successful downloads.
  download_cache_hit_count: Downloads, failed ones included, that a cache answered.
  download_cache_known_count: Downloads, failed ones included, of which it is known whether a cache answered.
checks:
  - expect_column_values_to_be_between: {column: view_count, min_value: 0}
  - expect_column_values_to_be_between: {column: download_count, min_value: 0}
  - expect_column_values_to_be_between: {column: total_download_bytes, min_value: 0}
  - expect_column_pair_values_a_to_be_greater_than_b: {column_A: compilation_count, column_B: compilation_success_count, or_equal: true}
*/
with
-- Additive measures first; the uniques cannot be added and are counted from distinct sets below.
measures as (
    select
        date_trunc(:bucket, day)::date as :period, module_name,
        sum(view_count)::bigint as view_count,
        sum(download_count)::bigint as download_count,
        sum(failed_download_count)::bigint as failed_download_count,
        sum(compilation_count)::bigint as compilation_count,
        sum(compilation_success_count)::bigint as compilation_success_count,
        sum(compilation_timed_count)::bigint as compilation_timed_count,
        sum(total_compilation_duration_ms)::bigint as total_compilation_duration_ms,
        sum(total_download_bytes)::bigint as total_download_bytes,
        sum(download_cache_hit_count)::bigint as download_cache_hit_count,
        sum(download_cache_known_count)::bigint as download_cache_known_count
    from registry.module_stats_daily
    where day >= :start::date and day < :end::date
    group by 1, 2
),
-- Grouping before counting: much faster than count(distinct), which sorts every row.
users as (
    select :period, module_name, count(*) as unique_users
    from (
        select distinct date_trunc(:bucket, day)::date as :period, module_name, user_id
        from registry.module_activity_daily
        where day >= :start::date and day < :end::date and module_name <> '' and user_id <> '' and view_count + download_count + failed_download_count > 0
    ) as distinct_users
    group by 1, 2
),
-- The same for organisations.
organizations as (
    select :period, module_name, count(*) as unique_orgs
    from (
        select distinct date_trunc(:bucket, day)::date as :period, module_name, organization_id
        from registry.module_activity_daily
        where day >= :start::date and day < :end::date and module_name <> '' and organization_id <> '' and view_count + download_count + failed_download_count > 0
    ) as distinct_organizations
    group by 1, 2
)
select
    :period,
    module_name,
    view_count,
    download_count,
    failed_download_count,
    coalesce(unique_users, 0)::bigint as unique_users,
    coalesce(unique_orgs, 0)::bigint as unique_orgs,
    compilation_count,
    compilation_success_count,
    compilation_timed_count,
    total_compilation_duration_ms,
    total_compilation_duration_ms::double precision / nullif(compilation_timed_count, 0) as avg_compilation_duration_ms,
    total_download_bytes,
    download_cache_hit_count,
    download_cache_known_count
from measures
left join users using (:period, module_name)
left join organizations using (:period, module_name)
