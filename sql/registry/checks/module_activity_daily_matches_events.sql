/*
description: Views, downloads, bytes and compilations of each day are those of its events.
*/
with
-- What the table says.
told as (
    select
        day,
        sum(view_count) as view_count,
        sum(download_count) as download_count,
        sum(failed_download_count) as failed_download_count,
        sum(total_download_bytes) as total_download_bytes,
        sum(compilation_count) as compilation_count
    from registry.module_activity_daily
    where day >= :start::date and day < :end::date
    group by 1
),
-- What the events say, each table on its own.
downloads as (
    select
        (downloaded_at at time zone 'UTC')::date as day,
        count(*) filter (where success) as download_count,
        count(*) filter (where not success) as failed_download_count,
        sum(file_size) filter (where success) as total_download_bytes
    from registry.download_events
    where downloaded_at >= :start and downloaded_at < :end
    group by 1
),
-- Views.
views as (
    select (viewed_at at time zone 'UTC')::date as day, count(*) as view_count
    from registry.module_view_events
    where viewed_at >= :start and viewed_at < :end
    group by 1
),
-- Compilations.
compilations as (
    select (started_at at time zone 'UTC')::date as day, count(*) as compilation_count
    from registry.compilation_events
    where started_at >= :start and started_at < :end
    group by 1
)
select
    day,
    told.view_count, views.view_count as views_in_events,
    told.download_count, downloads.download_count as downloads_in_events,
    told.failed_download_count, downloads.failed_download_count as failed_downloads_in_events,
    told.total_download_bytes, downloads.total_download_bytes as bytes_in_events,
    told.compilation_count, compilations.compilation_count as compilations_in_events
from told
full join downloads using (day)
full join views using (day)
full join compilations using (day)
where coalesce(told.view_count, 0) <> coalesce(views.view_count, 0)
   or coalesce(told.download_count, 0) <> coalesce(downloads.download_count, 0)
   or coalesce(told.failed_download_count, 0) <> coalesce(downloads.failed_download_count, 0)
   or coalesce(told.total_download_bytes, 0) <> coalesce(downloads.total_download_bytes, 0)
   or coalesce(told.compilation_count, 0) <> coalesce(compilations.compilation_count, 0)
