/*
description: Share of downloads and compilations that failed; fewer than 20 of them say nothing.
unit: ratio
bad: up
*/
select
    day, ''::text as entity, error_ratio as value,
    download_count + failed_download_count + compilation_count as weight
from registry.overview_daily
where day >= :start::date and day < :end::date
    and download_count + failed_download_count + compilation_count >= 20
