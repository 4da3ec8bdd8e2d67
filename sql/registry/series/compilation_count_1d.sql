/*
description: Compilations started, in all languages and in each.
unit: count
entity: language
absent: zero
*/
select day, ''::text as entity, compilation_count as value, compilation_count as weight
from registry.overview_daily
where day >= :start::date and day < :end::date
union all
select day, language, compilation_count, compilation_count
from registry.language_stats_daily
where day >= :start::date and day < :end::date
