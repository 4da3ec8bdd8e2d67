/*
description: Who used each field of one version of a module in some days; no row if no use of the module is known there.
parameters:
  module: Name of the module.
  wanted_version: The version.
columns:
  element: Full name of the field.
  entity: Message, record or object.
  service: Service that used it, empty when it is unknown; NULL in the one row of a field that nobody used.
  usage_count: Uses by the service in these days.
  last_used_day: Last day with a use by the service.
*/
with
-- Uses of each field by each service.
uses as (
    select entity, field, service, sum(usage_count)::bigint as usage_count, max(day) as last_used_day
    from registry.field_usage_daily
    where day >= :start::date and day < :end::date and module_name = :module
    group by 1, 2, 3
),
-- The fields of the version that carry data; a name may stand in several files of JSON Schemas.
fields as (
    select entity, field, min(element) as element
    from registry.module_elements_daily
    where module_name = :module and version = :wanted_version and is_data_field
    group by 1, 2
)
select fields.element, fields.entity, uses.service, coalesce(uses.usage_count, 0) as usage_count, uses.last_used_day
from fields
left join uses on uses.entity = fields.entity and uses.field = fields.field
where exists (select 1 from uses)
order by fields.element collate "C", uses.service collate "C"
limit :limit
