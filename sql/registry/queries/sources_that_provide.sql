/*
description: The source of the newest version of each module that has something others import.
parameters:
  schema_format: Language of the schema, protobuf, avro or json_schema.
  quoted_name: What is imported, as JSON writes it.
columns:
  module_name: Module.
  version: Its newest version.
  files: Its source, a JSON object of path and text.
*/
with
-- Each version with the day on which the next one of its module came.
versions as (
    select
        day, module_name, version, format, provides,
        lead(day) over (partition by module_name order by registered_at, version collate "C") as next_day
    from registry.module_catalog_daily
)
select source.module_name, source.version, source.files
from versions
join registry.module_versions_daily as source
    on source.day = versions.day and source.module_name = versions.module_name and source.version = versions.version
where versions.next_day is null and versions.format = :schema_format and strpos(versions.provides, :quoted_name) > 0
order by source.module_name collate "C"
limit :limit
