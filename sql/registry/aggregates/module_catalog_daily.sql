/*
description: >-
  What is in each version of a schema that was registered on a UTC day, and what it changes in the version before. A
  version that cannot be read has a row that says why. One that was registered on an earlier day has no row.
key: [day, module_name, version]
function: {name: module_catalog, version: 2}
columns:
  day: [date, UTC calendar day the version was registered on.]
  module_name: [text, Module.]
  version: [text, Version of the module.]
  registered_at: [timestamp with time zone, First registration.]
  format: [text, "Language of the schema, protobuf, avro or json_schema."]
  previous_version: [text, "The version it is compared with: the one it says it follows, else the one before; NULL for the first."]
  fault: [text, "Why it could not be read as a whole, with the place; NULL when it could."]
  file_count: [bigint, Files.]
  entity_count: [bigint, "Messages, enums, services, records and objects."]
  field_count: [bigint, "Fields, values of enums and methods."]
  deprecated_count: [bigint, Entities and fields marked as deprecated.]
  change_count: [bigint, Changes from the version before.]
  breaking_count: [bigint, Elements that it breaks for users of the version before.]
  obstacle: [text, "Why it could not be compared with the version before; NULL when it could, and for the first."]
  raw_measures: [text, "Raw numbers that its health is computed from, as JSON; NULL when it could not be read."]
  provides: [text, "What other modules import from it, as JSON: paths of protobuf files, names of Avro types, addresses of JSON Schemas."]
  needs: [text, "What it imports that is not its own, as JSON."]
  elements: [text, "Its entities and fields, as JSON; registry.module_elements_daily has them as rows."]
  changes: [text, "The changes from the version before, as JSON; registry.schema_changes_daily has them as rows."]
  packages: [text, "Packages of its protobuf files, namespaces of its Avro types or $ids of its JSON Schemas, one a line; NULL without any."]
  published_day: [date, "UTC calendar day from which its fields count their age: an earlier one if it was published before it was registered."]
checks:
  - expect_column_values_to_be_between: {column: breaking_count, min_value: 0}
*/
with
-- The first registration of each version.
firsts as (
    select module_name, version, min(day) as day
    from registry.module_versions_daily
    where day >= '-infinity'::date and day < :end::date
    group by 1, 2
),
-- Each version beside the one that was registered before it, and the day of the next one.
ordered as (
    select
        registered.day, registered.module_name, registered.version, registered.registered_at,
        registered.previous_version as declared_version,
        lag(registered.version) over in_order as earlier_version,
        lead(registered.day) over in_order as next_day
    from registry.module_versions_daily as registered
    join firsts
        on firsts.module_name = registered.module_name
        and firsts.version = registered.version
        and firsts.day = registered.day
    where registered.day < :end::date
    window in_order as (
        partition by registered.module_name order by registered.registered_at, registered.version collate "C"
    )
),
-- The versions of the window, each beside the first registration of the version it is compared with.
new_versions as (
    select
        ordered.day, ordered.module_name, ordered.version, ordered.registered_at, before.version as previous_version,
        before.day as previous_day
    from ordered
    left join firsts as declared
        on declared.module_name = ordered.module_name
        and declared.version = ordered.declared_version
        and declared.version <> ordered.version
        and declared.day <= ordered.day
    left join firsts as before
        on before.module_name = ordered.module_name
        and before.version = coalesce(declared.version, ordered.earlier_version)
    where ordered.day >= :start::date
),
-- Also the newest version that each module had at the beginning of the first day with new ones, which these may import.
wanted as (
    select day, module_name, version, registered_at, day as first_day, previous_version, previous_day, true as is_new
    from new_versions
    union all
    select days.day, known.module_name, known.version, known.registered_at, known.day, null, null, false
    from (select min(day) as day from new_versions) as days
    join ordered as known on known.day < days.day and (known.next_day is null or known.next_day >= days.day)
)
select
    wanted.day,
    wanted.is_new,
    wanted.registered_at,
    coalesce((source.published_at at time zone 'UTC')::date, wanted.day) as published_day,
    wanted.module_name,
    wanted.version,
    source.format,
    source.files,
    source.size_bytes,
    wanted.previous_version,
    previous.format as previous_format,
    previous.files as previous_files
from wanted
join registry.module_versions_daily as source
    on source.day = wanted.first_day
    and source.module_name = wanted.module_name
    and source.version = wanted.version
left join registry.module_versions_daily as previous
    on previous.day = wanted.previous_day
    and previous.module_name = wanted.module_name
    and previous.version = wanted.previous_version
order by wanted.day, wanted.is_new, wanted.registered_at, wanted.module_name collate "C", wanted.version collate "C"
