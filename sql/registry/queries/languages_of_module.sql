/*
description: Languages that one module was compiled into in a range of days, the most compilations first.
parameters:
  module: Name of the module.
columns:
  language: Target language.
  compilation_count: Compilations started.
  compilation_success_count: Compilations that succeeded.
  share_ratio: Share of the module's compilations.
*/
with
-- Days put together.
languages as (
    select
        language,
        sum(compilation_count)::bigint as compilation_count,
        sum(compilation_success_count)::bigint as compilation_success_count
    from registry.module_languages_daily
    where day >= :start::date and day < :end::date and module_name = :module
    group by 1
)
select
    language,
    compilation_count,
    compilation_success_count,
    compilation_count::double precision / (sum(compilation_count) over ())::double precision as share_ratio
from languages
order by compilation_count desc, language collate "C"
limit :limit
