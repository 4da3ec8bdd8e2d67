/*
description: The compilations of a module in all languages add up to those of the module.
checks:
  - unexpected_rows_expectation: {severity: error}
*/
with
-- Languages added up.
languages as (
    select day, module_name, sum(compilation_count) as language_compilations
    from registry.module_languages_daily
    where day >= :start::date and day < :end::date
    group by 1, 2
),
-- The modules they belong to.
modules as (
    select day, module_name, compilation_count as module_compilations
    from registry.module_stats_daily
    where day >= :start::date and day < :end::date
)
select day, module_name, language_compilations, module_compilations
from languages
full join modules using (day, module_name)
where coalesce(language_compilations, 0) <> coalesce(module_compilations, 0)
