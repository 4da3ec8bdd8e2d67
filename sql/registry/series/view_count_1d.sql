/*
description: Pages viewed.
unit: count
absent: zero
*/
select day, ''::text as entity, view_count as value, view_count as weight
from registry.overview_daily
where day >= :start::date and day < :end::date
