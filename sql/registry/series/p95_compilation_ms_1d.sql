/*
description: 95th percentile of the duration of compilations in each language; fewer than 20 of them say nothing.
unit: ms
entity: language
bad: up
*/
select day, language as entity, p95_duration_ms as value, timed_count as weight
from registry.language_stats_daily
where day >= :start::date and day < :end::date and timed_count >= 20
