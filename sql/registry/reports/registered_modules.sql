/*
description: Modules with a registered version at the end of the period; each of them has a page.
columns:
  module_name: Module.
*/
select module_name
from registry.module_health_daily
where day = (
    select max(day)
    from registry.module_health_daily
    where day >= :start::date and day < :end::date
)
order by module_name collate "C"
