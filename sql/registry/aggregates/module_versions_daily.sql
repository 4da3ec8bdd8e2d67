/*
description: Versions of schemas that were registered on each UTC day, with their source.
key: [day, module_name, version]
columns:
  day: UTC calendar day the version was registered on.
  module_name: Module.
  version: Version. One that is registered again on a later day has a row there, too; the first one counts.
  registered_at: First registration of the day.
  organization_id: Organisation that registered it.
  format: Language of the schema, protobuf, avro or json_schema.
  previous_version: The version it follows, as the registry said; NULL when it did not say.
  size_bytes: Bytes of its files together, as the registry said.
  files: Its source, an object of path and text.
  published_at: When it was first published, if the registry took it over later; NULL when it did not say.
checks:
  - expect_column_values_to_be_in_set: {column: format, value_set: [protobuf, avro, json_schema]}
  - expect_column_values_to_be_between: {column: size_bytes, min_value: 0}
*/
with
-- The registrations of each version on each day, the first one with number 1.
registrations as (
    select
        (registered_at at time zone 'UTC')::date as day,
        module_name, version, registered_at, organization_id, format, previous_version, size_bytes, files,
        published_at,
        row_number() over (
            partition by (registered_at at time zone 'UTC')::date, module_name, version
            order by registered_at, event_id
        ) as number
    from registry.module_versions
    where registered_at >= :start and registered_at < :end
)
select
    day, module_name, version, registered_at, organization_id, format, previous_version, size_bytes, files, published_at
from registrations
where number = 1
