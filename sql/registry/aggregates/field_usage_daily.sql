/*
description: Use of fields of schemas by services, per UTC day.
key: [day, module_name, entity, field, service]
columns:
  day: UTC calendar day of the use.
  module_name: Module.
  entity: Message, record or object, as the schema names it.
  field: Field, as the schema names it.
  service: Service that used it; empty when it is unknown.
  usage_count: Uses.
  version_count: Different versions of the module that the uses named.
checks:
  - expect_column_values_to_be_between: {column: usage_count, min_value: 1}
*/
select
    (used_at at time zone 'UTC')::date as day,
    module_name,
    entity,
    field,
    coalesce(service, '') as service,
    count(*) as usage_count,
    count(distinct version) as version_count
from registry.field_usage_events
where used_at >= :start and used_at < :end
group by 1, 2, 3, 4, 5
