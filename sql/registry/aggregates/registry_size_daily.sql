/*
description: >-
  What is registered as of the end of each UTC day, of each organisation and of all together. A version counts from its
  first registration on; days before the first one of an organisation have no row.
key: [day, organization_id]
columns:
  day: UTC calendar day, at whose end the row holds.
  organization_id: Organisation that registered the versions; empty in the row of all together.
  modules: Modules with a version.
  versions: Versions of these modules.
  storage_bytes: Bytes of their source together, as the registry said.
  modules_created: Modules whose first version was registered on the day.
  versions_created: Versions that were registered on the day.
checks:
  - expect_column_pair_values_a_to_be_greater_than_b: {column_A: versions, column_B: modules, or_equal: true}
  - expect_column_pair_values_a_to_be_greater_than_b: {column_A: versions, column_B: versions_created, or_equal: true}
  - expect_column_pair_values_a_to_be_greater_than_b: {column_A: modules, column_B: modules_created, or_equal: true}
*/
with
-- Each version at its first registration, and whether it is the first one of its module.
firsts as (
    select
        day, module_name, organization_id, size_bytes,
        row_number() over (partition by module_name, version order by day) as registration,
        row_number() over (partition by module_name order by registered_at, version collate "C") as place
    from registry.module_versions_daily
    where day >= '-infinity'::date and day < :end::date
),
-- Once for its organisation and once for all together.
versions as (
    select day, module_name, organization_id, size_bytes, place
    from firsts
    where registration = 1 and organization_id <> ''
    union all
    select day, module_name, '', size_bytes, place
    from firsts
    where registration = 1
),
-- The days of the window.
days as (
    select moment::date as day
    from generate_series(
        :start::date::timestamp, :end::date::timestamp - interval '1 day', interval '1 day'
    ) as moments (moment)
)
select
    days.day,
    versions.organization_id,
    count(distinct versions.module_name) as modules,
    count(*) as versions,
    sum(versions.size_bytes)::bigint as storage_bytes,
    count(*) filter (where versions.place = 1 and versions.day = days.day) as modules_created,
    count(*) filter (where versions.day = days.day) as versions_created
from days
join versions on versions.day <= days.day
group by 1, 2
