/*
description: Compilations of each target language in the period, most compiled first.
columns:
  language: Target language.
  compilation_count: Compilations started.
  previous_compilation_count: Compilations started in the period before.
  compilation_share_ratio: Share of all compilations of the period.
  success_count: Compilations that succeeded.
  failure_count: Compilations that failed.
  success_ratio: Share of the compilations that succeeded.
*/
with
-- Both periods side by side; a language of the previous period only is left out below.
languages as (
    select
        language,
        coalesce(sum(compilation_count) filter (where day >= :start::date), 0)::bigint as compilation_count,
        coalesce(sum(compilation_count) filter (where day < :start::date), 0)::bigint as previous_compilation_count,
        coalesce(sum(success_count) filter (where day >= :start::date), 0)::bigint as success_count,
        coalesce(sum(failure_count) filter (where day >= :start::date), 0)::bigint as failure_count
    from registry.language_stats_daily
    where (day >= :previous_start::date and day < :previous_end::date or day >= :start::date and day < :end::date)
    group by 1
)
select
    language,
    compilation_count,
    previous_compilation_count,
    compilation_count::double precision / sum(compilation_count) over () as compilation_share_ratio,
    success_count,
    failure_count,
    success_count::double precision / compilation_count as success_ratio
from languages
where compilation_count > 0
order by compilation_count desc, language collate "C"
