/*
description: Downloads and compilations of each module and day are those of its events.
*/
with
-- What the table says.
told as (
    select day, module_name, download_count, total_download_bytes, compilation_count
    from registry.module_stats_daily
    where day >= :start::date and day < :end::date
),
-- What the download events say.
downloads as (
    select
        (downloaded_at at time zone 'UTC')::date as day, module_name,
        count(*) filter (where success) as download_count,
        sum(file_size) filter (where success) as total_download_bytes
    from registry.download_events
    where downloaded_at >= :start and downloaded_at < :end
    group by 1, 2
),
-- What the compilation events say.
compilations as (
    select (started_at at time zone 'UTC')::date as day, module_name, count(*) as compilation_count
    from registry.compilation_events
    where started_at >= :start and started_at < :end
    group by 1, 2
)
select
    day, module_name,
    told.download_count, downloads.download_count as downloads_in_events,
    told.total_download_bytes, downloads.total_download_bytes as bytes_in_events,
    told.compilation_count, compilations.compilation_count as compilations_in_events
from told
full join downloads using (day, module_name)
full join compilations using (day, module_name)
where coalesce(told.download_count, 0) <> coalesce(downloads.download_count, 0)
   or coalesce(told.total_download_bytes, 0) <> coalesce(downloads.total_download_bytes, 0)
   or coalesce(told.compilation_count, 0) <> coalesce(compilations.compilation_count, 0)
