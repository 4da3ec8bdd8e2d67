/*
description: >-
  Which organisations and client libraries used what is deprecated in one module on some days, as long as it was deprecated,
  the most uses first.
parameters:
  module: Name of the module.
columns:
  element: Full name of the entity or field.
  organization_id: Organisation that used it; empty when there is none.
  sdk: Client library that it used; empty when it did not say.
  usage_count: Uses on these days.
  last_used_day: Last day with a use.
*/
with
-- What is still deprecated on the last day.
deprecated as (
    select distinct element
    from registry.deprecated_fields_daily
    where day >= :start::date and day = :end::date - 1 and module_name = :module
)
select
    uses.element, uses.organization_id, uses.sdk,
    sum(uses.usage_count)::bigint as usage_count, max(uses.day) as last_used_day
from registry.deprecated_users_daily as uses
join deprecated on deprecated.element = uses.element
where uses.day >= :start::date and uses.day < :end::date and uses.module_name = :module
group by 1, 2, 3
order by usage_count desc, uses.element collate "C", uses.organization_id collate "C", uses.sdk collate "C"
limit :limit
